"""A local OTLP/HTTP trace receiver: what an OpenTelemetry backend gets to see of us."""

import gzip
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True, slots=True)
class Answer:
    """How the receiver answers one request; spans are kept only where it accepts them."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    rejected: int = 0
    """Spans said to be rejected in a partial success."""
    message: str = ""

    @property
    def accepts(self) -> bool:
        """Whether the spans of this request count as received."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names in lower case, the body decompressed."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span, flattened. Ids are lower-case hex, times nanoseconds since the epoch."""

    name: str
    scope: str
    scope_version: str
    kind: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    status: str
    trace_id: str
    span_id: str
    parent_id: str | None
    started_at: int
    ended_at: int


class OtlpReceiver:
    """A receiver on loopback, as a context manager.

    Answers are used up in the order given, then every request is accepted. `spans` and `requests`
    are in the order of arrival.
    """

    def __init__(self, answers: Iterable[Answer] = (), path: str = "/v1/traces") -> None:
        self.spans: list[ReceivedSpan] = []
        self.requests: list[Request] = []
        self._answers = deque(answers)
        self._path = path
        self._arrived = threading.Condition()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The endpoint that an OTLP span exporter is given."""
        return self.base_url + self._path

    def wait_for(self, spans: int, timeout: float = 10.0) -> list[ReceivedSpan]:
        """Every span so far, once there are at least this many.

        Raises `TimeoutError` after `timeout` seconds.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.spans) >= spans, timeout):
                raise TimeoutError(f"{len(self.spans)} of {spans} spans came within {timeout} s")
            return list(self.spans)

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
        self._thread.join()
        self._server.server_close()

    def _receive(self, request: Request) -> Answer:
        with self._arrived:
            answer = self._answers.popleft() if self._answers else Answer()
            self.requests.append(request)
            if answer.accepts:
                self.spans.extend(decoded(request.body))
            self._arrived.notify_all()
        return answer


def decoded(body: bytes) -> list[ReceivedSpan]:
    """The spans of an encoded export request."""
    return [
        ReceivedSpan(
            name=span.name,
            scope=group.scope.name,
            scope_version=group.scope.version,
            kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            attributes=_plain(span.attributes),
            resource=_plain(resource.resource.attributes),
            status=span.status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex() or None,
            started_at=span.start_time_unix_nano,
            ended_at=span.end_time_unix_nano,
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for group in resource.scope_spans
        for span in group.spans
    ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: OtlpReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.receiver._receive(Request(self.path, headers, body))
        said = ExportTraceServiceResponse()
        if answer.rejected:
            said.partial_success.rejected_spans = answer.rejected
            said.partial_success.error_message = answer.message
        payload = said.SerializeToString() if answer.accepts else answer.message.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header(
            "Content-Type", "application/x-protobuf" if answer.accepts else "text/plain"
        )
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: a test's output is its own."""


def _plain(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _plain(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
