"""Realtime: responses, and transcriptions of what the user says, each billed at its own model.

Event names and fields are those of the SDK's own types (openai 3.54, and 1.60 for the beta).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_cost.capture import openai
from otel_cost.capture.call import Call
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.capture.websockets.kind import (
    Handler,
    Kind,
    Said,
    Told,
    begin,
    end,
    failed,
    is_delta,
    speak,
)
from otel_cost.capture.websockets.line import Address, Line
from otel_cost.capture.websockets.session import Session
from otel_cost.charge import Outcome
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text
from otel_cost.readers.usage_shapes import read_realtime, read_transcription

_OUTCOMES: Mapping[str, Outcome] = {
    "cancelled": "aborted",
    "incomplete": "incomplete",
    "failed": "error",
}
"""By the status of a response that is done."""

_HEARD = "conversation.item.input_audio_transcription."


def _read_response_event(measured: Measured, state: StreamState, event: Any) -> None:
    said = fields(event)
    body = said.get("response")
    response = fields(body)
    measured.response_id = text(response, "id") or measured.response_id
    if said.get("type") == "response.done":
        state.ended = True
        measured.outcome = _OUTCOMES.get(text(response, "status") or "", "ok")
        read_realtime(measured, body)
        if measured.outcome == "error":
            failed(measured, fields(response.get("status_details")).get("error"))


def _read_heard_event(measured: Measured, state: StreamState, event: Any) -> None:
    said = fields(event)
    kind = said.get("type")
    if kind == _HEARD + "completed":
        state.ended = True
        read_transcription(measured, event)
    elif kind == _HEARD + "failed":
        state.ended = True
        measured.outcome = "error"
        failed(measured, said.get("error"))


_RESPONSE = Endpoint("chat", read_realtime, _read_response_event, is_delta)
_TRANSCRIPTION = replace(
    openai.ENDPOINTS["/audio/transcriptions"], read_event=_read_heard_event, is_content=is_delta
)


def _configured(line: Line, told: Told) -> None:
    now, session = fields(told.said.get("session")), line.session
    session.model = text(now, "model") or session.model
    hearing = fields(fields(now.get("audio")).get("input")).get("transcription")
    hearing = hearing or now.get("input_audio_transcription")
    # What was said before it is switched off is transcribed all the same.
    session.hearing_model = text(fields(hearing), "model") or session.hearing_model


def _known(said: Said) -> str | None:
    return text(fields(said.get("response")), "id")


def _models(line: Line) -> tuple[str | None, str | None]:
    """The model that was asked for, and the one that answers; of a session there is one."""
    model = line.session.model
    return line.asked or model, model


def _created(line: Line, told: Told) -> None:
    key = _known(told.said)
    if key is None:
        return
    line.session.comes_again(key)
    call = begin(line, key, _RESPONSE, *_models(line))
    if call is not None:
        call.event(told.event)


def _done(line: Line, told: Told) -> None:
    end(line, _known(told.said), told.event, _RESPONSE, *_models(line))


def _place(said: Said) -> str | None:
    """What a transcription is known by: where in the conversation it is."""
    item = text(said, "item_id")
    return None if item is None else f"{item}/{said.get('content_index')}"


def _heard_piece(line: Line, told: Told) -> None:
    key = _place(told.said)
    if key is not None:
        speak(begin(line, key, _TRANSCRIPTION, line.session.hearing_model), told.event)


def _heard(line: Line, told: Told) -> None:
    end(line, _place(told.said), told.event, _TRANSCRIPTION, line.session.hearing_model)


def _spoken(session: Session, said: Said) -> Call | None:
    key = text(said, "response_id")
    return None if key is None else session.find(key)


def _phone_call(address: Address) -> str | None:
    """The call that a server joins, whose sound goes another way."""
    return text(address.query, "call_id")


_HANDLERS: Mapping[str, Handler] = {
    "session.created": _configured,
    "session.updated": _configured,
    "transcription_session.created": _configured,
    "transcription_session.updated": _configured,
    "response.created": _created,
    "response.done": _done,
    _HEARD + "delta": _heard_piece,
    _HEARD + "completed": _heard,
    _HEARD + "failed": _heard,
}

REALTIME = Kind(_HANDLERS, _spoken, _phone_call)
