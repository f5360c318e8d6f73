"""What the spans of a replay are worth to Langfuse, and what is wrong with that."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_cost.attributes import CHARGE_ID_KEY, OBSERVATION_METADATA
from otel_cost.charge import Charge
from tests.langfuse_rules import inferred, store

_STORED = Decimal("0.000000000001")
"""Langfuse keeps twelve decimals of a cost."""
_COUNTED = {"GENERATION", "EMBEDDING"}
_CHARGE_ID = CHARGE_ID_KEY.removeprefix(OBSERVATION_METADATA)


def rows_of(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    """What Langfuse stores of each span."""
    return [store(_scope(span), span.attributes or {}) for span in spans]


def charge_id(row: dict[str, Any]) -> str | None:
    """The charge that a stored row carries."""
    found: str | None = row["metadata"].get(_CHARGE_ID)
    return found


def problems(charges: Sequence[Charge], spans: Sequence[ReadableSpan]) -> Iterator[str]:
    """Where the sum or the number of generations that Langfuse shows is not that of the charges."""
    rows = rows_of(spans)
    carried = Counter(filter(None, map(charge_id, rows)))
    # Of a call that is not settled yet no span is a generation: the one that settles it will be.
    expected = Counter(charge.charge_id for charge in charges if charge.outcome != "pending")
    if carried != expected:
        yield f"{sum(expected.values())} charges, but {sum(carried.values())} spans that carry one"
    for span, row in zip(spans, rows, strict=True):
        yield from _of_row(span, row)
    places = {(c.charge_id, c.trace_id, c.span_id) for c in charges}
    for span, row in zip(spans, rows, strict=True):
        found = charge_id(row)
        if found in expected and (found, *_ids(span)) not in places:
            yield f"{span.name}: the charge names another span than the one that carries it"
    stored = sum((_money(row["total_cost"]) for row in rows), Decimal(0))
    charged = sum((_money(charge.cost.effective_usd) for charge in charges), Decimal(0))
    if stored != charged:
        yield f"Langfuse sums up ${stored}, the charges ${charged}"


def _of_row(span: ReadableSpan, row: dict[str, Any]) -> Iterator[str]:
    if made_up := inferred(span.attributes or {}):
        yield f"{span.name}: Langfuse would make up {' and '.join(sorted(made_up))}"
    counted = row["type"] in _COUNTED
    if charge_id(row) is not None:
        if not counted:
            yield f"{span.name}: carries a charge as {row['type']}"
        return
    if counted:
        yield f"{span.name}: counted as {row['type']} without a charge"
    if any(row["usage_details"].values()):
        yield f"{span.name}: usage {row['usage_details']} without a charge"
    if any(row["cost_details"].values()):
        yield f"{span.name}: cost {row['cost_details']} without a charge"


def _scope(span: ReadableSpan) -> dict[str, Any]:
    scope = span.instrumentation_scope
    return {} if scope is None else {"name": scope.name, "version": scope.version}


def _ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def _money(amount: Any) -> Decimal:
    return Decimal(str(amount)).quantize(_STORED)
