"""The election: which of the open spans carries a hooked call."""

import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import INVALID_SPAN_ID

from otel_cost import faults
from otel_cost.measured import Measured
from otel_cost.owners import Hooked, Owner
from otel_cost.recorder import Recorder
from otel_cost.span_end import stored
from otel_cost.spans.dialects.registry import Dialects
from otel_cost.spans.evidence import Recent, may_be_one
from otel_cost.spans.owner import SpanOwner
from otel_cost.spans.record import Record, held, here
from otel_cost.spans.tracers import is_ours
from otel_cost.spans.untold import Untold
from otel_cost.spans.waiting import Waiting

_MOST_OPEN = 1024
"""How many open spans of LLM work are looked through for a call's; leaked ones are among them."""

_LONGEST = 120 * 10**9
"""How long a span that another has left a call to may stay open (nanoseconds)."""


class Ownership:
    """Decides which span carries a hooked call, and remembers what was decided. For any thread."""

    def __init__(self, recorder: Recorder, dialects: Dialects) -> None:
        self._recorder = recorder
        self._dialects = dialects
        self._start_over()
        if hasattr(os, "register_at_fork"):
            start_over = weakref.WeakMethod(self._start_over)
            os.register_at_fork(after_in_child=lambda: (again := start_over()) and again())

    def _start_over(self) -> None:
        """As a new process does: what is open when it forks is its parent's."""
        self.recent = Recent()
        self.untold = Untold(self._recorder)
        self._waiting = Waiting()
        self.open: dict[int, Record] = {}
        """Spans of LLM work by the id of their record, the oldest first."""
        self._beneath: dict[int, dict[int, Record]] = {}
        """The same, by the id of the nearest span around them that is no LLM work."""

    def started(self, record: Record) -> None:
        """A span of LLM work is open from now on."""
        self.open[id(record)] = record
        self._beneath.setdefault(record.base, {})[id(record)] = record
        oldest = next(iter(tuple(self.open.values())))
        late = oldest.left is not None and oldest.started < record.started - _LONGEST
        if late or len(self.open) > _MOST_OPEN:
            self._forget(oldest)

    def closed(self, record: Record) -> None:
        """It is open no longer."""
        self.open.pop(id(record), None)
        siblings = self._beneath.get(record.base, {})
        siblings.pop(id(record), None)
        if not siblings:
            self._beneath.pop(record.base, None)

    def _latest(self, base: int) -> Sequence[Record]:
        """The open spans whose nearest span that is no LLM work is `base`, the latest first."""
        return tuple(reversed(tuple(self._beneath.get(base, {}).values())))

    def elect(self, call: Hooked, context: Context) -> Owner | None:
        """The open span that is to carry `call`, made in `context`; `None`: one of its own."""
        try:
            return self._elect(call, context)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("choosing a call's span", error)
            return None

    def ended(self, measured: Measured) -> None:
        """A call has been published: spans that tell of it again are its duplicates."""
        self.recent.add(measured)

    def settle(self, *, patient: bool) -> None:
        """Give calls that are over a span of their own where their owner has not ended."""
        self._waiting.settle(patient=patient)
        if not patient:
            for record in tuple(self.open.values()):
                self._forget(record)
            self.untold.settle()

    def beside(self, record: Record, *, silent: bool) -> Record | None:
        """An open span that may tell more of the call of `record`, and is of no call yet.

        With `silent` one that says nothing yet will do: it may turn out to be around calls.
        """
        related = [other for other in self._related(record) if other.left is None]
        for other in related:
            if other.kind == "call":
                return other
        return next((other for other in related if silent and not other.attributes), None)

    def _related(self, record: Record) -> Iterator[Record]:
        """Open spans around a span, beside it in the same place or within it, the nearest first."""
        for outer in outwards(record.outer):
            if not outer.closed and _is_unbound(outer):
                yield outer
        for other in self._latest(record.base):
            near = other.place == record.place or record.is_around(other)
            if other.scope != record.scope and near and _is_unbound(other):
                yield other

    def hand_on(self, record: Record) -> None:
        """A span that is no call has ended, and another has left a call to it."""
        other = None if record.left is None else self.beside(record, silent=True)
        if other is None:
            self._forget(record)
        else:
            other.left, record.left = record.left, None

    def _forget(self, record: Record) -> None:
        """Wait no longer for a span to end; what another span has left to it is charged now."""
        self.closed(record)
        left, record.left = record.left, None
        if left is not None:
            self._recorder.publish_apart(*left)

    def _elect(self, call: Hooked, context: Context) -> Owner | None:
        self._waiting.age()
        span = trace.get_current_span(context)
        nearest = self._record_at(span, context)
        if nearest is None and not self.open:
            return None
        measured = call.measured
        beside = list(self._candidates(measured, span, nearest))
        owner: Owner | None = None
        chosen: Record | None = None
        if nearest is not None and _is_free(nearest, measured):
            chosen = nearest
            owner = self._owner(call, nearest, reserved=False)
        elif beside:
            chosen = beside.pop(0)
            owner = self._owner(call, chosen, reserved=True)
        for record in beside:
            record.of = measured
        for record in {*outwards(nearest), *outwards(chosen)} - {chosen}:
            record.within.append(measured)
        return owner

    def _owner(self, call: Hooked, record: Record, *, reserved: bool) -> Owner:
        dialect = record.dialect
        if reserved:
            self._recorder.expect_streams()
        return SpanOwner(
            call,
            record,
            self._recorder,
            self._waiting,
            reserved=reserved,
            strange=reserved and record.base == INVALID_SPAN_ID and record.place != here(),
            patient=not reserved and dialect.by_hand,
            trusted=self._recorder.engine.trusts_spans(dialect.name),
        )

    def _record_at(self, span: Any, context: Context) -> Record | None:
        """The record of the current span, or of the nearest span of LLM work around it."""
        # OpenInference makes a stand-in current: the span itself is what ends.
        span = getattr(span, "__wrapped__", span)
        found = held(span)
        if (found is not None and found.span is span) or not isinstance(span, Span):
            return found
        said = stored(span)
        if not said or is_ours(span):
            return found
        dialect = self._dialects.of_attributes(span.name, said)
        if dialect is None:
            return found
        made = Record(span, dialect, self._recorder.who(context), found)
        self.started(made)
        return made

    def _candidates(
        self, measured: Measured, span: trace.Span, nearest: Record | None
    ) -> Iterator[Record]:
        """Spans opened for this call that are not current: one of each library, the best first."""
        place, completed = here(), self._recorder.who.completed
        base = span.get_span_context().span_id if nearest is None else nearest.base
        around, seen = set(outwards(nearest)), set[str]()
        for record in sorted(self._latest(base), key=lambda record: record.place != place):
            near = nearest is None or nearest.is_around(record) or record.place == place
            if not near or record.scope in seen or record in around:
                continue
            if completed(record.who) == measured.attribution and _is_free(record, measured):
                seen.add(record.scope)
                yield record


def outwards(record: Record | None) -> Iterator[Record]:
    """A record, and those around it."""
    while record is not None:
        yield record
        record = record.outer


def _is_unbound(record: Record) -> bool:
    """Whether a span is of no call yet, as far as it is known."""
    return record.owner is None and record.of is None and not record.within


def _is_free(record: Record, measured: Measured) -> bool:
    """Whether a span may carry this call, by what it says by now."""
    if record.closed or not _is_unbound(record):
        return False
    return record.kind == "call" and may_be_one(record.read(), measured)
