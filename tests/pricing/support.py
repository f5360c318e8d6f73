"""What the pricing tests share: contexts, one-model prices, and small books written to a folder."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from otel_cost.charge import Cost, Part, PricingContext
from otel_cost.pricing.book import BUNDLED, Book
from otel_cost.pricing.engine import Engine
from otel_cost.usage import Usage

TODAY = "2026-11-15T12:00:00+00:00"


def context(at: str = TODAY, **said: Any) -> PricingContext:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return PricingContext(priced_at=int(moment.timestamp()) * 1_000_000_000, **said)


def price(
    engine: Engine, provider: str, model: str, usage: dict[Any, Any], at: str = TODAY, **said: Any
) -> Cost:
    return engine.price(provider, [Part(model, Usage(usage))], context(at, **said))


def small_book(
    folder: Path, prices: Sequence[Any], variants: Sequence[Any] = (), factors: Sequence[Any] = ()
) -> Book:
    """A book with the bundled rules and one model, `acme/m`."""
    bundled = json.loads((BUNDLED / "index.json").read_text())
    index = {
        "version": "2026-01-01+000000000000",
        "aliases": {},
        "providers": {"acme": {}},
        "rules": bundled["rules"],
    }
    model = {"id": "m", "match": {"equals": ["m"]}, "prices": prices, "variants": variants}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "acme.json").write_text(json.dumps({"factors": factors, "models": [model]}))
    return Book(folder, layer="test")
