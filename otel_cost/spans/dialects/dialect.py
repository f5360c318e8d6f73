"""What a dialect is, and what it reads off a span."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

from otel_cost.charge import Part
from otel_cost.usage import Meter, Usage

Attributes: TypeAlias = Mapping[str, Any]

Kind: TypeAlias = Literal["call", "around", "other"]
"""What a span is: one billable call; LLM work around calls or beside them (an agent, a chain, a
tool, a retriever, counting tokens, fetching an answer, a copy of the raw request), which is never
priced; or no LLM work at all."""


class SpanCall(NamedTuple):
    """What a span says of one billable call. `None` and nothing are what it does not say."""

    operation: str = "chat"
    """The OpenTelemetry `gen_ai.operation.name`: `chat`, `embeddings`, …"""
    provider: str | None = None
    request_model: str | None = None
    model: str | None = None
    """The model that answered."""
    response_id: str | None = None
    """The provider's own id of the answer."""
    usage: Usage | None = None
    """`None` where the span says no usage; zero in and zero out on a success say none."""
    other_parts: tuple[Part, ...] = ()
    """What further models used within the same call."""
    unknown: tuple[Meter, ...] = ()
    """Meters that may have been used and that nobody says here: the cost is a lower bound."""
    undivided: tuple[Meter, ...] = ()
    """Meters of `usage` that hold tokens of several prices, in shares the dialect cannot say."""
    guessed: bool = False
    """Whether the library has counted the tokens itself."""
    rough: bool = False
    """Whether the usage has no details, so that it cannot be told whether a cache was used."""
    stated_usd: Decimal | None = None
    """What the span says it cost."""
    tier: str | None = None
    batch: bool = False
    speed: str | None = None
    geo: str | None = None
    pending: bool = False
    """Whether the answer is only accepted yet: a later call fetches it, with its usage."""
    fetched: bool = False
    """Whether it tells of an answer that an earlier call asked for and may have paid."""
    told_later: bool = False
    """Whether another span of the same library tells the usage, after this one has ended."""
    note: str = ""
    """Why something is missing, as a whole sentence for people."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The vocabulary of one instrumentation library.

    `kind` and `read` get a span's name and attributes, never raise on what others write there, and
    change nothing. `kind` may be asked while the span is still open; `read` is asked at its end,
    of spans whose kind is `call`.
    """

    name: str
    scopes: tuple[str, ...]
    """The instrumentation scopes that speak it, or prefixes of them."""
    kind: Callable[[str, Attributes], Kind]
    read: Callable[[str, Attributes], SpanCall]
    sdk: str | None = None
    """`openai` or `anthropic` where all its calls go through that SDK, and so through our hooks."""
    by_hand: bool = False
    """Whether applications open such spans themselves, around more than a call; they end them."""
    starts: Callable[[str, Attributes], bool] | None = None
    """Whether a span that is only starting may be a call, by its name and first attributes; `None`
    where neither says so: then a sampler that drops it drops the call."""
