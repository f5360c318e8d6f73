"""The text in requests and answers, for calls whose usage is to be estimated from it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otel_cost import faults
from otel_cost.capture.endpoint import Endpoint
from otel_cost.inference.conversation import Conversation, Message
from otel_cost.readers.fields import fields
from otel_cost.usage import Meter

_IMAGES = frozenset({"image", "image_url", "input_image"})
_AUDIO = frozenset({"audio", "input_audio"})
_BESIDE = frozenset({"type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "status"})
"""Fields of a part that hold no text of it."""


def listening(endpoint: Endpoint, options: Any) -> Conversation | None:
    """The text of a request, where usage of its endpoint can be estimated from it. Never raises."""
    try:
        if endpoint.listen is None or not isinstance(options.json_data, Mapping):
            return None
        return endpoint.listen(options.json_data)
    except Exception as error:  # noqa: BLE001 - a call that cannot be estimated is still a call
        faults.caught("reading the text of a request", error)
        return None


def sent_chat(body: Mapping[str, Any]) -> Conversation:
    """A chat completion's messages and tools."""
    found = Conversation()
    for message in _items(body.get("messages")):
        _add_message(found, fields(message))
    _add_tools(found, body, ("tools", "functions", "response_format"))
    return found


def sent_responses(body: Mapping[str, Any]) -> Conversation:
    """A response's instructions, input and tools."""
    found = Conversation()
    if isinstance(instructions := body.get("instructions"), str):
        found.messages.append(Message(("system", instructions)))
    said = body.get("input")
    if isinstance(said, str):
        found.messages.append(Message(("user", said)))
    for item in _items(said):
        _add_message(found, fields(item))
    _add_tools(found, body, ("tools",))
    if body.get("previous_response_id") or body.get("conversation") or body.get("prompt"):
        found.lacking.add("input")  # the provider adds what it has kept
    return found


def sent_messages(body: Mapping[str, Any]) -> Conversation:
    """An Anthropic message's system prompt, messages and tools."""
    found = Conversation()
    if system := body.get("system"):
        _add_message(found, {"role": "system", "content": system})
    for message in _items(body.get("messages")):
        _add_message(found, fields(message))
    _add_tools(found, body, ("tools",))
    return found


def sent_embeddings(body: Mapping[str, Any]) -> Conversation:
    """What is to be embedded: texts, or tokens already."""
    found = Conversation(embeds=True)
    said = body.get("input")
    for item in [said] if isinstance(said, str) else _items(said):
        if isinstance(item, str):
            found.texts.append(item)
        else:
            found.tokens += len(item) if isinstance(item, list) else 1
    return found


def hear_completion(heard: Conversation, body: Any) -> None:
    """A whole chat completion, or a whole embedding."""
    heard.heard = heard.whole = True
    for choice in _items(fields(body).get("choices")):
        said = fields(choice)
        _hear_choice(heard, said.get("index"), fields(said.get("message")))


def hear_chunk(heard: Conversation, chunk: Any) -> None:
    """A piece of a chat completion."""
    for choice in _items(fields(chunk).get("choices")):
        said = fields(choice)
        _hear_choice(heard, said.get("index"), fields(said.get("delta")))
        heard.whole = heard.whole or said.get("finish_reason") is not None


def hear_response(heard: Conversation, body: Any) -> None:
    """A whole response, in place of the pieces of it that came before."""
    heard.received.clear()
    heard.heard = heard.whole = True
    for index, item in enumerate(_items(fields(body).get("output"))):
        said = fields(item)
        if said.get("type") == "reasoning":
            continue  # what is shown of it is not what is billed
        heard.hear(index, *_texts(said.get("content"), heard.lacking, "output_image"))
        heard.hear(index, said.get("name"), said.get("arguments"), said.get("input"))


def hear_response_event(heard: Conversation, event: Mapping[str, Any]) -> None:
    """A piece of a response."""
    kind = event.get("type")
    if isinstance(kind, str) and kind.endswith(".delta") and "reasoning" not in kind:
        heard.hear(event.get("item_id"), event.get("delta"))


def hear_message(heard: Conversation, body: Any) -> None:
    """A whole Anthropic message."""
    heard.heard = heard.whole = True
    for index, block in enumerate(_items(fields(body).get("content"))):
        said = fields(block)
        heard.hear(index, said.get("text"), said.get("thinking"), said.get("name"))
        if said.get("type") in {"tool_use", "server_tool_use"}:
            heard.hear(index, _as_json(said.get("input")))


def hear_message_event(heard: Conversation, event: Mapping[str, Any]) -> None:
    """A piece of an Anthropic message."""
    kind, index = event.get("type"), event.get("index")
    if kind == "content_block_start":
        heard.hear(index, fields(event.get("content_block")).get("name"))
    elif kind == "content_block_delta":
        delta = fields(event.get("delta"))
        heard.hear(index, delta.get("text"), delta.get("thinking"), delta.get("partial_json"))
    elif kind == "message_stop":
        heard.whole = True


def _hear_choice(heard: Conversation, index: object, said: Mapping[str, Any]) -> None:
    heard.hear((index, "text"), *_texts(said.get("content"), heard.lacking, "output_image"))
    heard.hear((index, "text"), said.get("refusal"), said.get("reasoning_content"))
    if said.get("audio") is not None:
        heard.lacking.add("output_audio")
    called = fields(said.get("function_call"))
    heard.hear((index, "function"), called.get("name"), called.get("arguments"))
    for position, call in enumerate(_items(said.get("tool_calls"))):
        tool = fields(call)
        function = fields(tool.get("function")) or fields(tool.get("custom"))
        place = (index, tool.get("index", position))
        heard.hear(place, function.get("name"), function.get("arguments"), function.get("input"))


def _add_message(found: Conversation, said: Mapping[str, Any]) -> None:
    texts = [role] if isinstance(role := said.get("role"), str) else []
    texts += _texts(said.get("content"), found.lacking, "input_image")
    for name in ("name", "arguments", "output", "refusal"):
        texts += _texts(said.get(name), found.lacking, "input_image")
    for call in _items(said.get("tool_calls")):
        function = fields(fields(call).get("function"))
        texts += [t for t in (function.get("name"), function.get("arguments")) if t]
    found.messages.append(Message(tuple(texts), isinstance(said.get("name"), str)))


def _texts(content: Any, lacking: set[Meter], image: Meter) -> list[str]:
    """The texts of a message's content; what is no text is named as lacking."""
    if isinstance(content, str):
        return [content] if content else []
    texts: list[str] = []
    for part in _items(content):
        if isinstance(part, str):
            texts.append(part)
            continue
        said = fields(part)
        kind = said.get("type")
        if kind in _IMAGES:
            lacking.add(image)
        elif kind in _AUDIO:
            lacking.add("input_audio")
        elif kind in {"file", "input_file", "document"}:
            lacking.add("input")
        else:
            for name, value in said.items():
                if isinstance(value, str) and name not in _BESIDE:
                    texts.append(value)
                elif name == "content":
                    texts += _texts(value, lacking, image)
                elif name == "input" and value:
                    texts.append(_as_json(value))
    return texts


def _add_tools(found: Conversation, body: Mapping[str, Any], names: Iterable[str]) -> None:
    found.texts += [_as_json(body[name]) for name in names if body.get(name)]


def _as_json(value: Any) -> str:
    to_text: Callable[[Any], str] = str
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=to_text)


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()
