"""What must hold for one call under one stack: the wire, the charges and the spans agree."""

import functools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from otel_cost.charge import Part, PricingContext
from otel_cost.pricing.engine import Engine
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, Meter, Usage
from tests import langfuse_rules
from tests.peers.exported import Exported
from tests.peers.wire import Numbers

_OWNER = "otel_cost_charge_id"
COUNTED = {"GENERATION", "EMBEDDING"}
"""The types of rows that Langfuse counts as calls."""
_PLACES = Decimal("1e-12")
_TOKEN_BUCKETS = {
    "input": "input",
    "cache_read": "input_cached_tokens",
    "cache_write_5m": "input_cache_creation_5m",
    "cache_write_30m": "input_cache_creation_30m",
    "cache_write_1h": "input_cache_creation_1h",
    "cache_write_12h": "input_cache_creation_12h",
    "output": "output",
    "reasoning": "output_reasoning_tokens",
}
_GIVEN_UP = ("_closed", "_dropped")
"""Parts of the names of calls whose answer is not read to its end."""


def wrongs(name: str, run: Mapping[str, Any], *, sampled: bool, hooked: bool) -> Iterator[str]:
    """What is wrong with one run of a call, as sentences; nothing if all is right.

    `hooked`: whether the hooks see the call; else it is charged from another library's span.
    """
    charges, faults = run["charges"], run["faults"]
    if "internal_error" in faults:
        yield f"faults of ours: {faults}"
    yield from _against_the_wire(name, run["sent"], charges, hooked=hooked)
    if len({charge["charge_id"] for charge in charges}) != len(charges):
        yield "two charges have one id"
    yield from _in(run["last"], charges, "last", sampled=sampled)
    if run["library"]:
        yield from _in(run["library"], charges, "Langfuse's own exporter", sampled=sampled)
    if run["first"] != run["last"]:
        yield "an exporter before our processor gets other spans than one behind it"


def _against_the_wire(
    name: str,
    sent: Sequence[Mapping[str, Any]],
    charges: Sequence[Mapping[str, Any]],
    *,
    hooked: bool,
) -> Iterator[str]:
    if len(sent) != len(charges):
        yield f"{len(charges)} charges for {len(sent)} calls: {[_brief(c) for c in charges]}"
        return
    by_id = {charge["response_id"] or "": charge for charge in charges}
    for call in sent:
        charge = by_id.get(call["id"]) or (charges[0] if len(charges) == 1 else None)
        if charge is None:
            yield f"no charge says {call['id']}: {sorted(by_id)}"
            continue
        yield from _one_against_the_wire(name, call, charge, hooked=hooked)


def _one_against_the_wire(
    name: str, call: Mapping[str, Any], charge: Mapping[str, Any], *, hooked: bool
) -> Iterator[str]:
    meters, said, status = call["meters"] or {}, charge["usage"], charge["cost"]["status"]
    if any(part in name for part in _GIVEN_UP) or not hooked:
        yield from _not_more(meters, charge, hooked=hooked)
    elif {m: q for m, q in said.items() if q} != meters:
        yield f"{said} was charged, and {meters} went over the wire"
    elif call["refused"]:
        if charge["outcome"] != "error" or _usd(charge["cost"]["effective_usd"]):
            yield f"a refused call was charged as {_brief(charge)}"
    elif status != ("exact" if meters else "unmetered"):
        yield f"{status}, because of {charge['cost']['unpriced']}"
    elif meters and _usd(charge["cost"]["effective_usd"]) != (due := _due(meters, charge)):
        yield f"{_brief(charge)} was charged, and {due} is due"


def _not_more(meters: Numbers, charge: Mapping[str, Any], *, hooked: bool) -> Iterator[str]:
    """Whether a call that is known in part is charged for no more than it was."""
    said, cost = charge["usage"], charge["cost"]
    if cost["status"] == "estimated":
        return
    for side in (INPUT_METERS, OUTPUT_METERS):
        charged, sent = (sum(usage.get(meter, 0) for meter in side) for usage in (said, meters))
        if charged > sent:
            yield f"more was charged than went over the wire: {said}, and not {meters}"
    if meters and _usd(cost["effective_usd"]) > (due := _due(meters, charge)):
        yield f"{_brief(charge)} was charged, and {due} is due"
    if cost["status"] == "exact" and said != meters:
        yield f"charged as exact: {said}, and not {meters}"
    if not hooked and cost["status"] not in {"exact", "partial"}:
        yield f"the span says what was used, and it is charged as {_brief(charge)}"


