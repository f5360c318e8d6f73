"""Rows of spend, from any source, as the lines and totals of a report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from otel_cost.charge import CostStatus
from otel_cost.sources.rows import SpendRow

UNATTRIBUTED = "unattributed"
TAG = "tag:"

_UNKNOWN = "unknown"
_NAMES_FOR_NONE: Mapping[str, str] = {
    "feature": UNATTRIBUTED,
    "team": UNATTRIBUTED,
    "user": UNATTRIBUTED,
    "session": UNATTRIBUTED,
    "customer": UNATTRIBUTED,
    "model": _UNKNOWN,
    "provider": _UNKNOWN,
    "service": _UNKNOWN,
    "environment": _UNKNOWN,
    "operation": _UNKNOWN,
    "status": _UNKNOWN,
    "outcome": _UNKNOWN,
    "day": _UNKNOWN,
}

DIMENSIONS = tuple(_NAMES_FOR_NONE)
"""What a report can be grouped by, besides `tag:NAME`."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What calls add up to: tokens, and USD of effective and of list cost."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    list_usd: Decimal = Decimal(0)

    @property
    def total_tokens(self) -> int:
        """`input_tokens` and `output_tokens` together."""
        return self.input_tokens + self.output_tokens

    def plus(self, row: SpendRow) -> "Sums":
        """These sums with those of `row`."""
        return Sums(
            self.calls + row.calls,
            self.input_tokens + row.input_tokens,
            self.output_tokens + row.output_tokens,
            self.cost_usd + row.effective_usd,
            self.list_usd + row.list_usd,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Lines by cost, the highest first, with what they add up to."""

    grouping: tuple[str, ...]
    lines: tuple[tuple[tuple[str, ...], Sums], ...] = ()
    total: Sums = Sums()
    by_status: Mapping[CostStatus, Sums] = field(default_factory=dict)
    attributed_usd: Decimal = Decimal(0)
    """The part of the total cost of the calls that name a feature."""


def parse(text: str) -> tuple[str, ...]:
    """The dimensions in `feature,team`. Raises `ValueError` that lists the valid ones."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in DIMENSIONS and not (name.startswith(TAG) and len(name) > len(TAG)):
            raise ValueError(
                f"there is no grouping {name!r}; choose from {', '.join(DIMENSIONS)}, tag:NAME"
            )
    return names


def build(grouping: Sequence[str], rows: Iterable[SpendRow]) -> Report:
    """The report of `rows`, whose keys are values of `grouping`."""
    lines: dict[tuple[str, ...], Sums] = {}
    by_status: dict[CostStatus, Sums] = {}
    total, attributed = Sums(), Decimal(0)
    for row in rows:
        names = tuple(
            _NAMES_FOR_NONE.get(dimension, UNATTRIBUTED) if value is None else value
            for dimension, value in zip(grouping, row.key, strict=True)
        )
        lines[names] = lines.get(names, Sums()).plus(row)
        by_status[row.status] = by_status.get(row.status, Sums()).plus(row)
        total = total.plus(row)
        attributed += row.attributed_usd
    ordered = sorted(lines.items(), key=lambda line: (-line[1].cost_usd, line[0]))
    return Report(tuple(grouping), tuple(ordered), total, by_status, attributed)
