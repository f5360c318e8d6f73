"""A response's body, read from a copy of its raw bytes while the application reads them itself."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from otel_cost.capture.frames import AwsFrames, Event, ServerSentEvents
from otel_cost.capture.inflate import UnreadableError, unpacker

WHOLE = 1 << 20
"""A larger body of JSON is not decoded, and only its ends are kept (bytes)."""
END = 64 << 10
"""How much is kept of either end (bytes)."""

_BLANK = b" \t\r\n\xef\xbb\xbf"
"""What may stand before a body, a byte order mark among it."""
_FIELDS = (b"data:", b"event:")
"""How a server-sent event begins, and hardly any text does."""
_JSON = "application/json"
_MEDIA = ("audio/", "video/", "image/")


class BodyReader:
    """Reads a copy of a response's bytes as they go by.

    Bytes that cannot be unpacked or decoded end the reading, and nothing more is said of the body.
    """

    __slots__ = ("_frames", "_head", "_is_text", "_kept", "_unpack", "skim")

    def __init__(self, content_type: str, content_encoding: str) -> None:
        self.skim = False
        """Whether only events that tell of usage, an error or the end are still wanted."""
        kind = content_type.partition(";")[0].strip().lower()
        self._is_text = kind.startswith("text/")
        self._frames: ServerSentEvents | AwsFrames | None = None
        self._kept: _Kept | None = None
        self._head: bytes | None = None
        """The first bytes, until they show what the body is."""
        if kind == "text/event-stream":
            self._frames = ServerSentEvents()
        elif kind == "application/vnd.amazon.eventstream":
            self._frames = AwsFrames()
        elif not kind.startswith(_MEDIA):
            self._head = b""
        try:
            self._unpack = unpacker(content_encoding)
        except UnreadableError:
            self._unpack = _nothing
            self._give_up()

    @property
    def is_event_stream(self) -> bool:
        """Whether the body brings events: by its type, or once its first bytes show it."""
        return self._frames is not None

    def feed(self, data: bytes) -> Sequence[Event]:
        """The events that end in these bytes, decoded; none of a body that brings no events."""
        if self._unpack is None:
            frames = self._frames
            return self._read(data) if frames is None else frames.feed(data, skim=self.skim)
        events: list[Event] = []
        try:
            for piece in self._unpack(data):
                events += self._read(piece)
        except UnreadableError:
            self._give_up()
        return events

    def last_events(self) -> Sequence[Event]:
        """At the end of the body: the event that no blank line ended."""
        return () if self._frames is None else self._frames.last(skim=self.skim)

    def finish(self) -> Any:
        """At the end of the body: its JSON, decoded; its text; else `None`.

        Of JSON larger than `WHOLE`: an object of those members that stand whole in its ends.
        """
        self._settle()
        return None if self._kept is None else self._kept.value()

    def _read(self, data: bytes) -> Sequence[Event]:
        if self._frames is not None:
            return self._frames.feed(data, skim=self.skim)
        if self._kept is not None:
            self._kept.add(data)
        elif self._head is not None:
            begun = self._head + data
            self._head = begun if self._is_text else begun.lstrip(_BLANK)
            if not any(field.startswith(self._head) for field in _FIELDS):
                return self._settle()
        return ()

    def _settle(self) -> Sequence[Event]:
        """Decide by its first bytes what the body is, and read them."""
        begun, self._head = self._head, None
        if begun is None:
            return ()
        if begun.startswith(_FIELDS) or (begun.startswith(b":") and not self._is_text):
            self._frames = ServerSentEvents()
        elif self._is_text or begun.startswith((b"{", b"[")):
            self._kept = _Kept(is_text=self._is_text)
        return self._read(begun)

    def _give_up(self) -> None:
        self._unpack = _nothing
        self._head = self._kept = None


def _nothing(data: bytes) -> Iterator[bytes]:  # noqa: ARG001 - it unpacks nothing any more
    return iter(())


class _Kept:
    """A body that is read when it is whole, or its ends where it is JSON and too large for that."""

    __slots__ = ("_is_large", "_is_text", "_start", "_tail")

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        self._is_large = False
        self._start = bytearray()
        self._tail = bytearray()

    def add(self, data: bytes) -> None:
        if not self._is_large:
            if len(self._start) + len(data) <= WHOLE:
                self._start += data
                return
            self._is_large = True
            self._tail = self._start[-END:]
            most = WHOLE if self._is_text else END
            self._start += data[: max(most - len(self._start), 0)]
            del self._start[most:]
        if not self._is_text:
            self._tail += data[-END:]
            if len(self._tail) > 2 * END:
                del self._tail[:-END]

    def value(self) -> Any:
        if self._is_large and not self._is_text:
            return _from_ends(bytes(self._start), bytes(self._tail[-END:]))
        text = self._start.decode("utf-8-sig", "replace")
        if not self._is_text or text.lstrip().startswith(("{", "[")):
            with suppress(ValueError, RecursionError):
                return json.loads(text)
        return text if self._is_text else None


_FORWARDS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{}]', re.DOTALL)
_BACKWARDS = re.compile(rb'"[^"]*+(?:"\\[^"]*+)*+"|["\[\]{}]')
"""Strings and marks of JSON that is read from its end; a lone quote is of a string cut in two."""


def _from_ends(start: bytes, end: bytes) -> dict[str, Any] | None:
    """The members of an object that stand whole near its start or its end."""
    end = end.rstrip()
    if not start.startswith(b"{") or not end.endswith(b"}"):
        return None
    first = _outermost_comma(start, _FORWARDS, inwards=b"{[")
    last = _outermost_comma(end[::-1], _BACKWARDS, inwards=b"}]")
    return {**_members(end[len(end) - last : -1]), **_members(start[1:first])}


def _outermost_comma(data: bytes, marks: re.Pattern[bytes], *, inwards: bytes) -> int:
    """Where the last comma stands that separates members of the whole, else 0."""
    depth = found = at = 0
    for match in marks.finditer(data):
        if depth == 1:
            found = max(found, data.rfind(b",", at, match.start()))
        at = match.end()
        mark = match[0]
        if mark == b'"':
            return found
        if len(mark) == 1:
            depth += 1 if mark in inwards else -1
    return max(found, data.rfind(b",", at)) if depth == 1 else found


def _members(data: bytes) -> dict[str, Any]:
    try:
        members: dict[str, Any] = json.loads(b"{%b}" % data)
    except (ValueError, RecursionError):
        return {}
    return members


def read_whole(content: bytes, content_type: str) -> Any:
    """What `BodyReader.finish` says of a body that is here already, and unpacked."""
    if content.startswith(b"{") and content_type.startswith(_JSON) and len(content) <= WHOLE:
        with suppress(ValueError, RecursionError):
            return json.loads(content)
    reader = BodyReader(content_type, "")
    reader.feed(content)
    return reader.finish()
