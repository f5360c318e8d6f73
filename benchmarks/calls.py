"""What the instrumentation costs: paired in one process against the call without it and a floor.

The floor is one hand-written span, current around the call, with exactly the attributes that
otel_cost puts on its own, on a provider of the same kind.
"""

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import otel_cost
from benchmarks.wire import Call, Stream, calls, streams

MAX_RATIO = 1.8
"""Our work on one call over the floor's, as the caller sees it."""
MAX_CHUNK = 2.0
"""Our work on one chunk of a stream (microseconds)."""
MAX_IMPORT = 30.0
"""What `import otel_cost` adds to the OpenTelemetry SDK (milliseconds)."""

ROUNDS = 40
WARM_UP = 20
"""Calls before those that are timed: putting hooks in or out makes the interpreter forget what it
has learnt about the client classes, which a service does once."""
CALLS = 40
STREAM_ROUNDS = 15
BLOCK = 25
SPANS = 100
IMPORTS = 9


class _Discard(SpanExporter):
    """Encodes spans as for OTLP and throws the bytes away."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


@dataclass(frozen=True, slots=True)
class Sample:
    """Per call: what the caller waited, and the CPU of all threads, export included (seconds)."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    figures: str
    verdict: str = ""
    missed: bool = False


Around = Callable[[Call], object]


def provider(*, ours: bool) -> TracerProvider:
    """A provider with a batch exporter, and our processor if asked for."""
    made = TracerProvider(shutdown_on_exit=False)
    if ours:
        made.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
    made.add_span_processor(BatchSpanProcessor(_Discard()))
    return made


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


def plain(call: Call) -> None:
    """The call as it is."""
    call()


def sample(call: Call, around: Around, to: TracerProvider, repeat: int) -> Sample:
    """Time `repeat` calls after a warm-up; spans are flushed outside the caller's time."""
    for _ in range(WARM_UP):
        around(call)
    to.force_flush()
    clock = time.perf_counter
    waited: list[float] = []
    cpu = time.process_time()
    for _ in range(repeat):
        start = clock()
        around(call)
        waited.append(clock() - start)
    to.force_flush()
    return Sample(undisturbed(waited), (time.process_time() - cpu) / repeat)


def undisturbed(times: Sequence[float]) -> float:
    """The tenth percentile: what else the machine does can only add to a time."""
    return statistics.quantiles(times, n=10)[0]


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


def interleaved(rounds: int, *variants: Callable[[], Sample]) -> list[list[Sample]]:
    """Samples of each variant, taken in turns; who comes first changes from round to round."""
    samples: list[list[Sample]] = [[] for _ in variants]
    for number in range(rounds):
        for step in range(len(variants)):
            which = (number + step) % len(variants)
            samples[which].append(variants[which]())
    return samples


def work(with_it: Sequence[Sample], bare: Sequence[Sample]) -> Sample:
    """What was added to the bare call, in the rounds that were disturbed least."""
    return Sample(
        undisturbed([x.wall for x in with_it]) - undisturbed([b.wall for b in bare]),
        undisturbed([x.cpu for x in with_it]) - undisturbed([b.cpu for b in bare]),
    )


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


def other_span_row() -> Row:
    """A span that is no LLM call, with our processor and without."""
    ours, without = provider(ours=True), provider(ours=False)

    def span_on(to: TracerProvider) -> Call:
        tracer = to.get_tracer("application")

        def run() -> None:
            with tracer.start_as_current_span("GET /", attributes={"http.route": "/"}):
                pass

        return run

    bare, with_us = interleaved(
        ROUNDS,
        lambda: sample(span_on(without), plain, without, SPANS),
        lambda: sample(span_on(ours), plain, ours, SPANS),
    )
    ours.shutdown()
    without.shutdown()
    alone = undisturbed([b.wall for b in bare])
    added = work(with_us, bare).wall
    return Row("A span that is no call", f"bare {alone * 1e6:6.1f} µs   us +{added * 1e6:4.2f} µs")


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


def limited(name: str, figures: str, value: float, limit: float, unit: str) -> Row:
    """A row with a verdict."""
    missed = value > limit
    return Row(name, figures, f"{'MISSED' if missed else 'ok'} (limit {limit:g}{unit})", missed)


def rows() -> Iterator[Row]:
    """Measure everything, one row at a time."""
    for name, call in calls().items():
        yield call_row(name, call)
    for name, opened in streams().items():
        yield stream_row(name, opened)
    yield other_span_row()
    yield import_row("import otel_cost", MAX_IMPORT)
    yield import_row("from otel_cost import CostSpanProcessor", None)


def main(arguments: Sequence[str]) -> int:
    """Print the table; with `--check` the exit status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a limit is missed")
    check: bool = parser.parse_args(arguments).check
    gc.collect()
    gc.freeze()
    missed = False
    for row in rows():
        print(f"{row.name:42}{row.figures:76}{row.verdict}", flush=True)
        missed |= row.missed
    return 1 if check and missed else 0
