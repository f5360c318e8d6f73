"""Seeing a stream go by, without replacing the object that the application holds."""

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

from otel_cost.capture.call import Call
from otel_cost.capture.include_usage import hidden


class MeteredIterator:
    """Stands in a stream for its own iterator; every event goes through unchanged."""

    __slots__ = ("_call", "_iterator", "_next")

    def __init__(self, iterator: Any, call: Call) -> None:
        self._iterator = iterator
        self._next = iterator.__next__
        self._call = call

    def __iter__(self) -> "MeteredIterator":
        return self

    def __next__(self) -> Any:
        call = self._call
        # The SDK closes the response before the end of the stream gets here; busy tells that
        # close from one by the application.
        call.busy = True
        try:
            item = self._next()
        except StopIteration:
            call.busy = False
            call.read_out()
            raise
        except BaseException as error:
            call.busy = False
            call.failed(error)
            raise
        call.busy = False
        call.event(item)
        if call.hides and hidden(item):
            return self.__next__()
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __del__(self) -> None:
        self._call.dropped()


class AsyncMeteredIterator:
    """The asynchronous twin of `MeteredIterator`."""

    __slots__ = ("_call", "_iterator")

    def __init__(self, iterator: Any, call: Call) -> None:
        self._iterator = iterator
        self._call = call

    def __aiter__(self) -> "AsyncMeteredIterator":
        return self

    async def __anext__(self) -> Any:
        call = self._call
        call.busy = True
        try:
            item = await self._iterator.__anext__()
        except StopAsyncIteration:
            call.busy = False
            call.read_out()
            raise
        except BaseException as error:
            call.busy = False
            call.failed(error)
            raise
        call.busy = False
        call.event(item)
        if call.hides and hidden(item):
            return await self.__anext__()
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __del__(self) -> None:
        self._call.dropped()


class _Body:
    """A response body that tells the call when it was read, closed or dropped."""

    def __init__(self, body: Any, call: Call) -> None:
        self._body = body
        self._call = call
        # The Anthropic SDK asks for it at every event; a look-up that fails is slow.
        self.stream_observer = getattr(body, "stream_observer", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_body"], name)

    def __del__(self) -> None:
        self._call.dropped()


class _SyncBody(_Body):
    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        if not call.raw:
            yield from self._body
            return
        try:
            for data in self._body:
                call.data(data)
                yield data
        except Exception as error:
            call.failed(error)
            raise
        call.read_out()

    def close(self) -> None:
        try:
            self._body.close()
        finally:
            self._call.closed()


class _AsyncBody(_Body):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        try:
            async for data in self._body:
                if call.raw:
                    call.data(data)
                yield data
        except Exception as error:
            if call.raw:
                call.failed(error)
            raise
        if call.raw:
            call.read_out()

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            self._call.closed()


_WATCHERS = {"SyncByteStream": _SyncBody, "AsyncByteStream": _AsyncBody}


@cache
def _watcher(bases: tuple[type, ...]) -> type[_Body]:
    ours = tuple(_WATCHERS[base.__name__] for base in bases)
    return type("WatchedBody", (*ours, *bases), {})


def watch_body(response: Any, call: Call) -> None:
    """Have `response` tell `call` when its body is read out, closed or dropped.

    The HTTP library checks which kind of stream a body is, so the stand-in derives from the same
    kinds, of the same library (httpx or httpx2).
    """
    body = response.stream
    bases = tuple(base for base in type(body).__mro__ if base.__name__ in _WATCHERS)
    if bases:
        response.stream = _watcher(bases)(body, call)
