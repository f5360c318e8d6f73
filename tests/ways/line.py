"""The HTTP clients of a scene: every host is on loopback, and what is pulled is counted."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from otel_cost.demo.server import LOOPBACK


@dataclass(slots=True)
class Line:
    """Where all hosts really are, and what was pulled from them so far."""

    port: int
    blocks: int = 0
    """Blocks of response bodies taken from the network."""


def library(sdk: str) -> Any:
    """`httpx2` or `httpx`, whichever the SDK was made for."""
    held = vars(import_module(f"{sdk}._base_client"))
    return held.get("httpx2") or held["httpx"]


def client(sdk: str, line: Line) -> Any:
    """A synchronous HTTP client of the SDK's library."""
    http = library(sdk)
    return http.Client(transport=_transport(http)(line))


def async_client(sdk: str, line: Line) -> Any:
    """An asynchronous HTTP client of the SDK's library."""
    http = library(sdk)
    return http.AsyncClient(transport=_async_transport(http)(line))


def pool(http_client: Any) -> str:
    """How many connections an HTTP client holds, and what they do."""
    return repr(http_client._transport._pool)


def _at_home(http: Any, request: Any, port: int) -> Any:
    """The same request, to the local server; the host that it names stays."""
    if request.url.host == LOOPBACK:
        return request
    return http.Request(
        request.method,
        request.url.copy_with(scheme="http", host=LOOPBACK, port=port),
        headers=request.headers,
        stream=request.stream,
        extensions=request.extensions,
    )


@cache
def _transport(http: Any) -> Any:
    class Body(http.SyncByteStream):  # type: ignore[misc]
        def __init__(self, body: Any, line: Line) -> None:
            self._body, self._line = body, line

        def __iter__(self) -> Iterator[bytes]:
            for block in self._body:
                self._line.blocks += 1
                yield block

        def close(self) -> None:
            self._body.close()

    class Transport(http.HTTPTransport):  # type: ignore[misc]
        def __init__(self, line: Line) -> None:
            super().__init__(verify=False)
            self._line = line

        def handle_request(self, request: Any) -> Any:
            response = super().handle_request(_at_home(http, request, self._line.port))
            response.stream = Body(response.stream, self._line)
            return response

    return Transport


@cache
def _async_transport(http: Any) -> Any:
    class Body(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, body: Any, line: Line) -> None:
            self._body, self._line = body, line

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for block in self._body:
                self._line.blocks += 1
                yield block

        async def aclose(self) -> None:
            await self._body.aclose()

    class Transport(http.AsyncHTTPTransport):  # type: ignore[misc]
        def __init__(self, line: Line) -> None:
            super().__init__(verify=False)
            self._line = line

        async def handle_async_request(self, request: Any) -> Any:
            response = await super().handle_async_request(_at_home(http, request, self._line.port))
            response.stream = Body(response.stream, self._line)
            return response

    return Transport
