"""Shows that a replay is the recording: the same spans, in the same order, as they were."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_cost.spans.tracers import is_ours
from tests.replay import recording, stage
from tests.replay.recording import RecordedSpan
from tests.wiring import clean_slate

LIBRARIES = {"litellm@app", "openllmetry+native", "otel-v2"}
RECORDED = [each for each in recording.libraries() if each in LIBRARIES]
needs_recordings = pytest.mark.skipif(not RECORDED, reason="OTEL_COST_TEST_DATA is not set")


def identity(span: RecordedSpan) -> tuple[Any, ...]:
    """All of a recorded span but its attributes."""
    place = span.trace_id, span.span_id, span.parent_id
    return (*place, span.name, span.scope, span.kind, span.started, span.ended, span.status)


def replayed(span: ReadableSpan) -> tuple[Any, ...]:
    """The same of an exported one."""
    assert span.context is not None
    assert span.instrumentation_scope is not None
    scope = span.instrumentation_scope
    place = span.context.trace_id, span.context.span_id, span.parent and span.parent.span_id
    made_by = scope.name, scope.version or None, scope.schema_url or None
    times = span.start_time, span.end_time
    return (*place, span.name, made_by, span.kind, *times, span.status.status_code)


@needs_recordings
@pytest.mark.parametrize("library", RECORDED)
def test_every_span_comes_out_where_and_when_it_was(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = list(recording.of_library(library))
    with clean_slate(monkeypatch):
        for each in recordings:
            played = stage.play(each)
            # Ours stand in for spans that never end.
            theirs = [span for span in played.spans if not is_ours(span)]
            assert [*map(replayed, theirs)] == [*map(identity, each.spans)], each.name
