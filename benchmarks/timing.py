"""How anything is timed here: interleaved with what it is compared to, in one process."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import otel_cost
from benchmarks.wire import Call

ROUNDS = 40
WARM_UP = 20
"""Calls before those that are timed: putting hooks in or out makes the interpreter forget what it
has learnt about the client classes, which a service does once."""


class Discard(SpanExporter):
    """Encodes spans as for OTLP and throws the bytes away."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode them, and nothing else."""
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
    made.add_span_processor(BatchSpanProcessor(Discard()))
    return made


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


def limited(name: str, figures: str, value: float, limit: float, unit: str) -> Row:
    """A row with a verdict."""
    missed = value > limit
    return Row(name, figures, f"{'MISSED' if missed else 'ok'} (limit {limit:g}{unit})", missed)
