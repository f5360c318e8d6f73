"""Puts attribution, usage and cost on the LLM spans of others, and zeros on their duplicates."""

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanKind

from otel_cost import attributes, faults
from otel_cost.attribution.around import keep_outer
from otel_cost.attribution.baggage import BAGGAGE_KEY, mark
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.attribution.who import SAYING
from otel_cost.recorder import CALL_KEY
from otel_cost.span_end import set_late, shadow_end, stored
from otel_cost.spans import forged
from otel_cost.spans.dialects.dialect import Dialect
from otel_cost.spans.dialects.registry import MARKS
from otel_cost.spans.judging import Judging
from otel_cost.spans.record import HELD, Record, held, hold
from otel_cost.spans.tracers import is_ours

_SHADOWED = "_otel_cost_shadowed"
_WHO = "_otel_cost_attribution"
"""Where a span that nobody knows for LLM work has whom it was started for, rules apart."""
_WHERE = "_otel_cost_where"
"""Where it has the context that rules look at when it ends, if it has turned out to count."""


class StampingProcessor(SpanProcessor):
    """Judges the spans of LLM work of one provider, and stamps them with whom they are for.

    It may come before or after any other processor: it writes when a span ends, before any
    processor exports it. Without `judging` it does nothing.
    """

    def __init__(
        self,
        judging: Judging | None,
        on_first_span: Callable[[Span], None] | None = None,
        *,
        stamps_all: bool = False,
    ) -> None:
        self._judging = judging
        self._on_first_span = on_first_span
        self._stamps_all = stamps_all
        self._shadows = True
        """Whether `span.end` is shadowed: until the provider has told once that a span ends.

        SDKs before 1.40 never do, nor do providers that wrap processors without forwarding it.
        """

    @property
    def active(self) -> bool:
        """Whether it does anything."""
        return self._judging is not None

    def rest(self) -> None:
        """Do nothing from now on; a provider cannot let go of a processor."""
        self._judging = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Keep who the span is for, and what it is: where it ends, the context may be another."""
        judging = self._judging
        if judging is None:
            return
        try:
            if self._on_first_span is not None:
                first, self._on_first_span = self._on_first_span, None
                first(span)
                if not self.active:
                    return
            context = otel_context.get_current() if parent_context is None else parent_context
            scope = span.instrumentation_scope
            dialect = None if scope is None else judging.dialects.of_scope(scope.name)
            places = judging.who.places is not None
            if places:
                keep_outer(span, context)
            said = not SAYING.isdisjoint(context)
            if said and BAGGAGE_KEY in context:
                mark(span, begins=_begins(span), context=context)
            if dialect is not None:
                _follow(judging, span, dialect, context)
            else:
                # Any other span: LLM work may turn up in it, or within it.
                if said:
                    setattr(span, _WHO, judging.who.said(context))
                if places:
                    setattr(span, _WHERE, context)
                if judging.ownership.open:
                    _pass_on(span, context)
            if self._shadows:
                setattr(span, _SHADOWED, True)
                shadow_end(span, functools.partial(self._ending, span))
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("a span's start", error)

    def _on_ending(self, span: Span) -> None:
        try:
            self._shadows = False  # the provider's chain forwards this
            # Most spans are no LLM work, and most of them are told from it here.
            known: Any = span._attributes
            plain = getattr(span, HELD, None) is None and MARKS.isdisjoint(known._dict)
            if plain and not self._stamps_all:
                return
            if getattr(span, _SHADOWED, False):
                return
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("looking at a span's end", error)
        self._ending(span)

    def _ending(self, span: Span) -> None:
        judging = self._judging
        if judging is None:
            return
        try:
            record = held(span)
            if record is None or record.span is not span:
                dialect = judging.dialects.of_attributes(span.name, stored(span))
                if is_ours(span) or (dialect is None and not self._stamps_all):
                    return
                who = _who_of(judging, span)
                if dialect is None:
                    set_late(span, _stamp(span, judging.who.completed(who)))
                    return
                record = Record(span, dialect, who, record)
            if not judging.who.trusts:
                forged.remove(span)
            stamp = _stamp(span, judging.who.completed(record.who))
            set_late(span, {**stamp, **judging.verdicts.at_end(record, span)})
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("a span's end", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing: the span is frozen now."""


def _who_of(judging: Judging, span: Span) -> Attribution:
    """Whom a span was started for that nobody knew for LLM work then."""
    who: Attribution = getattr(span, _WHO, UNATTRIBUTED)
    where: Context | None = getattr(span, _WHERE, None)
    if where is None:
        return who
    return judging.who.placed(who, trace.set_span_in_context(span, where))


def _stamp(span: Span, who: Attribution) -> dict[str, Any]:
    if who is UNATTRIBUTED:
        return {}
    stamp = attributes.of_attribution(who, attributes.tags_on(span))
    if attributes.stores_json_metadata(span):
        return attributes.as_json_metadata(stamp)
    return dict(stamp)


def _follow(judging: Judging, span: Span, dialect: Dialect, context: Context) -> None:
    """A span of LLM work has started."""
    record = Record(span, dialect, judging.who(context), held(trace.get_current_span(context)))
    judging.ownership.started(record)
    call: Any = context.get(CALL_KEY)
    if call is None:
        return
    native = record.scope.startswith(attributes.NATIVE_ANTHROPIC_SCOPE)
    if native and record.kind == "call" and call.claim(span):
        record.wrote = True
    else:
        record.of, record.certain = call.measured, True


def _begins(span: Span) -> bool:
    """Whether a span is the first here of what another process has asked for."""
    if span.kind in (SpanKind.SERVER, SpanKind.CONSUMER):
        return True
    return span.parent is not None and span.parent.is_remote


def _pass_on(span: Span, context: Context) -> None:
    """Have what is within the span find what is around it."""
    outer = held(trace.get_current_span(context))
    if outer is not None:
        hold(span, outer)
