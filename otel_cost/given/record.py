"""`otel_cost.record()`: a charge for a call that no hook sees."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

from opentelemetry.trace import Span, Status, StatusCode

from otel_cost import attributes, faults
from otel_cost.attribution.values import Attribution, make
from otel_cost.charge import Charge, Cost, CostLine, Outcome
from otel_cost.given import fields
from otel_cost.given.shapes import GivenCost, read_usage
from otel_cost.install import installed
from otel_cost.installation import detached
from otel_cost.measured import Measured
from otel_cost.pricing.engine import STATED
from otel_cost.recorder import Recorder, new_charge_id
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS

PRICE_ID = "given"
"""The price id of a cost that was given by hand."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_ZERO = Decimal(0)
_KNOWN = frozenset({"exact", "estimated"})
_TOKENS = frozenset[str]((*INPUT_METERS, *OUTPUT_METERS))


def record(
    *,
    provider: str,
    model: str,
    usage: object = None,
    cost: Decimal | float | str | None = None,
    operation: str = "chat",
    outcome: Outcome = "ok",
    response_id: str | None = None,
    request_model: str | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    tier: str | None = None,
    batch: bool = False,
    speed: str | None = None,
    geo: str | None = None,
    region: str | None = None,
    window: str | None = None,
    size: str | None = None,
    quality: str | None = None,
    feature: str | None = None,
    team: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    customer: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Charge:
    """Record one call that no hook sees: one charge for ledger and sinks, and one span of its own.

    `usage` is what the call used, in meters or in the words of OpenAI, Anthropic or Langfuse; with
    `None` it is not known. `cost` (USD) is what the call cost, where you know better than the price
    book. `provider` and `model` say who answered; `tier`, `batch`, `speed`, `geo`, `region`,
    `window`, `size` and `quality` are what the price depends on besides. Without times it has
    happened just now. Who it is for comes from the context, and from `feature` … `tags` where they
    are given. Where otel_cost is switched off, the charge is returned all the same and goes nowhere
    else.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: usage, cost or times make no sense; the message names the key.

    """
    _check_texts(
        required={"provider": provider, "model": model, "operation": operation},
        optional={
            "response_id": response_id,
            "request_model": request_model,
            "tier": tier,
            "speed": speed,
            "geo": geo,
            "region": region,
            "window": window,
            "size": size,
            "quality": quality,
        },
    )
    if outcome not in get_args(Outcome):
        raise ValueError(f"outcome is {outcome!r}; choose from {', '.join(get_args(Outcome))}")
    if not isinstance(batch, bool):
        raise TypeError(f"batch must be true or false, not {batch!r}")
    start, end = _period(started_at, ended_at)
    call = Measured(new_charge_id(start), provider.strip(), operation, start)
    call.request_model, call.model, call.response_id = request_model, model, response_id
    said = GivenCost() if usage is None else read_usage(call, usage)
    call.tier, call.batch = tier or call.tier, batch or call.batch
    call.speed, call.geo = speed or call.speed, geo or call.geo
    call.region, call.window = region, window
    call.size, call.quality = size, quality
    call.outcome, call.ended_at = outcome, end
    who = make(feature, team, user_id, session_id, customer, tags)
    return _recorded(call, who, _agreed(cost, said))


def _recorded(call: Measured, who: Attribution, given: GivenCost) -> Charge:
    installation = installed()
    recorder = detached() if installation is None else installation.recorder
    call.attribution = who.over(recorder.attribute())
    cost = _cost(recorder, call, given)
    if installation is None:
        return recorder.charge(call, cost)
    call.span = recorder.open_span(call, {})
    charge = recorder.charge(call, cost)
    try:
        recorder.owners.ended(call)
        recorder.publish(charge)
        if call.span is not None:
            _write(recorder, call.span, call, cost)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("recording a given call", error)
    return charge


def _write(recorder: Recorder, span: Span, call: Measured, cost: Cost) -> None:
    recorder.write(span, call, cost, own=True)
    if call.outcome == "error":
        span.set_attribute(attributes.ERROR_TYPE, "error")
        span.set_status(Status(StatusCode.ERROR))
    span.end(call.ended_at)


def _agreed(cost: object, said: GivenCost) -> GivenCost:
    """The cost that was given, here or in the usage; raises `ValueError` where they differ."""
    if cost is None:
        return said
    total = fields.usd(cost, "cost")
    if said.total is not None and said.total != total:
        raise ValueError(f"cost is {total}, but usage.totalCost is {said.total}")
    return said._replace(total=total)


def _cost(recorder: Recorder, call: Measured, given: GivenCost) -> Cost:
    """What was given holds; the price book gives the list cost beside it, where it knows one."""
    booked = recorder.cost(call)
    total = given.total
    if total is None:
        return booked
    lines = _sides(call, given, booked)
    if lines is None:
        listed = booked.list_usd if booked.status in _KNOWN else total
        lines = (CostLine(0, STATED, 1, total, 1, (), listed, total, PRICE_ID),)
    return Cost("exact", sum((line.list_usd for line in lines), _ZERO), total, (), lines)


def _sides(call: Measured, given: GivenCost, booked: Cost) -> tuple[CostLine, ...] | None:
    """A line each for input and output, where the cost of both was given and is for tokens only."""
    if given.input is None or given.output is None:
        return None
    listed = booked.status in _KNOWN
    if listed and not all(line.meter in _TOKENS for line in booked.lines):
        return None
    lines: list[CostLine] = []
    for side, usd, meters in (
        ("input", given.input, INPUT_METERS),
        ("output", given.output, OUTPUT_METERS),
    ):
        tokens = int(sum(call.total_usage.quantities.get(meter, 0) for meter in meters))
        if usd and not tokens:
            return None
        amounts = (line.list_usd for line in booked.lines if line.meter in meters)
        at_list = sum(amounts, _ZERO) if listed else usd
        if tokens:
            lines.append(CostLine(0, side, tokens, usd, tokens, (), at_list, usd, PRICE_ID))
    return tuple(lines)


def _period(started_at: datetime | None, ended_at: datetime | None) -> tuple[int, int]:
    """Start and end (nanoseconds since the epoch)."""
    now = time.time_ns()
    end = None if ended_at is None else _instant(ended_at, "ended_at")
    start = _instant(started_at, "started_at") if started_at is not None else end or now
    if end is None:
        end = max(now, start)
    if end < start:
        raise ValueError(f"ended_at is {ended_at}, before started_at, which is {started_at}")
    return start, end


def _instant(moment: object, name: str) -> int:
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime, not {moment!r}")
    if moment.tzinfo is None:
        raise ValueError(f"{name} is {moment}, without a time zone; use one, such as UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _check_texts(required: Mapping[str, object], optional: Mapping[str, object]) -> None:
    for name, value in (*required.items(), *optional.items()):
        if value is None and name in optional:
            continue
        if not isinstance(value, str):
            raise TypeError(f"{name} must be text, not {value!r}")
        if not value.strip():
            raise ValueError(f"{name} is empty")
