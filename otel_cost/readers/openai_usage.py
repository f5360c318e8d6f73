"""OpenAI's usage objects as meters.

Field meanings are those of the SDK's own types (openai 3.54): details are breakdowns inside the
totals, so every meter is taken out of the total it stands in.
"""

from collections.abc import Mapping
from typing import Any

from otel_cost.readers.fields import count, fields
from otel_cost.usage import Meter, Quantity, Usage


def completion_usage(usage: Mapping[str, Any]) -> Usage | None:
    """`CompletionUsage` of chat completions, completions and embeddings."""
    completion = usage.get("completion_tokens")
    if completion is None and usage.get("prompt_tokens") is None:
        return None
    sent = fields(usage.get("prompt_tokens_details"))
    quantities = input_meters(
        count(usage, "prompt_tokens"),
        cached=count(sent, "cached_tokens"),
        for_30m=count(sent, "cache_write_tokens"),
        audio=count(sent, "audio_tokens"),
        image=count(sent, "image_tokens"),
    )
    if completion is not None:
        received = fields(usage.get("completion_tokens_details"))
        reasoning = count(received, "reasoning_tokens")
        audio = count(received, "audio_tokens")
        quantities["output"] = max(count(usage, "completion_tokens") - reasoning - audio, 0)
        if reasoning:
            quantities["reasoning"] = reasoning
        if audio:
            quantities["output_audio"] = audio
    return Usage(quantities)


def responses_usage(usage: Mapping[str, Any]) -> Usage | None:
    """`ResponseUsage` of the Responses API, and the usage of decisions."""
    if usage.get("input_tokens") is None and usage.get("output_tokens") is None:
        return None
    sent = fields(usage.get("input_tokens_details"))
    written = count(sent, "cache_write_tokens")
    split = fields(sent.get("cache_write_tokens_details"))
    for_12h = min(count(split, "ttl_12h_tokens"), written)
    quantities = input_meters(
        count(usage, "input_tokens"),
        cached=count(sent, "cached_tokens"),
        for_30m=written - for_12h,
        for_12h=for_12h,
    )
    reasoning = count(fields(usage.get("output_tokens_details")), "reasoning_tokens")
    quantities["output"] = max(count(usage, "output_tokens") - reasoning, 0)
    if reasoning:
        quantities["reasoning"] = reasoning
    return Usage(quantities)


def input_meters(
    total: int,
    *,
    cached: int,
    for_30m: int = 0,
    for_12h: int = 0,
    audio: int = 0,
    image: int = 0,
) -> dict[Meter, Quantity]:
    """Disjoint input meters that sum up to `total`.

    Cached tokens may be audio or image tokens too; what the details count twice is cached.
    """
    rest = total - cached - for_30m - for_12h
    if audio + image > rest:
        twice = audio + image - max(rest, 0)
        from_audio = min(twice, audio)
        audio, image = audio - from_audio, image - (twice - from_audio)
    quantities: dict[Meter, Quantity] = {"input": max(rest - audio - image, 0)}
    if cached:
        quantities["cache_read"] = cached
    if for_30m:
        quantities["cache_write_30m"] = for_30m
    if for_12h:
        quantities["cache_write_12h"] = for_12h
    if audio:
        quantities["input_audio"] = audio
    if image:
        quantities["input_image"] = image
    return quantities
