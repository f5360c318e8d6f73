"""What a request brings: which trace it belongs to, and which baggage."""

from typing import Any
from urllib.parse import unquote_plus

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanContext, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_cost.attribution.baggage import Entries, entries_of
from otel_cost.attribution.carriers import text_of

BAGGAGE_HEADER = "baggage"

_TRACE_HEADER = "traceparent"
_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_LONGEST: int | None = getattr(W3CBaggagePropagator, "_MAX_HEADER_LENGTH", None)
"""What is longer brings no baggage; the propagator logs all of it, and need not do so twice."""


def values(carrier: Any, getter: Getter[Any], name: str) -> list[str]:
    """All values of a header."""
    found = getter.get(carrier, name)
    return [] if found is None else [text_of(value) for value in found]


def trace_id_of(carrier: Any, getter: Getter[Any], context: Context) -> str | None:
    """The id of the trace that a request continues, as 32 hexadecimal digits; `None` if unclear.

    It is that of `traceparent` and, where another propagator has found one before, of the remote
    span in `context`; they must agree. A span of this process is none that the request has named.
    """
    headers = values(carrier, getter, _TRACE_HEADER)
    # Nothing but this header, and none that the propagator would log: it has been there already.
    known = {_TRACE_HEADER: headers[0]} if headers and len(headers[0]) < 256 else {}
    found = {
        span.trace_id
        for span in (_current(_TRACE.extract(known, Context())), _current(context))
        if span.is_valid and span.is_remote
    }
    return format_trace_id(found.pop()) if len(found) == 1 else None


def baggage_of(carrier: Any, getter: Getter[Any], context: Context) -> Entries:
    """All baggage that may have come with a request: in `context`, or still in the carrier.

    Our propagator may run before the one for baggage or after it.
    """
    there = entries_of(context)
    headers = values(carrier, getter, BAGGAGE_HEADER)
    if not headers or _all_there(headers[0], there):
        return there
    return {**there, **entries_of(_BAGGAGE.extract(carrier, Context(), getter))}


def _current(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()


def _all_there(header: str, there: Entries) -> bool:
    """Whether `there` has all that a header says: reading it again would log its faults again."""
    if not header or (_LONGEST is not None and len(header) > _LONGEST):
        return True
    for entry in header.split(","):
        name, _, value = entry.partition("=")
        if there.get(unquote_plus(name).strip()) != unquote_plus(value).strip():
            return False
    return True
