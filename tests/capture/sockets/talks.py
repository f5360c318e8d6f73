"""Talking over websockets with the real SDK: every kind of connection, sync and async."""

import asyncio
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import openai
import pytest

from otel_cost.capture.websockets import MODULES
from tests.websocket_server import Close, Step, WebsocketServer

_KINDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "realtime": ("realtime.realtime", lambda c: c.realtime.connect(model="gpt-realtime")),
    "beta realtime": (
        "beta.realtime.realtime",
        lambda c: c.beta.realtime.connect(model="gpt-realtime"),
    ),
    "responses": ("responses.responses", lambda c: c.responses.connect()),
    "beta responses": ("beta.responses.responses", lambda c: c.beta.responses.connect()),
    "live": ("live.live", lambda c: c.live.connect()),
    "fork": ("live.forks", lambda c: c.live.forks.connect(session_id="live_before")),
    "sideband": ("live.sideband", lambda c: c.live.sideband.connect(session_id="live_before")),
}
KINDS = tuple(_KINDS)
"""The kinds of connection."""


def connect(kind: str, client: Any) -> Any:
    """A connection of that kind, to be entered; skips the test where the SDK has none."""
    module, connects = _KINDS[kind]
    found = pytest.importorskip(f"openai.resources.{module}", exc_type=ImportError)
    if not any(name.endswith("Connection") for name in vars(found)):
        pytest.skip(f"no websockets of kind {kind}")
    return connects(client)


LIVE = ("live", "fork", "sideband")


def client(server: WebsocketServer) -> openai.OpenAI:
    """A synchronous client of the server."""
    # Certificates are not needed here, and take longer to load than a whole talk does.
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(api_key="local", websocket_base_url=server.url, http_client=http)


def async_client(server: WebsocketServer) -> openai.AsyncOpenAI:
    """An asynchronous client of the server."""
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(api_key="local", websocket_base_url=server.url, http_client=http)


def talk(
    server: WebsocketServer,
    kind: str,
    *steps: Step,
    asynchronous: bool = False,
    send: Sequence[Mapping[str, Any]] = (),
) -> list[Any]:
    """Send all of `send` to a server that takes these steps; every event until it closes."""
    server.plays(*steps, Close())
    if asynchronous:
        return asyncio.run(_talk(server, kind, send))
    with client(server) as made, connect(kind, made) as connection:
        for event in send:
            # As it is: the SDK takes seconds to make its types of client events ready.
            connection._connection.send(json.dumps(event))
        return list(connection)


async def _talk(server: WebsocketServer, kind: str, send: Sequence[Mapping[str, Any]]) -> list[Any]:
    async with async_client(server) as made, connect(kind, made) as connection:
        for event in send:
            await connection._connection.send(json.dumps(event))
        return [event async for event in connection]


def created(key: str | None, **fields: Any) -> dict[str, Any]:
    """A response begins; keyword arguments are fields of the event, such as `stream_id`."""
    response = {"model": "gpt-5", "status": "in_progress", "output": []}
    if key is not None:
        response["id"] = key
    return {"type": "response.created", "sequence_number": 0, "response": response, **fields}


def delta(**fields: Any) -> dict[str, Any]:
    """A piece of a response's text, over a responses websocket."""
    said = {"delta": "Hi", "item_id": "m", "output_index": 0, "content_index": 0, "logprobs": []}
    return {"type": "response.output_text.delta", "sequence_number": 1, **said, **fields}


def ended(
    key: str | None, sent: int, received: int, status: str = "completed", **fields: Any
) -> dict[str, Any]:
    """A response ends over a responses websocket, with so many tokens sent and received."""
    usage = {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": received,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sent + received,
    }
    response = {"model": "gpt-5-2026", "status": status, "output": [], "usage": usage}
    if key is not None:
        response["id"] = key
    return {"type": f"response.{status}", "sequence_number": 2, "response": response, **fields}


def session(**fields: Any) -> dict[str, Any]:
    """What a realtime server says first."""
    said = {"type": "realtime", "model": "gpt-realtime-2026", "id": "sess_1", **fields}
    return {"type": "session.created", "event_id": "e", "session": said}


def spoken(key: str) -> dict[str, Any]:
    """A piece of what a realtime response says."""
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    said = {"event_id": "e", "response_id": key, "delta": "Hi", **at}
    return {"type": "response.output_audio.delta", **said}


def done(
    key: str | None, usage: Mapping[str, Any] | None, status: str = "completed", **fields: Any
) -> dict[str, Any]:
    """A realtime response is done."""
    response = {"object": "realtime.response", "status": status, "usage": usage, **fields}
    if key is not None:
        response["id"] = key
    return {"type": "response.done", "event_id": "e", "response": response}


def tokens(sent: int, received: int) -> dict[str, Any]:
    """The usage of a realtime response of text."""
    return {"input_tokens": sent, "output_tokens": received, "total_tokens": sent + received}


def live(kind: str, name: str, seconds: float | None = None, **fields: Any) -> dict[str, Any]:
    """An event of a live session of that name."""
    event: dict[str, Any] = {"type": f"session.{kind}", "event_id": "e", **fields}
    if seconds is not None:
        event["usage"] = {"seconds": seconds}
    if kind != "usage.updated":
        about = {"id": name, "model": "gpt-live-1", "expires_at": 1, "status": "active"}
        event["session"] = about
    return event


def modules() -> list[ModuleType]:
    """The modules with attach points that this SDK has."""
    found = []
    for name in MODULES:
        with suppress(ImportError):
            found.append(importlib.import_module(name))
    return found
