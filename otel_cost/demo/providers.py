"""Local providers that speak to the real OpenAI and Anthropic SDKs, for the demo and the tests."""

import gzip
import itertools
import json
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from types import MappingProxyType, TracebackType
from typing import Any, Self

from otel_cost.demo import anthropic_wire, directives, openai_wire
from otel_cost.demo.directives import Directives
from otel_cost.demo.server import LOOPBACK, Answer, CutError, Request, Server
from otel_cost.demo.wire import Ask, Endpoint, Event, encode, sse

ENDPOINTS: Mapping[str, Endpoint] = {**openai_wire.ENDPOINTS, **anthropic_wire.ENDPOINTS}
"""What can be posted to, by path."""
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that arrived; header names are in lower case, `body` is the parsed JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class LocalProviders:
    """OpenAI- and Anthropic-shaped endpoints on a loopback port, inside `with`.

    Answers and their usage follow from the request, unless it dictates them in the header
    `x-demo-reply` (see `otel_cost.demo.directives`). With `record`, `requests` keeps what came.
    `further` are more endpoints: by path for POST, by `GET /path` for other methods; `*` stands for
    one segment. `arriving` may replace a request before it is looked at.
    """

    def __init__(
        self,
        *,
        record: bool = True,
        further: Mapping[str, Endpoint] = MappingProxyType({}),
        arriving: Callable[[Request], Request] | None = None,
    ) -> None:
        self._server = Server(self._answer)
        self._endpoints = {**ENDPOINTS, **further}
        self._patterns = [(k.split("/"), e) for k, e in self._endpoints.items() if "*" in k]
        self._arriving = arriving
        self._record = record
        self._requests: list[Recorded] = []
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def anthropic_url(self) -> str:
        """The `base_url` for Anthropic clients."""
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def openai_url(self) -> str:
        """The `base_url` for OpenAI clients."""
        return f"{self.anthropic_url}/v1"

    @property
    def requests(self) -> list[Recorded]:
        """What arrived since the start or the last `clear`, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def clear(self) -> None:
        """Forgets the requests recorded so far."""
        with self._lock:
            self._requests.clear()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _answer(self, request: Request) -> Answer:
        if self._record:
            body, _ = _parsed(request)
            with self._lock:
                self._requests.append(Recorded(request.method, request.path, request.headers, body))
        if self._arriving is not None:
            request = self._arriving(request)
        body, readable = _parsed(request)
        endpoint = self._endpoint(request)
        if endpoint is None:
            message = f"Invalid URL ({request.method} {request.path})"
            return _failure(_error_shape(request), 404, message)
        if not readable or not isinstance(body, dict):
            return _failure(endpoint, 400, "We could not parse the JSON body of your request.")
        try:
            said = self._said(request.headers)
        except (TypeError, ValueError) as wrong:
            return _failure(endpoint, 400, str(wrong))
        return self._reply(endpoint, Ask(body, next(self._numbers), said, request.path))

    def _endpoint(self, request: Request) -> Endpoint | None:
        key = request.path if request.method == "POST" else f"{request.method} {request.path}"
        if (found := self._endpoints.get(key)) is not None:
            return found
        asked = key.split("/")
        for pattern, endpoint in self._patterns:
            if len(pattern) == len(asked) and all(
                p in {"*", a} for p, a in zip(pattern, asked, strict=True)
            ):
                return endpoint
        return None

    def _said(self, headers: Mapping[str, str]) -> Directives:
        text = headers.get(directives.HEADER)
        if text is None:
            return directives.NOTHING
        said = directives.parse(text)
        key = said.get("key")
        if key is None:
            attempt = int(headers.get("x-stainless-retry-count", 0))
        else:
            with self._lock:
                attempt = self._attempts[key]
                self._attempts[key] += 1
        return directives.effective(said, attempt)

    def _reply(self, endpoint: Endpoint, ask: Ask) -> Answer:
        said = ask.said
        if said.hang:
            self._server.stopping.wait()
            raise CutError
        if said.delay_ms:
            self._server.stopping.wait(said.delay_ms / 1000)
        if said.status >= 400:
            # A retry that the caller counts on comes at once, not after the SDK's own pause.
            headers = {"retry-after-ms": "1", **said.headers}
            return Answer(
                said.status, body=encode(endpoint.error(said.status, said.error)), headers=headers
            )
        if (refused := endpoint.refusal(ask)) is not None:
            return _failure(endpoint, 400, refused)
        if ask.body.get("stream") and endpoint.events is not None:
            events = self._events(endpoint, ask, endpoint.events(ask))
            return _streamed(map(sse, events), said)
        answer = endpoint.answer(ask)
        if isinstance(answer, Answer):
            return answer
        return _whole(encode(answer), said)

    def _events(self, endpoint: Endpoint, ask: Ask, usual: Iterator[Event]) -> Iterator[Event]:
        said = ask.said
        events = usual if said.events is None else map(_named, said.events)
        for number, event in enumerate(events):
            if number and said.pause_ms:
                self._server.stopping.wait(said.pause_ms / 1000)
            if number == said.cut_after:
                raise CutError
            if number == said.error_event_after:
                yield endpoint.error_event(said.error)
                return
            yield event


def _parsed(request: Request) -> tuple[Any, bool]:
    """The request's JSON or form, and whether it could be read; no body is an empty object."""
    if not request.body:
        return {}, True
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _form(kind, request.body), True
    try:
        return json.loads(request.body), True
    except ValueError:
        return None, False


def _form(kind: str, body: bytes) -> dict[str, Any]:
    """The fields of a form; of a file, its length."""
    found: dict[str, Any] = {}
    head = f"content-type: {kind}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        found[str(name)] = len(data) if part.get_filename() else _field(data.decode())
    return found


def _field(text: str) -> Any:
    return {"true": True, "false": False}.get(text, int(text) if text.isdecimal() else text)


def _named(data: Any) -> Event:
    """A dictated event; Anthropic's and the Responses API's are named by their type."""
    return (data.get("type") if isinstance(data, dict) else None), data


def _error_shape(request: Request) -> Endpoint:
    spoken = "anthropic-version" in request.headers
    return ENDPOINTS["/v1/messages" if spoken else "/v1/chat/completions"]


def _failure(endpoint: Endpoint, status: int, message: str) -> Answer:
    return Answer(status, body=encode(endpoint.error(status, {"message": message})))


def _whole(body: bytes, said: Directives) -> Answer:
    headers = dict(said.headers)
    if said.gzip:
        body = gzip.compress(body, 1)
        headers["content-encoding"] = "gzip"
    if said.cut_after is not None:
        return Answer(body=_half(body), headers=headers)
    return Answer(body=body, headers=headers)


def _half(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2 + 1]
    raise CutError


def _streamed(blocks: Iterable[bytes], said: Directives) -> Answer:
    headers = dict(said.headers)
    if said.gzip:
        blocks = _squeezed(blocks)
        headers["content-encoding"] = "gzip"
    return Answer(content_type="text/event-stream; charset=utf-8", body=blocks, headers=headers)


def _squeezed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    for block in blocks:
        yield squeeze.compress(block) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    yield squeeze.flush()
