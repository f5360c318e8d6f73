"""Which layer a rate comes from: code, the organisation's file, an updated or the bundled book."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, Inexact
from itertools import chain

from otel_cost.charge import PricingContext
from otel_cost.pricing.book import Book, Entry, Rules
from otel_cost.pricing.own import Discount, Organisation, Own, Price, code_version, compiled
from otel_cost.pricing.sheet import (
    ALWAYS,
    ARITHMETIC,
    Rate,
    Sheet,
    conditions,
    make_rate,
    sheet_for,
    that_matter,
)

_NOTHING = Sheet(*ALWAYS, {}, ())
_DIGITS = Decimal("1e-18")


class Layers:
    """Rates of all layers, first hit first. Asked once per model, context and period."""

    __slots__ = ("_books", "_overrides", "_plain", "_said", "_version")

    def __init__(
        self,
        books: Sequence[Book],
        organisation: Organisation | None = None,
        overrides: Sequence[Price] = (),
    ) -> None:
        self._books = tuple(books)
        self._plain = organisation is None and not overrides
        self._said = organisation or Organisation()
        self._overrides = tuple(
            compiled(price, f"code:{price.provider or 'any'}/{price.model}") for price in overrides
        )
        self._version = tuple(
            word
            for word, there in (
                (self._said.version, organisation is not None),
                (code_version(overrides), bool(overrides)),
            )
            if there
        )

    @property
    def version(self) -> str:
        """The books' versions, then those of the other layers."""
        return " ".join((*(book.version for book in self._books), *self._version))

    @property
    def books(self) -> tuple[Book, ...]:
        """The price books, first hit first."""
        return self._books

    def entry(self, provider: str, model: str) -> Entry | None:
        """What the first book that knows `model`, or what it is another name of, says of it."""
        base = self._base(self._books[0].provider_id(provider), model)
        return next((e for b in self._books if (e := b.find(provider, base))), None)

    def sellers(self, model: str) -> list[str]:
        """Every provider of the books, or of a price of one's own, that sells `model`."""
        named = {own.provider for own in (*self._overrides, *self._said.prices)} - {None}
        named |= {alias.provider for alias in self._said.aliases} - {None}
        context = PricingContext(0)
        known = {p for book in self._books for p in book.providers} | {str(n) for n in named}
        return sorted(p for p in known if self.sheet(p, model, context) is not None)

    def trusts(self, provider: str) -> bool:
        """Whether what `provider` states as a call's cost holds."""
        trusted = self._said.trusted
        return bool(trusted) and self._books[0].provider_id(provider) in {
            self._books[0].provider_id(name) for name in trusted
        }

    def trusts_spans(self, dialect: str) -> bool:
        """Whether the cost that spans of `dialect` state holds."""
        return dialect in self._said.trusted_spans

    def sheet(self, provider: str, model: str, context: PricingContext) -> Sheet | None:
        """The rates of `model` in `context`; `None` for a model that no layer knows."""
        rules = self._books[0].rules
        wanted, instant = conditions(rules, context), context.priced_at
        if self._plain:
            return self._listed(provider, model, wanted, instant)
        seller = self._books[0].provider_id(provider)
        base = self._base(seller, model)
        called = self._names(provider, model, base)
        own, named, edges = self._own(seller, model.strip(), called, wanted, instant)
        wanted_of_own = that_matter(wanted, named)
        listed = self._listed(provider, base, wanted, instant)
        if listed is None and not edges:
            return None
        sheet = listed or _NOTHING
        anchors = {
            price.when: self._listed(provider, base, price.when, instant) or _NOTHING
            for price in own.values()
        }
        off, more_edges = self._discount(seller, called, instant)
        bands = [
            (start, _discounted(_with_own(rates, own, anchors, wanted_of_own, rules), own, off))
            for start, rates in sheet.bands
        ]
        edges.update(more_edges)
        return Sheet(
            max((e for e in (sheet.valid_from, *edges) if e <= instant), default=ALWAYS[0]),
            min((e for e in (sheet.valid_until, *edges) if e > instant), default=ALWAYS[1]),
            bands[0][1],
            tuple(reversed(bands[1:])),
        )

    def _listed(
        self, provider: str, model: str, wanted: frozenset[str], instant: int
    ) -> Sheet | None:
        merged: Sheet | None = None
        for book in self._books:
            entry = book.find(provider, model)
            if entry is not None:
                sheet = sheet_for(entry, wanted, instant, book.rules)
                merged = sheet if merged is None else _over(merged, sheet)
        return merged

    def _base(self, seller: str, model: str) -> str:
        """The model that `model` is another name of, else itself."""
        name = model.strip().lower()
        for alias in self._said.aliases:
            if alias.name == name and self._is(alias.provider, seller):
                return alias.base
        return model

    def _names(self, provider: str, model: str, base: str) -> tuple[str, ...]:
        """What a price may call the model: as the caller did, its base, the id in a book."""
        ids = (e.model for b in self._books if (e := b.find(provider, base)) is not None)
        return tuple(dict.fromkeys(n.strip().lower() for n in (model, base, *ids)))

    def _is(self, provider: str | None, seller: str) -> bool:
        return provider is None or self._books[0].provider_id(provider) == seller

    def _own(
        self,
        seller: str,
        model: str,
        called: Sequence[str],
        wanted: frozenset[str],
        instant: int,
    ) -> tuple[dict[str, Own], list[frozenset[str]], set[int]]:
        """The price of one's own for each meter, and all instants at which that may change.

        Between them, the conditions of every price that is in force, met or not.
        """
        edges: set[int] = set()
        found: dict[str, Own] = {}
        conditional: list[frozenset[str]] = []
        words = self._books[0].rules.conditions
        for group in (self._overrides, self._said.prices):
            named = [
                replace(p, when=frozenset({words.get(w, w) for w in p.when} - {""}))
                for p in group
                if self._is(p.provider, seller) and _any(p.matches, called)
            ]
            edges.update(chain.from_iterable((p.start, p.end) for p in named))
            in_force = [p for p in reversed(named) if p.start <= instant < p.end]
            conditional += (p.when for p in in_force)
            current = [p for p in in_force if p.when <= wanted]
            current.sort(key=lambda p: (p.exact, len(p.when), p.start), reverse=True)
            for price in current:
                for meter in price.rates:
                    found.setdefault(meter, price)
        sold = [p for p in self._said.definitions if self._is(p.provider, seller)]
        # Patterns see the name as it was written: whether its case matters is theirs to say.
        defined = [p for p in sold if p.matches(model)]
        defined = defined or [p for p in sold if _any(p.matches, called)]
        edges.update(p.start for p in defined)
        started = [p for p in reversed(defined) if p.start <= instant]
        if started:
            latest = max(started, key=lambda p: p.start)
            for meter in latest.rates:
                found.setdefault(meter, latest)
        return found, conditional, edges

    def _discount(
        self, seller: str, called: Sequence[str], instant: int
    ) -> tuple[Discount | None, set[int]]:
        """The discount that says most precisely what it is for, and when that may change."""
        meant = [
            d
            for d in self._said.discounts
            if self._is(d.provider, seller) and (d.matches is None or _any(d.matches, called))
        ]
        current = [d for d in reversed(meant) if d.start <= instant < d.end]
        best = max(
            current,
            key=lambda d: (d.exact, d.matches is not None, d.provider is not None, d.start),
            default=None,
        )
        return best, set(chain.from_iterable((d.start, d.end) for d in meant))


