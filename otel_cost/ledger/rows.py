"""A charge as the columns of a ledger, and back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from otel_cost.charge import Charge, Cost, money, rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
PICOS_IN_MICRO = 1_000_000
_LARGEST = 2**63 - 1
_IN_DETAILS = ("response_id", "context", "parts", "usage", "cost")
_IN_COLUMNS = ("charge_id", "provider", "model", "request_model", "operation", "outcome")
_AT_THE_END = ("service", "environment", "book")
_NEVER_NULL = frozenset(
    ("provider", "model", "operation", "outcome", "cost_status", "usage_source", "book")
)
_JSON = frozenset(("tags", "details"))
_WHO = ("feature", "team", "user_id", "session_id", "customer")


def split(amount: Decimal) -> tuple[int, int]:
    """USD as whole micro-dollars, rounded down, and the pico-dollars (0 to 999,999) on top.

    One 64-bit integer of pico-dollars would end at 9.2 million USD; two go on to 9.2 trillion.
    """
    picos = int(amount.scaleb(12, _EXACT).to_integral_value(context=_EXACT))
    return divmod(picos, PICOS_IN_MICRO)


def join(micros: int, picos: int) -> Decimal:
    """USD from micro-dollars and pico-dollars, or from sums of them."""
    return Decimal(micros * PICOS_IN_MICRO + picos).scaleb(-12, _EXACT)


def columns(charge: Charge) -> dict[str, Any]:
    """What reports filter, group and sum.

    Raises `ArithmeticError` or `ValueError` for a cost that is not a finite number.
    """
    who, usage, cost = charge.attribution, charge.usage, charge.cost
    return {
        "charge_id": charge.charge_id,
        "started_at": charge.started_at,
        "first_token_at": charge.first_token_at,
        "ended_at": charge.ended_at,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "reasoning_tokens": int(usage.quantities.get("reasoning", 0)),
        **cost_columns(cost),
        "feature": who.feature,
        "team": who.team,
        "user_id": who.user_id,
        "session_id": who.session_id,
        "customer": who.customer,
        "tags": dict(who.tags) if who.tags else None,
        "provider": charge.provider,
        "model": charge.model,
        "request_model": charge.request_model,
        "operation": charge.operation,
        "outcome": charge.outcome,
        "usage_source": charge.usage_source,
        "service": charge.service,
        "environment": charge.environment,
        "trace_id": charge.trace_id,
        "span_id": charge.span_id,
        "book": charge.book,
    }


def details(charge: Charge) -> dict[str, Any]:
    """What repricing needs besides the columns, as in `Charge.as_dict()`."""
    whole = charge.as_dict()
    return {"charge_id": charge.charge_id, "details": {name: whole[name] for name in _IN_DETAILS}}


def cost_columns(cost: Cost) -> dict[str, Any]:
    """The status and the amounts of a cost. Raises `ArithmeticError` if one is not finite."""
    list_micros, list_picos = split(cost.list_usd)
    effective_micros, effective_picos = split(cost.effective_usd)
    return {
        "cost_status": cost.status,
        "list_micros": list_micros,
        "list_picos": list_picos,
        "effective_micros": effective_micros,
        "effective_picos": effective_picos,
    }


def storable(row: Mapping[str, Any]) -> dict[str, Any]:
    """`row` as every database can hold it.

    Raises `ValueError`, `TypeError` or `OverflowError` where that is not possible.
    """
    return {name: _storable(name, value) for name, value in row.items()}


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """`Charge.as_dict()` again, from a row that holds the columns and `details`."""
    kept, first_token_at = row["details"], row["first_token_at"]
    return {
        **{name: row[name] for name in _IN_COLUMNS},
        **{name: kept[name] for name in _IN_DETAILS},
        "attribution": {**{name: row[name] for name in _WHO}, "tags": dict(row["tags"] or {})},
        "usage_source": row["usage_source"],
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "started_at": rfc3339(row["started_at"]),
        "first_token_at": None if first_token_at is None else rfc3339(first_token_at),
        "ended_at": rfc3339(row["ended_at"]),
        **{name: row[name] for name in _AT_THE_END},
    }


def adjustment(row: Mapping[str, Any]) -> dict[str, Any]:
    """An adjustment as a document reads it; amounts are decimal strings (USD)."""
    return {
        "adjusted_at": rfc3339(row["adjusted_at"]),
        "reason": row["reason"],
        "book": row["book"],
        "difference_usd": money(join(row["difference_micros"], row["difference_picos"])),
        "cost": {
            "status": row["cost_status"],
            "list_usd": money(join(row["list_micros"], row["list_picos"])),
            "effective_usd": money(join(row["effective_micros"], row["effective_picos"])),
            **row["details"],
        },
    }


def instant(text: str) -> int:
    """Nanoseconds since the epoch of a time that `rfc3339` wrote."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND * 1000


def _storable(name: str, value: Any) -> Any:
    if name in _JSON:
        return json.loads(json.dumps(value))
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise OverflowError(f"{name} is {value}, more than a database can hold")
        return value
    if value is None:
        return "" if name in _NEVER_NULL else None
    return str(value).encode("utf-8", "replace").decode()
