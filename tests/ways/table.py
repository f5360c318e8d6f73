"""The rows of the table: one way of making a call, and what it must be charged as."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from inspect import signature
from typing import Any, TypeAlias

import anthropic
import openai

from otel_cost.charge import Charge, CostStatus, Outcome, UsageSource
from otel_cost.usage import Meter, Quantity
from tests.ways.scene import Scene

Meters: TypeAlias = Mapping[Meter, Quantity]
Run: TypeAlias = Callable[..., Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Charged:
    """What one charge must say; `None` is what nobody said."""

    provider: str
    model: str
    meters: Meters | None
    """The usage of `model`; `None` where usage is not known."""
    others: tuple[tuple[str, Meters], ...] = ()
    """What further models used."""
    outcome: Outcome = "ok"
    status: CostStatus = "exact"
    source: UsageSource = "provider"
    response_id: str | None = None
    tier: str | None = None
    geo: str | None = None
    speed: str | None = None
    region: str | None = None
    window: str | None = None
    size: str | None = None
    quality: str | None = None
    batch: bool = False
    unpriced: tuple[str, ...] = ()
    first_token: bool = False
    """Whether it is known when the first token came."""
    usd: Decimal | None = None
    """What it costs, where the provider says so itself."""


def charged(charge: Charge, like: Charged) -> Charged:
    """A charge in the words of the table."""
    said = charge.context
    parts = [(part.model, dict(part.usage.quantities)) for part in charge.parts]
    meters: Meters | None = parts[0][1] if parts else None
    return Charged(
        charge.provider,
        charge.model,
        meters,
        tuple(parts[1:]),
        charge.outcome,
        charge.cost.status,
        charge.usage_source,
        charge.response_id,
        said.tier,
        said.geo,
        said.speed,
        said.region,
        said.window,
        said.size,
        said.quality,
        said.batch,
        charge.cost.unpriced,
        charge.first_token_at is not None,
        None if like.usd is None else charge.cost.effective_usd,
    )


@dataclass(frozen=True, slots=True)
class Need:
    """A feature of an SDK that a row cannot do without; older SDKs lack some."""

    what: str
    is_met: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """One way of making a call."""

    name: str
    run: Run
    """Makes the call in a scene, and lets the scene see what the application sees."""
    charges: tuple[Charged, ...] = ()
    """In the order of their ends; none where nothing is billed."""
    needs: tuple[Need, ...] = ()
    before: Callable[[Scene], Any] | None = None
    """What the application holds since before otel_cost was on; `run` is given it too."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of otel_cost, as in the environment."""
    in_any_order: bool = False
    """Whether requests go out at the same time; how many connections that takes is chance."""
    asks_usage: bool = False
    """Whether `include_usage` is documented to be added on the wire."""

    def __str__(self) -> str:
        return self.name

    @property
    def missing(self) -> list[str]:
        """What the SDKs at hand do not have."""
        return [need.what for need in self.needs if not need.is_met()]


def exports(sdk: str, name: str) -> Need:
    """The SDK's package has `name`."""
    return Need(f"{sdk}.{name}", lambda: hasattr(_package(sdk), name))


def provides(sdk: str, path: str) -> Need:
    """A client of the SDK has what is at `path`, as `chat.completions.parse`."""
    return Need(f"{sdk} {path}", lambda: _at(sdk, path) is not None)


def takes(sdk: str, path: str, argument: str) -> Need:
    """The method at `path` takes an argument of that name."""
    return Need(f"{sdk} {path}({argument}=…)", lambda: _takes(sdk, path, argument))


def _package(sdk: str) -> Any:
    return openai if sdk == "openai" else anthropic


@cache
def _client(sdk: str) -> Any:
    made = _package(sdk).OpenAI if sdk == "openai" else _package(sdk).Anthropic
    return made(api_key="none")


def _at(sdk: str, path: str) -> Any:
    found = _client(sdk)
    for name in path.split("."):
        found = getattr(found, name, None)
        if found is None:
            return None
    return found


def _takes(sdk: str, path: str, argument: str) -> bool:
    method = _at(sdk, path)
    return method is not None and argument in signature(method).parameters
