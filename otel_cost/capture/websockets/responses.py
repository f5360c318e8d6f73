"""Responses over a websocket: many on one connection, one at a time on each lane of it.

Event names and fields are those of the SDK's own types (openai 3.54).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_cost.capture import openai
from otel_cost.capture.call import Call
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.capture.websockets.kind import Handler, Kind, Said, Told, begin, end, failed
from otel_cost.capture.websockets.line import Line
from otel_cost.capture.websockets.session import Session
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text

_HTTP = openai.ENDPOINTS["/responses"]
_HOSTED = frozenset({"web_search_call", "file_search_call", "code_interpreter_call"})
_MOST_ITEMS = 1024


class _Answer:
    """Reads one response. Its last event may leave out the output, where hosted tools show."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[Any] = []

    def read(self, measured: Measured, state: StreamState, event: Any) -> None:
        said = fields(event)
        kind = said.get("type")
        if kind == "response.output_item.done":
            item = said.get("item")
            if fields(item).get("type") in _HOSTED and len(self._items) < _MOST_ITEMS:
                self._items.append(item)
        elif kind == "error":
            state.ended = True
            measured.outcome = "error"
            failed(measured, said.get("error"))
        else:
            self._read(measured, state, kind, fields(said.get("response")), event)

    def _read(
        self, measured: Measured, state: StreamState, kind: Any, response: Said, event: Any
    ) -> None:
        if self._items and response and not response.get("output"):
            event = {"type": kind, "response": {**response, "output": self._items}}
        _HTTP.read_event(measured, state, event)
        if measured.outcome == "error":
            failed(measured, response.get("error"))


def _response() -> Endpoint:
    return replace(_HTTP, read_event=_Answer().read)


def _created(line: Line, told: Told) -> None:
    key = text(fields(told.said.get("response")), "id")
    if key is None:
        return
    session = line.session
    session.comes_again(key)
    session.follow(told.lane, key)
    call = begin(line, key, _response())
    if call is not None:
        call.event(told.event)


def _item_done(line: Line, told: Told) -> None:
    call = line.session.on_lane(told.lane)
    if call is not None:
        call.event(told.event)


def _ended(line: Line, told: Told) -> None:
    end(line, text(fields(told.said.get("response")), "id"), told.event, _response())


def _error(line: Line, told: Told) -> None:
    """Only an error within a response has a place in its sequence; others refuse a request."""
    session, lane = line.session, told.lane
    if told.said.get("sequence_number") is not None and session.on_lane(lane) is not None:
        end(line, session.key_on_lane(lane), told.event, _response())


def _spoken(session: Session, said: Said) -> Call | None:
    return session.on_lane(text(said, "stream_id"))


HANDLERS: Mapping[str, Handler] = {
    "response.created": _created,
    "response.output_item.done": _item_done,
    "response.completed": _ended,
    "response.incomplete": _ended,
    "response.failed": _ended,
    "error": _error,
}

RESPONSES = Kind(HANDLERS, _spoken)