def _due(meters: Numbers, charge: Mapping[str, Any]) -> Decimal:
    """What the wire's numbers cost (USD), by the price book."""
    anthropic = charge["provider"] == "anthropic"
    instant = datetime.fromisoformat(charge["context"]["priced_at"])
    context = PricingContext(
        priced_at=int(instant.timestamp()) * 10**9, geo="us" if anthropic else None
    )
    usage = Usage({cast("Meter", meter): count for meter, count in meters.items()})
    cost = _engine().price(charge["provider"], [Part(charge["model"], usage)], context)
    return _usd(cost.effective_usd)


@functools.cache
def _engine() -> Engine:
    return Engine()


def _in(
    spans: Sequence[Exported],
    charges: Sequence[Mapping[str, Any]],
    view: str,
    *,
    sampled: bool,
) -> Iterator[str]:
    """What is wrong with the spans that an exporter got."""
    rows = [(span, langfuse_rules.store(span["scope"], span["attributes"])) for span in spans]
    owners = Counter(
        str(row["metadata"].get(_OWNER)) for _, row in rows if _OWNER in row["metadata"]
    )
    known = {charge["charge_id"]: charge for charge in charges}
    for charge_id, count in owners.items():
        if charge_id not in known:
            yield f"{view}: a span names a charge that is none: {charge_id}"
        elif count > 1:
            yield f"{view}: {count} spans name one charge: {_names(rows, charge_id)}"
    exported = [known[charge_id] for charge_id in owners if charge_id in known]
    if not sampled and len(exported) != len(charges):
        missing = [_brief(c) for i, c in known.items() if i not in owners]
        yield f"{view}: no span carries {missing}; spans: {[_told(*row) for row in rows]}"
    for span, row in rows:
        charge = known.get(str(row["metadata"].get(_OWNER)))
        if invented := langfuse_rules.inferred(span["attributes"]):
            yield f"{view}: Langfuse would infer {sorted(invented)} for {_told(span, row)}"
        if charge is None:
            yield from _worth_nothing(span, row, view)
        else:
            yield from _carries(span, row, charge, view)
    total = sum(_usd(row["total_cost"]) for _, row in rows)
    due = sum(_usd(charge["cost"]["effective_usd"]) for charge in exported)
    if total != due:
        yield f"{view}: Langfuse adds up to {total}, the charges to {due}"


def _worth_nothing(span: Exported, row: Mapping[str, Any], view: str) -> Iterator[str]:
    if row["type"] in COUNTED:
        yield f"{view}: Langfuse counts {_told(span, row)}"
    elif any(row["usage_details"].values()) or any(map(_usd, row["cost_details"].values())):
        yield f"{view}: Langfuse adds up {_told(span, row)}"


def _carries(
    span: Exported, row: Mapping[str, Any], charge: Mapping[str, Any], view: str
) -> Iterator[str]:
    if row["type"] not in COUNTED:
        yield f"{view}: the owner is a {row['type']}: {_told(span, row)}"
    if (span["trace_id"], span["span_id"]) != (charge["trace_id"], charge["span_id"]):
        yield f"{view}: the charge names another span than its owner {_told(span, row)}"
    buckets = {
        _TOKEN_BUCKETS[meter]: quantity
        for meter, quantity in charge["usage"].items()
        if meter in _TOKEN_BUCKETS and quantity
    }
    shown = {k: q for k, q in row["usage_details"].items() if k != "total" and q}
    if shown != buckets or row["usage_details"].get("total") != sum(buckets.values()):
        yield f"{view}: the owner says {row['usage_details']}, the charge {buckets}"
    if _usd(row["total_cost"]) != _usd(charge["cost"]["effective_usd"]):
        yield f"{view}: the owner costs {row['total_cost']}, the charge {_brief(charge)}"


def _usd(amount: Any) -> Decimal:
    return Decimal(str(amount)).quantize(_PLACES)


def _brief(charge: Mapping[str, Any]) -> str:
    cost = charge["cost"]
    return (
        f"{charge['operation']} {charge['model']} {charge['outcome']} {cost['status']} "
        f"{cost['effective_usd']} of {charge['usage_source']}"
    )


def _told(span: Exported, row: Mapping[str, Any]) -> str:
    return (
        f"{span['name']!r} of {span['scope']['name']} ({row['type']}, "
        f"{json.dumps(row['usage_details'])}, {row['total_cost']})"
    )


def _names(rows: Iterable[tuple[Exported, Mapping[str, Any]]], charge_id: str) -> list[str]:
    return [_told(span, row) for span, row in rows if row["metadata"].get(_OWNER) == charge_id]
