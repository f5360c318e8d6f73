"""Which facts of the price book and the price file have ended or should be looked at again."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

from otel_cost.pricing.book import Book
from otel_cost.pricing.own import Organisation
from otel_cost.pricing.transport import compact

Json: TypeAlias = Mapping[str, Any]


def stale(book: Book, day: date) -> Iterator[str]:
    """One line for each fact of `book` that has ended, or was to be reviewed, before `day`."""
    today = day.isoformat()
    said: dict[str, None] = {}
    for provider in book.providers:
        for entry in book.entries(provider):
            where = f"{provider}/{entry.model}"
            for fact in (*entry.facts, *entry.factors):
                if "review_after" in fact and fact["review_after"] < today:
                    said[
                        f"{where}: review was due after {_sourced(fact['review_after'], fact)}"
                    ] = None
            for dated in _without_successor(entry.prices, today):
                said[f"{where}: its prices ended on {dated['until']}"] = None
            for variant in _without_successor(entry.variants, today):
                said[f"{where}: its {_when(variant)} prices ended on {variant['until']}"] = None
            for factor in _without_successor(entry.factors, today):
                ended = f"its {_when(factor)} factor {factor['x']} ended on"
                said[f"{where}: {ended} {_sourced(factor['until'], factor)}"] = None
    yield from said


def ended(said: Organisation, instant: int) -> list[str]:
    """One line for each contract or discount that has ended, and that no later one follows."""
    lines = []
    for own in said.prices:
        name = own.price_id.partition("@")[0]
        later = (p for p in said.prices if p.price_id.partition("@")[0] == name)
        if own.end <= instant and not any(p.end > instant for p in later):
            lines.append(f"{own.price_id}: the price has ended")
    lines += [f"{d.name}: the discount has ended" for d in said.discounts if d.end <= instant]
    return lines


def _without_successor(dated: Sequence[Json], today: str) -> Iterator[Json]:
    for each in dated:
        if "until" not in each or each["until"] > today:
            continue
        scope = _scope(each)
        if not any(_scope(o) == scope and o.get("until", "9999") > today for o in dated):
            yield each


def _scope(dated: Json) -> str:
    return compact([dated.get("when"), dated.get("match")])


def _when(dated: Json) -> str:
    return " ".join(dated["when"])


def _sourced(text: str, fact: Json) -> str:
    note = f": {fact['note']}" if "note" in fact else ""
    return f"{text}{note} ({fact['source']})" if "source" in fact else f"{text}{note}"
