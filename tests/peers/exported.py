"""Spans as an exporter takes them: what is written later does not show."""

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

Exported = dict[str, Any]
"""One span, JSON-ready."""


class Exports(SpanExporter):
    """Keeps a copy of every span at the moment of its export."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Exported] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Copy them."""
        copies = [_copied(span) for span in spans]
        with self._lock:
            self._spans += copies
        return SpanExportResult.SUCCESS

    def take(self) -> list[Exported]:
        """Every span since the last time."""
        with self._lock:
            taken, self._spans = self._spans, []
        return taken


def _copied(span: ReadableSpan) -> Exported:
    scope, context = span.instrumentation_scope, span.get_span_context()
    assert scope is not None
    assert context is not None
    return {
        "name": span.name,
        "scope": {"name": scope.name, "version": scope.version or ""},
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_id": None if span.parent is None else f"{span.parent.span_id:016x}",
        "attributes": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in (span.attributes or {}).items()
        },
    }
