"""The clouds on the wire: their paths and bodies, as the local providers know them."""

import base64
import json
import re
from binascii import crc32
from collections.abc import Iterator, Mapping
from dataclasses import replace
from struct import pack
from typing import Any
from urllib.parse import unquote

from otel_cost.demo.anthropic_wire import ENDPOINTS
from otel_cost.demo.server import Answer, CutError, Request
from otel_cost.demo.wire import Ask, Endpoint, Event, encode

_BINARY = "/v1/messages/eventstream"
_MESSAGES = ENDPOINTS["/v1/messages"]

_FRONTS = (
    r"/openai/deployments/[^/]+(?=/)",  # Azure
    r"/openai/v1",  # Azure's newer API, Bedrock's, Groq's
    r"/api/v1",  # OpenRouter
    r"/anthropic/v1",  # Foundry, and Bedrock's Mantle
    r"/v1\w*/projects/[^/]+/locations/[^/]+/workspaces/[^/]+/invoke/v1",  # Google Cloud
)
_FRONT = re.compile("|".join(f"(?:{front})" for front in _FRONTS))
"""What stands before an endpoint's own path where a cloud or a gateway answers."""
_BEDROCK = re.compile(r"/model/([^/]+)/invoke(-with-response-stream)?")
_VERTEX = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/([^/:]+):\w+")


def arriving(request: Request) -> Request:
    """A request to a cloud as one to the provider itself; any other as it is."""
    if invoked := _BEDROCK.fullmatch(request.path):
        path = _BINARY if invoked[2] else "/v1/messages"
        return _to(request, path, model=_served(unquote(invoked[1])))
    if predicted := _VERTEX.fullmatch(request.path):
        return _to(request, "/v1/messages", model=_served(unquote(predicted[1])))
    if front := _FRONT.match(request.path):
        return replace(request, path="/v1" + request.path[front.end() :])
    return request


def _to(request: Request, path: str, **fields: Any) -> Request:
    body = {**json.loads(request.body), **fields}
    return replace(request, path=path, body=encode(body))


def _served(model: str) -> str:
    """The model that answers: without the geography, the version and the date of a cloud's name."""
    bare = model.rpartition("anthropic.")[2].partition("-v1:")[0]
    return bare.replace("@", "-")


def _binary(ask: Ask) -> Answer:
    return Answer(content_type="application/vnd.amazon.eventstream", body=_frames(ask))


def _frames(ask: Ask) -> Iterator[bytes]:
    assert _MESSAGES.events is not None
    for number, (_, data) in enumerate(_MESSAGES.events(ask)):
        if number == ask.said.cut_after:
            raise CutError
        if number == ask.said.error_event_after:
            failed = {":message-type": "exception", ":exception-type": "throttlingException"}
            yield _frame(failed, {"message": "Too many requests"})
            return
        chunk = {"bytes": base64.b64encode(encode(data)).decode(), "p": "abcdef"}
        yield _frame({":message-type": "event", ":event-type": "chunk"}, chunk)


def _frame(headers: Mapping[str, str], payload: dict[str, Any]) -> bytes:
    """One message of AWS's binary event stream."""
    named = {**headers, ":content-type": "application/json"}
    head = b"".join(
        pack("!B", len(name)) + name.encode() + pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    body = encode(payload)
    prelude = pack("!II", len(head) + len(body) + 16, len(head))
    message = prelude + pack("!I", crc32(prelude)) + head + body
    return message + pack("!I", crc32(message))


def _no_event(said: Mapping[str, Any]) -> Event:
    return None, dict(said)


ROWS: Mapping[str, Endpoint] = {
    _BINARY: Endpoint(_binary, None, _MESSAGES.refusal, _MESSAGES.error, _no_event)
}
"""By path, as `LocalProviders` wants them."""
