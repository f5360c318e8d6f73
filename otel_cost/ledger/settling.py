"""A pending charge and its settlement: one row, whichever comes first and whoever writes it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection, delete, select

from otel_cost import faults
from otel_cost.attribution.values import Attribution
from otel_cost.charge import Charge, Cost, PricingContext
from otel_cost.ledger.repricing import Price, with_what_nobody_knows
from otel_cost.ledger.schema import charge_details, charges
from otel_cost.pricing.engine import STATED
from otel_cost.settlement import Submission

Settle: TypeAlias = Callable[[Submission, Charge], Charge]
"""Makes the charge that takes the place of a pending one, of that and of its settlement."""

PENDING = "pending"
_AT_ONCE = 500
"""How many ids one statement asks for."""
_WHO = ("feature", "team", "user_id", "session_id", "customer")
_WHERE = ("request_model", "service", "environment", "trace_id", "span_id")
_COLUMNS = ("charge_id", "outcome", "started_at", "tags", *_WHO, *_WHERE)
_CONTEXT = PricingContext._fields[1:]


class Found(NamedTuple):
    """What a ledger holds under an id."""

    outcome: str
    submission: Submission


def merged(
    submission: Submission, charge: Charge, price: Price | None = None, *, insists: bool = False
) -> Charge:
    """The settlement `charge`, with what only its submission knows, priced by all of it.

    Who submitted it is who it is for; with `insists` what the settlement says of that holds.
    """
    who = submission.who(charge.attribution)
    context = submission.completed(charge.context)
    cost = charge.cost
    if price is not None and context != charge.context:
        cost = _priced_again(charge, context, price)
    return replace(
        charge,
        attribution=charge.attribution.over(who) if insists else who,
        context=context,
        cost=cost,
        request_model=charge.request_model or submission.request_model,
        started_at=context.priced_at,
        service=submission.service or charge.service,
        environment=submission.environment or charge.environment,
        # The settlement's span is the one that carries the cost.
        trace_id=charge.trace_id or submission.trace_id,
        span_id=charge.span_id if charge.trace_id else submission.span_id,
    )


def _priced_again(charge: Charge, context: PricingContext, price: Price) -> Cost:
    was = charge.cost
    stated = any(line.meter == STATED for line in was.lines)
    if not charge.parts or stated or (was.status == "exact" and not was.lines):
        return was
    try:
        cost = price(charge.provider, charge.parts, context)
    except Exception as error:  # noqa: BLE001 - what it cost without the context is near enough
        faults.caught("pricing a settlement", error)
        return was
    return with_what_nobody_knows(cost, was.unpriced, charge.parts, charge.usage_source)


def find(connection: Connection, charge_ids: Sequence[str]) -> dict[str, Found]:
    """What the ledger holds of `charge_ids`, by id."""
    wanted = select(*(charges.c[name] for name in _COLUMNS), charge_details.c.details).join(
        charge_details, charge_details.c.charge_id == charges.c.charge_id
    )
    found: dict[str, Found] = {}
    for ids in _portions(charge_ids):
        for row in connection.execute(wanted.where(charges.c.charge_id.in_(ids))).mappings():
            tags = tuple(sorted((row["tags"] or {}).items()))
            feature, team, user_id, session_id, customer = (row[name] for name in _WHO)
            who = Attribution(feature, team, user_id, session_id, customer, tags)
            said = row["details"]["context"]
            context = PricingContext(row["started_at"], *(said.get(name) for name in _CONTEXT))
            submission = Submission(who, context, *(row[name] for name in _WHERE))
            found[row["charge_id"]] = Found(row["outcome"], submission)
    return found


def settle(connection: Connection, later: Iterable[Charge], how: Settle) -> dict[str, Charge]:
    """The charges of `later` that the ledger still lacks, by id, each pending one settled.

    They take the place of what is there under their ids. The transaction must keep other writers
    out: what is read here has to hold until they are written.
    """
    batch: dict[str, Charge] = {}
    for charge in later:
        before = batch.get(charge.charge_id)
        if before is None:
            batch[charge.charge_id] = charge
        elif before.outcome == PENDING != charge.outcome:
            batch[charge.charge_id] = _settled(Submission.of_charge(before), charge, how)
    there = find(connection, tuple(batch))
    wanted: dict[str, Charge] = {}
    for charge_id, charge in batch.items():
        held = there.get(charge_id)
        if held is None:
            wanted[charge_id] = charge
        elif held.outcome == PENDING != charge.outcome:
            wanted[charge_id] = _settled(held.submission, charge, how)
    return wanted


def remove(connection: Connection, charge_ids: Sequence[str]) -> None:
    """Make room for the settlements of `charge_ids`."""
    for table in (charges, charge_details):
        for ids in _portions(charge_ids):
            connection.execute(delete(table).where(table.c.charge_id.in_(ids)))


def _settled(submission: Submission, charge: Charge, how: Settle) -> Charge:
    try:
        return how(submission, charge)
    except Exception as error:  # noqa: BLE001 - one charge must not hold up the others
        faults.caught("settling a charge", error)
        return charge


def _portions(charge_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(charge_ids), _AT_ONCE):
        yield charge_ids[start : start + _AT_ONCE]
