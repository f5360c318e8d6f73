"""The pricing engine: usage and context in, a cost with its lines out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from otel_cost.charge import Cost, CostLine, CostStatus, Part, PricingContext
from otel_cost.pricing.book import Book
from otel_cost.pricing.layers import Layers
from otel_cost.pricing.own import Organisation, Price
from otel_cost.pricing.sheet import ARITHMETIC, Rate, Sheet
from otel_cost.usage import INPUT_METERS, Meter, Quantity

_MAX_CACHED = 1024
"""Models are named by whoever answers: what is kept of them is bounded."""

_ZERO = Decimal(0)
_add = ARITHMETIC.add
_multiply = ARITHMETIC.multiply
_subtract = ARITHMETIC.subtract
_INPUT = frozenset[str](INPUT_METERS)
_REQUESTS = "requests"
STATED = "stated"
"""The meter of a line that holds what a provider states."""

_BASE: Mapping[str, Meter] = {
    "input_audio": "input",
    "input_image": "input",
    "cache_read": "input",
    "cache_read_audio": "cache_read",
    "cache_read_image": "cache_read",
    "cache_write_5m": "input",
    "cache_write_30m": "input",
    "cache_write_1h": "cache_write_5m",
    "cache_write_12h": "cache_write_30m",
    "output_audio": "output",
    "output_image": "output",
    "reasoning": "output",
}
"""Where tokens are counted by who does not say a meter apart."""

_Key: TypeAlias = tuple[str, str, tuple[object, ...]]
"""Provider, model, and all of the context but its instant."""


class Engine:
    """Prices usage: by the bundled book, loaded on first use, and by what is laid over it.

    Of `overrides` (prices set in code), `organisation` (a price file), `updated` (a newer book) and
    `book` the first that has a rate gives it. Providers are named by the ids of the book
    (`Book.providers`) or by the OpenTelemetry `gen_ai.provider.name` values that mean one of them
    (`aws.bedrock`, `gcp.vertex_ai`, …). Raises `PriceError` for an override that makes no sense.
    """

    __slots__ = ("_apart", "_layers", "_sheets", "_version")

    def __init__(
        self,
        book: Book | None = None,
        *,
        updated: Book | None = None,
        organisation: Organisation | None = None,
        overrides: Sequence[Price] = (),
    ) -> None:
        bundled = book or Book()
        books = (bundled,) if updated is None else (updated, bundled)
        self._layers = Layers(books, organisation, overrides)
        self._sheets: dict[_Key, Sheet | None] = {}
        self._version: str | None = None
        self._apart: dict[tuple[int, tuple[Meter, ...]], tuple[Sheet, tuple[Meter, ...]]] = {}

    @property
    def book_version(self) -> str:
        """What priced: `2026-11-21+1a2b3c4d5e6f`, then `org:` and `code:` with hashes of theirs."""
        if self._version is None:
            self._version = self._layers.version
        return self._version

    def price(
        self,
        provider: str,
        parts: Sequence[Part],
        context: PricingContext,
        stated: Decimal | None = None,
    ) -> Cost:
        """What `parts` cost in USD at `context.priced_at`.

        `exact`: every meter that was used has a rate. `estimated`: a rate or a quantity is a
        documented approximation. `partial`: some meters have no rate, `unpriced` names them.
        `unpriced`: nothing has one. `unmetered`: there are no parts. `stated` is what the provider
        itself says it charged (USD); it holds where the organisation trusts the provider with it.
        """
        lines: list[CostLine] = []
        unpriced: list[str] = []
        amount = saved = _ZERO
        unknown = estimated = False
        for index, part in enumerate(parts):
            quantities = part.usage.quantities
            sheet = self._sheet(provider, part.model, context)
            if sheet is None:
                unknown = True
                rates: Mapping[str, Rate] = {}
            elif sheet.long:
                rates = sheet.for_prompt(_prompt(quantities))
            else:
                rates = sheet.rates
            for meter, quantity in quantities.items():
                if not quantity:
                    continue
                rate = rates.get(meter)
                if rate is None or quantity < 0:
                    if meter not in unpriced:
                        unpriced.append(meter)
                    continue
                line = _line(index, meter, quantity, rate)
                amount = _add(amount, line.effective_usd)
                estimated = estimated or rate.estimated
                if rate.listed is not None:
                    saved = _add(saved, _subtract(line.list_usd, line.effective_usd))
                lines.append(line)
            if _REQUESTS in rates and any(quantities.values()):
                lines.append(line := _line(index, _REQUESTS, 1, rates[_REQUESTS]))
                amount = _add(amount, line.effective_usd)
                saved = _add(saved, _subtract(line.list_usd, line.effective_usd))
        status = _status(parts, lines, unpriced, unknown, estimated)
        listed = _add(amount, saved) if saved else amount
        cost = Cost(status, listed, amount, tuple(unpriced), tuple(lines))
        if stated is None or not parts or not self._layers.trusts(provider):
            return cost
        return as_stated(f"provider:{provider.strip().lower()}", stated, cost)

    def priced_apart(
        self, provider: str, model: str, context: PricingContext, meters: tuple[Meter, ...]
    ) -> tuple[Meter, ...]:
        """Those of `meters` that have a price of their own, as far as prices are known.

        Whoever does not tell the others apart makes no mistake in what a call costs.
        """
        sheet = self._sheet(provider, model, context)
        if sheet is None:
            return meters
        known = self._apart.get((id(sheet), meters))
        if known is None:
            if len(self._apart) >= _MAX_CACHED:
                self._apart.clear()
            apart = tuple(meter for meter in meters if _is_apart(meter, sheet.rates))
            # The sheet is kept, so that its id stays its own.
            known = self._apart[id(sheet), meters] = sheet, apart
        return known[1]

    def trusts_spans(self, dialect: str) -> bool:
        """Whether the cost that spans of this dialect state holds."""
        return self._layers.trusts_spans(dialect)

    def _sheet(self, provider: str, model: str, context: PricingContext) -> Sheet | None:
        key = (provider, model, context[1:])
        try:
            sheet = self._sheets[key]
        except KeyError:
            return self._resolve(key, context)
        if sheet is None or sheet.valid_from <= context.priced_at < sheet.valid_until:
            return sheet
        return self._resolve(key, context)

    def _resolve(self, key: _Key, context: PricingContext) -> Sheet | None:
        sheet = self._layers.sheet(key[0], key[1], context)
        if len(self._sheets) >= _MAX_CACHED:
            self._sheets.clear()
        self._sheets[key] = sheet
        return sheet


def _is_apart(meter: Meter, rates: Mapping[str, Rate]) -> bool:
    rate, base = rates.get(meter), rates.get(_BASE.get(meter, ""))
    return (
        rate is None
        or base is None
        or (base.list_rate * rate.per, base.multipliers)
        != (
            rate.list_rate * base.per,
            rate.multipliers,
        )
    )


def _prompt(quantities: Mapping[Meter, Quantity]) -> Quantity:
    """All input tokens, cached ones included."""
    prompt: Quantity = 0
    for meter, quantity in quantities.items():
        if meter in _INPUT:
            prompt += quantity
    return prompt


def _line(part: int, meter: str, quantity: Quantity, rate: Rate) -> CostLine:
    unit, list_rate, per, multipliers, price_id, _, listed = rate
    cost = rate.cost(quantity) if unit is None else _multiply(unit, quantity)
    listed_cost = cost if listed is None else listed.cost(quantity)
    return CostLine(part, meter, quantity, list_rate, per, multipliers, listed_cost, cost, price_id)


def as_stated(by: str, stated: Decimal, cost: Cost) -> Cost:
    """The cost that somebody states, in one line; the list cost stays where it is known."""
    listed = cost.list_usd if cost.status in {"exact", "estimated"} else stated
    line = CostLine(0, STATED, 1, stated, 1, (), listed, stated, by)
    return Cost("exact", listed, stated, (), (line,))


def _status(
    parts: Sequence[Part],
    lines: Sequence[CostLine],
    unpriced: Sequence[str],
    unknown: bool,
    estimated: bool,
) -> CostStatus:
    if not parts:
        return "unmetered"
    if unpriced:
        return "partial" if lines else "unpriced"
    if unknown and not lines:
        return "unpriced"
    return "estimated" if estimated else "exact"