def _any(matches: Callable[[str], bool], called: Iterable[str]) -> bool:
    return any(matches(name) for name in called)


def _over(upper: Sheet, lower: Sheet) -> Sheet:
    """Both sheets as one; where both have a rate, the upper one's."""
    starts = sorted({start for start, _ in (*upper.bands, *lower.bands)}, reverse=True)
    bands = [(s, {**lower.for_prompt(s + 1), **upper.for_prompt(s + 1)}) for s in starts]
    return Sheet(
        max(upper.valid_from, lower.valid_from),
        min(upper.valid_until, lower.valid_until),
        bands[-1][1],
        tuple(bands[:-1]),
    )


def _with_own(
    listed: Mapping[str, Rate],
    own: Mapping[str, Own],
    anchors: Mapping[frozenset[str], Sheet],
    wanted: frozenset[str],
    rules: Rules,
) -> dict[str, Rate]:
    """The listed rates, and in their place those of one's own and what derives from them."""
    rates = dict(listed)
    for meter, price in own.items():
        anchor = anchors[price.when].rates.get(meter)
        if meter in listed and anchor is not None:
            rates[meter] = _moved(listed[meter], anchor, price, meter, rules)
        elif price.when == wanted or meter in rules.context_free:
            number, per = price.rates[meter]
            rates[meter] = make_rate(number, per, (), price.price_id, meter in rules.estimated)
    for meter, nearest in rules.derived.items():
        # What derives from a derived rate moves with the one that has a price of one's own.
        parent = nearest if nearest in own else rules.derived.get(nearest, nearest)
        if meter in listed and meter not in own and parent in own and not own[parent].inherit:
            price = own[parent]
            anchor = anchors[price.when].rates.get(parent)
            if anchor is not None:
                rates[meter] = _moved(listed[meter], anchor, price, parent, rules)
    for meter, other in rules.fallbacks.items():
        same = listed.get(meter) is listed.get(other)
        if meter not in own and other in rates and (meter not in rates or same):
            rates[meter] = rates[other]
    return rates


def _moved(listed: Rate, anchor: Rate, price: Own, meter: str, rules: Rules) -> Rate:
    """The own price of `meter`, changed in the proportion of `listed` to what it replaces."""
    number, per = price.rates[meter]
    factors = tuple(f for f in listed.multipliers if f not in anchor.multipliers)
    lost = [x for name, x in anchor.multipliers if (name, x) not in listed.multipliers]
    same = (listed.list_rate, listed.per) == (anchor.list_rate, anchor.per) and not lost
    if same or not anchor.list_rate:
        estimated = meter in rules.estimated
        return make_rate(number, per, factors, price.price_id, estimated, listed)
    arithmetic = ARITHMETIC.copy()
    arithmetic.clear_flags()
    above = arithmetic.multiply(arithmetic.multiply(number, listed.list_rate), anchor.per)
    below = arithmetic.multiply(anchor.list_rate, listed.per)
    for x in lost:
        below = arithmetic.multiply(below, x)
    moved = arithmetic.divide(above, below)
    if arithmetic.flags[Inexact]:
        moved = moved.quantize(_DIGITS, context=arithmetic)
    return make_rate(moved, per, factors, price.price_id, listed.estimated, listed)


def _discounted(
    rates: dict[str, Rate], own: Mapping[str, Own], off: Discount | None
) -> dict[str, Rate]:
    """The rates with the discount on those that are list prices."""
    if off is None:
        return rates
    mine = {price.price_id for price in own.values()}
    return {
        meter: rate
        if rate.price_id in mine
        else make_rate(
            rate.list_rate,
            rate.per,
            (*rate.multipliers, (off.name, off.x)),
            rate.price_id,
            rate.estimated,
            rate,
        )
        for meter, rate in rates.items()
    }
