"""A kind of websocket: which events tell of calls, and how a call begins, goes on and ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from otel_cost.capture.call import Call
from otel_cost.capture.endpoint import Endpoint
from otel_cost.capture.websockets.line import Address, Line
from otel_cost.capture.websockets.session import Session
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text

Said: TypeAlias = Mapping[str, Any]
"""The fields of an event."""


class Told(NamedTuple):
    """One event, as a handler is given it."""

    said: Said
    event: Any
    lane: str | None = None
    """Which of several answers at a time it is about, where that is how they are told apart."""


Handler: TypeAlias = Callable[[Line, Told], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of websocket. A further event to read is a further row in its `handlers`."""

    handlers: Mapping[str, Handler]
    """By the type of the event; what is in no table tells nothing of usage."""
    spoken: Callable[[Session, Said], Call | None]
    """The call that a `.delta` event carries a piece of."""
    attached: Callable[[Address], str | None] | None = None
    """The session that an address leads to, where others may be told of it too."""
    named: Callable[[Said], str | None] | None = None
    """The session that an event names."""
    starts: str | None = None
    """The type of the event that a session begins with."""


def begin(
    line: Line, key: str, endpoint: Endpoint, asked: str | None = None, model: str | None = None
) -> Call | None:
    """The call known by `key`, made if there is none; `None` if it has had its end."""
    session = line.session
    if session.is_settled(key):
        return None
    call = session.find(key)
    if call is None:
        call = line.begin(endpoint, asked, model)
        session.add(key, call)
    return call


def end(
    line: Line,
    key: str | None,
    event: Any,
    endpoint: Endpoint,
    asked: str | None = None,
    model: str | None = None,
) -> None:
    """`event` is the last of the call known by `key`; without a key, it is all there is of it."""
    if key is None:
        call: Call | None = line.begin(endpoint, asked, model)
    else:
        call = begin(line, key, endpoint, asked, model)
    if call is None:
        return
    call.event(event)
    call.read_out()
    if key is not None:
        line.session.settle(key)


def speak(call: Call | None, event: Any) -> None:
    """`event` is a piece of an answer; the first tells when it began to come."""
    if call is not None and call.measured.first_token_at is None:
        call.event(event)


def failed(measured: Measured, error: Any) -> None:
    """Keep what kind of error the provider names."""
    said = fields(error)
    measured.error_type = text(said, "code") or text(said, "type") or measured.error_type


def is_delta(event: Any) -> bool:
    """Whether an event carries a piece of an answer."""
    return (text(fields(event), "type") or "").endswith(".delta")
