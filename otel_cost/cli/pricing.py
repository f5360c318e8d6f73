"""The price layers as the command line sees them: an updated book and a price file, if any."""

from pathlib import Path
from typing import TYPE_CHECKING

from otel_cost.cli.output import fail

if TYPE_CHECKING:
    from otel_cost.pricing.engine import Engine
    from otel_cost.pricing.layers import Layers
    from otel_cost.pricing.own import Organisation


def load_engine(prices: Path | None) -> "Engine":
    """The engine with all layers; a price file that cannot be used ends the command."""
    from otel_cost.pricing.engine import Engine
    from otel_cost.pricing.updates import current

    return Engine(updated=current(), organisation=load_prices(prices))


def load_layers(prices: Path | None) -> "Layers":
    """All layers; a price file that cannot be used ends the command."""
    from otel_cost.pricing.book import Book
    from otel_cost.pricing.layers import Layers
    from otel_cost.pricing.updates import current

    updated = current()
    books = (Book(),) if updated is None else (updated, Book())
    return Layers(books, load_prices(prices))


def load_prices(prices: Path | None) -> "Organisation | None":
    """The price file; one that cannot be used ends the command."""
    if prices is None:
        return None
    from otel_cost.pricing.organisation import PriceFileError, load_organisation

    try:
        return load_organisation(prices)
    except PriceFileError as error:
        fail(error)
