"""Rate sheets: what every meter of one model costs under one context at one instant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeAlias

from otel_cost.charge import PricingContext
from otel_cost.pricing.book import Entry, Json, Rules

ARITHMETIC = Context(prec=50)
"""Ours, so that neither the precision nor the traps of the application's context touch money."""

Factors: TypeAlias = tuple[tuple[str, Decimal], ...]

TOKENS_PER_RATE = 1_000_000
_DAY_NS = 86_400_000_000_000
ALWAYS = (-(2**63), 2**63)
"""The range of an entry without dates."""
_LOOKS = ("size=", "quality=")
"""Conditions on what an image or a video is like."""


class Rate(NamedTuple):
    """What one meter costs."""

    unit: Decimal | None
    """USD per single unit, multipliers included; `None` where that has no finite digits."""
    list_rate: Decimal
    """USD for `per` units, without multipliers."""
    per: int
    multipliers: Factors
    price_id: str
    estimated: bool
    listed: "Rate | None" = None
    """What the book lists, where one's own price or a discount takes its place."""

    def cost(self, quantity: int | Decimal) -> Decimal:
        """USD for `quantity` units; exact wherever the result has finite digits."""
        if self.unit is not None:
            return ARITHMETIC.multiply(self.unit, quantity)
        amount = ARITHMETIC.multiply(self.list_rate, quantity)
        for _, factor in self.multipliers:
            amount = ARITHMETIC.multiply(amount, factor)
        return ARITHMETIC.divide(amount, self.per).quantize(Decimal("1e-18"), context=ARITHMETIC)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rates that hold for one model, context and range of instants."""

    valid_from: int
    valid_until: int
    """The range of instants [from, until) it holds for (nanoseconds since the epoch)."""
    rates: Mapping[str, Rate]
    """Per meter, where the prompt is not long."""
    long: tuple[tuple[int, Mapping[str, Rate]], ...]
    """(more input tokens than, rates), longest first: beyond it all of the request moves."""

    def for_prompt(self, tokens: int | Decimal) -> Mapping[str, Rate]:
        """The rates for prompts of `tokens` input tokens, cached ones included."""
        for start, rates in self.long:
            if tokens > start:
                return rates
        return self.rates

    @property
    def bands(self) -> tuple[tuple[int, Mapping[str, Rate]], ...]:
        """(more input tokens than, rates), shortest first."""
        return ((0, self.rates), *reversed(self.long))


def conditions(rules: Rules, context: PricingContext) -> frozenset[str]:
    """What of the context is not standard, as the book words it: `batch`, `tier=flex`, `geo=us`."""
    said = (
        ("tier", context.tier),
        ("speed", context.speed),
        ("geo", context.geo),
        ("region", context.region),
        ("window", context.window),
        ("size", context.size),
        ("quality", context.quality),
    )
    words = {f"{name}={value}" for name, value in said if value}
    known = {rules.conditions.get(word, word) for word in words}
    if context.batch:
        known.add("batch")
    return frozenset(known - {""})


def that_matter(wanted: frozenset[str], named: Iterable[Iterable[str]]) -> frozenset[str]:
    """`wanted` without sizes and qualities that none of `named`, the conditions of prices, names.

    Every image has a size, and most prices are the same for all of them; a tier or a region that a
    price does not name is another matter: nobody knows what it costs.
    """
    looks = {condition for condition in wanted if condition.startswith(_LOOKS)}
    return wanted - looks.difference(*named) if looks else wanted


def sheet_for(entry: Entry, wanted: frozenset[str], instant: int, rules: Rules) -> Sheet:
    """The rates of `entry` at `instant` (nanoseconds since the epoch).

    Under conditions that the book does not know, only what no condition changes has a rate.
    """
    wanted = that_matter(wanted, (d["when"] for d in chain(entry.variants, entry.factors)))
    dated = tuple(chain(entry.prices, entry.variants, entry.factors))
    valid_from, valid_until = _range(dated, instant)
    standard = next((p for p in reversed(entry.prices) if _in_force(p, instant)), None)
    if standard is None:
        return Sheet(valid_from, valid_until, {}, ())
    terms = _terms(entry, wanted, instant)
    starts = {0}
    for prices in (standard, terms.variant if terms else None):
        starts.update(_thresholds(prices) if prices else ())
    bands = [(start, _band(entry, standard, terms, start, rules)) for start in sorted(starts)]
    return Sheet(valid_from, valid_until, bands[0][1], tuple(reversed(bands[1:])))


def _thresholds(prices: Json) -> Iterator[int]:
    for rate in prices["rates"].values():
        if not isinstance(rate, str):
            yield from (start for start, _ in rate[1:])


class _Terms(NamedTuple):
    variant: Json | None
    factors: Factors


def _terms(entry: Entry, wanted: frozenset[str], instant: int) -> _Terms | None:
    """A variant and factors that cover every condition once, or `None` where the book has none."""
    candidates = [
        v for v in entry.variants if wanted.issuperset(v["when"]) and _in_force(v, instant)
    ]
    candidates.sort(key=lambda v: len(v["when"]), reverse=True)
    for variant in (*candidates, None):
        rest = wanted.difference(variant["when"]) if variant else wanted
        factors: list[tuple[str, Decimal]] = []
        for condition in sorted(rest):
            found = _factor(entry.factors, condition, wanted, instant)
            if found is None:
                break
            factors.append((condition, found))
        else:
            return _Terms(variant, tuple((n, x) for n, x in factors if x != 1))
    return None


def _factor(
    factors: Iterable[Json], condition: str, wanted: frozenset[str], instant: int
) -> Decimal | None:
    for factor in factors:
        if (
            condition in factor["when"]
            and wanted.isdisjoint(factor.get("not_with", ()))
            and _in_force(factor, instant)
        ):
            return Decimal(factor["x"])
    return None


def _band(
    entry: Entry, standard: Json, terms: _Terms | None, start: int, rules: Rules
) -> dict[str, Rate]:
    """The rates for prompts of more than `start` input tokens."""
    rates: dict[str, Rate] = {}
    dated_id = f"{entry.price_id}@{standard.get('from', 'undated')}"
    variant = terms.variant if terms else None
    for meter, raw in standard["rates"].items():
        free = meter in rules.context_free
        if terms is None and not free:
            continue
        # A variant that names rates, but not this one, leaves open what this one is.
        open_question = variant is not None and bool(variant["rates"]) and not free
        factors = terms.factors if terms and not free else ()
        estimated = open_question or meter in rules.estimated or meter in entry.disputed
        rates[meter] = _rate(raw, start, rules.per.get(meter), factors, dated_id, estimated)
    if terms is not None and variant is not None:
        dated_id = f"{entry.price_id}@{variant.get('from', 'undated')}#{'+'.join(variant['when'])}"
        for meter, raw in variant["rates"].items():
            estimated = meter in rules.estimated or meter in entry.disputed
            rates[meter] = _rate(
                raw, start, rules.per.get(meter), terms.factors, dated_id, estimated
            )
    for meter, other in rules.fallbacks.items():
        if meter not in rates and other in rates:
            rates[meter] = rates[other]
    return rates


def _rate(
    raw: str | list[str | list[int | str]],
    start: int,
    per: int | None,
    factors: Factors,
    price_id: str,
    estimated: bool,
) -> Rate:
    return make_rate(Decimal(_at(raw, start)), per or TOKENS_PER_RATE, factors, price_id, estimated)


def make_rate(
    list_rate: Decimal,
    per: int,
    factors: Factors,
    price_id: str,
    estimated: bool,
    listed: Rate | None = None,
) -> Rate:
    """The rate of `list_rate` USD for `per` units, times all factors."""
    whole = list_rate
    for _, factor in factors:
        whole = ARITHMETIC.multiply(whole, factor)
    division = ARITHMETIC.copy()
    division.clear_flags()
    unit = division.divide(whole, per)
    finite = not division.flags[Inexact]
    return Rate(unit if finite else None, list_rate, per, factors, price_id, estimated, listed)


def _at(raw: str | list[str | list[int | str]], start: int) -> str:
    """The rate for prompts of more than `start` tokens: `"5"` or `["5", [200000, "10"]]`."""
    if isinstance(raw, str):
        return raw
    return str([raw[0], *(tier[1] for tier in raw[1:] if int(tier[0]) <= start)][-1])


def _in_force(dated: Json, instant: int) -> bool:
    begins = day_start(dated.get("from"), ALWAYS[0])
    ends = day_start(dated.get("until"), ALWAYS[1])
    if not begins <= instant < ends:
        return False
    if "daily" not in dated:
        return True
    begin, end = (_since_midnight(text) for text in dated["daily"])
    now = instant % _DAY_NS
    return begin <= now < end if begin <= end else now >= begin or now < end


def _range(dated: Iterable[Json], instant: int) -> tuple[int, int]:
    """The widest range around `instant` within which nothing starts or ends."""
    edges = {day_start(d[key], 0) for d in dated for key in ("from", "until") if key in d}
    edges.update(chain.from_iterable(_daily_edges(d, instant) for d in dated if "daily" in d))
    return (
        max((e for e in edges if e <= instant), default=ALWAYS[0]),
        min((e for e in edges if e > instant), default=ALWAYS[1]),
    )


def _daily_edges(dated: Json, instant: int) -> Iterator[int]:
    midnight = instant - instant % _DAY_NS
    for text in dated["daily"]:
        for day in (-_DAY_NS, 0, _DAY_NS):
            yield midnight + day + _since_midnight(text)


@cache
def day_start(day: str | None, default: int) -> int:
    """Midnight UTC of an ISO date (nanoseconds since the epoch), or `default` for `None`."""
    if day is None:
        return default
    start = datetime.combine(date.fromisoformat(day), time.min, UTC)
    return (start - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000


def _since_midnight(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000_000_000
