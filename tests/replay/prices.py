"""Prices to judge by: those of the book, and a file with a rate for all that was recorded."""

from pathlib import Path

from otel_cost.pricing.configured import ConfiguredPrices
from otel_cost.pricing.engine import Engine

COMPLETE = Path(__file__).with_name("prices.toml")
"""No meter of the recordings is without a price, and no two prices are alike."""


def engine(path: Path | None) -> Engine:
    """The engine of a process whose `OTEL_COST_PRICES` is `path`."""
    return ConfiguredPrices(None if path is None else str(path)).engine()
