"""Plays a recording to a real tracer provider with our processor, and keeps what comes of it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

import otel_cost
from otel_cost.charge import Charge
from tests.replay.recording import LeftOpen, RecordedSpan, Recording, Scope

_ENOUGH = 20.0
"""How long the sinks may take (seconds)."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Played(NamedTuple):
    """What came of a recording."""

    charges: tuple[Charge, ...]
    """One per charge id: a settled charge takes the place of the pending one."""
    spans: tuple[ReadableSpan, ...]
    """In the order in which they were exported."""


def play(recording: Recording, *, exporter_first: bool = False) -> Played:
    """The charges and spans that come of a recording; otel_cost is on for it alone."""
    ids, exporter = _RecordedIds(), InMemorySpanExporter()
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    received: list[Charge] = []
    try:
        processors = [
            otel_cost.CostSpanProcessor(hooks=False),
            SimpleSpanProcessor(exporter),
        ]
        for processor in reversed(processors) if exporter_first else processors:
            provider.add_span_processor(processor)
        otel_cost.add_sink(received.append)
        _Player(recording, provider, ids).play()
        assert otel_cost.flush(_ENOUGH)
    finally:
        otel_cost.shutdown(_ENOUGH)
    charges = {charge.charge_id: charge for charge in received}
    return Played(tuple(charges.values()), exporter.get_finished_spans())


class _RecordedIds(IdGenerator):
    """The ids that were recorded; new ones for spans that are not in the recording."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.next: tuple[int, int] | None = None
        """Trace and span id of the span that is about to start."""

    def generate_trace_id(self) -> int:
        return self._random.generate_trace_id() if self.next is None else self.next[0]

    def generate_span_id(self) -> int:
        return self._random.generate_span_id() if self.next is None else self.next[1]


class _Player:
    """Starts and ends the spans of one recording."""

    def __init__(self, recording: Recording, provider: TracerProvider, ids: _RecordedIds) -> None:
        self._recording = recording
        self._provider = provider
        self._ids = ids
        self._open: dict[int, Span] = {}
        self._never_ended: list[Span] = []

    def play(self) -> None:
        waiting = list(self._recording.left_open)
        for starts, span in _events(self._recording.spans):
            if not (starts and span.scope.name == "app"):
                self._leave_open(waiting, span.started)
            if starts:
                self._start(span)
            else:
                self._end(span)
        self._leave_open(waiting, None)

    def _start(self, span: RecordedSpan) -> None:
        self._ids.next = span.trace_id, span.span_id
        self._open[span.span_id] = self._tracer(span.scope).start_span(
            span.name,
            self._parent(span),
            span.kind,
            attributes=span.at_start,
            start_time=span.started,
        )
        self._ids.next = None

    def _parent(self, span: RecordedSpan) -> Context:
        """A context of the parent alone; a parent that was left open is one that is not ours."""
        if span.parent_id is None:
            return Context()
        parent = self._open.get(span.parent_id)
        if parent is None:
            ids = SpanContext(span.trace_id, span.parent_id, False, _SAMPLED)
            parent = NonRecordingSpan(ids)
        return set_span_in_context(parent, Context())

    def _end(self, span: RecordedSpan) -> None:
        made = self._open[span.span_id]
        made.set_attributes(span.later)
        for event in span.events:
            made.add_event(event.name, event.attributes, event.at)
        made.set_status(Status(span.status, span.description))
        made.end(span.ended)

    def _leave_open(self, waiting: list[LeftOpen], started: int | None) -> None:
        """Start the spans that never end, below the application's span if there is one."""
        around = next(iter(self._open.values()), None)
        context = Context() if around is None else set_span_in_context(around, Context())
        while waiting:
            left = waiting.pop(0)
            tracer, first = self._tracer(left.scope), _first_attributes(left)
            span = tracer.start_span(left.name, context, attributes=first, start_time=started)
            self._never_ended.append(span)

    def _tracer(self, scope: Scope) -> Tracer:
        return self._provider.get_tracer(scope.name, scope.version, scope.schema_url)


def _first_attributes(left: LeftOpen) -> Mapping[str, str]:
    """The values of a span that never ended; its name tells the model, if anything does."""
    model = left.name.partition(" ")[2]
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai" if model.startswith("gpt") else "anthropic",
        "gen_ai.request.model": model,
    }
    return {name: values[name] for name in left.named_at_start}


def _events(spans: tuple[RecordedSpan, ...]) -> Iterator[tuple[bool, RecordedSpan]]:
    """Every start (`True`) and end, by time; ends in the recorded order.

    Of what happened within one microsecond, ends come before starts, except of a span that is to
    end next. A parent starts before its children, whatever start they were given afterwards.
    """
    by_id = {span.span_id: span for span in spans}
    waiting = sorted(spans, key=lambda span: _turn(span, by_id))
    started: set[int] = set()
    for span in spans:
        while waiting and (waiting[0].started < span.ended or span.span_id not in started):
            first = waiting.pop(0)
            started.add(first.span_id)
            yield True, first
        yield False, span


def _turn(span: RecordedSpan, by_id: Mapping[int, RecordedSpan]) -> tuple[int, int]:
    """When a span starts, and how far below its root it stands."""
    parent = by_id.get(span.parent_id or 0)
    if parent is None:
        return span.started, 0
    after, depth = _turn(parent, by_id)
    return max(span.started, after), depth + 1
