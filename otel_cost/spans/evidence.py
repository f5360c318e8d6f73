"""Whether a span tells of a call that is already charged: response id, model, tokens, time."""

import re
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeAlias

from opentelemetry.trace import SpanContext, format_span_id

from otel_cost.measured import Measured
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.usage import Usage

_KEPT = 512
"""How many charged calls are remembered."""
_LOOKED_AT = 32
"""Of those that are alike in one respect, how many are compared in all."""
_AGE = 120 * 10**9
"""How long after its end a span may still tell of a call (nanoseconds)."""
_WRAPPED = frozenset({"OpenAI-generation", "OpenAI-embedding"})
"""Spans of `langfuse.openai`, which may stand beside those that Langfuse makes for LangChain."""
_EDITION = re.compile(r"(?:[-@](?:\d{4}-\d\d-\d\d|\d{4,8}|latest))?(?:-v\d+)?(?::\d+)?")
"""What may follow a model's name without making it another: its date, and a platform's version."""
_SLACK = {3: 2 * 10**9, 2: 20 * 10**6, 1: 0}
"""How long after a call a span of it may begin, by the strength of the evidence (nanoseconds)."""


_Key: TypeAlias = str | tuple[int, int]
_NO_USAGE = (-1, -1)


def species(span: Any) -> str:
    """Who has made a span; of one call there is one span of each species."""
    scope = getattr(span, "instrumentation_scope", None)
    name: str = "" if scope is None else scope.name
    wraps_sdk = name == "langfuse-sdk" and span.name in _WRAPPED
    return f"{name} openai" if wraps_sdk else name


def span_id(span: Any) -> str | None:
    """The id of a span in hexadecimal digits."""
    return None if span is None else _hexadecimal(span.get_span_context())


def _hexadecimal(ids: SpanContext | None) -> str | None:
    return None if ids is None or not ids.is_valid else format_span_id(ids.span_id)


class Told:
    """What of a charged call its other spans are known by. It refers to no span."""

    __slots__ = (
        "context",
        "ended_at",
        "model",
        "operation",
        "request_model",
        "response_id",
        "scopes",
        "started_at",
        "usage",
    )

    def __init__(self, measured: Measured, scope: str | None) -> None:
        self.started_at, self.ended_at = measured.started_at, measured.ended_at
        self.model, self.request_model = measured.model, measured.request_model
        self.operation, self.response_id = measured.operation, measured.response_id
        self.usage = None if measured.usage is None else measured.total_usage
        span = measured.span
        self.context = None if span is None else span.get_span_context()
        """Of the span that carries it."""
        self.scopes = set() if scope is None else {scope}
        """Of the spans that have told of it."""

    @property
    def span_id(self) -> str | None:
        """The id of the span that carries it, in hexadecimal digits."""
        return _hexadecimal(self.context)

    @property
    def keys(self) -> tuple[_Key, ...]:
        """By what it can be found."""
        return _keys(self.response_id, self.usage)

    def overlaps(self, started: int, ended: int, slack: int) -> bool:
        """Whether a span of that time may tell of it: another call may have the same id."""
        return started <= self.ended_at + slack and ended >= self.started_at - slack


