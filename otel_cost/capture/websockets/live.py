"""Live: the session is billed by the second, and what it delegates by usage of its own.

Event names and fields are those of the SDK's own types (openai 3.54).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from otel_cost.capture import openai
from otel_cost.capture.call import Call
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.capture.websockets.kind import Handler, Kind, Said, Told, begin, end, is_delta, speak
from otel_cost.capture.websockets.line import Address, Line
from otel_cost.capture.websockets.responses import HANDLERS as RESPONSE_HANDLERS
from otel_cost.capture.websockets.session import WHOLE, Name, Session
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, number, text
from otel_cost.usage import Usage

_AS_WANTED = frozenset({"close_requested", "remote_hangup"})
"""Reasons to close a session that are nobody's failure."""

_MOST_COUNTED = 1024
_NONE = Decimal(0)
_counted: dict[tuple[str | None, str], Decimal] = {}
"""The seconds of each session that are in a charge already: usage is cumulative, and an application
may let go of a session and come back to it."""


class _Length:
    """Reads how long a session is, from where its last charge ended."""

    __slots__ = ("_before", "_name")

    def __init__(self, name: Name | None) -> None:
        self._name = None if name is None else name[1:]
        self._before = _NONE if self._name is None else _counted.get(self._name, _NONE)

    def read(self, measured: Measured, state: StreamState, event: Any) -> None:
        said = fields(event)
        session = fields(said.get("session"))
        measured.model = text(session, "model") or measured.model
        measured.response_id = text(session, "id") or measured.response_id
        seconds = number(fields(said.get("usage")), "seconds")
        if seconds is not None:
            measured.usage = Usage({"seconds": max(seconds - self._before, _NONE)})
            measured.usage_source = "provider"
            self._count(seconds)
        if said.get("type") == "session.closed":
            state.ended = True
            measured.outcome = "ok" if said.get("reason") in _AS_WANTED else "incomplete"

    def _count(self, seconds: Decimal) -> None:
        if self._name is not None:
            _counted.pop(self._name, None)
            if len(_counted) >= _MOST_COUNTED:
                _counted.pop(next(iter(_counted)))
            _counted[self._name] = seconds


def _no_body(measured: Measured, body: Any) -> None:
    """Read nothing: a session has no answer of one piece."""


def _session(line: Line) -> Endpoint:
    return Endpoint("chat", _no_body, _Length(line.session.name).read, is_delta)


def _started(line: Line, told: Told) -> None:
    name = line.session.name
    if name is not None and not line.attached:
        _counted.pop(name[1:], None)  # another session of that name, as compatible servers have it
    _told(line, told)


def _told(line: Line, told: Told) -> None:
    session = line.session
    if session.over:
        return
    session.model = text(fields(told.said.get("session")), "model") or session.model
    call = begin(line, WHOLE, _session(line), session.model)
    if call is not None:
        call.event(told.event)


def _closed(line: Line, told: Told) -> None:
    session = line.session
    if not session.over:
        end(line, WHOLE, told.event, _session(line), session.model)
        session.over = True


def _delegated(line: Line, told: Told) -> None:
    """An event of a response that the session has asked for."""
    inner, lane = told.said.get("event"), text(told.said, "delegation_id")
    said = fields(inner)
    kind = text(said, "type") or ""
    handler = RESPONSE_HANDLERS.get(kind)
    if handler is not None:
        handler(line, Told(said, inner, lane))
    elif kind.endswith(".delta"):
        speak(line.session.on_lane(lane), inner)


def _decided(line: Line, told: Told) -> None:
    decision, key = fields(told.said.get("event")).get("decision"), text(told.said, "event_id")
    if decision is None or key is None or line.session.is_settled(key):
        return
    line.begin(openai.ENDPOINTS["/decisions"], text(fields(decision), "model")).body(decision)
    line.session.settle(key)


def _spoken(session: Session, said: Said) -> Call | None:
    """Pieces of what the model says; others are of what the user says."""
    kind = text(said, "type") or ""
    return session.find(WHOLE) if kind.startswith("session.output_") else None


def _attached(address: Address) -> str | None:
    """The session in `/live/sessions/{id}/attach`."""
    *_, name, last = ("", "", *address.path.split("/"))
    return name if last == "attach" else None


def _named(said: Said) -> str | None:
    return text(fields(said.get("session")), "id")


_HANDLERS: Mapping[str, Handler] = {
    "session.started": _started,
    "session.updated": _told,
    "session.usage.updated": _told,
    "session.closed": _closed,
    "response.event": _delegated,
    "decision.event": _decided,
}

LIVE = Kind(_HANDLERS, _spoken, _attached, _named, "session.started")
