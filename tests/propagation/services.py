"""Two services that speak HTTP with each other, behind WSGI, traced as by instrumentation."""

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

Environ = dict[str, Any]
Handler = Callable[[], str]
Headers = Sequence[tuple[str, str | bytes]]


class EnvironGetter(Getter[Environ]):
    """Reads headers where WSGI has them."""

    def get(self, carrier: Environ, key: str) -> list[str] | None:
        value = carrier.get("HTTP_" + key.upper().replace("-", "_"))
        return None if value is None else [value]

    def keys(self, carrier: Environ) -> list[str]:
        return [k[5:].lower().replace("_", "-") for k in carrier if k.startswith("HTTP_")]


class Service:
    """An application behind middleware that continues the trace of its requests."""

    def __init__(self, handle: Handler, provider: TracerProvider, *, span: bool = True) -> None:
        self._handle = handle
        self._tracer = provider.get_tracer("wsgi")
        self._span = span
        self.received: list[Environ] = []

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        self.received.append(dict(environ))
        context = propagate.extract(environ, getter=EnvironGetter())
        token = otel_context.attach(context)
        try:
            name, attributes = environ["PATH_INFO"], {"server.address": "127.0.0.1"}
            with (
                self._tracer.start_as_current_span(name, None, SpanKind.SERVER, attributes)
                if self._span
                else nullcontext()
            ):
                said = self._handle()
        finally:
            otel_context.detach(token)
        start_response("200 OK", [("content-type", "text/plain; charset=utf-8")])
        return [said.encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def serving(service: Service) -> Iterator[int]:
    """The port that a service listens on, inside."""
    server = make_server("127.0.0.1", 0, service, _Server, _Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def request(port: int, headers: Headers = (), *, path: str = "/") -> str:
    """What a service answers to a client that may send any header, as often as it likes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200, text
        return text
    finally:
        connection.close()
