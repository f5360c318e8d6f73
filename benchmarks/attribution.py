"""What it costs to say and to read who a call is for.

The limits are in microseconds on the machine where attaching a value to the context and detaching
it again took `ATTACHED`; here they count as shares of what that takes now.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from opentelemetry import context as otel_context

import otel_cost
from benchmarks.spans import REFERENCE, SPANS, bare, llm_span, ours
from benchmarks.timing import ROUNDS, Row, Sample, interleaved, limited, plain, sample, work
from otel_cost.attribution.baggage import Vocabulary
from otel_cost.attribution.who import Who

ATTACHED = 0.447
"""`set_value`, `attach` and `detach` there (microseconds)."""
ENTERED, PER_ITEM, READ, STAMPED = 2.0, 0.8, 0.3, 6.0
"""What entering and leaving an attribution, an item of a decorated generator, reading where nobody
said anything, and stamping four keys may take there (microseconds)."""

BATCH = 200
KEYS = {"feature": "search", "team": "core", "user_id": "u-1", "session_id": "s-1"}

Times: TypeAlias = Callable[[int], None]
"""Does something that often."""


def _attach(times: int) -> None:
    key = otel_context.create_key("benchmark")
    for _ in range(times):
        otel_context.detach(otel_context.attach(otel_context.set_value(key, "value")))


def _enter(times: int) -> None:
    for _ in range(times):
        with otel_cost.attribution(feature="search", team="core"):
            pass


@otel_cost.attributed(feature="search", team="core")
def _items(times: int) -> Iterator[int]:
    yield from range(times)


def _iterate(times: int) -> None:
    for _ in _items(times):
        pass


_who = Who(Vocabulary({}), trust=False)


def _read(times: int) -> None:
    for _ in range(times):
        _who()


def attribution_rows() -> Iterator[Row]:
    """A line for each of the four."""
    yield _row("Entering and leaving an attribution", _enter, ENTERED)
    yield _row("An item of a decorated generator", _iterate, PER_ITEM)
    yield _row("Reading it where nobody said anything", _read, READ)
    yield _stamping_row()


def _timed(work: Times) -> Sample:
    work(BATCH)
    start, cpu = time.perf_counter(), time.process_time()
    work(BATCH)
    return Sample((time.perf_counter() - start) / BATCH, (time.process_time() - cpu) / BATCH)


def _row(name: str, work: Times, limit: float) -> Row:
    attached, worked = (
        min(each.wall for each in samples) * 1e6
        for samples in interleaved(ROUNDS * 5, lambda: _timed(_attach), lambda: _timed(work))
    )
    share, allowed = worked / attached, limit / ATTACHED
    figures = f"attach {attached:5.2f} µs   us {worked:6.2f} µs   {share:4.2f} of it"
    return limited(name, figures, round(share, 2), round(allowed, 2), " of it")


def _stamping_row() -> Row:
    without, stamping = bare(), ours()

    def stamped() -> Sample:
        with otel_cost.attribution(**KEYS):
            return sample(llm_span(stamping), plain, stamping, SPANS)

    alone, unsaid, said = interleaved(
        ROUNDS,
        lambda: sample(llm_span(without), plain, without, SPANS),
        lambda: sample(llm_span(stamping), plain, stamping, SPANS),
        stamped,
    )
    span = min(each.wall for each in alone) * 1e6
    added = work(said, unsaid).wall * 1e6
    share, allowed = added / span, STAMPED / REFERENCE["llm"]
    figures = f"bare {span:6.1f} µs   us +{added:5.2f} µs   {share:4.2f} of the span"
    return limited(
        "Stamping four keys on an LLM span", figures, round(share, 2), round(allowed, 2), " of it"
    )
