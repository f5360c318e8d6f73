"""The Anthropic wire format: messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from otel_cost.demo.wire import Ask, Endpoint, Event, Json, refusal

_PLACEHOLDER = 3
"""The output tokens that a stream's start claims, before anything is known."""
_THINKING = 64
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_END_FIELDS = ("server_tool_use", "output_tokens_details", "iterations", "fallback_credit")
"""Usage that is known only at the end of a stream."""
_START_FIELDS = ("cache_creation", "service_tier", "inference_geo", "speed")
"""Usage that a stream says only at its start."""


def error(status: int, said: Mapping[str, Any]) -> Json:
    """The body of an error response."""
    kind = _ERROR_TYPES.get(status, "api_error")
    message = f"The local provider was told to answer {status}."
    fields = {"type": kind, "message": message, **said}
    return {"type": "error", "error": fields, "request_id": "req_demo"}


def _usage(ask: Ask) -> Json | None:
    if ask.said.no_usage:
        return None
    if ask.said.usage is not None:
        return dict(ask.said.usage)
    cached = "cache_control" in str(ask.body)
    read = ask.input_words // 2 if cached else 0
    written = ask.input_words // 4 if cached else 0
    thinking = _THINKING if (ask.body.get("thinking") or {}).get("type") == "enabled" else 0
    return {
        "input_tokens": ask.input_words - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": ask.output_words + thinking,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": ask.said.service_tier or "standard",
    }


def _message(ask: Ask) -> Json:
    body: Json = {
        "id": ask.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [{"type": "text", "text": ask.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    if (usage := _usage(ask)) is not None:
        body["usage"] = usage
    return {**body, **ask.said.body}


def _start_usage(ask: Ask, usage: Json) -> Json:
    if ask.said.start_usage is not None:
        return dict(ask.said.start_usage)
    known = {name: value for name, value in usage.items() if name not in _END_FIELDS}
    return {**known, "output_tokens": _PLACEHOLDER}


def _message_events(ask: Ask) -> Iterator[Event]:
    for kind, data in _message_steps(ask):
        yield kind, {"type": kind, **data}


def _message_steps(ask: Ask) -> Iterator[tuple[str, Json]]:
    final = _message(ask)
    ends = {"stop_reason": final["stop_reason"], "stop_sequence": final["stop_sequence"]}
    delta: Json = {"delta": ends}
    start = {**final, "content": [], "stop_reason": None, "stop_sequence": None}
    if (usage := final.get("usage")) is not None:
        start["usage"] = _start_usage(ask, usage)
        delta["usage"] = {k: v for k, v in usage.items() if k not in _START_FIELDS}
    yield "message_start", {"message": start}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield "ping", {}
    for piece in ask.pieces:
        text = {"type": "text_delta", "text": piece}
        yield "content_block_delta", {"index": 0, "delta": text}
    yield "content_block_stop", {"index": 0}
    yield "message_delta", delta
    yield "message_stop", {}


def _refusal(ask: Ask) -> str | None:
    if not isinstance(ask.body.get("max_tokens"), int):
        return "max_tokens: Field required"
    return refusal(ask)


def _error_event(said: Mapping[str, Any]) -> Event:
    fields = {"type": "overloaded_error", "message": "Overloaded", **said}
    return "error", {"type": "error", "error": fields}


ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/messages": Endpoint(_message, _message_events, _refusal, error, _error_event),
}
"""What can be posted to, by path."""
