"""A small, quick HTTP/1.1 server on loopback: a thread per connection, one write per answer."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
_READ = 65536
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    """Without the query."""
    headers: Mapping[str, str]
    body: bytes
    head: bytes = b""
    """The first line and the headers as they came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a whole body, or blocks that are sent one by one as they are made."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class CutError(Exception):
    """Raised by a handler, or while its blocks are made, to drop the connection."""


Handler = Callable[[Request], Answer]


class Server:
    """Serves `handle` on a free loopback port between `start` and `stop`, or inside `with`.

    `stopping` is set first when the server stops: a handler that waits must wait on it.
    """

    def __init__(self, handle: Handler) -> None:
        self.stopping = threading.Event()
        self._handle = handle
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; raises `RuntimeError` unless it runs."""
        if self._listener is None:
            raise RuntimeError("the server does not run; use it as a context manager")
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Listens on a free port and accepts connections in a thread."""
        self.stopping.clear()
        listener = socket.create_server((LOOPBACK, 0), backlog=256)
        self._listener = listener
        self._acceptor = threading.Thread(
            target=self._accept, args=(listener,), name="otel_cost-demo-accept", daemon=True
        )
        self._acceptor.start()

    def stop(self) -> None:
        """Closes every connection and returns when no thread is left. May be called twice."""
        listener, acceptor = self._listener, self._acceptor
        if listener is None or acceptor is None:
            return
        self.stopping.set()
        # A connection of our own is the portable way to wake a blocking accept.
        socket.create_connection((LOOPBACK, self.port)).close()
        acceptor.join()
        listener.close()
        with self._lock:
            left = dict(self._connections)
        for connection in left:
            _hang_up(connection)
        for thread in left.values():
            thread.join()
        self._listener = self._acceptor = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="otel_cost-demo", daemon=True
            )
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                while (request := _read(connection)) is not None:
                    _write(connection, self._handle(request))
        except (CutError, OSError):
            pass  # either side may end a connection; that is not a fault of the server
        finally:
            with self._lock:
                self._connections.pop(connection, None)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client or the thread may have been faster
        connection.shutdown(socket.SHUT_RDWR)


def _read(connection: socket.socket) -> Request | None:
    """The next request, or `None` when the client is done.

    Nothing may be left over between requests: clients here never pipeline.
    """
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        block = connection.recv(_READ)
        if not block:
            return None
        data += block
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    blocks = [data[end + 4 :]]
    missing = int(headers.get("content-length", 0)) - len(blocks[0])
    while missing > 0:
        block = connection.recv(_READ)
        if not block:
            return None
        blocks.append(block)
        missing -= len(block)
    path = target.partition("?")[0]
    return Request(method, path, headers, b"".join(blocks), data[:end])


def _write(connection: socket.socket, answer: Answer) -> None:
    head = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    head += [f"content-type: {answer.content_type}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    if isinstance(answer.body, bytes):
        head += [f"content-length: {len(answer.body)}", "", ""]
        connection.sendall("\r\n".join(head).encode("latin-1") + answer.body)
        return
    head += ["transfer-encoding: chunked", "", ""]
    connection.sendall("\r\n".join(head).encode("latin-1"))
    for block in answer.body:
        connection.sendall(b"%x\r\n%b\r\n" % (len(block), block))
    connection.sendall(b"0\r\n\r\n")
