"""What is remembered of spans while they are open is gone when they have ended."""

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

import otel_cost
from tests.sizes import full_size, soak
from tests.wiring import clean_slate

TRACES = 10_000 if full_size else 80
UNENDED = 100_000 if full_size else 2_000
NESTED = 50
WARM_UP = 60
"""Traces before the measurement: what is kept of the latest calls is bounded, and is full then."""
SPARE = 2_000
"""Blocks of memory that may be taken meanwhile: a record of each trace would be 10,000 and more."""

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
USAGE = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 8}
LIBRARIES = (
    "app",
    "pydantic-ai",
    "openinference.instrumentation.langchain",
    "http",
    "langfuse-sdk",
)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Our processor and no exporter: whatever is kept is kept by us."""
    with clean_slate(monkeypatch):
        made = TracerProvider(shutdown_on_exit=False)
        made.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
        yield made


def nest(tracers: list[Tracer], depth: int, leaf: Tracer) -> None:
    """Agents, chains and plain spans around one call, which sometimes says no usage."""
    if not depth:
        with leaf.start_as_current_span("chat gpt-4o", attributes=CHAT) as span:
            span.set_attributes({**USAGE, "gen_ai.usage.output_tokens": 5})
        return
    tracer = tracers[depth % len(tracers)]
    said = {"gen_ai.operation.name": "invoke_agent"} if depth % 3 else CHAT
    with tracer.start_as_current_span(f"step {depth}", attributes=said if depth % 2 else {}):
        nest(tracers, depth - 1, leaf)


@soak
def test_nested_spans_leave_nothing_behind(provider: TracerProvider, record_property: Any) -> None:
    tracers = [provider.get_tracer(name) for name in LIBRARIES]
    leaf = provider.get_tracer("opentelemetry.instrumentation.genai.openai")
    # More calls than are remembered, so that what is kept of them is at its most.
    for _ in range(600):
        nest([], 0, leaf)
    for _ in range(WARM_UP):
        nest(tracers, NESTED - 1, leaf)
    otel_cost.flush()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(TRACES):
        nest(tracers, NESTED - 1, leaf)
    otel_cost.flush()
    gc.collect()
    grown = sys.getallocatedblocks() - before
    record_property(
        "claim", f"{TRACES:,} traces of {NESTED} nested spans: {grown:+,} blocks of memory"
    )
    assert grown < SPARE
    seen = {row["scope"]: row for row in otel_cost.diagnostics()["scopes"]}
    assert seen["opentelemetry.instrumentation.genai.openai"]["priced"] == TRACES + WARM_UP + 600


@soak
def test_spans_that_never_end_are_forgotten(provider: TracerProvider, record_property: Any) -> None:
    """Some libraries leave the span of an abandoned stream open."""
    tracer = provider.get_tracer("openlit.instrumentation.openai")

    def leak(times: int) -> None:
        for _ in range(times):
            tracer.start_span("chat gpt-4o", attributes=CHAT)

    leak(2_000)
    gc.collect()
    before = sys.getallocatedblocks()
    leak(UNENDED)
    gc.collect()
    grown = sys.getallocatedblocks() - before
    record_property("claim", f"{UNENDED:,} spans that never end: {grown:+,} blocks of memory")
    assert grown < SPARE
