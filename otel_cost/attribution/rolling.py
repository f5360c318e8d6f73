"""Running something step by step in an OpenTelemetry context of its own.

What a step attaches is there again in the next one, and nowhere else: not in the consumer of a
generator, nor in another generator that takes turns with it.
"""

import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_cost.attribution.context import detach

T = TypeVar("T")


class Rolling:
    """The context of something that runs in steps, on whichever threads and tasks."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, step: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Take a step in the context that the last one has left."""
        token = otel_context.attach(self._context)
        try:
            return step(*arguments, **named)
        finally:
            self._context = otel_context.get_current()
            detach(token)

    async def wait(self, step: Callable[..., Awaitable[T]], *arguments: Any, **named: Any) -> T:
        """The same for a step that is awaited."""
        token = otel_context.attach(self._context)
        try:
            return await step(*arguments, **named)
        finally:
            self._context = otel_context.get_current()
            detach(token)


def generator(start: Callable[..., Any], context: Callable[[], Context]) -> Callable[..., Any]:
    """A generator function that does what `start` does, in a context of its own.

    `context` gives the one to begin in, when the first step is taken.
    """

    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        rolling = Rolling(context())
        inner = rolling.run(start, *args, **kwargs)
        step, given = inner.send, None
        while True:
            try:
                item = rolling.run(step, given)
            except StopIteration as stop:
                return stop.value
            try:
                step, given = inner.send, (yield item)
            except BaseException as error:  # noqa: BLE001 - it is the generator's to handle
                step, given = inner.throw, error

    return run


def async_generator(
    start: Callable[..., Any], context: Callable[[], Context]
) -> Callable[..., Any]:
    """The same for an asynchronous generator function."""

    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        rolling = Rolling(context())
        inner = rolling.run(start, *args, **kwargs)
        first = _unseen(inner)
        step, given = lambda _: first, None
        while True:
            try:
                item = await rolling.wait(step, given)
            except StopAsyncIteration:
                return
            try:
                step, given = inner.asend, (yield item)
            except BaseException as error:  # noqa: BLE001 - it is the generator's to handle
                step, given = inner.athrow, error

    return run


def _unseen(inner: Any) -> Awaitable[Any]:
    """The first step of `inner`, without the event loop getting to know of it.

    At its end the loop closes all generators it knows, at once: of the two it must know only the
    outer one, which closes this one.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return cast(Awaitable[Any], inner.asend(None))
    finally:
        sys.set_asyncgen_hooks(*hooks)


def coroutine(start: Callable[..., Any], context: Callable[[], Context]) -> Callable[..., Any]:
    """The same for a coroutine function."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        return await Rolling(context()).wait(start, *args, **kwargs)

    return run


def plain(start: Callable[..., Any], context: Callable[[], Context]) -> Callable[..., Any]:
    """The same for any other function; what it returns that is still to run runs there too."""

    def run(*args: Any, **kwargs: Any) -> Any:
        where = context()
        token = otel_context.attach(where)
        try:
            result = start(*args, **kwargs)
        finally:
            detach(token)
        return unfinished(result, where)

    return run


def unfinished(result: Any, context: Context) -> Any:
    """`result`, which runs in `context` from now on if it is still to run."""
    make = _UNFINISHED.get(type(result))
    return result if make is None else make(lambda: result, lambda: context)()


_UNFINISHED = {
    types.GeneratorType: generator,
    types.AsyncGeneratorType: async_generator,
    types.CoroutineType: coroutine,
}
