"""Functions, generators and iterators that run in a context of their own."""

import functools
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import AsyncGeneratorType, GeneratorType
from typing import Any, ParamSpec, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_cost.attribution.context import saying
from otel_cost.attribution.rolling import (
    Rolling,
    async_generator,
    coroutine,
    generator,
    plain,
    unfinished,
)
from otel_cost.attribution.values import make

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def attributed(
    *,
    feature: str | None = None,
    team: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    customer: str | None = None,
    **tags: str,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The decorator form of `attribution`, for functions and generator functions, async or not.

    It holds while the function's own body runs, and not in the consumer of a generator. What a
    function returns that is still to run, a coroutine or a generator, runs in it as well.

        @otel_cost.attributed(feature="summarization")
        def summaries(texts):
            for text in texts:
                yield client.chat.completions.create(...)
    """
    who = make(feature, team, user_id, session_id, customer, tags)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return _within(function, lambda: saying(who, otel_context.get_current()))

    return decorate


def wrap(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, to be run elsewhere: on another thread, in an executor, as a callback.

    There it runs in the OpenTelemetry context of here and now, current span and attribution
    included. Functions and generator functions, async or not.

        pool.submit(otel_cost.wrap(summarize), text)

    Raises:
        TypeError: `function` cannot be called.

    """
    if not callable(function):
        raise TypeError(f"function must be callable, not {function!r}: wrap(f), not wrap(f())")
    context = otel_context.get_current()
    return _within(function, lambda: context)


@overload
def stream(source: AsyncIterable[T]) -> AsyncIterator[T]: ...
@overload
def stream(source: Iterable[T]) -> Iterator[T]: ...
def stream(source: Any) -> Any:
    """`source`, an iterable or an asynchronous one, to be iterated elsewhere, as servers do.

    It is advanced and closed in the OpenTelemetry context of here and now. Each step goes on in the
    context that the last one has left. A generator comes back as one of its kind, anything else as
    an iterator that can be closed.

        return Response(otel_cost.stream(generate()))

    Raises:
        TypeError: `source` cannot be iterated.

    """
    context = otel_context.get_current()
    if isinstance(source, GeneratorType | AsyncGeneratorType):
        return unfinished(source, context)
    if isinstance(source, AsyncIterable):
        return _AsyncStream(source, Rolling(context))
    if not isinstance(source, Iterable) and not hasattr(source, "__getitem__"):
        raise TypeError(f"source must be an iterable, or an async one, not {source!r}")
    return Stream(source, Rolling(context))


class Stream:
    """An iterable that is advanced and closed in a context of its own."""

    def __init__(self, source: Iterable[Any], rolling: Rolling) -> None:
        self._source = source
        self._iterator = rolling.run(iter, source)
        self._rolling = rolling

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        return self._rolling.run(next, self._iterator)

    def close(self) -> None:
        """Close what is iterated, where it can be closed: servers do when a client has gone."""
        ends = {id(end): end for end in (self._iterator, self._source)}
        for end in ends.values():
            if callable(close := getattr(end, "close", None)):
                self._rolling.run(close)


class _AsyncStream:
    def __init__(self, source: AsyncIterable[Any], rolling: Rolling) -> None:
        self._source = source
        self._iterator = rolling.run(aiter, source)
        self._rolling = rolling

    def __aiter__(self) -> "_AsyncStream":
        return self

    async def __anext__(self) -> Any:
        return await self._rolling.wait(self._iterator.__anext__)

    async def aclose(self) -> None:
        """Close what is iterated, where it can be closed."""
        ends = {id(end): end for end in (self._iterator, self._source)}
        for end in ends.values():
            # Clients of providers call it `close`.
            close = getattr(end, "aclose", None) or getattr(end, "close", None)
            if callable(close):
                await self._rolling.wait(_closing, close)


async def _closing(close: Callable[[], Any]) -> None:
    closing = close()
    if inspect.isawaitable(closing):
        await closing


def _within(function: Callable[P, R], context: Callable[[], Context]) -> Callable[P, R]:
    """`function`, each run of it within the context that `context` gives when it begins."""
    if isinstance(function, staticmethod | classmethod):
        return cast(Callable[P, R], type(function)(_within(function.__func__, context)))
    if inspect.iscoroutinefunction(function):
        run = coroutine(function, context)
    elif inspect.isgeneratorfunction(function):
        run = generator(function, context)
    elif inspect.isasyncgenfunction(function):
        run = async_generator(function, context)
    else:
        run = plain(function, context)
    return cast(Callable[P, R], functools.wraps(function)(run))
