"""The two framings that events come in: server-sent events and AWS event streams."""

import base64
import json
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]

LONGEST = 8 << 20
"""A longer event is dropped instead of kept until it ends (bytes)."""

_BOM = b"\xef\xbb\xbf"
_ENDS = (b"\n\n", b"\r\n\r\n")
"""How events usually end."""
_tells = re.compile(
    rb'"(?:usage|finish_reason|error|message_stop|response\.(?:completed|incomplete|failed)'
    rb'|transcript\.text\.done)"(?!\s*+:\s*+null)'
).search
"""Whether an event tells of usage or of the end. In a text the quotes would be escaped."""


class ServerSentEvents:
    """`text/event-stream`, by the rules of WHATWG; what is no JSON object is passed over."""

    __slots__ = ("_after_return", "_begun", "_overlong", "_pending")

    def __init__(self) -> None:
        self._pending = bytearray()
        """The event that has not ended yet."""
        self._overlong = False
        self._after_return = False
        self._begun = False

    def feed(self, data: bytes, *, skim: bool) -> Sequence[Event]:
        """The events that end in these bytes; with `skim` only those that tell something."""
        if skim and not self._pending and data.endswith(_ENDS) and not _tells(data):
            return ()
        if self._after_return or b"\r" in data:
            data = self._with_line_feeds(data)
        pending = self._pending
        if pending:
            if b"\n\n" not in data and not (data[:1] == b"\n" and pending.endswith(b"\n")):
                pending += data
                self._bound()
                return ()
            data = bytes(pending) + data
        *ended, rest = data.split(b"\n\n")
        self._pending = bytearray(rest)
        if not ended:
            self._bound()
            return ()
        if not self._begun:
            self._begun = True
            ended[0] = ended[0].removeprefix(_BOM)
        if self._overlong:
            self._overlong = False
            del ended[0]
        self._bound()
        return [
            event
            for block in ended
            if (not skim or _tells(block)) and (event := _sent(block)) is not None
        ]

    def last(self, *, skim: bool) -> Sequence[Event]:
        """The event that only the end of the body ends."""
        return self.feed(b"\n\n", skim=skim)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """The same lines, each ending in a line feed."""
        if self._after_return and data:
            data = data.removeprefix(b"\n")
            self._after_return = False
        if data.endswith(b"\r"):
            self._after_return = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _bound(self) -> None:
        # Its last byte may yet be the first of the two that end it.
        if len(self._pending) > LONGEST + 1:
            self._overlong = True
        if self._overlong:
            del self._pending[:-1]


def _sent(block: bytes) -> Event | None:
    """The object in the data of one server-sent event, with the event's name for its type."""
    if len(block) > LONGEST:
        return None
    if block.startswith(b"data: ") and b"\n" not in block:
        return _object(block[6:])
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    event = _object(b"\n".join(data)) if data else None
    if event is not None and name and "type" not in event:
        event["type"] = name.decode("utf-8", "replace")
    return event


def _object(data: bytes) -> Event | None:
    # Most of what is no object can be told without decoding it: `[DONE]`, for one.
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        value: Event = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value


_PRELUDE = struct.Struct("!III")
"""The length of a frame, of its headers in it, and a checksum of both."""
_CHECKSUM = struct.Struct("!I")
_LEAST = _PRELUDE.size + _CHECKSUM.size
_IS_EVENT = b":message-type\x07\x00\x05event"
_IS_DELTA = base64.b64encode(b'{"type":"content_block_delt')
"""How the events begin that most of a stream is made of; they tell nothing."""
_SIZES: Mapping[int, int] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Of the values in a header, by their type; texts (7) and bytes (6) say their own."""
_BYTES, _TEXT = 6, 7


class AwsFrames:
    """`application/vnd.amazon.eventstream`, as Bedrock packs a model's events into it.

    An exception frame is an event of type `error`. Nothing is read after a wrong checksum: there
    is no telling where the next frame begins.
    """

    __slots__ = ("_broken", "_held", "_skip")

    def __init__(self) -> None:
        self._held = bytearray()
        self._skip = 0
        """How much of an overlong frame is still to come."""
        self._broken = False

    def feed(self, data: bytes, *, skim: bool) -> Sequence[Event]:
        """The events that end in these bytes; with `skim` only those that tell something."""
        if self._broken:
            return ()
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._held += data
        events: list[Event] = []
        while (frame := self._next_frame()) is not None:
            if (event := _framed(frame, skim=skim)) is not None:
                events.append(event)
        return events

    def last(self, *, skim: bool) -> Sequence[Event]:  # noqa: ARG002 - as the other framing has it
        """Nothing: a frame without its end is none."""
        return ()

    def _next_frame(self) -> bytes | None:
        """A whole frame with a right checksum, taken from what is held."""
        held = self._held
        while len(held) >= _PRELUDE.size:
            length, in_headers, checksum = _PRELUDE.unpack_from(held)
            if zlib.crc32(held[:8]) != checksum or length < in_headers + _LEAST:
                break
            if length > LONGEST:
                self._skip = max(length - len(held), 0)
                del held[:length]
                continue
            if len(held) < length:
                return None
            frame = bytes(held[:length])
            del held[:length]
            if zlib.crc32(frame[:-4]) != _CHECKSUM.unpack(frame[-4:])[0]:
                break
            return frame
        else:
            return None
        self._broken = True
        return None


def _framed(frame: bytes, *, skim: bool) -> Event | None:
    start = _PRELUDE.size + _PRELUDE.unpack_from(frame)[1]
    headers, payload = frame[_PRELUDE.size : start], frame[start:-4]
    if _IS_EVENT not in headers:
        said = _texts(headers)
        if said.get(":message-type") in {"exception", "error"}:
            return _failure(said, _object(payload) or {})
    if skim and _IS_DELTA in payload:
        return None
    packed = (_object(payload) or {}).get("bytes")
    if not isinstance(packed, str):
        return None
    try:
        data = base64.b64decode(packed)
    except ValueError:
        return None
    return None if skim and not _tells(data) else _object(data)


def _failure(said: Mapping[str, str], payload: Mapping[str, Any]) -> Event:
    """An exception frame, in the words of an error event of Anthropic's own API."""
    kind = said.get(":exception-type") or said.get(":error-code") or "error"
    message = said.get(":error-message") or payload.get("message") or payload.get("Message") or ""
    return {"type": "error", "error": {"type": kind, "message": message}}


def _texts(headers: bytes) -> Mapping[str, str]:
    """Those headers of a frame that are texts."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(headers):
            start = at + 1 + headers[at]
            name, kind = headers[at + 1 : start], headers[start]
            at = start + 1
            if kind in {_BYTES, _TEXT}:
                start, at = at + 2, at + 2 + int.from_bytes(headers[at : at + 2])
                if kind == _TEXT:
                    found[name.decode()] = headers[start:at].decode()
            else:
                at += _SIZES[kind]
    except (LookupError, UnicodeDecodeError):
        pass  # what could be read is enough
    return found
