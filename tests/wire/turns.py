"""Messages whose answer depends on the turn, and what costs nothing to ask."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from otel_cost.demo.anthropic_wire import ENDPOINTS
from otel_cost.demo.openai_wire import error
from otel_cost.demo.wire import CREATED, Ask, Endpoint, Event, Json, refusal

_MESSAGES = ENDPOINTS["/v1/messages"]
_TOOL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Bern"}}


def _message(ask: Ask, **fields: Any) -> Json:
    answer = _MESSAGES.answer(ask)
    assert isinstance(answer, dict)
    return {**answer, **fields}


def _calls_a_tool(ask: Ask) -> Json:
    """The first turn asks for the tool, the one that brings its result is answered."""
    if "tool_result" in str(ask.body["messages"]):
        return _message(ask)
    return _message(ask, content=[_TOOL], stop_reason="tool_use")


def _refuses(ask: Ask) -> bool:
    return "opus" in ask.model


def _declines(ask: Ask) -> Json:
    """Opus refuses, and is billed for having read the question; any other model answers."""
    if not _refuses(ask):
        return _message(ask)
    why = {"type": "refusal", "category": "cyber", "explanation": None}
    usage = {"input_tokens": 50, "output_tokens": 2, "service_tier": "standard"}
    return _message(ask, content=[], stop_reason="refusal", stop_details=why, usage=usage)


def _declines_streaming(ask: Ask) -> Iterator[Event]:
    assert _MESSAGES.events is not None
    if not _refuses(ask):
        yield from _MESSAGES.events(ask)
        return
    message = _declines(ask)
    ends = {"stop_reason": "refusal", "stop_sequence": None}
    started = {**message, "stop_reason": None, "stop_details": None}
    yield "message_start", {"type": "message_start", "message": started}
    ended = {"delta": {**ends, "stop_details": message["stop_details"]}, "usage": message["usage"]}
    yield "message_delta", {"type": "message_delta", **ended}
    yield "message_stop", {"type": "message_stop"}


def _count(ask: Ask) -> Json:
    return {"input_tokens": ask.input_words}


def _models(ask: Ask) -> Json:
    model = {"id": "gpt-4o", "object": "model", "created": CREATED, "owned_by": "openai"}
    return {"object": "list", "data": [model]}


def _no_refusal(ask: Ask) -> str | None:
    return None


def _no_event(said: Mapping[str, Any]) -> Event:
    return None, dict(said)


ROWS: Mapping[str, Endpoint] = {
    "/tools/v1/messages": replace(_MESSAGES, answer=_calls_a_tool, events=None),
    "/refusing/v1/messages": replace(_MESSAGES, answer=_declines, events=_declines_streaming),
    "/v1/messages/count_tokens": Endpoint(_count, None, refusal, _MESSAGES.error, _no_event),
    "/v1/responses/input_tokens": Endpoint(_count, None, refusal, error, _no_event),
    "GET /v1/models": Endpoint(_models, None, _no_refusal, error, _no_event),
}
"""By path, as `LocalProviders` wants them."""
