"""Usage given by hand, in whichever words, becomes the usage of a call; contradictions are refused.

What a provider's own usage object means is left to the readers of hooked calls.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

from otel_cost.capture import anthropic, openai
from otel_cost.given import fields
from otel_cost.measured import Measured
from otel_cost.pricing.definitions import UNITS
from otel_cost.readers import usage_shapes
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, UNIT_METERS, Meter, Quantity, Usage

_TOKENS: tuple[Meter, ...] = (*INPUT_METERS, *OUTPUT_METERS)


class GivenCost(NamedTuple):
    """What a usage says of its cost (USD)."""

    input: Decimal | None = None
    output: Decimal | None = None
    total: Decimal | None = None


def read_usage(call: Measured, usage: object) -> GivenCost:
    """Set what `usage` says on `call`; what it says of the cost is returned.

    `usage` is a mapping, a `Usage`, or a usage object of a provider's SDK. Raises `TypeError` for
    anything else and `ValueError`, naming the key, for what is unknown, negative, not whole or in
    contradiction to another key.
    """
    said = {name: value for name, value in _mapping(usage).items() if value is not None}
    if not said:
        raise ValueError(f"usage says nothing; leave it out, or {fields.known_shapes()}")
    shape = fields.shape_of(said)
    help_ = fields.known_shapes() if shape.name == "meters" else f"write {shape.shown}"
    found = fields.checked(said, shape.fields, "usage", help_)
    _SETTERS[shape.name](call, found)
    call.usage_source = "given"
    cost = GivenCost(*(found.get(name) for name in fields.COSTS))
    return cost._replace(total=_total_cost(cost))


def _mapping(usage: object) -> Mapping[str, Any]:
    if isinstance(usage, Usage):
        return cast(Mapping[str, Any], usage.quantities)
    if isinstance(usage, Mapping):
        return usage
    dump = getattr(usage, "model_dump", None)
    if callable(dump):
        said = dump(exclude_none=True)
        if isinstance(said, Mapping):
            return said
    raise TypeError(f"usage must be a mapping, not {usage!r}; {fields.known_shapes()}")


def _chat(call: Measured, said: dict[str, Any]) -> None:
    _complete(call, said, "prompt_tokens", "completion_tokens", "total_tokens")
    _inside(said, "prompt_tokens", "prompt_tokens_details")
    _inside(said, "completion_tokens", "completion_tokens_details")
    sent = said.get("prompt_tokens_details", {})
    _not_more(said, "prompt_tokens", sent, ("cached_tokens", "cache_write_tokens"))
    _not_more(said, "prompt_tokens", sent, ("text_tokens", "audio_tokens", "image_tokens"))
    received = said.get("completion_tokens_details", {})
    _not_more(said, "completion_tokens", received, ("reasoning_tokens", "audio_tokens"))
    openai.ENDPOINTS["/chat/completions"].read_body(call, {"usage": said})


def _responses(call: Measured, said: dict[str, Any]) -> None:
    _complete(call, said, "input_tokens", "output_tokens", "total_tokens")
    _inside(said, "input_tokens", "input_tokens_details")
    _inside(said, "output_tokens", "output_tokens_details")
    sent = said.get("input_tokens_details", {})
    _not_more(said, "input_tokens", sent, ("cached_tokens", "cache_write_tokens"))
    _inside(sent, "cache_write_tokens", "cache_write_tokens_details")
    openai.ENDPOINTS["/responses"].read_body(call, {"usage": said})


def _images(call: Measured, said: dict[str, Any]) -> None:
    _complete(call, said, "input_tokens", "output_tokens", "total_tokens")
    for total in ("input_tokens", "output_tokens"):
        details = said.get(f"{total}_details", {})
        _not_more(said, total, details, ("text_tokens", "image_tokens"))
    usage_shapes.read_images(call, {"usage": said})


def _anthropic(call: Measured, said: dict[str, Any]) -> None:
    _inside(said, "output_tokens", "output_tokens_details")
    for turn in (said, *said.get("iterations", ())):
        if "cache_creation_input_tokens" in turn:
            split = turn.get("cache_creation", {})
            _not_more(turn, "cache_creation_input_tokens", split, tuple(split))
    said.setdefault("input_tokens", 0)
    anthropic.ENDPOINTS["/v1/messages"].read_body(call, {"usage": said})


def _camel(call: Measured, said: dict[str, Any]) -> None:
    _complete(call, said, "promptTokens", "completionTokens", "totalTokens")
    pairs: tuple[tuple[Meter, str], ...] = (
        ("input", "promptTokens"),
        ("output", "completionTokens"),
    )
    call.usage = Usage({meter: said[key] for meter, key in pairs if key in said})


def _meters(call: Measured, said: dict[str, Any]) -> None:
    unit = said.get("unit", "TOKENS")
    if unit != "TOKENS":
        _units(call, said, unit)
        return
    _whole(said, ("input", "output", "total"))
    if said.keys() & set(_TOKENS) <= {"input", "output"}:
        _complete(call, said, "input", "output", "total")
    elif "total" in said:
        _equal(said, "total", sum(said.get(meter, 0) for meter in _TOKENS))
    meters: tuple[Meter, ...] = (*_TOKENS, *UNIT_METERS)
    call.usage = Usage({meter: said[meter] for meter in meters if meter in said})


def _units(call: Measured, said: dict[str, Any], unit: str) -> None:
    """Langfuse counts a unit as input, output or both; to us it is one quantity."""
    if unit not in UNITS:
        raise ValueError(f"usage.unit is {unit!r}; write TOKENS, {', '.join(sorted(UNITS))}")
    meter, in_one = UNITS[unit]
    if strange := sorted(said.keys() - fields.UNITS.fields.keys()):
        raise ValueError(f"usage.{strange[0]} has no meaning beside the unit {unit}")
    if meter != "seconds":
        _whole(said, ("input", "output", "total"))
    counted = [said[key] for key in ("input", "output") if key in said]
    if counted and "total" in said:
        _equal(said, "total", sum(counted))
    if not counted and "total" not in said:
        raise ValueError(f"usage.total is missing: how many {unit} were used?")
    amount: Quantity = sum(counted) if counted else said["total"]
    if in_one != 1:
        amount = Decimal(amount) / in_one
    call.usage = Usage({meter: amount})  # type: ignore[dict-item]


_SETTERS = {
    fields.CHAT.name: _chat,
    fields.RESPONSES.name: _responses,
    fields.IMAGES.name: _images,
    fields.ANTHROPIC.name: _anthropic,
    fields.CAMEL.name: _camel,
    fields.METERS.name: _meters,
    fields.UNITS.name: _meters,
}


def _complete(call: Measured, said: dict[str, Any], sent: str, received: str, total: str) -> None:
    """Check the total, and find what it alone says of the tokens sent and received."""
    if total not in said:
        return
    if sent in said and received in said:
        _equal(said, total, said[sent] + said[received])
        return
    there = sent if sent in said else received
    rest = said[total] - said.get(there, 0)
    if rest < 0:
        raise ValueError(f"usage.{total} is {said[total]}, less than usage.{there}")
    if there in said:
        if rest:
            said[received if there == sent else sent] = rest
        return
    # Nobody says how much of it was sent: at the price of input, it is the least it can cost.
    said[sent] = rest
    if call.operation != "embeddings":
        call.unknown = ("output",)


def _equal(said: Mapping[str, Any], total: str, parts: Quantity) -> None:
    if said[total] != parts:
        raise ValueError(f"usage.{total} is {said[total]}, but its parts sum up to {parts}")


def _inside(said: Mapping[str, Any], total: str, details: str) -> None:
    """What is broken down stands inside the total."""
    for name, part in said.get(details, {}).items():
        if isinstance(part, int) and part > said.get(total, 0):
            raise ValueError(
                f"usage.{details}.{name} is {part}, more than the {said.get(total, 0)} of {total}"
            )


def _not_more(
    said: Mapping[str, Any], total: str, details: Mapping[str, Any], names: Iterable[str]
) -> None:
    """These do not overlap, so together they are not more than the total."""
    there = [name for name in names if name in details]
    parts = sum(details[name] for name in there)
    if parts > said.get(total, 0):
        raise ValueError(
            f"{' + '.join(there)} of usage.{total} are {parts}, more than {said.get(total, 0)}"
        )


def _whole(said: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if not isinstance(said.get(name, 0), int):
            raise ValueError(f"usage.{name} is {said[name]}, which is not whole")


def _total_cost(cost: GivenCost) -> Decimal | None:
    parts = [amount for amount in (cost.input, cost.output) if amount is not None]
    if cost.total is None:
        return sum(parts, Decimal(0)) if parts else None
    whole = len(parts) == 2
    together = sum(parts, Decimal(0))
    if together > cost.total or (whole and together != cost.total):
        raise ValueError(f"usage.totalCost is {cost.total}, but its parts sum up to {together}")
    return cost.total
