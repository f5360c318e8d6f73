"""Puts attribution on every LLM span, whoever makes it."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_cost import attributes, faults
from otel_cost.attribution.context import UNATTRIBUTED, Attribution, current
from otel_cost.recorder import CALL_KEY
from otel_cost.span_end import has_on_ending, set_late, shadow_end
from otel_cost.spans.recognise import is_llm, is_native_anthropic, stores_json_metadata
from otel_cost.spans.tracers import SCOPE

_WHO = "_otel_cost_attribution"


class StampingProcessor(SpanProcessor):
    """Stamps LLM spans with the attribution of the context they were started in.

    It may come before or after any other processor: it writes when a span ends, before any
    processor exports it.
    """

    def __init__(
        self, defaults: Attribution, on_first_span: Callable[[], None] | None = None
    ) -> None:
        self._defaults = defaults
        self._on_first_span = on_first_span
        self._shadows = not has_on_ending()
        self._resting = False

    def rest(self) -> None:
        """Do nothing from now on; a provider cannot let go of a processor."""
        self._resting = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Keep who the span is for: where it ends, the context may be another."""
        if self._resting:
            return
        try:
            if self._on_first_span is not None:
                self._on_first_span()
                self._on_first_span = None
            scope = span.instrumentation_scope
            if scope is not None and scope.name == SCOPE:
                return
            context = otel_context.get_current() if parent_context is None else parent_context
            who = current(context)
            if who is not UNATTRIBUTED:
                setattr(span, _WHO, who)
            call: Any = context.get(CALL_KEY)
            if call is not None and is_native_anthropic(span):
                call.claim(span)
            if self._shadows:
                shadow_end(span, functools.partial(self._ending, span))
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("a span's start", error)

    def _on_ending(self, span: Span) -> None:
        if not self._shadows and not self._resting:
            self._ending(span)

    def _ending(self, span: Span) -> None:
        try:
            who: Attribution = getattr(span, _WHO, UNATTRIBUTED)
            if who is UNATTRIBUTED and self._defaults is UNATTRIBUTED:
                return
            who = who.over(self._defaults)
            found = span.attributes or {}
            scope = span.instrumentation_scope
            if scope is None or scope.name == SCOPE or not is_llm(scope.name, found):
                return
            set_late(span, _stamp(span, who))
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("a span's end", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing: the span is frozen now."""


def _stamp(span: Span, who: Attribution) -> Mapping[str, attributes.Value]:
    stamp = attributes.of_attribution(who, attributes.tags_on(span))
    return attributes.as_json_metadata(stamp) if stores_json_metadata(span) else stamp
