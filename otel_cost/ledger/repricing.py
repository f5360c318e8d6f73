"""Charges priced again, from what is stored of them: which ones, and what that changes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from otel_cost.charge import Cost, CostStatus, Part, PricingContext
from otel_cost.ledger.rows import PICOS_IN_MICRO, cost_columns, instant, join
from otel_cost.pricing.engine import STATED
from otel_cost.usage import Usage

Price: TypeAlias = Callable[[str, Sequence[Part], PricingContext], Cost]
"""What prices: provider, parts and context in, a cost out."""

REASON = "repriced"

_AMOUNTS = ("list_micros", "list_picos", "effective_micros", "effective_picos")
_NOT_PRICED = frozenset(("unpriced", "partial"))
_NOT_BY_BOOK = ("code:", "given")
_json = json.JSONEncoder(check_circular=False).encode
_CONTEXT = ("tier", "batch", "speed", "geo", "region", "window", "size", "quality")


@dataclass(slots=True)
class Difference:
    """What repricing changes for the calls that it changes. Money is effective cost."""

    calls: int = 0
    old_picos: int = 0
    new_picos: int = 0
    not_priced_before: int = 0
    """How many of them have a cost that is not the whole cost, because prices are missing."""
    not_priced_after: int = 0

    @property
    def old_usd(self) -> Decimal:
        """What they cost so far."""
        return join(0, self.old_picos)

    @property
    def new_usd(self) -> Decimal:
        """What they cost now."""
        return join(0, self.new_picos)

    def add(self, calls: int, old: int, new: int, before: int, after: int) -> None:
        """Take further calls in, in the order of the fields."""
        self.calls += calls
        self.old_picos += old
        self.new_picos += new
        self.not_priced_before += before
        self.not_priced_after += after


@dataclass(slots=True)
class Differences:
    """What repricing a ledger changes."""

    looked_at: int = 0
    left_alone: int = 0
    by_model: dict[tuple[str, str], Difference] = field(default_factory=dict)
    """Per provider and model."""

    @property
    def total(self) -> Difference:
        """The sum over all models."""
        whole = Difference()
        for of_model in self.by_model.values():
            whole.add(*astuple(of_model))
        return whole


class Stored(NamedTuple):
    """A charge as far as it matters to its price, and the cost of it that is in force."""

    charge_id: str
    provider: str
    model: str
    outcome: str
    usage_source: str
    cost_status: str
    list_micros: int
    list_picos: int
    effective_micros: int
    effective_picos: int
    details: Mapping[str, Any]
    """Context, parts and original cost, as in `Charge.as_dict()`."""
    number: int | None
    """Of its latest adjustment."""
    adjustment: Mapping[str, Any] | None
    """The details of that."""


def adjust(
    charges: Sequence[Stored], price: Price, book: str, now: int, into: Differences
) -> list[dict[str, Any]]:
    """The adjustments that `charges` need, as rows; what they change is added to `into`.

    The details of a row are JSON text. `now` is in nanoseconds since the epoch.
    """
    found = []
    for charge in charges:
        into.looked_at += 1
        cost = repriced(charge, price)
        if cost is None:
            into.left_alone += 1
            continue
        columns = cost_columns(cost)
        if _is_in_force(charge, cost, columns):
            continue
        old = charge.effective_micros * PICOS_IN_MICRO + charge.effective_picos
        new = columns["effective_micros"] * PICOS_IN_MICRO + columns["effective_picos"]
        micros, picos = divmod(new - old, PICOS_IN_MICRO)
        details = {"unpriced": cost.unpriced, "lines": [line.as_dict() for line in cost.lines]}
        found.append(
            {
                "charge_id": charge.charge_id,
                "number": (charge.number or 0) + 1,
                "adjusted_at": now,
                **columns,
                "difference_micros": micros,
                "difference_picos": picos,
                "book": book,
                "reason": REASON,
                "details": _json(details),
            }
        )
        before, after = charge.cost_status in _NOT_PRICED, cost.status in _NOT_PRICED
        of_model = into.by_model.setdefault((charge.provider, charge.model), Difference())
        of_model.add(1, old, new, before, after)
    return found


def repriced(charge: Stored, price: Price) -> Cost | None:
    """What `charge` costs by `price`, at its own instant; `None` for one that is left alone.

    That is one that is pending, was refused, or whose usage is not known; and one whose cost no
    price book decides: the provider stated it, it was given with `record()`, or a price was set in
    the code of the application.
    """
    details = charge.details
    was, lines = details["cost"], details["cost"]["lines"]
    if charge.outcome == "pending" or was["status"] == "unmetered" or not details["parts"]:
        return None
    if was["status"] == "exact" and not lines:
        return None
    for line in lines:
        if line["meter"] == STATED or line["price_id"].startswith(_NOT_BY_BOOK):
            return None
    parts = [Part(part["model"], _usage(part["usage"])) for part in details["parts"]]
    said = details["context"]
    context = PricingContext(instant(said["priced_at"]), *(said.get(name) for name in _CONTEXT))
    cost = price(charge.provider, parts, context)
    if not was["unpriced"] and charge.usage_source != "inferred":
        return cost
    return with_what_nobody_knows(cost, was["unpriced"], parts, charge.usage_source)


def with_what_nobody_knows(
    cost: Cost, unpriced: Sequence[str], parts: Sequence[Part], usage_source: str
) -> Cost:
    """`cost`, not surer than its usage: a meter of unknown amount stays one, an estimate too.

    `unpriced` are the meters that had no price, or no amount, when the call was made.
    """
    counted = {meter for part in parts for meter in part.usage.quantities}
    unknown = tuple(meter for meter in unpriced if meter not in counted)
    status: CostStatus = cost.status
    if unknown and status != "unpriced":
        status = "partial"
    elif status == "exact" and usage_source == "inferred":
        status = "estimated"
    return cost._replace(status=status, unpriced=(*cost.unpriced, *unknown))


def _is_in_force(charge: Stored, cost: Cost, columns: Mapping[str, Any]) -> bool:
    """Whether nothing changes. Which layer gave the same price is no change."""
    if charge.cost_status != cost.status or any(getattr(charge, n) != columns[n] for n in _AMOUNTS):
        return False
    latest = charge.adjustment or charge.details["cost"]
    return set(latest["unpriced"]) == set(cost.unpriced)


def _usage(quantities: Mapping[Any, int | str]) -> Usage:
    return Usage({m: q if isinstance(q, int) else Decimal(q) for m, q in quantities.items()})
