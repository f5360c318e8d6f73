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
    host_and_port,
    kinds_of,
    served,
)
from otel_cost.capture.submissions import BATCH
from otel_cost.measured import Measured
from otel_cost.readers.anthropic_usage import read_usage
from otel_cost.readers.fields import fields, text

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


def _read_identity(call: Measured, said: Mapping[str, Any]) -> None:
    call.model = served(call, said)
    call.response_id = text(said, "id") or call.response_id


def _read_message(call: Measured, body: Any) -> None:
    said = fields(body)
    _read_identity(call, said)
    read_usage(call, fields(said.get("usage")), finished=True)
    if call.conversation is not None:
        content.hear_message(call.conversation, said)


def _read_message_event(call: Measured, state: StreamState, event: Any) -> None:
    said = fields(event)
    kind = said.get("type")
    if kind == "message_start":
        message = fields(said.get("message"))
        _read_identity(call, message)
        _overwrite(state.usage, fields(message.get("usage")), _STARTING)
        read_usage(call, state.usage, finished=False)
    elif kind == "message_delta":
        _overwrite(state.usage, fields(said.get("usage")), _CUMULATIVE)
        read_usage(call, state.usage, finished=True)
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
