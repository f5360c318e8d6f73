"""One websocket connection: where it leads, and whose calls go over it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan

from otel_cost.capture import openai
from otel_cost.capture.call import Call
from otel_cost.capture.endpoint import Endpoint, Platform, where_of
from otel_cost.capture.websockets.session import Session, named
from otel_cost.measured import Measured
from otel_cost.readers.fields import text
from otel_cost.recorder import Recorder, new_charge_id


@dataclass(frozen=True, slots=True)
class Address:
    """Where a websocket leads, by the names that URLs of HTTP libraries have for it."""

    scheme: str
    host: str | None
    port: int | None
    path: str
    query: Mapping[str, str]


def address_of(socket: Any) -> Address:
    """Where a connection of the `websockets` package leads, by the request that opened it."""
    request, protocol = getattr(socket, "request", None), getattr(socket, "protocol", None)
    uri = getattr(protocol, "uri", None) or getattr(protocol, "wsuri", None)
    scheme = "https" if getattr(uri, "secure", True) else "http"
    if request is None:
        return Address(scheme, None, None, "", {})
    url = urlsplit(f"{scheme}://{request.headers.get('Host', '')}{request.path}")
    return Address(scheme, url.hostname, url.port, url.path, dict(parse_qsl(url.query)))


_Attached: TypeAlias = Callable[[Address], str | None]


class Line:
    """One connection: where it leads, whose calls go over it, and the session at its other end.

    It does not refer to the connection, and goes away with it.
    """

    __slots__ = (
        "_left",
        "_parent",
        "_platform",
        "_socket",
        "_where",
        "_who",
        "asked",
        "attached",
        "recorder",
        "session",
    )

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.session = Session()
        self.asked: str | None = None
        """The model that the address asks for."""
        self.attached = False
        """Whether it leads to a session that was there before."""
        # A thread that only reads has no context of its own: what it reads belongs to who
        # connected. The whole context is not kept, for the connection might be in it.
        self._who = recorder.who()
        self._parent = trace.get_current_span().get_span_context()
        self._left = False
        self._socket: Any = None
        self._platform = Platform("openai", None, None)
        self._where: Mapping[str, str | int] = {}

    def goes_over(self, socket: Any, attached: _Attached | None) -> None:
        """It goes over `socket` now, to the session that `attached` finds in the address, if any.

        After a reconnection the provider goes on with nothing but a session of that name.
        """
        if socket is self._socket:
            return
        self._socket = socket
        address = address_of(socket)
        self._platform = openai.platform(SimpleNamespace(base_url=address))
        self._where = where_of(self._platform)
        self.asked = text(address.query, "model") or text(address.query, "deployment")
        name = None if attached is None else attached(address)
        self.attached = name is not None
        if name is not None:
            self.join(name)
        else:
            self._move(Session())

    def join(self, name: str, *, anew: bool = False) -> None:
        """The session at the other end is the one of that name, whoever else is told of it.

        `anew`: it begins now, and is none of that name that has been.
        """
        own, key = self.session, (self.recorder, self._platform.host, name)
        begins = anew and not self.attached
        if own.name == key and not (begins and own.over):
            return
        fresh = own if own.name is None else Session()
        found = named(key, fresh, anew=begins)
        if found is not fresh:
            found.enter()
        if found is not own:
            self._move(found)

    def leave(self) -> None:
        """The connection has closed; it may be told of that more than once."""
        if not self._left:
            self._left = True
            self.session.leave()

    def _move(self, session: Session) -> None:
        left, self.session = self.session, session
        if self._left:
            session.leave()
        else:
            left.leave()

    def begin(self, endpoint: Endpoint, asked: str | None, model: str | None = None) -> Call:
        """A call that begins now, on a span of its own; the models are those known by now."""
        context = otel_context.get_current()
        if context:
            who = self.recorder.who(context)
        else:
            who = self._who
            context = trace.set_span_in_context(NonRecordingSpan(self._parent))
        now, recorder, platform = time.time_ns(), self.recorder, self._platform
        measured = Measured(
            new_charge_id(now),
            platform.provider,
            endpoint.operation,
            now,
            asked,
            recorder.who.completed(who),
        )
        measured.region, measured.model = platform.region, model
        call = Call(recorder, endpoint, measured)
        call.stream()
        call.enter(context, recorder.open_span(measured, self._where, context), findable=False)
        call.leave()
        return call
