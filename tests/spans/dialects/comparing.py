"""Holds what a dialect reads against the answer: never more, and less only where it says so."""

from collections.abc import Iterable, Mapping

from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, Meter, Quantity, Usage, total
from tests.replay.truth import Truth

WITHIN: Mapping[Meter, tuple[Meter, ...]] = {
    "input_audio": ("input",),
    "input_image": ("input",),
    "cache_read": ("input",),
    "cache_write_5m": ("input",),
    "cache_write_30m": ("input",),
    "cache_write_1h": ("cache_write_5m", "input"),
    "cache_write_12h": ("cache_write_30m", "input"),
    "output_audio": ("output",),
    "output_image": ("output",),
    "reasoning": ("output",),
}
"""Where the tokens of a meter are counted by who cannot tell them apart: where they cost less."""


def complaint(call: SpanCall, truths: Iterable[Truth]) -> str | None:
    """What is wrong with a call that a span tells of; `None` where nothing is."""
    found = [_against(call, truth) for truth in truths]
    return None if not found or None in found else min(filter(None, found), key=len)


def _against(call: SpanCall, truth: Truth) -> str | None:
    if call.usage is None:
        return None
    if call.provider != truth.provider:
        return f"{call.provider} instead of {truth.provider}"
    if call.model is not None and call.model not in {truth.model, truth.requested}:
        return f"{call.model} instead of {truth.model}"
    if call.response_id is not None and "-mock1" not in call.response_id.replace("_", "-"):
        return f"the id {call.response_id}"
    if call.tier is not None and truth.tier is not None and call.tier != truth.tier:
        return f"the tier {call.tier} instead of {truth.tier}"
    if call.guessed:
        return None
    if not truth.parts:
        return "usage that no answer has"
    return _parts(call, truth)


def _parts(call: SpanCall, truth: Truth) -> str | None:
    assert call.usage is not None
    wire = total(part.usage for part in truth.parts)
    ours = total([call.usage, *(part.usage for part in call.other_parts)])
    if ours.input_tokens > wire.input_tokens or ours.output_tokens > wire.output_tokens:
        return f"{dict(ours.quantities)}, which is more than {dict(wire.quantities)}"
    main = truth.parts[0].usage
    for meter, quantity in main.quantities.items():
        problem = _meter(meter, quantity, call.usage, main, call)
        if problem:
            return problem
    extra = call.usage.quantities.keys() - main.quantities.keys()
    if extra:
        return f"{extra}, which nobody used"
    if len(truth.parts) > 1 and not call.other_parts and not call.unknown:
        return "no other parts, as if there were none"
    return None


def _meter(
    meter: Meter, quantity: Quantity, ours: Usage, wire: Usage, call: SpanCall
) -> str | None:
    counted = ours.quantities.get(meter, 0)
    if counted == quantity:
        return None
    if counted < quantity:
        known = meter in call.unknown or (meter in INPUT_METERS and "input" in call.undivided)
        lost_within = "output" in call.unknown and meter in OUTPUT_METERS
        return None if known or lost_within else f"{counted} {meter}, silently"
    elsewhere = sum(
        wire.quantities[part] - ours.quantities.get(part, 0)
        for part, places in WITHIN.items()
        if meter in places and part in wire.quantities
    )
    if counted - quantity > elsewhere:
        return f"{counted} {meter} instead of {quantity}"
    return None
