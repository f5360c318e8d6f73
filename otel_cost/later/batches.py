"""`otel_cost.record_batch()`: a charge for each line of a batch that was billed."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from otel_cost import faults
from otel_cost.attribution.values import Attribution
from otel_cost.capture import anthropic, openai
from otel_cost.capture.endpoint import Endpoint
from otel_cost.charge import Outcome
from otel_cost.later.clients import AttributionOf, Known, check_attribution, check_id, known
from otel_cost.later.run import Recorded, Run, instant
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text

_FREE = frozenset({"/moderations"})
"""Endpoints whose calls cost nothing."""
_MESSAGES = anthropic.ENDPOINTS["/v1/messages"]
_OUTCOMES: Mapping[str, Outcome] = {
    "completed": "ok",
    "ended": "ok",
    "expired": "incomplete",
    "cancelled": "aborted",
    "failed": "error",
}
"""By the status of a batch that has ended, of either provider."""


def _unread(call: Measured, body: Any) -> None:
    """An answer of an endpoint that is not known: it was billed, for nobody here knows what."""
    said = fields(body)
    call.model, call.response_id = text(said, "model"), text(said, "id") or call.response_id


class _Line(NamedTuple):
    """What was answered to one line."""

    custom_id: str
    body: Any


class _Batch(NamedTuple):
    """A batch of either provider."""

    outcome: Outcome
    created_at: int
    """Nanoseconds since the epoch, as `ended_at`."""
    ended_at: int
    total: int | None
    """How many lines it has."""
    model: str | None
    window: str | None
    endpoint: Endpoint | None
    """`None`: its calls are free."""
    lines: Callable[[], Generator[_Line, None, None]]
    """The lines that were answered, read as they come."""


def record_batch(
    client: Any, batch_id: str, *, attribution: Attribution | AttributionOf | None = None
) -> Recorded:
    """Record what a batch has cost: one charge, and one span, per line that was billed.

    `client` is a synchronous client of the openai or anthropic SDK. A batch that has not ended is
    recorded as pending, and nothing else; call it again when it has. Calling it once more changes
    nothing. `attribution` says who the lines are for, or for a `custom_id` who that line is for;
    what it leaves open is for whoever submitted the batch, as far as this process or the ledger
    remembers, else for the current attribution. A line that failed, expired or was cancelled was
    not billed, and is no charge.

    The results are read as a stream; the call returns when ledger and sinks have taken them, or
    could not for 30 seconds. Where otel_cost is switched off, nothing is recorded.

    Raises:
        TypeError: `client` is no such client, or `attribution` no attribution.
        ValueError: `batch_id` is empty.

    Whatever the SDK raises for the batch, and the function for a custom id, comes through.

    """
    found = known(client, "record_batch")
    check_id(batch_id, "batch_id")
    who_is = attribution if callable(attribution) else None
    said = None if who_is is not None else check_attribution(attribution)
    run = Run(found)
    batch = _retrieved(found, batch_id)
    itself = run.call("batch", batch.created_at, batch_id)
    itself.request_model, itself.window, itself.batch = batch.model, batch.window, True
    if batch.outcome == "pending":
        run.submit(itself, said)
        return run.recorded(ended=False)
    if run.is_settled(itself):
        return run.recorded(ended=True)
    submission = run.submission(itself)
    answered = 0

    def charged(endpoint: Endpoint, lines: Iterable[_Line]) -> Iterator[Measured]:
        nonlocal answered
        for line in lines:
            answered += 1
            call = _read(run, endpoint, batch, batch_id, line)
            own = said if who_is is None else check_attribution(who_is(line.custom_id))
            call.attribution = run.who(submission, own)
            yield call

    if batch.endpoint is not None:
        with closing(batch.lines()) as lines:
            run.settle_each(charged(batch.endpoint, lines))
    # Only now: it says that all lines are recorded.
    itself.outcome, itself.refused, itself.ended_at = batch.outcome, True, batch.ended_at
    run.settle(itself, said, counted=False)
    not_billed = 0 if batch.total is None else max(batch.total - answered, 0)
    return run.recorded(ended=True, not_billed=not_billed)


def _read(run: Run, endpoint: Endpoint, batch: _Batch, batch_id: str, line: _Line) -> Measured:
    call = run.call(endpoint.operation, batch.created_at, batch_id, line.custom_id)
    call.request_model, call.ended_at = batch.model, batch.ended_at
    try:
        endpoint.read_body(call, line.body)
    except Exception as error:  # noqa: BLE001 - one strange answer must not stop the others
        faults.caught("reading a line of a batch", error)
    call.batch = True
    if call.outcome == "pending":
        call.outcome = "ok"
    return call


def _retrieved(found: Known, batch_id: str) -> _Batch:
    if found.sdk == "openai":
        return _of_openai(found.client, fields(found.client.batches.retrieve(batch_id)))
    batches = found.client.messages.batches
    return _of_anthropic(batches, batch_id, fields(batches.retrieve(batch_id)))


def _of_openai(client: Any, said: Mapping[str, Any]) -> _Batch:
    path = "/" + str(said.get("endpoint") or "").strip("/").removeprefix("v1/")
    endpoint = openai.ENDPOINTS.get(path) or Endpoint(path.strip("/") or "unknown", _unread)
    ends = (said.get(f"{name}_at") for name in ("completed", "expired", "cancelled", "failed"))
    return _Batch(
        outcome=_OUTCOMES.get(text(said, "status") or "", "pending"),
        created_at=instant(said.get("created_at")) or time.time_ns(),
        ended_at=next(filter(None, map(instant, ends)), None) or time.time_ns(),
        total=_number(fields(said.get("request_counts")).get("total")),
        model=text(said, "model"),
        window=text(said, "completion_window"),
        endpoint=None if path in _FREE else endpoint,
        lines=lambda: _openai_lines(client, text(said, "output_file_id")),
    )


def _of_anthropic(batches: Any, batch_id: str, said: Mapping[str, Any]) -> _Batch:
    counts = [_number(n) for n in fields(said.get("request_counts")).values()]
    return _Batch(
        outcome=_OUTCOMES.get(text(said, "processing_status") or "", "pending"),
        created_at=instant(said.get("created_at")) or time.time_ns(),
        ended_at=instant(said.get("ended_at")) or time.time_ns(),
        total=sum(n or 0 for n in counts) if counts else None,
        model=None,
        window=None,
        endpoint=_MESSAGES,
        lines=lambda: _anthropic_lines(batches, batch_id),
    )


def _openai_lines(client: Any, file_id: str | None) -> Generator[_Line, None, None]:
    if file_id is None:  # not one line was answered
        return
    with client.files.with_streaming_response.content(file_id) as response:
        for line in _decoded(response.iter_bytes()):
            answer = fields(line.get("response"))
            status = answer.get("status_code")
            if isinstance(status, int) and status < 400:
                yield _Line(str(line.get("custom_id")), answer.get("body"))


def _anthropic_lines(batches: Any, batch_id: str) -> Generator[_Line, None, None]:
    results = batches.results(batch_id)
    try:
        for line in results:
            said = fields(line)
            result = fields(said.get("result"))
            if result.get("type") == "succeeded":
                yield _Line(str(said.get("custom_id")), result.get("message"))
    finally:
        results.http_response.close()


def _decoded(blocks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines. Not the SDK's lines: those also end at a U+2028 within text."""
    begun: list[bytes] = []
    for block in blocks:
        first, *further = block.split(b"\n")
        begun.append(first)
        for piece in further:
            yield from _objects(b"".join(begun))
            begun = [piece]
    yield from _objects(b"".join(begun))


def _objects(line: bytes) -> Iterator[dict[str, Any]]:
    if line.strip() and isinstance(found := json.loads(line), dict):
        yield found


def _number(value: object) -> int | None:
    return value if type(value) is int else None
