"""Charges for tests: a complete one, of which each test changes what it is about."""

from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from otel_cost.attribution.values import Attribution
from otel_cost.charge import Charge, Cost, CostLine, CostStatus, Part, PricingContext
from otel_cost.usage import Meter, Quantity, Usage

START = 1_795_000_000_123_456_000
"""2026-11-18, in nanoseconds since the epoch."""

_second = count()


def make_charge(
    *,
    usage: dict[Meter, Quantity] | None = None,
    usd: str = "0.00125",
    status: CostStatus = "exact",
    who: dict[str, Any] | None = None,
    **overrides: Any,
) -> Charge:
    """A priced chat completion of its own id, a second after the one before.

    `who` gives attribution (tags as a dict), `usage` quantities, `usd` both costs in USD, and
    `overrides` any other field of `Charge`.
    """
    said = {"feature": "summarization", "team": "search", **(who or {})}
    tags = said.pop("tags", {})
    amount = Decimal(usd)
    started_at = overrides.pop("started_at", START + next(_second) * 1_000_000_000)
    charge = Charge(
        charge_id=uuid4().hex,
        response_id="chatcmpl-1",
        provider="openai",
        model="gpt-4o-2024-08-06",
        request_model="gpt-4o",
        operation="chat",
        outcome="ok",
        attribution=Attribution(**said, tags=tuple(sorted(tags.items()))),
        context=PricingContext(priced_at=started_at, tier="default"),
        parts=(Part("gpt-4o-2024-08-06", Usage(usage or {"input": 100, "output": 100})),),
        usage_source="provider",
        cost=Cost(status, amount, amount, lines=(_line(amount),)),
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        started_at=started_at,
        first_token_at=None,
        ended_at=started_at + 750_000_000,
        service="api",
        environment="production",
        book="2026-11-01",
    )
    return replace(charge, **overrides)


def _line(amount: Decimal) -> CostLine:
    return CostLine(
        part=0,
        meter="input",
        quantity=100,
        rate_usd=Decimal("2.50"),
        per=1_000_000,
        multipliers=(("batch", Decimal("0.5")),),
        list_usd=amount,
        effective_usd=amount,
        price_id="bundled:openai/gpt-4o/input",
    )
