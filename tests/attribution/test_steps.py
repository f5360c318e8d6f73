"""Shows that a decorated generator does whatever the same generator does undecorated."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import otel_cost
from otel_cost import faults
from otel_cost.attribution.values import UNATTRIBUTED
from tests import wiring


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    assert otel_cost.current() is UNATTRIBUTED
    assert faults.counts["detached_elsewhere"] == 0


class ThrownError(Exception):
    """What consumers throw."""


def counting() -> Any:
    got = yield "first"
    got = yield ("got", got)
    return "returned"


def catching() -> Any:
    while True:
        try:
            got = yield "waits"
            if got == "sent":
                return "was sent"
        except ThrownError as error:
            yield ("caught", error.args, error.__context__)


def cleaning() -> Any:
    try:
        yield "open"
    finally:
        yield "still open"


def ending_on_close() -> Any:
    try:
        yield "open"
    except GeneratorExit:
        return "closed"


def raising() -> Any:
    yield "before"
    try:
        yield "within"
    except ThrownError:
        raise KeyError("from it") from None


def stopping() -> Any:
    yield "before"
    raise StopIteration("by mistake")


def delegating() -> Any:
    yield (yield from counting())
    yield from [1, 2]


def empty() -> Any:
    yield from ()


BODIES = (counting, catching, cleaning, ending_on_close, raising, stopping, delegating, empty)
STEPS: dict[str, Callable[[Any], Any]] = {
    "next": next,
    "send": lambda made: made.send("sent"),
    "throw": lambda made: made.throw(ThrownError("thrown")),
    "stop": lambda made: made.throw(StopIteration("thrown")),
    "exit": lambda made: made.throw(GeneratorExit()),
    "close": lambda made: made.close(),
}
TO_THE_END = ("next",) * 3
"""What is left suspended in its clean-up cannot be given up quietly."""


def seen(result: BaseException) -> Any:
    return (
        type(result),
        result.args,
        type(result.__cause__),
        type(result.__context__),
        result.__suppress_context__,
    )


def story(made: Any, steps: tuple[str, ...]) -> list[Any]:
    told: list[Any] = []
    for step in steps:
        try:
            told.append(STEPS[step](made))
        except BaseException as error:  # noqa: BLE001 - it is compared
            told.append(seen(error))
    return told


@pytest.mark.parametrize("body", BODIES)
def test_whatever_is_done_to_a_generator(body: Callable[[], Any]) -> None:
    decorated = otel_cost.attributed(feature="inside")(body)
    for steps in itertools.product(STEPS, repeat=3):
        ended = (*steps, *TO_THE_END)
        assert story(decorated(), ended) == story(body(), ended), steps


async def async_catching() -> AsyncIterator[Any]:
    got: Any = "nothing"
    while True:
        try:
            got = yield ("waits", got)
            if got == "sent":
                return
            await asyncio.sleep(0)
        except ThrownError as error:
            await asyncio.sleep(0)
            yield ("caught", error.args)


async def async_cleaning() -> AsyncIterator[Any]:
    try:
        yield "open"
        yield "open"
    finally:
        await asyncio.sleep(0)


async def async_deaf() -> AsyncIterator[Any]:
    try:
        yield "open"
    except GeneratorExit:
        yield "still open"


async def async_raising() -> AsyncIterator[Any]:
    yield "before"
    try:
        yield "within"
    except ThrownError:
        raise KeyError("from it") from None


async def async_stopping() -> AsyncIterator[Any]:
    yield "before"
    raise StopAsyncIteration("by mistake")


ASYNC_BODIES = (async_catching, async_cleaning, async_deaf, async_raising, async_stopping)
ASYNC_STEPS: dict[str, Callable[[Any], Any]] = {
    "next": anext,
    "send": lambda made: made.asend("sent"),
    "throw": lambda made: made.athrow(ThrownError("thrown")),
    "exit": lambda made: made.athrow(GeneratorExit()),
    "close": lambda made: made.aclose(),
}


async def async_story(made: Any, steps: tuple[str, ...]) -> list[Any]:
    told: list[Any] = []
    for step in steps:
        try:
            told.append(await ASYNC_STEPS[step](made))
        except BaseException as error:  # noqa: BLE001 - it is compared
            told.append(seen(error))
    return told


@pytest.mark.parametrize("body", ASYNC_BODIES)
def test_whatever_is_done_to_an_async_generator(body: Callable[[], Any]) -> None:
    decorated = otel_cost.attributed(feature="inside")(body)

    async def compare() -> None:
        for steps in itertools.product(ASYNC_STEPS, repeat=3):
            ended = (*steps, *TO_THE_END)
            told = await async_story(decorated(), ended)
            assert told == await async_story(body(), ended), steps

    asyncio.run(compare())


def test_a_generator_that_steps_itself_is_told_so() -> None:
    @otel_cost.attributed(feature="inside")
    def itself() -> Iterator[Any]:
        yield next(made)

    made = itself()
    with pytest.raises(ValueError, match="generator already executing"):
        next(made)


def test_an_async_generator_that_two_tasks_step_at_once_says_so() -> None:
    @otel_cost.attributed(feature="inside")
    async def slow() -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1

    async def both() -> list[Any]:
        made: Any = slow()
        steps = (asyncio.create_task(made.asend(None)) for _ in range(2))
        return await asyncio.gather(*steps, return_exceptions=True)

    first, second = asyncio.run(both())
    assert first == 1
    assert isinstance(second, RuntimeError)
    assert "already running" in str(second)
