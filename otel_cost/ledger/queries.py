"""Reading a ledger: single charges, and sums over groups of them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from otel_cost.ledger import rows
from otel_cost.ledger.schema import charge_details, charges

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
    "status": charges.c.cost_status,
    "outcome": charges.c.outcome,
}
_DAY_NS = 86_400 * 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def read_charges(
    connection: Connection, since: int | None = None, until: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every charge that started in [`since`, `until`), oldest first, as `Charge.as_dict()`.

    Times are nanoseconds since the epoch.
    """
    found = _within(
        select(charges, charge_details.c.details).join(
            charge_details, charge_details.c.charge_id == charges.c.charge_id
        ),
        since,
        until,
    ).order_by(charges.c.started_at, charges.c.charge_id)
    for row in connection.execute(found).mappings():
        yield rows.document({str(name): value for name, value in row.items()})


def sum_charges(
    connection: Connection, grouping: Sequence[str], since: int | None, until: int | None
) -> Iterator[tuple[tuple[str | None, ...], RowMapping]]:
    """Sums over the charges that started in [`since`, `until`), per grouping and cost status.

    Yields the values of the grouping, and the sums under the names of their columns, with `calls`,
    `cost_status`, and `attributed_micros` and `attributed_picos` for what names a feature.
    """
    keys = [_dimension(name).label(f"key_{n}") for n, name in enumerate(grouping)]
    named = charges.c.feature.is_not(None)
    summed = select(
        *keys,
        charges.c.cost_status,
        func.count().label("calls"),
        *(
            func.sum(charges.c[name]).label(name)
            for name in (
                "input_tokens",
                "output_tokens",
                "list_micros",
                "list_picos",
                "effective_micros",
                "effective_picos",
            )
        ),
        func.sum(charges.c.effective_micros).filter(named).label("attributed_micros"),
        func.sum(charges.c.effective_picos).filter(named).label("attributed_picos"),
    ).group_by(*keys, charges.c.cost_status)
    for row in connection.execute(_within(summed, since, until)).mappings():
        yield tuple(_value(name, row[f"key_{n}"]) for n, name in enumerate(grouping)), row


def _dimension(name: str) -> ColumnElement[Any]:
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


def _within(
    statement: Select[*tuple[Any, ...]], since: int | None, until: int | None
) -> Select[*tuple[Any, ...]]:
    if since is not None:
        statement = statement.where(charges.c.started_at >= since)
    if until is not None:
        statement = statement.where(charges.c.started_at < until)
    return statement
