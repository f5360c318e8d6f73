"""What is known of one call so far, however it is measured; a charge is made of it."""

from dataclasses import dataclass
from decimal import Decimal

from opentelemetry.trace import Span

from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.charge import Outcome, Part, UsageSource
from otel_cost.inference.conversation import Conversation
from otel_cost.usage import NO_USAGE, Meter, Usage, total

UNNAMED = "unknown"
"""The model of a call whose model nobody names."""


@dataclass(slots=True)
class Measured:
    """The facts of one call, filled in as they become known.

    Times are nanoseconds since the epoch.
    """

    charge_id: str
    provider: str
    operation: str
    started_at: int
    request_model: str | None = None
    attribution: Attribution = UNATTRIBUTED
    span: Span | None = None
    """The span that owns the call, where there is one."""

    model: str | None = None
    """The model that answered."""
    response_id: str | None = None
    usage: Usage | None = None
    """What the model that answered used; `None` until it is known."""
    other_parts: tuple[Part, ...] = ()
    """What further models used within the same call."""
    unknown: tuple[Meter, ...] = ()
    """Meters that were surely used, in an amount nobody reported."""
    undivided: tuple[Meter, ...] = ()
    """Meters of `usage` that hold tokens of several prices, in shares nobody reported."""
    rough: bool = False
    """Whether the usage has no details, so that it cannot be told whether a cache was used."""
    note: str = ""
    """Why something is not known, as a whole sentence."""
    usage_source: UsageSource = "none"
    stated_usd: Decimal | None = None
    """What the provider itself says it charged."""
    span_usd: Decimal | None = None
    """What a span of somebody trusted says that it cost."""
    conversation: Conversation | None = None
    """The text to estimate usage from, where that was asked for."""
    prompt: str | None = None
    completion: str | None = None
    """What was sent and received, as JSON; only where the application has content captured."""

    tier: str | None = None
    batch: bool = False
    speed: str | None = None
    geo: str | None = None
    region: str | None = None
    window: str | None = None
    """The completion window that was asked for; no answer repeats it."""
    size: str | None = None
    quality: str | None = None
    """Size and quality of what is billed by the piece."""
    asked: Usage | None = None
    """What the request asks for: what is billed where the answer says no usage."""
    background: bool = False
    """Whether the answer comes in a later call, which settles this one."""
    account: str = ""
    """A fingerprint of whose account is billed; said only where a later call may settle this."""

    outcome: Outcome = "ok"
    refused: bool = False
    """Whether the provider surely charges nothing for it."""
    error_type: str | None = None
    first_token_at: int | None = None
    ended_at: int = 0

    @property
    def served_model(self) -> str:
        """The model that answered, or the requested one where no answer says."""
        return self.model or self.request_model or UNNAMED

    @property
    def parts(self) -> tuple[Part, ...]:
        """The usage of each model; empty where usage is not known."""
        if self.usage is None:
            return ()
        return (Part(self.served_model, self.usage), *self.other_parts)

    @property
    def total_usage(self) -> Usage:
        """The sum of the parts."""
        if self.usage is None:
            return NO_USAGE
        return total(p.usage for p in self.parts) if self.other_parts else self.usage
