"""Which dialect a span speaks, by its scope or else by its attributes; users may add their own."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from otel_cost import faults
from otel_cost.spans.dialects import (
    generic,
    langfuse,
    litellm,
    logfire,
    native_anthropic,
    openinference,
    openlit,
    openllmetry,
    otel,
    pydantic_ai,
)
from otel_cost.spans.dialects.dialect import Attributes, Dialect, Kind, SpanCall

GROUP = "otel_cost_dialect"
"""The group of entry points in which others offer dialects: each is one, or makes one."""

_KEPT = 1024
"""How many scopes are remembered."""
_HINT = "Its spans are not priced. This is an extension of your own: please look at its trace."

OURS: tuple[Dialect, ...] = (
    *otel.DIALECTS,
    native_anthropic.DIALECT,
    *openinference.DIALECTS,
    *openllmetry.DIALECTS,
    *openlit.DIALECTS,
    langfuse.DIALECT,
    *logfire.DIALECTS,
    litellm.DIALECT,
    pydantic_ai.DIALECT,
    generic.DIALECT,
)
_LANGFUSE_MARKS = frozenset({langfuse.TYPE, "langfuse.observation.usage_details"})
_OPENINFERENCE_MARKS = frozenset({openinference.KIND})
_BY_MARKS: tuple[tuple[frozenset[str], Dialect], ...] = (
    (litellm.MARKS, litellm.DIALECT),
    (_LANGFUSE_MARKS, langfuse.DIALECT),
    (_OPENINFERENCE_MARKS, openinference.OTHERS),
    (generic.MARKS, generic.DIALECT),
)
"""By what attributes a dialect is known, the surest first."""
MARKS = frozenset[str]().union(*(marks for marks, _ in _BY_MARKS))
"""Without any of these attributes a span whose scope says nothing is no LLM work."""


class ByScope(dict[str, Dialect | None]):
    """Finds the dialect of a scope the first time, and knows it from then on."""

    def __init__(self, prefixes: tuple[tuple[str, Dialect], ...]) -> None:
        super().__init__()
        self._prefixes = prefixes

    def __missing__(self, scope: str) -> Dialect | None:
        found = next((d for prefix, d in self._prefixes if scope.startswith(prefix)), None)
        if len(self) >= _KEPT:
            self.clear()
        self[scope] = found
        return found


class Dialects:
    """The dialects known in this process: ours, and those of entry points. For any thread."""

    def __init__(self) -> None:
        theirs = tuple(_offered())
        self.all: tuple[Dialect, ...] = (*theirs, *OURS)
        # A dialect of the user's wins over ours, however short its scope.
        by_scope = ByScope((*_longest_first(theirs), *_longest_first(OURS)))
        self.of_scope: Callable[[str], Dialect | None] = by_scope.__getitem__
        """The dialect of an instrumentation scope."""

    def of_attributes(self, _name: str, attributes: Attributes) -> Dialect | None:
        """The dialect of a span whose scope says nothing."""
        if MARKS.isdisjoint(attributes):
            return None
        return next(d for marks, d in _BY_MARKS if not marks.isdisjoint(attributes))


def _longest_first(dialects: tuple[Dialect, ...]) -> list[tuple[str, Dialect]]:
    pairs = [(scope, dialect) for dialect in dialects for scope in dialect.scopes if scope]
    return sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)


def _offered() -> Iterator[Dialect]:
    for point in entry_points(group=GROUP):
        try:
            yield _guarded(_loaded(point), f"the dialect of the entry point {point.name!r}")
        except Exception as error:  # noqa: BLE001 - what others install must not stop anything
            _say(f"loading the dialect of the entry point {point.name!r}", error)


def _loaded(point: EntryPoint) -> Dialect:
    found = point.load()
    if not isinstance(found, Dialect) and callable(found):
        found = found()
    if not isinstance(found, Dialect):
        raise TypeError(f"{point.value} is neither a Dialect nor makes one, but {found!r}")
    return found


def _guarded(dialect: Dialect, where: str) -> Dialect:
    """The same dialect, which never raises."""
    kind, read, starts = dialect.kind, dialect.read, dialect.starts

    @functools.wraps(kind)
    def safe_kind(name: str, said: Attributes) -> Kind:
        try:
            return kind(name, said)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            _say(where, error)
            return "other"

    @functools.wraps(read)
    def safe_read(name: str, said: Attributes) -> SpanCall:
        try:
            return read(name, said)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            _say(where, error)
            return SpanCall()

    safe_starts = None if starts is None else _guarded_starts(starts, where)
    return replace(dialect, kind=safe_kind, read=safe_read, starts=safe_starts)


def _guarded_starts(
    starts: Callable[[str, Attributes], bool], where: str
) -> Callable[[str, Attributes], bool]:
    def safe_starts(name: str, said: Attributes) -> bool:
        try:
            return starts(name, said)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            _say(where, error)
            return False

    return safe_starts


def _say(where: str, error: Exception) -> None:
    faults.caught(where, error, kind="dialect_error", hint=_HINT)
