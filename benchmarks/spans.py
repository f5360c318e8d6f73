"""What our processor costs on spans that are made by others, beside the same spans without it.

The limits are in microseconds on the machine where the spans without it took `REFERENCE`; here they
count as shares of what those take now.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

import otel_cost
from benchmarks.timing import ROUNDS, Row, interleaved, limited, plain, sample, work
from benchmarks.wire import Call

SPANS = 100
REFERENCE = {"other": 10.9, "llm": 14.0}
"""A span without processors there: one with no attributes, one of an LLM call (microseconds)."""
LIMITS = {"other": 0.5, "shadowed": 1.5, "llm": 30.0}
"""What we may add there (microseconds)."""

REQUEST = {"http.route": "/", "http.request.method": "GET"}
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
}
ANSWER = {
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 2000,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.cache_read.input_tokens": 1200,
    "gen_ai.usage.reasoning.output_tokens": 128,
}


class _Deaf(SpanProcessor):
    """Forwards what SDKs before 1.40 do: not that a span is ending."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        self._inner.on_end(span)


def bare() -> TracerProvider:
    """A provider without processors."""
    return TracerProvider(shutdown_on_exit=False)


def ours(wrap: Callable[[SpanProcessor], SpanProcessor] = lambda ours: ours) -> TracerProvider:
    made = bare()
    made.add_span_processor(wrap(otel_cost.CostSpanProcessor(hooks=False)))
    return made


def _other(to: TracerProvider) -> Call:
    tracer = to.get_tracer("application")

    def run() -> None:
        with tracer.start_as_current_span("GET /", attributes=REQUEST):
            pass

    return run


def llm_span(to: TracerProvider) -> Call:
    tracer = to.get_tracer("opentelemetry.instrumentation.genai.openai", "1.3b0")
    answer: Mapping[str, Any] = ANSWER
    number = 0

    def run() -> None:
        nonlocal number
        number += 1
        with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, attributes=CHAT) as span:
            span.set_attributes(answer)
            span.set_attribute("gen_ai.response.id", f"chatcmpl-{number}")

    return run


def span_rows() -> Iterator[Row]:
    """A line for each kind of span."""
    yield _row("A span that is no LLM work", _other, bare(), ours(), "other", "other")
    yield _row("the same, its end shadowed", _other, bare(), ours(_Deaf), "other", "shadowed")
    yield _row("An LLM span of another library", llm_span, bare(), ours(), "llm", "llm")


def _row(
    name: str,
    span_on: Callable[[TracerProvider], Call],
    without: TracerProvider,
    with_ours: TracerProvider,
    reference: str,
    limit: str,
) -> Row:
    plainly, with_us = interleaved(
        ROUNDS,
        lambda: sample(span_on(without), plain, without, SPANS),
        lambda: sample(span_on(with_ours), plain, with_ours, SPANS),
    )
    alone = min(each.wall for each in plainly) * 1e6
    added = work(with_us, plainly).wall * 1e6
    share = added / alone
    allowed = LIMITS[limit] / REFERENCE[reference]
    figures = f"bare {alone:6.1f} µs   us +{added:5.2f} µs   {share:4.2f} of the span"
    return limited(name, figures, round(share, 2), round(allowed, 2), " of it")
