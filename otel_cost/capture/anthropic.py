"""The Anthropic SDK: its billable endpoints, and where each says what was used.

Field meanings are those of the SDK's own types (anthropic 2.12): `input_tokens` excludes the
cache, `output_tokens` includes thinking, and a stream's counts are cumulative.
"""

from collections.abc import Mapping
from typing import Any

from otel_cost.capture import content
from otel_cost.capture.endpoint import (
    Endpoint,
    Platform,
    StreamState,
    count,
    fields,
    host_and_port,
    kinds_of,
    served,
    text,
)
from otel_cost.capture.submissions import BATCH
from otel_cost.capture.usage_shapes import read_iterations
from otel_cost.measured import Measured
from otel_cost.usage import Meter, Quantity, Usage

_PLATFORMS: Mapping[str, str] = {"aws.bedrock": "aws", "gcp.vertex_ai": "google"}

_CUMULATIVE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "server_tool_use",
    "output_tokens",
    "output_tokens_details",
    "iterations",
)
"""The usage fields of `message_delta`: the last word on each, where they are not null."""

_STARTING = (*_CUMULATIVE, "cache_creation", "service_tier", "inference_geo", "speed")


def platform(client: Any) -> Platform:
    """Who answers a client's requests: Anthropic, or the cloud that the client's class names."""
    host, port = host_and_port(client.base_url)
    named = getattr(type(client), "_gen_ai_provider_name", None)
    kinds = kinds_of(client)
    provider = _PLATFORMS.get(named if isinstance(named, str) else "", "anthropic")
    if "Bedrock" in kinds:
        provider = "aws"
    elif "Vertex" in kinds:
        provider = "google"
    elif "Foundry" in kinds:
        provider = "azure"
    return Platform(provider, host, port)


def _usage(usage: Mapping[str, Any], *, finished: bool) -> Usage | None:
    if usage.get("input_tokens") is None and usage.get("output_tokens") is None:
        return None
    quantities: dict[Meter, Quantity] = {"input": count(usage, "input_tokens")}
    split = fields(usage.get("cache_creation"))
    for_1h = count(split, "ephemeral_1h_input_tokens")
    for_5m = count(split, "ephemeral_5m_input_tokens")
    # The total may have grown after the split was said; five minutes is the default.
    for_5m = max(for_5m, count(usage, "cache_creation_input_tokens") - for_1h)
    if read := count(usage, "cache_read_input_tokens"):
        quantities["cache_read"] = read
    if for_5m:
        quantities["cache_write_5m"] = for_5m
    if for_1h:
        quantities["cache_write_1h"] = for_1h
    if finished:
        thinking = count(fields(usage.get("output_tokens_details")), "thinking_tokens")
        quantities["output"] = max(count(usage, "output_tokens") - thinking, 0)
        if thinking:
            quantities["reasoning"] = thinking
    if searches := count(fields(usage.get("server_tool_use")), "web_search_requests"):
        quantities["web_search"] = searches
    return Usage(quantities)


def _read_usage(call: Measured, said: Mapping[str, Any], *, finished: bool) -> None:
    usage = _usage(said, finished=finished)
    if usage is None:
        return
    call.usage, call.usage_source = usage, "provider"
    # Until the first `message_delta` the output count is a placeholder.
    call.unknown = () if finished else ("output",)
    call.tier = text(said, "service_tier")
    call.batch = call.tier == "batch"
    call.geo = text(said, "inference_geo")
    call.speed = text(said, "speed")
    if finished and said.get("iterations"):
        read_iterations(call, said)


def _read_identity(call: Measured, said: Mapping[str, Any]) -> None:
    call.model = served(call, said)
    call.response_id = text(said, "id") or call.response_id


def _read_message(call: Measured, body: Any) -> None:
    said = fields(body)
    _read_identity(call, said)
    _read_usage(call, fields(said.get("usage")), finished=True)
    if call.conversation is not None:
        content.hear_message(call.conversation, said)


def _read_message_event(call: Measured, state: StreamState, event: Any) -> None:
    said = fields(event)
    kind = said.get("type")
    if kind == "message_start":
        message = fields(said.get("message"))
        _read_identity(call, message)
        _overwrite(state.usage, fields(message.get("usage")), _STARTING)
        _read_usage(call, state.usage, finished=False)
    elif kind == "message_delta":
        _overwrite(state.usage, fields(said.get("usage")), _CUMULATIVE)
        _read_usage(call, state.usage, finished=True)
    elif kind == "message_stop":
        state.ended = True
    if call.conversation is not None:
        content.hear_message_event(call.conversation, said)


def _overwrite(usage: dict[str, Any], said: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        value = said.get(name)
        if value is not None:
            usage[name] = value


def _is_delta(event: Any) -> bool:
    return fields(event).get("type") == "content_block_delta"


ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/messages": Endpoint(
        "chat", _read_message, _read_message_event, _is_delta, content.sent_messages
    ),
    "/v1/messages/batches": BATCH,
}
