"""The price book: which dated prices belong to a provider's model."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]

BUNDLED = Path(__file__).parent / "data"
"""The book that is part of the package."""

_MAX_MODEL_LENGTH = 256
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the book knows about one model, whatever the context and the instant."""

    price_id: str
    """Layer, provider and model: `bundled:openai/gpt-4o`."""
    prices: Sequence[Json]
    """Standard prices; of those in force the last one holds."""
    variants: Sequence[Json]
    """Rates that replace standard ones under conditions."""
    factors: Sequence[Json]
    """Multipliers on token rates under conditions."""
    model: str
    """The id under which the book lists it."""
    disputed: frozenset[str] = frozenset()
    """Meters on whose rate the book's sources disagree."""
    facts: Sequence[Json] = ()
    """Where a rate that is not the source's own comes from, and when to look again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every provider of a book."""

    conditions: Mapping[str, str]
    """Another word for a condition, or `""` where the value means the standard price."""
    fallbacks: Mapping[str, str]
    """The rate that a meter takes where it has none of its own."""
    per: Mapping[str, int]
    """How many units a rate is for, where it is not a million tokens."""
    context_free: frozenset[str]
    """Meters whose rate no tier, batch, speed or region changes."""
    estimated: frozenset[str]
    """Meters whose quantity is an approximation of what is billed."""
    derived: Mapping[str, str]
    """Meters whose rate is a multiple of another one's, and which one that is."""


class Book:
    """A price book in a folder: `index.json`, and one file per provider, read when first needed.

    Raises `OSError` or `ValueError` from the first use on if the folder holds no book.
    """

    __slots__ = ("_folder", "_index", "_layer", "_parts", "_rules")

    def __init__(self, folder: Path = BUNDLED, layer: str = "bundled") -> None:
        self._folder = folder
        self._layer = layer
        self._index: Json | None = None
        self._rules: Rules | None = None
        self._parts: dict[str, Json] = {}

    @property
    def version(self) -> str:
        """The book's date and the start of the SHA-256 of its content."""
        return cast(str, self._loaded()["version"])

    @property
    def source(self) -> str:
        """What the book is made of."""
        return cast(str, self._loaded()["source"])

    @property
    def rules(self) -> Rules:
        """The rules that hold for every provider."""
        if self._rules is None:
            raw = self._loaded()["rules"]
            self._rules = Rules(
                raw["conditions"],
                raw["fallbacks"],
                raw["per"],
                frozenset(raw["context_free"]),
                frozenset(raw["estimated"]),
                raw.get("derived", {}),
            )
        return self._rules

    @property
    def providers(self) -> tuple[str, ...]:
        """The ids that `find` knows, sorted; the index also holds other words for some."""
        return tuple(sorted(self._loaded()["providers"]))

    def models(self, provider: str) -> tuple[str, ...]:
        """The ids of all models listed for a provider id of `providers`."""
        return tuple(model["id"] for model in self._part(provider)["models"])

    def entries(self, provider: str) -> Iterator[Entry]:
        """The entries of all models listed for a provider id of `providers`."""
        part = self._part(provider)
        for listed in part["models"]:
            yield self._entry(provider, listed, part["factors"])

    def provider_id(self, name: str) -> str:
        """The id for what others call a provider; other names stay, in lower case."""
        lowered = name.strip().lower()
        return cast(str, self._loaded()["aliases"].get(lowered, lowered))

    def find(self, provider: str, model: str) -> Entry | None:
        """The entry of `model` as `provider` sells it, or `None` for what the book does not know.

        Nothing is guessed: a model of a known family that no clause of the book matches is unknown.
        """
        index = self._loaded()
        wanted = model.strip().lower()
        if len(wanted) > _MAX_MODEL_LENGTH:
            return None
        name = provider.strip().lower()
        if name == "litellm":
            name, _, wanted = wanted.partition("/")
        name = index["aliases"].get(name, name)
        if name not in index["providers"]:
            return None
        spellings = dict.fromkeys(
            (wanted, _dashed_dates(wanted), _dashed_dates(wanted.removeprefix(f"{name}/")))
        )
        for spelling in spellings:
            if found := self._match(name, spelling):
                return found
        return None

    def _match(self, provider: str, model: str) -> Entry | None:
        part = self._part(provider)
        for listed in part["models"]:
            if matches(listed["match"], model):
                return self._entry(provider, listed, part["factors"])
        for listed in part["models"]:
            if listed["id"].lower() == model:
                return self._entry(provider, listed, part["factors"])
        for other in self._loaded()["providers"][provider].get("fallback", ()):
            for listed in self._part(other)["models"]:
                if matches(listed["match"], model):
                    # Another provider's tiers and surcharges are not this one's.
                    return self._entry(other, {**listed, "variants": ()}, ())
        return None

    def _entry(self, provider: str, listed: Json, factors: Sequence[Json]) -> Entry:
        listed_id = listed["id"]
        applicable = tuple(f for f in factors if "match" not in f or matches(f["match"], listed_id))
        return Entry(
            f"{self._layer}:{provider}/{listed_id}",
            listed["prices"],
            listed.get("variants", ()),
            applicable,
            listed_id,
            frozenset(listed.get("disputed", ())),
            listed.get("facts", ()),
        )

    def _loaded(self) -> Json:
        if self._index is None:
            self._index = self._read("index.json")
        return self._index

    def _part(self, provider: str) -> Json:
        part = self._parts.get(provider)
        if part is None:
            part = self._parts[provider] = self._read(f"{provider}.json")
        return part

    def _read(self, name: str) -> Json:
        return cast(Json, json.loads((self._folder / name).read_bytes()))


def matches(clauses: Json, model: str) -> bool:
    """Whether any of the clauses holds for `model` (lower case)."""
    get = clauses.get
    if model in get("equals", ()):
        return True
    if (starts := get("starts")) and model.startswith(tuple(starts)):
        return True
    if (ends := get("ends")) and model.endswith(tuple(ends)):
        return True
    if (parts := get("contains")) and any(part in model for part in parts):
        return True
    if (patterns := get("regex")) and any(re.search(pattern, model) for pattern in patterns):
        return True
    together = get("all", ())
    return any(all(matches(clause, model) for clause in clauses) for clauses in together)


def _dashed_dates(model: str) -> str:
    """`-20251211` as `-2025-12-11`: gateways write the snapshots of OpenAI models compactly."""
    return _COMPACT_DATE.sub(r"-\1-\2-\3", model)
