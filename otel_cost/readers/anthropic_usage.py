"""Anthropic's usage objects as meters.

Field meanings are those of the SDK's own types (anthropic 2.12): `input_tokens` excludes the
cache, `output_tokens` includes thinking, and a stream's counts are cumulative.
"""

from collections.abc import Mapping
from typing import Any

from otel_cost.measured import Measured
from otel_cost.readers.fields import count, fields, text
from otel_cost.readers.usage_shapes import read_iterations
from otel_cost.usage import Meter, Quantity, Usage


def message_usage(usage: Mapping[str, Any], *, finished: bool) -> Usage | None:
    """`Usage` of a message; until it is `finished` its output count is a placeholder."""
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


def read_usage(call: Measured, said: Mapping[str, Any], *, finished: bool) -> None:
    """Set what a message's usage says: meters, tier, geography, speed, and further turns."""
    usage = message_usage(said, finished=finished)
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
