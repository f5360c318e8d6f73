"""The spans around a place, from the inside outwards, which OpenTelemetry itself does not keep."""

from collections.abc import Iterator
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

_OUTER = "_otel_cost_outer"
"""Where a span has the span around it."""
_MOST = 64
"""How far outwards is looked."""


def keep_outer(span: Any, context: Context) -> None:
    """Keep on a span that starts in `context` which span is around it."""
    outer = trace.get_current_span(context)
    # Work that outlives its request goes on within a span that has ended.
    if hasattr(outer, "attributes"):
        setattr(span, _OUTER, outer)


def spans_around(context: Context) -> Iterator[Any]:
    """The spans of this process that are around a call in `context`, the nearest first."""
    span: Any = trace.get_current_span(context)
    for _ in range(_MOST):
        if span is None or not hasattr(span, "attributes"):
            return
        yield span
        span = getattr(span, _OUTER, None)
