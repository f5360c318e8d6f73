"""The record of one billable call: who, what was used, what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

from otel_cost.attribution.values import Attribution
from otel_cost.usage import Quantity, Usage, total

Outcome: TypeAlias = Literal["ok", "error", "aborted", "incomplete", "pending"]
"""How the call ended.

`ok`: the provider finished its answer. `error`: the provider refused or failed, or could not be
reached in time. `aborted`: the application stopped reading. `incomplete`: the provider stopped
before its answer was whole. `pending`: a later call settles it.
"""

CostStatus: TypeAlias = Literal["exact", "estimated", "partial", "unpriced", "unmetered"]
"""How far a cost can be trusted.

`exact`: every meter is measured and priced. `estimated`: a quantity or a rate is a documented
approximation. `partial`: some of it is unknown, and the cost is the sum of the known lines.
`unpriced`: usage is known, no price is. `unmetered`: usage is not known. Unknown is never zero:
only `exact` and `estimated` costs of 0 mean that the call was free.
"""

UsageSource: TypeAlias = Literal["provider", "span", "given", "inferred", "not_requested", "none"]
"""Where usage was read: the provider's own answer, another library's span, the caller of
`record()`, an estimate from the request or the text, or nowhere; `not_requested`: the provider
says it to those who ask, and the request did not."""


# What a call is priced by and with are tuples: every call makes several, and they fill faster.


class Part(NamedTuple):
    """The usage of one model within a call; most calls have one part."""

    model: str
    usage: Usage


class PricingContext(NamedTuple):
    """What a price depends on besides model and usage. `None` is what was not said."""

    priced_at: int
    """The instant whose prices apply: the start of the request (nanoseconds since the epoch)."""
    tier: str | None = None
    """The service tier that the response says was billed."""
    batch: bool = False
    speed: str | None = None
    geo: str | None = None
    region: str | None = None
    window: str | None = None
    """The completion window that was asked for (`2h`, `8h`)."""
    size: str | None = None
    """The size of images or videos, where they are billed by the piece (`1024x1792`)."""
    quality: str | None = None
    """Their quality (`hd`)."""


class CostLine(NamedTuple):
    """One meter of one part, priced."""

    part: int
    """Index into the charge's parts."""
    meter: str
    quantity: Quantity
    rate_usd: Decimal
    """List rate in USD for `per` units."""
    per: int
    multipliers: tuple[tuple[str, Decimal], ...]
    """Named factors on the list rate, in the order they apply."""
    list_usd: Decimal
    effective_usd: Decimal
    price_id: str
    """Which entry of which layer of the price book gave the rate."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; decimals are strings."""
        return {
            "part": self.part,
            "meter": self.meter,
            "quantity": _number(self.quantity),
            "rate_usd": money(self.rate_usd),
            "per": self.per,
            "multipliers": [{"name": n, "factor": money(f)} for n, f in self.multipliers],
            "list_usd": money(self.list_usd),
            "effective_usd": money(self.effective_usd),
            "price_id": self.price_id,
        }


class Cost(NamedTuple):
    """What a call cost, and how far that is known. `effective_usd` is what reports show."""

    status: CostStatus
    list_usd: Decimal
    effective_usd: Decimal
    unpriced: tuple[str, ...] = ()
    """The meters that were used and could not be priced."""
    lines: tuple[CostLine, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; decimals are strings."""
        return {
            "status": self.status,
            "list_usd": money(self.list_usd),
            "effective_usd": money(self.effective_usd),
            "unpriced": list(self.unpriced),
            "lines": [line.as_dict() for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Charge:
    """Exactly one per billable call. Times are nanoseconds since the epoch, ids lower-case hex."""

    charge_id: str
    """Our own, unique per call; the provider's response id is evidence, not identity."""
    response_id: str | None
    provider: str
    model: str
    """The model that answered, or the requested one where no answer says."""
    request_model: str | None
    operation: str
    """The OpenTelemetry `gen_ai.operation.name`: `chat`, `embeddings`, …"""
    outcome: Outcome
    attribution: Attribution
    context: PricingContext
    parts: tuple[Part, ...]
    usage_source: UsageSource
    cost: Cost
    trace_id: str | None
    span_id: str | None
    started_at: int
    first_token_at: int | None
    ended_at: int
    service: str | None
    environment: str | None
    book: str
    """The version of the price book that priced it."""

    @property
    def usage(self) -> Usage:
        """The sum of the parts."""
        return self.parts[0].usage if len(self.parts) == 1 else total(p.usage for p in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready and stable: decimals are strings, times RFC 3339 in UTC.

        A fractional quantity is a decimal string, a whole one a number.
        """
        who, context = self.attribution, self.context
        return {
            "charge_id": self.charge_id,
            "response_id": self.response_id,
            "provider": self.provider,
            "model": self.model,
            "request_model": self.request_model,
            "operation": self.operation,
            "outcome": self.outcome,
            "attribution": {
                "feature": who.feature,
                "team": who.team,
                "user_id": who.user_id,
                "session_id": who.session_id,
                "customer": who.customer,
                "tags": dict(who.tags),
            },
            "context": {
                "tier": context.tier,
                "batch": context.batch,
                "speed": context.speed,
                "geo": context.geo,
                "region": context.region,
                "window": context.window,
                "size": context.size,
                "quality": context.quality,
                "priced_at": rfc3339(context.priced_at),
            },
            "parts": [{"model": p.model, "usage": _quantities(p.usage)} for p in self.parts],
            "usage": _quantities(self.usage),
            "usage_source": self.usage_source,
            "cost": self.cost.as_dict(),
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "started_at": rfc3339(self.started_at),
            "first_token_at": None if self.first_token_at is None else rfc3339(self.first_token_at),
            "ended_at": rfc3339(self.ended_at),
            "service": self.service,
            "environment": self.environment,
            "book": self.book,
        }


def money(amount: Decimal) -> str:
    """A decimal as plain digits, never in exponent form, without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rfc3339(instant_ns: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 in UTC, to the microsecond."""
    seconds, nanos = divmod(instant_ns, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{nanos // 1000:06d}Z"


def _quantities(usage: Usage) -> Mapping[str, int | str]:
    return {meter: _number(quantity) for meter, quantity in usage.quantities.items()}


def _number(quantity: Quantity) -> int | str:
    if isinstance(quantity, int):
        return quantity
    return int(quantity) if quantity == quantity.to_integral_value() else money(quantity)
