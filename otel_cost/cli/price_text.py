"""What the price book says of one model, as text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias

from otel_cost.charge import PricingContext, money
from otel_cost.pricing.layers import Layers
from otel_cost.pricing.sheet import Rate

Json: TypeAlias = Mapping[str, Any]


def model(layers: Layers, provider: str, name: str, day: date) -> str | None:
    """Rates at the end of `day` (UTC), rules, dates and sources; `None` for an unknown model."""
    end = datetime.combine(day, time(23, 59, 59), UTC)
    context = PricingContext(int(end.timestamp()) * 1_000_000_000)
    sheet = layers.sheet(provider, name, context)
    if sheet is None:
        return None
    lines = [f"{name}, sold by {provider}, on {day} (book {layers.version})"]
    for start, rates in sheet.bands:
        if start:
            lines.append(f"  prompts of more than {start:,} input tokens, all of the request:")
        lines += [f"  {line}" for line in _rates(rates)]
    entry = layers.entry(provider, name)
    if not sheet.rates and entry is not None and entry.variants:
        lines.append("  no rate holds for every call: see the conditions; all other calls")
        lines.append("  to it are unpriced")
    elif not sheet.rates:
        lines.append("  no rate is in force: the book lists the model without a price, and calls")
        lines.append("  to it are unpriced")
    if entry is not None:
        lines += _section("under conditions", _conditions(entry.variants, entry.factors))
        lines += _section("dates", _dates(entry.prices, entry.variants, entry.factors))
        lines += _section("sources", _sources(layers, entry.facts, entry.factors))
        if entry.disputed:
            meters = ", ".join(sorted(entry.disputed))
            lines.append(f"  the sources disagree on {meters}: such costs are estimated")
    return "\n".join(lines) + "\n"


def _rates(rates: Mapping[str, Rate]) -> Iterator[str]:
    for meter, rate in sorted(rates.items()):
        factors = "".join(f" x {money(x)} ({name})" for name, x in rate.multipliers)
        usd = f"{money(rate.list_rate):>10} USD per {rate.per:,}"
        yield f"{meter:<18}{usd}{factors}  {rate.price_id}"


def _conditions(variants: Sequence[Json], factors: Sequence[Json]) -> Iterator[str]:
    for variant in variants:
        rates = ", ".join(f"{meter} {_said(rate)}" for meter, rate in variant["rates"].items())
        yield f"{' '.join(variant['when'])}: {rates or 'as standard'}{_period(variant)}"
    for factor in factors:
        but = f" (not with {', '.join(factor['not_with'])})" if "not_with" in factor else ""
        yield f"{' or '.join(factor['when'])}: x {factor['x']}{but}{_period(factor)}"


def _dates(*dated: Sequence[Json]) -> Iterator[str]:
    for group in dated:
        for each in group:
            if _period(each):
                what = " ".join(each.get("when", ("standard prices",)))
                rates = each.get("rates", {})
                said = ", ".join(f"{meter} {_said(rate)}" for meter, rate in rates.items())
                yield f"{what}{_period(each)}: {said or 'x ' + str(each.get('x', 'as standard'))}"


def _sources(layers: Layers, facts: Sequence[Json], factors: Sequence[Json]) -> Iterator[str]:
    seen = dict.fromkeys(
        f"{fact['source']} (checked on {fact['checked_on']}"
        + (f", to be reviewed after {fact['review_after']}" if "review_after" in fact else "")
        + ")"
        + (f": {fact['note']}" if "note" in fact else "")
        for fact in (*facts, *factors)
        if "source" in fact
    )
    yield from seen
    yield layers.books[0].source


def _period(dated: Json) -> str:
    words = [f"{word} {dated[word]}" for word in ("from", "until") if word in dated]
    if "daily" in dated:
        words.append("from {} to {} UTC every day".format(*dated["daily"]))
    return f" ({', '.join(words)})" if words else ""


def _said(rate: str | list[Any]) -> str:
    """A rate, and what it is for longer prompts."""
    if isinstance(rate, str):
        return rate
    longer = ", ".join(f"{number} above {start:,}" for start, number in rate[1:])
    return f"{rate[0]} ({longer})"


def _section(title: str, lines: Iterator[str]) -> list[str]:
    found = [f"    {line}" for line in lines]
    return [f"  {title}", *found] if found else []
