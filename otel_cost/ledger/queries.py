"""Reading a ledger: single charges, and sums over groups of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    and_,
    exists,
    func,
    select,
)

from otel_cost.ledger import rows
from otel_cost.ledger.schema import adjustments, charge_details, charges, is_adjusted

_COLUMNS = {
    "feature": charges.c.feature,
    "team": charges.c.team,
    "user": charges.c.user_id,
    "session": charges.c.session_id,
    "customer": charges.c.customer,
    "model": charges.c.model,
    "provider": charges.c.provider,
    "service": charges.c.service,
    "environment": charges.c.environment,
    "operation": charges.c.operation,
    "outcome": charges.c.outcome,
}
_AMOUNTS = ("list_micros", "list_picos", "effective_micros", "effective_picos")
_TOKENS = ("input_tokens", "output_tokens")
_SUMMED = ("calls", *_TOKENS, *_AMOUNTS, "attributed_micros", "attributed_picos")
_DAY_NS = 86_400 * 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_ADJUSTMENT = "adjustment_"

latest = adjustments.alias("latest")
_newer = adjustments.alias("newer")
of_charge = and_(
    latest.c.charge_id == charges.c.charge_id,
    ~exists()
    .where(_newer.c.charge_id == latest.c.charge_id, _newer.c.number > latest.c.number)
    .correlate(latest),
)
"""Joins to a charge the adjustment of it that counts."""


def cost_in_force(*, adjusted: bool) -> Mapping[str, ColumnElement[Any]]:
    """The columns of the cost that counts: `latest`'s where there is one, else the charge's."""
    return {
        name: func.coalesce(latest.c[name], charges.c[name]) if adjusted else charges.c[name]
        for name in ("cost_status", *_AMOUNTS)
    }


def read_charges(
    connection: Connection, since: int | None = None, until: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every charge that started in [`since`, `until`), oldest first, as `Charge.as_dict()`.

    The cost is the one at the time of the call. A charge that was adjusted also has `adjustments`,
    oldest first; the last of them says what it costs now. Times are nanoseconds since the epoch.
    """
    adjusted = is_adjusted(connection)
    corrections = adjustments.c if adjusted else ()
    found = select(
        charges,
        charge_details.c.details,
        *(column.label(f"{_ADJUSTMENT}{column.name}") for column in corrections),
    ).join(charge_details, charge_details.c.charge_id == charges.c.charge_id)
    order: list[ColumnElement[Any]] = [charges.c.started_at, charges.c.charge_id]
    if adjusted:
        found = found.outerjoin(adjustments, adjustments.c.charge_id == charges.c.charge_id)
        order.append(adjustments.c.number)
    read = connection.execute(within(found, since, until).order_by(*order)).mappings()
    if not adjusted:
        yield from (rows.document(_named(row)) for row in read)
        return
    for _, same in groupby(read, key=lambda row: row["charge_id"]):
        versions = [_named(row) for row in same]
        document = rows.document(versions[0])
        if versions[0][f"{_ADJUSTMENT}number"] is not None:
            document["adjustments"] = [
                rows.adjustment({c.name: row[f"{_ADJUSTMENT}{c.name}"] for c in adjustments.c})
                for row in versions
            ]
        yield document


def sum_charges(
    connection: Connection, grouping: Sequence[str], since: int | None, until: int | None
) -> Iterator[tuple[tuple[str | None, ...], dict[str, Any]]]:
    """Sums over the charges that started in [`since`, `until`), per grouping and cost status.

    Costs and their status are those in force. Yields the values of the grouping, and the sums under
    the names of their columns, with `calls`, `cost_status`, and `attributed_micros` and
    `attributed_picos` for what names a feature.
    """
    found: dict[tuple[Any, ...], list[int]] = {}
    # Adjustments are few beside charges: what they change is taken off and put on again, so that
    # the sums over all charges are still read from one index.
    steps = [(1, within(_sums(grouping, charges), since, until))]
    if is_adjusted(connection):
        steps.append((-1, _adjusted(_sums(grouping, charges), since, until)))
        steps.append((1, _adjusted(_sums(grouping, latest), since, until)))
    for sign, summed in steps:
        for row in connection.execute(summed):
            key, change = tuple(row[: -len(_SUMMED)]), row[-len(_SUMMED) :]
            before = found.get(key, (0,) * len(_SUMMED))
            found[key] = [b + sign * (s or 0) for b, s in zip(before, change, strict=True)]
    for key, totals in found.items():
        sums = dict(zip(_SUMMED, totals, strict=True))
        if sums["calls"]:
            values = tuple(_value(n, v) for n, v in zip(grouping, key, strict=False))
            yield values, {"cost_status": key[-1], **sums}


def _sums(grouping: Sequence[str], cost: FromClause) -> Select[*tuple[Any, ...]]:
    """The grouping, the status of `cost`, and the sums of `_SUMMED`, in this order."""
    status = cost.c["cost_status"]
    keys = [
        *(_dimension(name, status).label(f"key_{n}") for n, name in enumerate(grouping)),
        status,
    ]
    named = charges.c.feature.is_not(None)
    return select(
        *keys,
        func.count(),
        *(func.sum(charges.c[name]) for name in _TOKENS),
        *(func.sum(cost.c[name]) for name in _AMOUNTS),
        *(func.sum(cost.c[name]).filter(named) for name in ("effective_micros", "effective_picos")),
    ).group_by(*keys)


def _adjusted(
    statement: Select[*tuple[Any, ...]], since: int | None, until: int | None
) -> Select[*tuple[Any, ...]]:
    """`statement` for the charges of the period that have an adjustment."""
    # An outer join, and a condition that does not rule NULL out by its form: together they have
    # SQLite go through the adjustments, and look a charge up for each, instead of the reverse.
    started_at = func.coalesce(charges.c.started_at, -1)
    found = statement.select_from(latest.outerjoin(charges, of_charge))
    found = found.where(started_at >= (since or 0))
    return found if until is None else found.where(started_at < until)


def within(
    statement: Select[*tuple[Any, ...]], since: int | None, until: int | None
) -> Select[*tuple[Any, ...]]:
    """`statement` for the charges that started in [`since`, `until`) (ns since the epoch)."""
    if since is not None:
        statement = statement.where(charges.c.started_at >= since)
    if until is not None:
        statement = statement.where(charges.c.started_at < until)
    return statement


def _named(row: RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _dimension(name: str, status: ColumnElement[Any]) -> ColumnElement[Any]:
    if name == "status":
        return status
    if name == "day":
        return charges.c.started_at // _DAY_NS
    if name.startswith("tag:"):
        # Not a JSON path: SQLite's cannot spell a name that holds a quotation mark.
        tags = func.json_each(charges.c.tags).table_valued("key", "value")
        return select(tags.c.value).where(tags.c.key == name[4:]).scalar_subquery()
    return _COLUMNS[name]


def _value(name: str, value: Any) -> str | None:
    if name == "day":
        return date.fromordinal(_EPOCH_DAY + value).isoformat()
    return None if value is None or value == "" else str(value)
