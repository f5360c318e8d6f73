"""One recorded call: its spans as they were started and ended, and what went over the wire."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.trace import SpanKind, StatusCode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Scope(NamedTuple):
    """Who made a span."""

    name: str
    version: str | None
    schema_url: str | None


class Event(NamedTuple):
    """What happened within a span: an exception, mostly."""

    name: str
    attributes: Mapping[str, Any]
    at: int


class RecordedSpan(NamedTuple):
    """A span that ended. Times are nanoseconds since the epoch."""

    name: str
    scope: Scope
    trace_id: int
    span_id: int
    parent_id: int | None
    kind: SpanKind
    started: int
    ended: int
    status: StatusCode
    description: str | None
    at_start: Mapping[str, Any]
    """The attributes that were there when it started."""
    later: Mapping[str, Any]
    """Those that came before it ended."""
    events: Sequence[Event] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        """All of them, as exported."""
        return {**self.at_start, **self.later}


class LeftOpen(NamedTuple):
    """A span that was started and never ended; little is recorded of it."""

    name: str
    scope: Scope
    named_at_start: Sequence[str]
    """The names of its first attributes."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One call of an application under one library."""

    library: str
    case: str
    spans: tuple[RecordedSpan, ...]
    """In the order in which they ended."""
    left_open: tuple[LeftOpen, ...]
    paths: tuple[str, ...]
    """The requests that reached the provider."""
    result: Mapping[str, Any]
    """What the application saw."""

    @property
    def name(self) -> str:
        """`library/case`."""
        return f"{self.library}/{self.case}"


def folder() -> Path | None:
    """Where the recordings are, if the environment says so."""
    root = os.environ.get("OTEL_COST_TEST_DATA")
    found = Path(root, "fixtures", "spans") if root else None
    return found if found is not None and found.is_dir() else None


def libraries() -> list[str]:
    """The libraries that were recorded; none where the recordings are not at hand."""
    found = folder()
    return [] if found is None else sorted(each.name for each in found.iterdir() if each.is_dir())


def of_library(library: str) -> Iterator[Recording]:
    """Every recording of a library, by case."""
    found = folder()
    for path in sorted(found.glob(f"{library}/*.json")) if found else ():
        yield read(path)


def read(path: Path) -> Recording:
    """The recording in one file."""
    said = json.loads(path.read_text(encoding="utf-8"))
    return Recording(
        library=path.parent.name,
        case=path.stem,
        spans=tuple(_span(each) for each in said["spans"]),
        left_open=tuple(_left_open(each) for each in said["unended_spans"]),
        paths=tuple(each["path"] for each in said["wire_requests"]),
        result=said["result"] or {},
    )


def _span(said: Mapping[str, Any]) -> RecordedSpan:
    first = set(said["_attributes_at_start"])
    attributes = _attributes(said["attributes"])
    scope = said["instrumentation_scope"]
    parent = said["parent_id"]
    return RecordedSpan(
        name=said["name"],
        scope=Scope(scope["name"], scope["version"] or None, scope["schema_url"] or None),
        trace_id=int(said["context"]["trace_id"], 16),
        span_id=int(said["context"]["span_id"], 16),
        parent_id=None if parent is None else int(parent, 16),
        kind=SpanKind[said["kind"].removeprefix("SpanKind.")],
        started=_nanoseconds(said["start_time"]),
        ended=_nanoseconds(said["end_time"]),
        status=StatusCode[said["status"]["status_code"]],
        description=said["status"].get("description"),
        at_start={name: value for name, value in attributes.items() if name in first},
        later={name: value for name, value in attributes.items() if name not in first},
        events=[
            Event(each["name"], _attributes(each["attributes"]), _nanoseconds(each["timestamp"]))
            for each in said["events"]
        ],
    )


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in said.items()}


def _left_open(said: Mapping[str, Any]) -> LeftOpen:
    return LeftOpen(said["name"], Scope(said["scope"], None, None), said["attributes_at_start"])


def _nanoseconds(stamp: str) -> int:
    since = datetime.fromisoformat(stamp) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
