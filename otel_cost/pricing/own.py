"""Prices of one's own: contracts, own models, discounts, other names; whoever writes them down."""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias, get_args

from otel_cost.pricing.sheet import ALWAYS, TOKENS_PER_RATE, day_start
from otel_cost.usage import Meter

Number: TypeAlias = Decimal | int | str
"""US dollars. Not `float`: 0.1 is not a tenth."""

METERS: frozenset[str] = frozenset(
    meter for literal in get_args(Meter) for meter in get_args(literal)
) | {"cache_write", "requests"}
"""What a price can be for; `cache_write` is any cache write that has no price of its own."""

PER: Mapping[str, int] = {
    "characters": 1_000_000,
    "code_interpreter": 1,
    "file_search": 1_000,
    "images": 1,
    "requests": 1_000,
    "seconds": 3_600,
    "web_search": 1_000,
}
"""How many units a price is for; for tokens it is a million."""

_CONTEXT = ("tier", "speed", "geo", "region", "window", "size", "quality")
_CONDITION = re.compile(rf"batch|(?:{'|'.join(_CONTEXT)})=\S+")


class PriceError(ValueError):
    """A price that makes no sense; `key` is the field, the message says what is wrong with it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs you, from a day on.

    `rates` are US dollars per meter, in the units of `PER`. A rate that is not named comes from the
    next layer; rates that the provider derives from a named one (the cache from `input`) move with
    it, unless `inherit` says that they stay as listed.
    """

    model: str
    """A model as the provider or the book calls it; `gpt-6*` is every model that starts so."""
    rates: Mapping[str, Number]
    provider: str | None = None
    """`None`: whoever sells it."""
    since: str | date | None = None
    """The first day (UTC)."""
    until: str | date | None = None
    """The first day on which it no longer holds (UTC)."""
    when: Collection[str] = ()
    """For calls under these conditions only: `batch`, `tier=flex`, `geo=us`, `size=1024x1792`."""
    inherit: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """A price ready for use."""

    provider: str | None
    matches: Callable[[str], bool]
    """Whether it is for a model of that name (lower case, unless it is a pattern)."""
    exact: bool
    """Whether it names one model, rather than several by a pattern."""
    rates: Mapping[str, tuple[Decimal, int]]
    """USD, and for how many units."""
    start: int
    end: int
    """The instants [start, end) it holds for (nanoseconds since the epoch)."""
    when: frozenset[str]
    inherit: bool
    price_id: str


@dataclass(frozen=True, slots=True)
class Discount:
    """A factor on list prices, ready for use."""

    name: str
    x: Decimal
    provider: str | None
    matches: Callable[[str], bool] | None
    """`None`: every model."""
    exact: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a model: an Azure deployment, a fine-tune."""

    provider: str | None
    name: str
    base: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """All that an organisation's price file says."""

    prices: tuple[Own, ...] = ()
    definitions: tuple[Own, ...] = ()
    discounts: tuple[Discount, ...] = ()
    aliases: tuple[Alias, ...] = ()
    trusted: frozenset[str] = frozenset()
    """Providers whose own statement of a call's cost holds."""
    trusted_spans: frozenset[str] = frozenset()
    """Dialects of spans whose statement of a call's cost holds."""
    version: str = "org:00000000"


def compiled(price: Price, price_id: str) -> Own:
    """`price` checked and ready for use; raises `PriceError`."""
    rates = {m: (usd(r, m), PER.get(m, TOKENS_PER_RATE)) for m, r in price.rates.items()}
    if strange := sorted(rates.keys() - METERS):
        raise PriceError(strange[0], f"is no meter; the meters are {', '.join(sorted(METERS))}")
    start, end = period(price.since, price.until)
    return Own(
        provider=_provider(price.provider),
        matches=names(price.model),
        exact="*" not in price.model,
        rates=rates,
        start=start,
        end=end,
        when=_conditions(price.when),
        inherit=price.inherit,
        price_id=price_id,
    )


def discount(
    x: Number,
    provider: str | None = None,
    model: str | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    name: str | None = None,
) -> Discount:
    """A factor on the list prices of all, a provider's or some models; raises `PriceError`."""
    factor = usd(x, "x")
    if not 0 <= factor <= 10:
        raise PriceError("x", f"is {factor}; it is a factor: 0.9 for 10 % less")
    start, end = period(since, until)
    scope = "/".join(filter(None, (provider, model))) or "all"
    return Discount(
        name=f"discount:{name or scope}",
        x=factor,
        provider=_provider(provider),
        matches=None if model is None else names(model),
        exact=model is not None and "*" not in model,
        start=start,
        end=end,
    )


def usd(value: object, key: str) -> Decimal:
    """A finite, non-negative number; raises `PriceError`."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise PriceError(key, f"is {value!r}; write US dollars as a decimal in quotes")
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise PriceError(key, f"is {value!r}, which is no non-negative number")
    return number


def period(since: str | date | None, until: str | date | None) -> tuple[int, int]:
    """The instants of two days (nanoseconds since the epoch); raises `PriceError`."""
    start = day_start(_day(since, "from"), ALWAYS[0])
    end = day_start(_day(until, "until"), ALWAYS[1])
    if start >= end:
        raise PriceError("until", f"is {until}, which is not after {since}")
    return start, end


def names(model: object) -> Callable[[str], bool]:
    """Whether a name is `model`, or begins with it where `model` ends with `*`."""
    if not isinstance(model, str) or not model.strip():
        raise PriceError("model", f"is {model!r}; name a model")
    wanted = model.strip().lower()
    start, star, rest = wanted.partition("*")
    if not star:
        return wanted.__eq__
    if rest:
        raise PriceError("model", f"is {model!r}; a * can only stand at the end")
    return lambda name: name.startswith(start)


def code_version(prices: Collection[Price]) -> str:
    """A short name for prices that were set in code; the same for the same prices."""
    return f"code:{hashlib.sha256(repr(list(prices)).encode()).hexdigest()[:8]}"


def _provider(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or not name.strip():
        raise PriceError("provider", f"is {name!r}; name a provider, or none")
    return name.strip().lower()


def _conditions(said: object) -> frozenset[str]:
    if isinstance(said, str) or not isinstance(said, Collection):
        raise PriceError("when", f'is {said!r}; write a list such as ["batch", "geo=us"]')
    for condition in said:
        if not isinstance(condition, str) or not _CONDITION.fullmatch(condition):
            raise PriceError(
                "when",
                f"holds {condition!r}; write batch, or {'=, '.join(_CONTEXT)}=",
            )
    return frozenset(said)


def _day(value: object, key: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo is None else value.astimezone(UTC)).date()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise PriceError(key, f"is {value!r}, which is no day such as 2026-11-21") from None
