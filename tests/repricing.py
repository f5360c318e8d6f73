"""Charges that were priced by the engine, and price files that price them otherwise."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from otel_cost.charge import Charge, Part, PricingContext
from otel_cost.ledger.repricing import Stored
from otel_cost.ledger.rows import columns, details
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import parse_organisation
from otel_cost.usage import Meter, Quantity, Usage
from tests.charges import START, make_charge
from tests.ledgers import fill

BUNDLED = Engine()
OWN_MODEL = """
[[model]]
provider = "openai"
model = "acme-*"
rates = { input = "1", output = "2" }
"""
CONTRACT = """
[[contract]]
provider = "openai"
model = "gpt-4o"
rates = { input = "1.234567", output = "8" }
"""

_number = count()


def engine(text: str) -> Engine:
    """The bundled book below a price file of this text."""
    return Engine(organisation=parse_organisation(text))


def priced(
    model: str,
    usage: dict[Meter, Quantity] | None = None,
    *,
    by: Engine = BUNDLED,
    parts: Sequence[Part] | None = None,
    at: int | None = None,
    **overrides: Any,
) -> Charge:
    """A charge whose cost is the engine's; the start, in ns since the epoch, is `at`."""
    started_at = START + next(_number) * 1_000_000_000 if at is None else at
    context = PricingContext(started_at, tier="default")
    used = tuple(parts or (Part(model, Usage(usage or {"input": 1_000, "output": 500})),))
    said: dict[str, Any] = {
        "charge_id": f"{started_at:016x}{next(_number):08x}",
        "model": model,
        "parts": used,
        "context": context,
        "cost": by.price("openai", used, context),
        "book": by.book_version,
        "started_at": started_at,
    }
    return make_charge(**{**said, **overrides})


def stored(charge: Charge) -> Stored:
    """`charge` as a ledger yields it to be priced again."""
    row = {**columns(charge), **details(charge)}
    return Stored._make(row.get(name) for name in Stored._fields)


def many(path: Path, number: int) -> str:
    """A ledger of `number` charges: half of gpt-4o, half of a model without a price; its URL."""
    for start in range(0, number, 500):
        ledger = fill(
            path,
            [
                priced("gpt-4o" if n % 2 else "acme-1", {"input": 100 + n % 977, "output": n % 89})
                for n in range(start, start + 500)
            ],
        )
    return ledger
