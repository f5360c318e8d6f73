"""One hooked call, from the request to the last byte of its answer."""

import time
from collections.abc import Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from otel_cost import attributes, faults
from otel_cost.attribution.context import detach
from otel_cost.capture import captured
from otel_cost.capture.endings import add_hops, is_charged, is_cut, is_refusal
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.charge import Cost, Outcome
from otel_cost.inference.conversation import Conversation
from otel_cost.measured import Measured
from otel_cost.owners import Owner
from otel_cost.recorder import CALL_KEY, Recorder
from otel_cost.span_end import shadow_end

if TYPE_CHECKING:
    from otel_cost.capture.body import BodyReader

_NOWHERE: Mapping[str, str | int] = {}
_WHOLE = StreamState()
"""What a call has that does not stream; nothing is written on it."""


class Call:
    """What is known of one call, and the one place where it ends.

    It refers to no response and no iterator, so that dropping those ends the call at once. Methods
    without a leading underscore may be called from the application's call path: none raises.
    """

    __slots__ = (
        "_context",
        "_endpoint",
        "_hops",
        "_open",
        "_own_span",
        "_owner",
        "_reader",
        "_recorder",
        "_state",
        "_token",
        "_unpublished",
        "busy",
        "hides",
        "measured",
        "streaming",
        "where",
    )

    def __init__(self, recorder: Recorder, endpoint: Endpoint, measured: Measured) -> None:
        self.measured = measured
        self.busy = False
        """Whether the application is waiting in the stream's iterator right now."""
        self.streaming = False
        self.hides = False
        """Whether the stream holds what only our own asking has put there."""
        self.where: Mapping[str, str | int] = _NOWHERE
        """What a span that is opened in the end says of the server."""
        self._reader: BodyReader | None = None
        self._hops: tuple[Measured, ...] = ()
        self._recorder = recorder
        self._endpoint = endpoint
        self._state = _WHOLE
        self._own_span = False
        self._owner: Owner | None = None
        self._context: Context | None = None
        """Where a span that is opened in the end belongs."""
        self._open = [True]
        """Emptied by whoever ends the call; `pop` is atomic, and safe in a finaliser."""
        self._unpublished = [True]
        """Emptied by whoever publishes it."""
        self._token: Token[Context] | None = None
        recorder.unfinished.add(self)

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the call yet."""
        return bool(self._open)

    @property
    def is_known(self) -> bool:
        """Whether what it used is known for good, though it has not ended."""
        return self.streaming and self._state.finished and self.measured.usage is not None

    def enter(
        self,
        context: Context,
        span: Span | None,
        owner: Owner | None = None,
        *,
        visible: bool = True,
        findable: bool,
    ) -> None:
        """Take `span` for the call's own; `visible`: make it current; `findable`: the call too.

        With an `owner`, a span that was there before carries the call.
        """
        self._owner, self._context = owner, None if owner is None else context
        # Some SDKs and HTTP libraries hand on all baggage to whoever they call.
        inner = self._recorder.who.discreet(context)
        if span is not None:
            self.measured.span = span
            self._own_span = True
            if visible:
                inner = set_span_in_context(span, inner)
        if findable:
            inner = otel_context.set_value(CALL_KEY, self, inner)
        self._token = otel_context.attach(inner)

    def leave(self) -> None:
        """Make current what was current before."""
        token, self._token = self._token, None
        if token is not None:
            detach(token)

    def claim(self, span: Span) -> bool:
        """Take the span that the SDK itself has opened for this call as its owner.

        `False` where another span is that already.
        """
        if self._owner is None and self.measured.span is None:
            self.measured.span = span
            if span.is_recording():
                shadow_end(span, self._claimed_span_ends)
        return self.measured.span is span

    @property
    def raw(self) -> bool:
        """Whether the application reads the body's bytes itself."""
        return self._reader is not None

    def stream(self, reader: "BodyReader | None" = None) -> None:
        """The answer comes piece by piece; with a `reader`, as bytes to the application itself."""
        self.streaming, self._reader = True, reader
        self._state = StreamState()
        self._recorder.expect_streams()

    def hop(self, body: Any) -> None:
        """One of several billed answers within the call; which one is served shows in the end."""
        read = Measured("", self.measured.provider, "", 0, self.measured.request_model)
        self._endpoint.read_body(read, body)
        if read.usage is not None:
            self._hops = (*self._hops, read)

    def body(self, body: Any) -> None:
        """The whole answer is here, as a model or decoded: read it, and the call is over."""
        if not self._open:
            return
        try:
            self._endpoint.read_body(self.measured, body)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading a response", error)
        if self._recorder.settings.capture_content:
            self.measured.completion = captured.completion(body)
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

    def data(self, data: bytes) -> None:
        """The application is about to be handed bytes of the body."""
        reader, measured = self._reader, self.measured
        try:
            if reader is not None:
                for item in reader.feed(data):
                    self.event(item)
                reader.skim = measured.first_token_at is not None and measured.conversation is None
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading the bytes of an answer", error)

    def read_out(self) -> None:
        """The answer was read to its end."""
        reader = self._reader
        if reader is None:
            self._guarded_end(self._known_outcome("incomplete"))
            return
        body = None
        try:
            for item in reader.last_events():
                self.event(item)
            body = reader.finish()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading the bytes of an answer", error)
        if reader.is_event_stream:
            self._guarded_end(self._known_outcome("incomplete"))
        else:
            self.body(body)

    def closed(self) -> None:
        """The application closed the response; unless it is just reading its end."""
        if not self.busy:
            self._guarded_end(self._known_outcome("aborted"))

    def dropped(self) -> None:
        """The application let go of the stream. Called from finalisers: takes no lock."""
        owner = self._owner
        if self._open or (owner is not None and owner.waits):
            self._recorder.finish_later(self)

    def abandoned(self) -> None:
        """Nothing more will come; end with what is known."""
        if self._owner is not None:
            self._owner.abandoned()
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
            if not self.streaming and self._hops:
                add_hops(self.measured, self._hops)
            elif not self.streaming:
                status = known.get("http.response.status_code")
                measured.refused = isinstance(status, int) and status >= 400
                measured.outcome = "error"
            else:
                failed = attributes.ERROR_TYPE in known
                measured.outcome = self._known_outcome("incomplete" if failed else "aborted")
                if measured.conversation is not None:
                    self._show(measured.conversation)
            measured.ended_at = time.time_ns()
            self._recorder.write(span, measured, self._recorder.cost(measured), own=False)
            # What was written is the best guess; the end itself decides.
            measured.outcome, measured.refused = outcome, False
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("writing on the SDK's span", error)

    def _known_outcome(self, otherwise: Outcome) -> Outcome:
        """How the provider says it ended, unless there was more to come when the reading ended."""
        measured = self.measured
        was_all = measured.usage is not None or measured.usage_source == "not_requested"
        if self._state.finished and (was_all or otherwise == "incomplete"):
            return measured.outcome
        return otherwise

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
            measured.refused = not self.streaming and is_refusal(error)
            self._end("incomplete" if self.streaming and is_cut(error) else "error")

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
        self._complete()
        if (measured.background or self._endpoint.settles) and not self._is_charged():
            return
        if recorder.estimates is not None and measured.conversation is not None:
            span = measured.span
            if span is not None and not self._own_span:
                # The SDK may end its span before there is an estimate.
                recorder.write(span, measured, recorder.cost(measured), own=False)
            if recorder.settles_later(measured, self._settle):
                return
        self._settle()

    def _complete(self) -> None:
        """Add what the answer itself does not say."""
        measured = self.measured
        if measured.conversation is not None:
            self._show(measured.conversation)
            if self._recorder.estimates is None:
                measured.conversation = None
        if self._hops:
            add_hops(self.measured, self._hops)
        if measured.refused:
            measured.usage_source = "none"
        elif measured.usage is None and measured.asked is not None and measured.outcome == "ok":
            measured.usage, measured.usage_source = measured.asked, "inferred"

    def _show(self, heard: Conversation) -> None:
        if self._recorder.settings.capture_content and self.streaming:
            self.measured.completion = captured.streamed(heard)

    def _is_charged(self) -> bool:
        """Whether this is the charge of a call that several requests tell of; it has one."""
        measured, recorder, reports = self.measured, self._recorder, self._endpoint.settles
        whole = not self.streaming or self._state.ended
        if not is_charged(measured, recorder.settlements, reports=reports, whole=whole):
            return False
        if reports:
            measured.span = recorder.open_span(measured, self.where)
            self._own_span = True
        return True

    def _settle(self) -> None:
        """Nothing of the call changes any more."""
        owner = self._owner
        if owner is None:
            self.publish()
        else:
            owner.over()

    def move(self) -> None:
        """Open a span of its own: no other can carry it."""
        self._owner = None
        self.measured.span = self._recorder.open_span(self.measured, self.where, self._context)
        self._own_span = True

    def publish(self) -> Cost:
        """Publish its charge, once; write the span that is its own, and end it."""
        measured, recorder = self.measured, self._recorder
        span = measured.span
        try:
            cost = recorder.cost(measured)
            if self._is_first_to_publish():
                recorder.finish(measured, cost)
            if span is not None and self._owner is None:
                recorder.write(span, measured, cost, own=self._own_span)
            return cost
        finally:
            if span is not None and self._own_span:
                self._end_span(span)

    def _is_first_to_publish(self) -> bool:
        try:
            return self._unpublished.pop()
        except IndexError:
            return False

    def _end_span(self, span: Span) -> None:
        measured = self.measured
        if measured.outcome == "error":
            error_type = measured.error_type or "error"
            span.set_attribute(attributes.ERROR_TYPE, error_type)
            span.set_status(Status(StatusCode.ERROR, error_type))
        span.end(measured.ended_at)
