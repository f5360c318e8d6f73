"""Reads an organisation's price file; whatever is wrong with it is said with its line."""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from otel_cost.pricing.definitions import definition
from otel_cost.pricing.own import (
    Alias,
    Discount,
    Organisation,
    Own,
    Price,
    PriceError,
    compiled,
    discount,
)
from otel_cost.reading import file_text

Json: TypeAlias = Mapping[str, Any]
_T = TypeVar("_T")

_TABLES = ("azure", "contract", "definition", "discount", "fine_tune", "model", "trust")
_PRICE = frozenset({"provider", "model", "rates", "from", "until", "when", "inherit"})
_DISCOUNT = frozenset({"x", "provider", "model", "from", "until", "name"})
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "contract": ("provider", "model", "rates"),
    "model": ("provider", "model", "rates"),
    "fine_tune": ("model", "base"),
    "discount": ("x",),
}


class PriceFileError(ValueError):
    """A price file that cannot be used; the message has file, line and what to do."""


def load_organisation(path: str | Path) -> Organisation:
    """The contents of the price file at `path`; raises `PriceFileError`."""
    source = Path(path)
    try:
        text = file_text(source)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PriceFileError(f"{source}: the price file cannot be read: {reason}") from error
    return parse_organisation(text, str(source))


def parse_organisation(text: str, name: str = "prices.toml") -> Organisation:
    """The contents of a price file that is at hand; `name` is what errors call it."""
    try:
        said = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PriceFileError(f"{name}: this is not TOML: {error}") from error
    if strange := sorted(said.keys() - set(_TABLES)):
        where = _line(text, strange[0], 0, "")
        raise PriceFileError(
            f"{name}:{where}: {strange[0]} is unknown; a price file has {', '.join(_TABLES)}"
        )
    read = _Reader(text, name, said)
    return Organisation(
        prices=(
            *read.each("contract", _contract),
            *read.each("model", _contract),
            *(own for own in read.each("fine_tune", _fine_tune_price) if own is not None),
        ),
        definitions=tuple(read.each("definition", definition)),
        discounts=tuple(read.each("discount", _discount)),
        aliases=(
            *read.once("azure", _deployments),
            *(alias for alias in read.each("fine_tune", _fine_tune_alias) if alias is not None),
        ),
        trusted=frozenset(read.once("trust", _trusted_providers)),
        trusted_spans=frozenset(read.once("trust", _trusted_spans)),
        version=f"org:{hashlib.sha256(text.encode()).hexdigest()[:8]}",
    )


class _Reader:
    """Reads tables, and turns what they get wrong into errors with a line."""

    def __init__(self, text: str, name: str, said: Json) -> None:
        self._text, self._name, self._said = text, name, said

    def each(self, table: str, read: Callable[[Json], _T]) -> Iterator[_T]:
        found = self._said.get(table, [])
        if not isinstance(found, list):
            line = _line(self._text, table, 0, "")
            raise PriceFileError(f"{self._name}:{line}: write [[{table}]], in two brackets")
        for index, entry in enumerate(found):
            yield self._guarded(table, index, entry, read)

    def once(self, table: str, read: Callable[[Json], tuple[_T, ...]]) -> tuple[_T, ...]:
        if table not in self._said:
            return ()
        return self._guarded(table, 0, self._said[table], read)

    def _guarded(self, table: str, index: int, entry: Any, read: Callable[[Json], _T]) -> _T:
        try:
            if not isinstance(entry, dict):
                raise PriceError("", "is not a table")
            for field in _NEEDED.get(table, ()):
                if field not in entry:
                    raise PriceError(field, "is missing")
            return read(entry)
        except PriceError as error:
            line = _line(self._text, table, index, error.key)
            said = f"{table} {error.key}".strip()
            raise PriceFileError(f"{self._name}:{line}: {said} {error}") from error


