"""Calls that an application makes with the openai and anthropic SDKs themselves."""

import functools
import gc
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from tests.peers.stage import Scene
from tests.peers.wire import REFUSED

OPENAI_MODEL = "gpt-5.6"
EMBEDDING_MODEL = "text-embedding-3-small"
ANTHROPIC_MODEL = "claude-opus-5"
HELLO = [{"role": "user", "content": "hello there"}]
_NO = [{"role": "user", "content": REFUSED}]
_WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}
_READ_OF_MANY = 4
"""How many events are read of a stream that is then given up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of calling: the method, its arguments, and how the result is read."""

    path: str
    arguments: Mapping[str, Any]
    read: str = "whole"
    more: Mapping[str, Any] = field(default_factory=dict)


_CHAT = {"model": OPENAI_MODEL, "messages": HELLO}
_RESPONSES = {"model": OPENAI_MODEL, "input": "hello there"}
_MESSAGES = {"model": ANTHROPIC_MODEL, "max_tokens": 99, "messages": HELLO}
_CREATE, _RAW = "chat.completions.create", "chat.completions.with_raw_response.create"

OPENAI: Mapping[str, Row] = {
    "chat": Row(_CREATE, _CHAT),
    "chat_raw": Row(_RAW, _CHAT, "raw"),
    "chat_parse": Row("chat.completions.parse", _CHAT),
    "chat_stream": Row(_CREATE, _CHAT, "items", _WITH_USAGE),
    "chat_stream_silent": Row(_CREATE, _CHAT, "items", {"stream": True}),
    "chat_stream_closed": Row(_CREATE, _CHAT, "closed", _WITH_USAGE),
    "chat_stream_dropped": Row(_CREATE, _CHAT, "dropped", _WITH_USAGE),
    "chat_refused": Row(_CREATE, _CHAT, "whole", {"messages": _NO}),
    "responses": Row("responses.create", _RESPONSES),
    "responses_raw": Row("responses.with_raw_response.create", _RESPONSES, "raw"),
    "responses_stream": Row("responses.create", _RESPONSES, "items", {"stream": True}),
    "responses_helper": Row("responses.stream", _RESPONSES, "helper"),
    "responses_stream_closed": Row("responses.create", _RESPONSES, "closed", {"stream": True}),
    "embeddings": Row("embeddings.create", {"model": EMBEDDING_MODEL, "input": "hello there"}),
}
ANTHROPIC: Mapping[str, Row] = {
    "messages": Row("messages.create", _MESSAGES),
    "messages_raw": Row("messages.with_raw_response.create", _MESSAGES, "raw"),
    "messages_stream": Row("messages.create", _MESSAGES, "items", {"stream": True}),
    "messages_helper": Row("messages.stream", _MESSAGES, "helper"),
    "messages_stream_closed": Row("messages.create", _MESSAGES, "closed", {"stream": True}),
    "messages_stream_dropped": Row("messages.create", _MESSAGES, "dropped", {"stream": True}),
    "messages_refused": Row("messages.create", _MESSAGES, "whole", {"messages": _NO}),
    "beta_messages": Row("beta.messages.create", _MESSAGES),
    "beta_messages_helper": Row("beta.messages.stream", _MESSAGES, "helper"),
}


def calls(rows: Mapping[str, Row]) -> dict[str, Callable[[Scene], Any]]:
    """Every row, synchronous and asynchronous."""
    found: dict[str, Callable[[Scene], Any]] = {}
    for name, row in rows.items():
        sdk = "openai" if name in OPENAI else "anthropic"
        found[f"{name}/sync"] = functools.partial(_run, sdk, row)
        found[f"{name}/async"] = functools.partial(_run_async, sdk, row)
    return found


def client(scene: Scene, sdk: str, kind: str = "") -> Any:
    """A client of the local providers; `kind` is `Async` for an asynchronous one."""
    import anthropic
    import openai

    package, name = (openai, "OpenAI") if sdk == "openai" else (anthropic, "Anthropic")
    url = scene.openai_url if sdk == "openai" else scene.anthropic_url
    # Reading the system's certificates takes longer than all the rest of a call.
    http = getattr(package, f"Default{kind}HttpxClient")(verify=False)
    return getattr(package, kind + name)(
        base_url=url, api_key="local", max_retries=0, http_client=http
    )


def _run(sdk: str, row: Row, scene: Scene) -> None:
    with client(scene, sdk) as made:
        result = attrgetter(row.path)(made)(**{**row.arguments, **row.more})
        if row.read == "helper":
            with result as stream:
                for item in stream:
                    scene.see(item)
        elif row.read == "items":
            for item in result:
                scene.see(item)
        elif row.read in {"closed", "dropped"}:
            iterator = iter(result)
            for _ in range(_READ_OF_MANY):
                scene.see(next(iterator))
            if row.read == "closed":
                result.close()
            del iterator, result
            gc.collect()
        else:
            scene.see(result.parse() if row.read == "raw" else result)


async def _run_async(sdk: str, row: Row, scene: Scene) -> None:
    async with client(scene, sdk, "Async") as made:
        result = attrgetter(row.path)(made)(**{**row.arguments, **row.more})
        result = await result if inspect.isawaitable(result) else result
        if row.read == "helper":
            async with result as stream:
                async for item in stream:
                    scene.see(item)
        elif row.read == "items":
            async for item in result:
                scene.see(item)
        elif row.read in {"closed", "dropped"}:
            iterator = aiter(result)
            for _ in range(_READ_OF_MANY):
                scene.see(await anext(iterator))
            if row.read == "closed":
                await result.close()
            del iterator, result
            gc.collect()
        else:
            scene.see(result.parse() if row.read == "raw" else result)