class Recent:
    """The calls charged lately, the oldest first. For any thread.

    Where one library alone tells of calls nothing is told twice, and nothing is looked for: what is
    new is therefore only put in order when it is.
    """

    def __init__(self) -> None:
        self._new: deque[Told] = deque(maxlen=_KEPT)
        self._told: deque[Told] = deque()
        self._known: dict[_Key, list[Told]] = {}
        self._latest = 0
        self._scopes = set[str]()
        # A finaliser may end a span while its thread is in here.
        self._lock = threading.RLock()

    def add(self, measured: Measured) -> None:
        """Remember a charged call."""
        span = measured.span
        scope = None if span is None else species(span)
        self._scopes.add(scope or "")
        self._new.append(Told(measured, scope))

    def find(self, said: SpanCall, scope: str, started: int, ended: int) -> Told | None:
        """The call that a span of `scope` tells of again, by the best evidence; it may once."""
        if self._scopes <= {scope}:
            return None
        best: Told | None = None
        strongest = 0
        with self._lock:
            self._take_in()
            for told in self._candidates(said):
                if scope in told.scopes or not told.overlaps(started, ended, _SLACK[3]):
                    continue
                strength = agreement(said, told)
                if strength > strongest and told.overlaps(started, ended, _SLACK[strength]):
                    best, strongest = told, strength
            if best is not None:
                best.scopes.add(scope)
        return best

    def _take_in(self) -> None:
        """Put in order what is new; forget what is too old to matter."""
        while self._new:
            told = self._new.popleft()
            # Not by the clock: spans may be made with times of their own.
            self._latest = max(self._latest, told.ended_at)
            for key in told.keys:
                self._known.setdefault(key, []).append(told)
            self._told.append(told)
        oldest = self._latest - _AGE
        while self._told and (self._told[0].ended_at < oldest or len(self._told) > _KEPT):
            self._forget_first()

    def _candidates(self, said: SpanCall) -> Iterable[Told]:
        """Those that may agree, the latest first; nearly always there are none."""
        usage, known = said.usage, self._known
        if usage is None or "output" in said.unknown:
            return reversed(tuple(self._told))
        found: list[Told] = [
            *known.get(_NO_USAGE, ())[-_LOOKED_AT:],
            *known.get((usage.input_tokens, usage.output_tokens), ())[-_LOOKED_AT:],
        ]
        if said.response_id is not None:
            found += known.get(said.response_id, ())[-_LOOKED_AT:]
        return reversed(found)

    def _forget_first(self) -> None:
        told = self._told.popleft()
        for key in told.keys:
            known = self._known[key]
            known.remove(told)
            if not known:
                del self._known[key]


def _keys(response_id: str | None, usage: Usage | None) -> tuple[_Key, ...]:
    """By what a call can be found: its id, and its tokens with and without the cache."""
    if usage is None:
        return (_NO_USAGE,) if response_id is None else (_NO_USAGE, response_id)
    sent, received = usage.input_tokens, usage.output_tokens
    uncached = int(usage.quantities.get("input", 0))
    tokens = ((sent, received),) if uncached == sent else ((sent, received), (uncached, received))
    return tokens if response_id is None else (*tokens, response_id)


def agreement(said: SpanCall, measured: Measured | Told) -> int:
    """How surely a span and a call are the same: 3 by id, 2 by tokens, 1 for want of evidence.

    0: they are not. 1 only where one of them says no usage, so that nothing speaks against it.
    """
    if said.response_id is not None and measured.response_id is not None:
        return 3 if said.response_id == measured.response_id else 0
    if not may_be_one(said, measured):
        return 0
    if said.usage is None or measured.usage is None:
        return 1
    return 2 if same_tokens(said, measured) else 0


def may_be_one(said: SpanCall, measured: Measured | Told) -> bool:
    """Whether models and operations go together, as far as they are said."""
    if (said.operation == "embeddings") != (measured.operation == "embeddings"):
        return False
    ours = [name for name in (measured.model, measured.request_model) if name]
    theirs = [name for name in (said.model, said.request_model) if name]
    return not ours or not theirs or any(same_model(a, b) for a in ours for b in theirs)


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model: with or without its date, or whose it is in front."""
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return long.startswith(short) and _EDITION.fullmatch(long, len(short)) is not None


def _bare(name: str) -> str:
    return name.rpartition("/")[2].rpartition("anthropic.")[2].lower()


def same_tokens(said: SpanCall, measured: Measured | Told) -> bool:
    """Whether the tokens sent and received agree, as far as the span can say them."""
    theirs = said.usage
    ours = measured.total_usage if isinstance(measured, Measured) else measured.usage
    if theirs is None or ours is None or not (theirs.total_tokens or ours.total_tokens):
        return False
    if theirs.input_tokens != ours.input_tokens and not _without_cache(theirs, ours):
        return False
    return theirs.output_tokens == ours.output_tokens or "output" in said.unknown


def _without_cache(theirs: Usage, ours: Usage) -> bool:
    """Whether the span counts only what did not come from the cache, as some libraries do."""
    return theirs.input_tokens == ours.quantities.get("input", 0)