def _contract(entry: Json) -> Own:
    _only(entry, _PRICE)
    rates = entry["rates"]
    if not isinstance(rates, dict) or not rates:
        raise PriceError("rates", 'are missing; write a table such as { input = "4.25" }')
    price = Price(
        model=entry["model"],
        rates=rates,
        provider=entry.get("provider"),
        since=entry.get("from"),
        until=entry.get("until"),
        when=entry.get("when", ()),
        inherit=_flag(entry, "inherit"),
    )
    return compiled(price, _price_id(entry))


def _price_id(entry: Json) -> str:
    seller = str(entry.get("provider") or "any").strip().lower()
    conditions = "+".join(map(str, entry.get("when", ())))
    return f"org:{seller}/{entry['model']}@{entry.get('from', 'undated')}" + (
        f"#{conditions}" if conditions else ""
    )


def _fine_tune_price(entry: Json) -> Own | None:
    _only(entry, _PRICE | {"base"})
    if "rates" not in entry:
        return None
    return _contract({name: value for name, value in entry.items() if name != "base"})


def _fine_tune_alias(entry: Json) -> Alias | None:
    name, base = _text(entry["model"], "model"), _text(entry["base"], "base")
    seller = entry.get("provider")
    return Alias(None if seller is None else _text(seller, "provider"), name, base)


def _deployments(entry: Json) -> tuple[Alias, ...]:
    _only(entry, frozenset({"deployments"}))
    deployments = entry.get("deployments")
    if not isinstance(deployments, dict):
        raise PriceError("deployments", "are missing; write [azure.deployments]")
    return tuple(Alias("azure", n.strip().lower(), _text(m, n)) for n, m in deployments.items())


def _discount(entry: Json) -> Discount:
    _only(entry, _DISCOUNT)
    since, until = entry.get("from"), entry.get("until")
    return discount(
        entry["x"], entry.get("provider"), entry.get("model"), since, until, entry.get("name")
    )


def _trusted_providers(entry: Json) -> tuple[str, ...]:
    _only(entry, frozenset({"provider_cost", "span_cost"}))
    if "span_cost" in entry and "provider_cost" not in entry:
        return ()
    return _names(entry, "provider_cost", "openrouter")


def _trusted_spans(entry: Json) -> tuple[str, ...]:
    return _names(entry, "span_cost", "langfuse") if "span_cost" in entry else ()


def _names(entry: Json, key: str, example: str) -> tuple[str, ...]:
    names = entry.get(key)
    if not isinstance(names, list):
        raise PriceError(key, f'is missing; write a list such as ["{example}"]')
    return tuple(_text(name, key) for name in names)


def _only(entry: Json, known: frozenset[str]) -> None:
    if strange := sorted(entry.keys() - known):
        raise PriceError(strange[0], f"is unknown; write {', '.join(sorted(known))}")


def _flag(entry: Json, key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise PriceError(key, f"is {value!r}, neither true nor false")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PriceError(key, f"is {value!r}; write a name")
    return value.strip().lower()


def _line(text: str, table: str, index: int, key: str) -> int:
    """The line that `key` is on in the `index`-th `table`, else the one where the table begins."""
    begins, seen = 0, -1
    header = re.compile(rf"\s*\[\[?\s*{re.escape(table)}\s*(?P<below>\.[^\]]*)?\]")
    named = re.compile(rf"""(?:^|[\[{{,.\s])["']?{re.escape(key)}["']?\s*(?:=|\])""")
    for number, line in enumerate(text.splitlines(), 1):
        if found := header.match(line):
            if not found["below"] or begins == 0:
                seen += 1
            if seen == index and not begins:
                begins = number
        elif line.lstrip().startswith("[") and begins:
            break
        if begins and seen > index:
            break
        if begins and key and named.search(line.partition("#")[0]):
            return number
        if not begins and re.match(rf"\s*{re.escape(table)}\b", line):
            return number
    return begins or 1
