"""The OpenAI wire format: chat completions, responses and embeddings."""

import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from otel_cost.demo.wire import CREATED, Ask, Endpoint, Event, Json, refusal

_CACHEABLE = 1024
"""Prompts shorter than this are not cached (tokens)."""
_REASONING = ("o1", "o3", "o4", "gpt-5")
_VECTOR = (0.25, -0.5, 0.75, 1.0)
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}


def error(status: int, said: Mapping[str, Any]) -> Json:
    """The body of an error response."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    message = f"The local provider was told to answer {status}."
    return {"error": {"message": message, "type": kind, "param": None, "code": None, **said}}


def _counts(ask: Ask) -> tuple[int, int, int, int]:
    """Derived tokens: input, of it cached, output, of it reasoning."""
    cached = ask.input_words // 256 * 128 if ask.input_words >= _CACHEABLE else 0
    reasoning = 64 if ask.model.startswith(_REASONING) else 0
    return ask.input_words, cached, ask.output_words + reasoning, reasoning


def _chat_usage(ask: Ask) -> Json | None:
    if ask.said.no_usage:
        return None
    if ask.said.usage is not None:
        return dict(ask.said.usage)
    read, cached, written, reasoning = _counts(ask)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat_head(ask: Ask, kind: str) -> Json:
    head = {
        "id": ask.id("chatcmpl-"),
        "object": kind,
        "created": CREATED,
        "model": ask.model,
        "service_tier": ask.said.service_tier or "default",
        "system_fingerprint": "fp_demo",
    }
    return {**head, **ask.said.body}


def _chat(ask: Ask) -> Json:
    message: Json = {"role": "assistant", "content": ask.text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"choices": [choice], **_chat_head(ask, "chat.completion")}
    if (usage := _chat_usage(ask)) is not None:
        body.setdefault("usage", usage)
    return body


def _chat_events(ask: Ask) -> Iterator[Event]:
    head = _chat_head(ask, "chat.completion.chunk")
    options = ask.body.get("stream_options") or {}
    counted = bool(options.get("include_usage")) and not ask.said.no_usage
    if counted:
        head["usage"] = None

    def chunk(delta: Json, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return None, {"choices": [choice], **head}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in ask.pieces:
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    if counted:
        yield None, {"choices": [], **head, "usage": _chat_usage(ask)}
    yield None, "[DONE]"


def _responses_usage(ask: Ask) -> Json | None:
    if ask.said.no_usage:
        return None
    if ask.said.usage is not None:
        return dict(ask.said.usage)
    read, cached, written, reasoning = _counts(ask)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": read + written,
    }


def _item(ask: Ask, *, done: bool) -> Json:
    return {
        "id": f"msg_demo{ask.number:08d}",
        "type": "message",
        "status": "completed" if done else "in_progress",
        "role": "assistant",
        "content": [_text_part(ask.text)] if done else [],
    }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response(ask: Ask, *, done: bool = True) -> Json:
    body = {
        "id": ask.id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": "completed" if done else "in_progress",
        "background": bool(ask.body.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": ask.body.get("instructions"),
        "max_output_tokens": ask.body.get("max_output_tokens"),
        "model": ask.model,
        "output": [_item(ask, done=True)] if done else [],
        "parallel_tool_calls": True,
        "previous_response_id": ask.body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": (ask.said.service_tier or "default") if done else "auto",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": ask.body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _responses_usage(ask) if done else None,
        "metadata": {},
    }
    return {**body, **ask.said.body} if done else body


def _response_events(ask: Ask) -> Iterator[Event]:
    final = _response(ask)
    for number, (kind, data) in enumerate(_response_steps(ask, final)):
        yield kind, {"type": kind, "sequence_number": number, **data}


def _response_steps(ask: Ask, final: Json) -> Iterator[tuple[str, Json]]:
    started = _response(ask, done=False)
    item = {"item_id": f"msg_demo{ask.number:08d}", "output_index": 0, "content_index": 0}
    yield "response.created", {"response": started}
    yield "response.in_progress", {"response": started}
    yield "response.output_item.added", {"output_index": 0, "item": _item(ask, done=False)}
    yield "response.content_part.added", {**item, "part": _text_part("")}
    for piece in ask.pieces:
        yield "response.output_text.delta", {**item, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**item, "text": ask.text, "logprobs": []}
    yield "response.content_part.done", {**item, "part": _text_part(ask.text)}
    yield "response.output_item.done", {"output_index": 0, "item": _item(ask, done=True)}
    # A dictated status `incomplete` or `failed` ends with the event of that name.
    yield f"response.{final['status']}", {"response": final}


def _embeddings(ask: Ask) -> Json:
    asked = ask.body.get("input")
    count = len(asked) if isinstance(asked, list) and not _is_tokens(asked) else 1
    vector: object = list(_VECTOR)
    if ask.body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(_VECTOR)}f", *_VECTOR)).decode()
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)],
        "model": ask.model,
        "usage": {"prompt_tokens": ask.input_words, "total_tokens": ask.input_words},
    }
    if ask.said.usage is not None:
        body["usage"] = dict(ask.said.usage)
    if ask.said.no_usage:
        del body["usage"]
    return {**body, **ask.said.body}


def _is_tokens(asked: list[Any]) -> bool:
    return bool(asked) and isinstance(asked[0], int)


def _plain_error_event(said: Mapping[str, Any]) -> Event:
    return None, error(500, said)


def _typed_error_event(said: Mapping[str, Any]) -> Event:
    fields = {"code": "server_error", "message": "The local provider was told to fail."}
    return "error", {"type": "error", "param": None, "sequence_number": 0, **fields, **said}


ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/chat/completions": Endpoint(_chat, _chat_events, refusal, error, _plain_error_event),
    "/v1/responses": Endpoint(_response, _response_events, refusal, error, _typed_error_event),
    "/v1/embeddings": Endpoint(_embeddings, None, refusal, error, _plain_error_event),
}
"""What can be posted to, by path."""
