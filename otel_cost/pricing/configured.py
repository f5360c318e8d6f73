"""The price engine as the environment and the application configure it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otel_cost import faults
from otel_cost.pricing import updates
from otel_cost.pricing.book import Book
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.own import Price, PriceError, compiled

if TYPE_CHECKING:
    from otel_cost.pricing.own import Organisation


class ConfiguredPrices:
    """What prices come from in this process: the price file, an updated book, the bundled one.

    A price file that cannot be used is said once, with file and line; then there is none.
    """

    def __init__(self, path: str | None) -> None:
        self.organisation = None if path is None else _organisation(path)
        self._updated = _updated()

    def engine(self, overrides: tuple[Price, ...] = ()) -> Engine:
        """An engine of all layers, `overrides` on top. The bundled book is read on first use."""
        return Engine(updated=self._updated, organisation=self.organisation, overrides=overrides)


def checked(prices: Iterable[Price]) -> tuple[Price, ...]:
    """Prices set in code, all of them sound.

    Raises:
        TypeError: one is not a `Price`.
        ValueError: one makes no sense; the message names which one and the field.

    """
    found = tuple(prices)
    for index, price in enumerate(found):
        if not isinstance(price, Price):
            raise TypeError(f"prices[{index}] must be an otel_cost.Price, not {price!r}")
        if not hasattr(price.rates, "items") or not price.rates:
            raise ValueError(
                f"prices[{index}] rates are {price.rates!r}; "
                'write a mapping such as {"input": "2"}'
            )
        try:
            compiled(price, "")
        except PriceError as error:
            raise ValueError(f"prices[{index}] {error.key} {error}") from error
    return found


def _organisation(path: str) -> "Organisation | None":
    from otel_cost.pricing.organisation import PriceFileError, load_organisation

    try:
        return load_organisation(path)
    except PriceFileError as error:
        faults.warn_once(
            "bad_setting",
            "OTEL_COST_PRICES",
            f"otel_cost: calls are priced without OTEL_COST_PRICES: {error}",
        )
        return None


def _updated() -> Book | None:
    try:
        return updates.current()
    except RuntimeError:
        return None  # without a home there is no folder where an updated book could be
