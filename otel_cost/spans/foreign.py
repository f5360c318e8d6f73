"""A call that only a span tells of, as what is known of a call."""

import time
from typing import Any

from opentelemetry.sdk.trace import Span
from opentelemetry.trace import StatusCode

from otel_cost.attribution.values import Attribution
from otel_cost.measured import Measured
from otel_cost.recorder import Recorder, new_charge_id
from otel_cost.span_end import stored
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.usage import Meter

_REFUSED = frozenset(
    {
        "APIStatusError",
        "AuthenticationError",
        "BadRequestError",
        "ConflictError",
        "ContextWindowExceededError",
        "InternalServerError",
        "NotFoundError",
        "OverloadedError",
        "PermissionDeniedError",
        "RateLimitError",
        "RequestTooLargeError",
        "ServiceUnavailableError",
        "UnprocessableEntityError",
        "authentication_error",
        "invalid_request_error",
        "not_found_error",
        "overloaded_error",
        "permission_error",
        "rate_limit_error",
        "request_too_large",
    }
)
"""What the SDKs raise on an answer with an error status, by the last part of its name, and what
Anthropic calls it in the answer."""

_GUESSED = (
    "The library has counted the tokens itself, which is used with OTEL_COST_INFER_USAGE=true only."
)
_OF_INPUT: tuple[Meter, ...] = ("cache_read", "cache_write_5m", "cache_write_30m")


def measured_on(span: Span, said: SpanCall, who: Attribution, recorder: Recorder) -> Measured:
    """What `span`, which is ending, tells of a call."""
    started = span.start_time or time.time_ns()
    model = said.request_model or said.model
    measured = Measured(
        new_charge_id(started), said.provider or "unknown", said.operation, started, model, who
    )
    measured.span, measured.ended_at = span, span.end_time or time.time_ns()
    measured.model, measured.response_id = said.model, said.response_id
    measured.tier, measured.batch = said.tier, said.batch
    measured.speed, measured.geo = said.speed, said.geo
    measured.note = said.note
    if span.status.status_code is StatusCode.ERROR and said.usage is None:
        measured.outcome = "error"
        measured.error_type = error_type(span)
        measured.refused = is_refused(span, measured.error_type)
    elif said.pending:
        measured.outcome, measured.background = "pending", True
    if said.guessed and not recorder.settings.infer_usage:
        measured.note = _GUESSED
    elif said.usage is not None:
        measured.usage, measured.other_parts = said.usage, said.other_parts
        measured.rough = said.rough
        measured.usage_source = "inferred" if said.guessed else "span"
        _bound(measured, said, recorder)
    return measured


def lacks(measured: Measured) -> bool:
    """Whether anything of the usage is not known; of a refused call there is nothing to know."""
    if measured.refused:
        return False
    return measured.usage is None or bool(measured.unknown or measured.undivided)


def complete(measured: Measured, earlier: Measured) -> None:
    """Take from another span of the same call, which has ended before, what that says better."""
    measured.started_at = min(measured.started_at, earlier.started_at)
    for name in ("model", "response_id", "request_model"):
        setattr(measured, name, getattr(measured, name) or getattr(earlier, name))
    if _rank(earlier) >= _rank(measured):
        return
    for name in _SAID_TOGETHER:
        setattr(measured, name, getattr(earlier, name))


_SAID_TOGETHER = (
    "provider",
    "operation",
    "model",
    "request_model",
    "response_id",
    "usage",
    "other_parts",
    "unknown",
    "undivided",
    "rough",
    "usage_source",
    "tier",
    "batch",
    "speed",
    "geo",
    "note",
    "outcome",
    "refused",
    "error_type",
)


def _rank(measured: Measured) -> tuple[bool, bool, int]:
    """How much is not known of a call: the less, the lower."""
    unsaid = len(measured.unknown) + len(measured.undivided)
    return measured.usage is None and not measured.refused, bool(measured.undivided), unsaid


def is_refused(span: Span, failure: str | None) -> bool:
    """Whether the provider has answered with an error, and so charges nothing."""
    status = stored(span).get("http.response.status_code")
    if isinstance(status, int):
        return status >= 400
    named = (failure or "").removesuffix("'>").rpartition(".")[2]
    return named in _REFUSED or (span.status.description or "").startswith("Error code: ")


def error_type(span: Span) -> str | None:
    """What the call failed with: the name of an exception, or what stands in its place."""
    said: Any = stored(span).get("error.type")
    if not said:
        for event in span.events:
            said = (event.attributes or {}).get("exception.type") or said
    if not said and span.status.description:
        said = span.status.description.partition(":")[0]
    return str(said) if said else None


def _bound(measured: Measured, said: SpanCall, recorder: Recorder) -> None:
    """Say what is not known, as far as the price depends on it."""
    if said.unknown:
        measured.unknown = recorder.priced_apart(measured, said.unknown)
    if said.undivided and recorder.priced_apart(measured, _OF_INPUT):
        measured.undivided = said.undivided
