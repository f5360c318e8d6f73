"""Rows of spend for tests, as a source yields them."""

from decimal import Decimal

from otel_cost.charge import CostStatus
from otel_cost.sources.rows import SpendRow


def make_row(
    *key: str | None,
    usd: str = "1",
    status: CostStatus = "exact",
    calls: int = 1,
    tokens: tuple[int, int] = (10, 5),
    attributed: str | None = None,
) -> SpendRow:
    """A row of both costs `usd`, of which `attributed` (all, unless given) names a feature."""
    amount = Decimal(usd)
    named = amount if attributed is None else Decimal(attributed)
    return SpendRow(key, status, calls, *tokens, amount, amount, named)
