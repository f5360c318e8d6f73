"""A local server that speaks the wire format of OpenAI's websockets: it plays what a test tells it.

What it sends is scripted, connection by connection; what it is sent is on record.
"""

import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeAlias

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

ENOUGH = 20.0
"""How long anything may take that is expected to happen (seconds)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Waits until the client has sent an event of this type."""

    type: str


@dataclass(frozen=True, slots=True)
class Until:
    """Waits until the test says so."""

    said: threading.Event


@dataclass(frozen=True, slots=True)
class Close:
    """Closes the connection as the protocol has it."""

    code: int = 1000


CUT = "cut"
"""Hangs up without a word."""

Step: TypeAlias = Mapping[str, Any] | Asked | Until | Close | str
"""What to do next; a mapping is an event to send, a text that is not `CUT` is sent as it is."""


class WebsocketServer:
    """The server, on a port of its own, while in its context."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []
        """Every event it was sent."""
        self.paths: list[str] = []
        """Where each connection led, with the query."""
        self.heads: list[bytes] = []
        """The headers that each connection came with."""
        self._scripts: SimpleQueue[tuple[Step, ...]] = SimpleQueue()
        self._server = serve(self._play, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The `websocket_base_url` of a client."""
        return f"ws://127.0.0.1:{self.port}/v1"

    def plays(self, *steps: Step) -> None:
        """Do this on the next connection that has no script yet, and then listen to its end."""
        self._scripts.put(steps)

    def forget(self) -> None:
        """Drop the scripts nobody came for, and what was heard."""
        self._scripts = SimpleQueue()
        self.heard.clear()
        self.paths.clear()
        self.heads.clear()

    def _play(self, connection: ServerConnection) -> None:
        self.paths.append(connection.request.path if connection.request is not None else "")
        self.heads.append(str(connection.request and connection.request.headers).encode())
        try:
            for step in self._scripts.get(timeout=ENOUGH):
                self._do(connection, step)
            while True:
                self._hear(connection)
        except ConnectionClosed:
            pass

    def _do(self, connection: ServerConnection, step: Step) -> None:
        if isinstance(step, Asked):
            while self._hear(connection).get("type") != step.type:
                pass
        elif isinstance(step, Until):
            assert step.said.wait(ENOUGH)
        elif isinstance(step, Close):
            connection.close(step.code)
        elif step == CUT:
            connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            connection.send(step if isinstance(step, str) else json.dumps(step))

    def _hear(self, connection: ServerConnection) -> Mapping[str, Any]:
        event: Mapping[str, Any] = json.loads(connection.recv())
        self.heard.append(event)
        return event

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(ENOUGH)
