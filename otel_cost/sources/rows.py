"""The one row shape that every source of spend yields."""

from dataclasses import dataclass
from decimal import Decimal

from otel_cost.charge import CostStatus


@dataclass(frozen=True, slots=True)
class SpendRow:
    """Sums over the calls that share the values of a grouping and a cost status."""

    key: tuple[str | None, ...]
    """The value of each dimension of the grouping; `None` is what nobody said."""
    status: CostStatus
    calls: int
    input_tokens: int
    output_tokens: int
    list_usd: Decimal
    effective_usd: Decimal
    attributed_usd: Decimal
    """The part of `effective_usd` of the calls that name a feature."""
