"""What the instrumentation costs: paired in one process against the call without it and a floor.

The floor is one hand-written span, current around the call, with exactly the attributes that
otel_cost puts on its own, on a provider of the same kind.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import otel_cost
from benchmarks.timing import (
    ROUNDS,
    Around,
    Row,
    Sample,
    interleaved,
    limited,
    plain,
    provider,
    sample,
    undisturbed,
    work,
)
from benchmarks.wire import Call, Stream

MAX_RATIO = 1.8
"""Our work on one call over the floor's, as the caller sees it."""
MAX_CHUNK = 2.0
"""Our work on one chunk of a stream (microseconds)."""
MAX_IMPORT = 30.0
"""What `import otel_cost` adds to the OpenTelemetry SDK (milliseconds)."""

CALLS = 40
STREAM_ROUNDS = 15
BLOCK = 25
IMPORTS = 9


@contextmanager
def hooked(to: TracerProvider) -> Iterator[None]:
    """The hooks are in, and their spans go to this provider."""
    otel_cost.instrument(tracer_provider=to)
    try:
        with otel_cost.attribution(feature="search", team="web", user_id="u-1"):
            yield
    finally:
        otel_cost.uninstrument()


def captured(call: Call) -> ReadableSpan:
    """The span that otel_cost makes for a call."""
    memory = InMemorySpanExporter()
    watched = TracerProvider(shutdown_on_exit=False)
    watched.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
    watched.add_span_processor(SimpleSpanProcessor(memory))
    with hooked(watched):
        call()
    (span,) = memory.get_finished_spans()
    return span


def floor_around(like: ReadableSpan, to: TracerProvider) -> Around:
    """A hand-written span with the attributes of another, current around a call."""
    tracer = to.get_tracer("floor")
    name = like.name
    attributes: Mapping[str, Any] = dict(like.attributes or {})

    def run(call: Call) -> None:
        with tracer.start_as_current_span(name, kind=SpanKind.CLIENT) as span:
            call()
            span.set_attributes(attributes)

    return run


def pace(opened: Stream) -> Sample:
    """What the caller waits for one chunk of a stream, by blocks of them; CPU likewise."""
    clock = time.perf_counter
    blocks: list[float] = []
    cpu, chunks = time.process_time(), 0
    start = clock()
    for _ in opened():
        chunks += 1
        if not chunks % BLOCK:
            now = clock()
            blocks.append((now - start) / BLOCK)
            start = now
    return Sample(undisturbed(blocks), (time.process_time() - cpu) / chunks)


def sample_hooked(call: Call, to: TracerProvider, repeat: int) -> Sample:
    """The same with the hooks in."""
    with hooked(to):
        return sample(call, plain, to, repeat)


def call_row(name: str, call: Call) -> Row:
    """One non-streaming call: bare, with the floor's span, with us; interleaved."""
    ours, floors = provider(ours=True), provider(ours=False)
    floor = floor_around(captured(call), floors)
    bare, with_floor, with_us = interleaved(
        ROUNDS,
        lambda: sample(call, plain, floors, CALLS),
        lambda: sample(call, floor, floors, CALLS),
        lambda: sample_hooked(call, ours, CALLS),
    )
    ours.shutdown()
    floors.shutdown()
    us, least = work(with_us, bare), work(with_floor, bare)
    ratio = us.wall / least.wall
    alone = undisturbed([b.wall for b in bare])
    figures = (
        f"bare {alone * 1e6:6.0f} µs   floor +{least.wall * 1e6:5.1f} µs   us +{us.wall * 1e6:5.1f}"
        f" µs   {ratio:4.2f}x   CPU {us.cpu / least.cpu:4.2f}x"
    )
    return limited(name, figures, ratio, MAX_RATIO, "x")


def stream_row(name: str, opened: Stream) -> Row:
    """One stream, read to its end: what each of its chunks costs."""
    ours = provider(ours=True)

    def pace_hooked() -> Sample:
        with hooked(ours):
            return pace(opened)

    bare, with_us = interleaved(STREAM_ROUNDS, lambda: pace(opened), pace_hooked)
    ours.shutdown()
    chunk = work(with_us, bare).wall * 1e6
    alone = undisturbed([b.wall for b in bare]) * 1e6
    figures = f"bare {alone:6.1f} µs   us +{chunk:4.2f} µs per chunk"
    return limited(name, figures, chunk, MAX_CHUNK, " µs")


def import_row(statement: str, limit: float | None) -> Row:
    """A fresh interpreter that has the OpenTelemetry SDK: what one more import adds."""
    code = (
        "import time, opentelemetry.sdk.trace\nstart = time.perf_counter()\n"
        f"{statement}\nprint(time.perf_counter() - start)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(IMPORTS)
    ]
    # The first run may have compiled the modules.
    added = statistics.median(runs[1:]) * 1e3
    figures = f"+{added:.1f} ms over the OpenTelemetry SDK"
    return (
        Row(statement, figures)
        if limit is None
        else limited(statement, figures, added, limit, " ms")
    )
