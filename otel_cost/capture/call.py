"""One hooked call, from the request to the last byte of its answer."""

import time
from collections.abc import Mapping
from contextvars import Token
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from otel_cost import attributes, faults
from otel_cost.attribution.context import detach
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.charge import Outcome
from otel_cost.measured import Measured
from otel_cost.recorder import CALL_KEY, Recorder
from otel_cost.span_end import shadow_end

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
"""HTTP client errors before a byte of the request was out, by name in httpx and httpx2."""
_CUT = frozenset({"RemoteProtocolError", "ReadError"})
"""HTTP client errors that mean: the other side hung up in the middle."""


_WHOLE = StreamState()
"""What a call has that does not stream; nothing is written on it."""


class Call:
    """What is known of one call, and the one place where it ends.

    It refers to no response and no iterator, so that dropping those ends the call at once. Methods
    without a leading underscore may be called from the application's call path: none raises.
    """

    __slots__ = (
        "_endpoint",
        "_open",
        "_own_span",
        "_recorder",
        "_state",
        "_token",
        "busy",
        "measured",
        "raw",
        "streaming",
    )

    def __init__(self, recorder: Recorder, endpoint: Endpoint, measured: Measured) -> None:
        self.measured = measured
        self.busy = False
        """Whether the application is waiting in the stream's iterator right now."""
        self.streaming = False
        self.raw = False
        """Whether the application reads the body's bytes itself."""
        self._recorder = recorder
        self._endpoint = endpoint
        self._state = _WHOLE
        self._own_span = False
        self._open = [True]
        """Emptied by whoever ends the call; `pop` is atomic, and safe in a finaliser."""
        self._token: Token[Context] | None = None
        recorder.unfinished.add(self)

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the call yet."""
        return bool(self._open)

    def enter(self, context: Context, span: Span | None, *, findable: bool) -> None:
        """Make `span` current, if the call has one of its own; `findable`: the call itself too."""
        if span is not None:
            self.measured.span = span
            self._own_span = True
            context = set_span_in_context(span, context)
        if findable:
            context = otel_context.set_value(CALL_KEY, self, context)
        self._token = otel_context.attach(context)

    def leave(self) -> None:
        """Make current what was current before."""
        token, self._token = self._token, None
        if token is not None:
            detach(token)

    def claim(self, span: Span) -> None:
        """Take the span that the SDK itself has opened for this call as its owner."""
        if self.measured.span is None:
            self.measured.span = span
            if span.is_recording():
                shadow_end(span, self._claimed_span_ends)

    def stream(self, *, raw: bool) -> None:
        """The answer comes piece by piece; `raw`: the application reads the bytes itself."""
        self.streaming, self.raw = True, raw
        self._state = StreamState()
        self._recorder.expect_streams()

    def body(self, body: Any) -> None:
        """The whole answer is here, as a model or decoded: read it, and the call is over."""
        if not self._open:
            return
        try:
            self._endpoint.read_body(self.measured, body)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading a response", error)
        self._guarded_end(self.measured.outcome)

    def event(self, item: Any) -> None:
        """The application has been handed one event of the stream."""
        try:
            measured = self.measured
            self._endpoint.read_event(measured, self._state, item)
            if measured.first_token_at is None and self._endpoint.is_content(item):
                measured.first_token_at = time.time_ns()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading a stream event", error)

    def read_out(self) -> None:
        """The stream was read to its end."""
        self._guarded_end(self._known_outcome("incomplete"))

    def closed(self) -> None:
        """The application closed the response; unless it is just reading its end."""
        if not self.busy:
            self._guarded_end(self._known_outcome("aborted"))

    def dropped(self) -> None:
        """The application let go of the stream. Called from finalisers: takes no lock."""
        if self._open:
            self._recorder.finish_later(self)

    def abandoned(self) -> None:
        """Nothing more will come; end with what is known."""
        self._guarded_end(self._known_outcome("aborted"))

    def disowned(self) -> None:
        """The process has forked, and the call is its parent's."""
        self._open.clear()

    def failed(self, error: BaseException) -> None:
        """The request raised, or reading the stream did."""
        try:
            if self._open:
                self._fail(error)
        except Exception as ours:  # noqa: BLE001 - the guard of this border
            faults.caught("recording a failed call", ours)

    def _claimed_span_ends(self) -> None:
        """Write what is known: the SDK ends its span before the end of the call is known here."""
        try:
            measured = self.measured
            span = measured.span
            if span is None or not self._open:
                return
            known: Mapping[str, Any] = getattr(span, "attributes", None) or {}
            outcome = measured.outcome
            if not self.streaming:
                status = known.get("http.response.status_code")
                measured.refused = isinstance(status, int) and status >= 400
                measured.outcome = "error"
            else:
                failed = attributes.ERROR_TYPE in known
                measured.outcome = self._known_outcome("incomplete" if failed else "aborted")
            measured.ended_at = time.time_ns()
            self._recorder.write(span, measured, self._recorder.cost(measured), own=False)
            # What was written is the best guess; the end itself decides.
            measured.outcome, measured.refused = outcome, False
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("writing on the SDK's span", error)

    def _known_outcome(self, otherwise: Outcome) -> Outcome:
        measured = self.measured
        if self._state.finished and (measured.usage is not None or otherwise == "incomplete"):
            return measured.outcome
        return "ok" if self.raw and otherwise == "incomplete" else otherwise

    def _fail(self, error: BaseException) -> None:
        measured = self.measured
        measured.error_type = type(error).__qualname__
        body = getattr(error, "body", None)
        if not self.streaming and isinstance(body, dict):
            # A whole answer that failed the SDK's validation: it is billed all the same.
            self._endpoint.read_body(measured, body)
        if measured.usage is not None and not self.streaming:
            self._end("ok")
        elif not isinstance(error, Exception):
            self._end("aborted")
        else:
            causes = _causes(error)
            status = getattr(getattr(error, "response", None), "status_code", None)
            refused = isinstance(status, int) and status >= 400
            measured.refused = not self.streaming and (
                refused or not causes.isdisjoint(_NEVER_SENT)
            )
            cut = self.streaming and not causes.isdisjoint(_CUT)
            self._end("incomplete" if cut else "error")

    def _guarded_end(self, outcome: Outcome) -> None:
        try:
            self._end(outcome)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("recording a call", error)

    def _end(self, outcome: Outcome) -> None:
        try:
            self._open.pop()
        except IndexError:
            return
        measured, recorder = self.measured, self._recorder
        recorder.unfinished.discard(self)
        measured.outcome = outcome
        measured.ended_at = time.time_ns()
        if measured.conversation is not None:
            span = measured.span
            if span is not None and not self._own_span:
                # The SDK may end its span before there is an estimate.
                recorder.write(span, measured, recorder.cost(measured), own=False)
            if recorder.settles_later(measured, self._settle):
                return
        self._settle()

    def _settle(self) -> None:
        """Nothing of the call changes any more: publish its charge, write and end its span."""
        measured, recorder = self.measured, self._recorder
        span = measured.span
        try:
            cost = recorder.cost(measured)
            recorder.finish(measured, cost)
            if span is not None:
                recorder.write(span, measured, cost, own=self._own_span)
        finally:
            if span is not None and self._own_span:
                self._end_span(span)

    def _end_span(self, span: Span) -> None:
        measured = self.measured
        if measured.outcome == "error":
            error_type = measured.error_type or "error"
            span.set_attribute(attributes.ERROR_TYPE, error_type)
            span.set_status(Status(StatusCode.ERROR, error_type))
        span.end(measured.ended_at)


def _causes(error: BaseException) -> set[str]:
    """The class names of an exception and of what it was raised from."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None and len(names) < 10:
        names.update(kind.__name__ for kind in type(cause).__mro__[:4])
        cause = cause.__cause__
    return names
