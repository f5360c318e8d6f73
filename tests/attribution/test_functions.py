"""Shows that decorated functions, generators and streams run in a context of their own alone."""

import asyncio
import functools
import gc
import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context as Variables
from typing import Any

import pytest
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost import faults
from otel_cost.attribution.values import UNATTRIBUTED
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.demo.calls import chat
from tests.wiring import Charges


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    assert otel_cost.current() is UNATTRIBUTED


def feature() -> str | None:
    return otel_cost.current().feature


@otel_cost.attributed(feature="inside")
def steps(count: int) -> Generator[str | None, str | None, str]:
    for _ in range(count):
        try:
            yield feature()
        except KeyError:
            yield f"caught in {feature()}"
    return f"returned in {feature()}"


@otel_cost.attributed(feature="inside")
async def async_steps(count: int) -> AsyncIterator[str | None]:
    for _ in range(count):
        try:
            await asyncio.sleep(0)
            yield feature()
        except KeyError:
            yield f"caught in {feature()}"


def test_the_kind_of_a_function_stays() -> None:
    assert inspect.isgeneratorfunction(steps)
    assert inspect.isasyncgenfunction(async_steps)
    assert steps.__name__ == "steps"
    assert inspect.isgenerator(steps(1))


def test_a_generator_runs_within_and_its_consumer_does_not() -> None:
    with otel_cost.attribution(feature="outside"):
        made = steps(3)
        for said in made:
            assert (said, feature()) == ("inside", "outside")


def test_an_async_generator_runs_within_and_its_consumer_does_not() -> None:
    async def consume() -> list[Any]:
        return [(said, feature()) async for said in async_steps(3)]

    assert asyncio.run(consume()) == [("inside", None)] * 3


def test_what_is_sent_thrown_and_returned_arrives() -> None:
    @otel_cost.attributed(feature="inside")
    def echo() -> Generator[Any, Any, str]:
        got = yield "ready"
        while got is not None:
            try:
                got = yield (got, feature())
            except KeyError as error:
                got = yield ("thrown", error.args[0])
        return "done"

    made = echo()
    assert next(made) == "ready"
    assert made.send(1) == (1, "inside")
    assert made.throw(KeyError("x")) == ("thrown", "x")
    with pytest.raises(StopIteration) as stopped:
        made.send(None)
    assert stopped.value.value == "done"
    assert list(steps(0)) == []


def test_yield_from_gets_the_result() -> None:
    def outer() -> Iterator[Any]:
        yield (yield from steps(1))

    assert list(outer()) == ["inside", "returned in inside"]


def test_what_a_generator_raises_comes_out_and_the_context_is_restored() -> None:
    made = steps(2)
    next(made)
    with pytest.raises(ValueError, match="by the consumer"):
        made.throw(ValueError("by the consumer"))
    assert feature() is None
    assert list(made) == []


def test_closing_runs_what_is_left_within() -> None:
    seen: list[str | None] = []

    @otel_cost.attributed(feature="inside")
    def stubborn(value: str) -> Iterator[int]:
        try:
            yield 1
        finally:
            seen.append(feature())
        if value == "goes on":
            yield 2

    made = stubborn("ends")
    next(made)
    made.close()  # type: ignore[attr-defined]
    made = stubborn("never begun")
    made.close()  # type: ignore[attr-defined]
    assert seen == ["inside"]

    @otel_cost.attributed(feature="inside")
    def deaf() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    ignoring = deaf()
    next(ignoring)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        ignoring.close()


def test_generators_that_take_turns_do_not_disturb_each_other() -> None:
    @otel_cost.attributed(feature="a")
    def first() -> Iterator[Any]:
        with otel_cost.attribution(team="one"):
            yield otel_cost.current()
            yield otel_cost.current()
        yield otel_cost.current()

    @otel_cost.attributed(feature="b")
    def second() -> Iterator[Any]:
        yield otel_cost.current()
        with otel_cost.attribution(team="two"):
            yield otel_cost.current()
        yield otel_cost.current()

    pairs = list(zip(first(), second(), strict=True))
    said = [[(who.feature, who.team) for who in pair] for pair in pairs]
    assert said == [
        [("a", "one"), ("b", None)],
        [("a", "one"), ("b", "two")],
        [("a", None), ("b", None)],
    ]
    assert faults.counts["attribution_in_generator"] == 0


def test_a_span_that_a_body_opens_stays_current_in_it_alone() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")

    @otel_cost.attributed(feature="inside")
    def spanning() -> Iterator[Any]:
        with tracer.start_as_current_span("inner") as span:
            yield trace.get_current_span() is span
            yield trace.get_current_span() is span

    for inside in spanning():
        assert inside
        assert trace.get_current_span() is trace.INVALID_SPAN


def test_it_may_be_finished_on_another_thread(caplog: pytest.LogCaptureFixture) -> None:
    made = steps(3)
    next(made)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, made).result() == ["inside", "inside"]
    assert caplog.records == []


def test_it_may_be_closed_in_another_task(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        made: Any = async_steps(5)
        assert await anext(made) == "inside"
        assert await made.athrow(KeyError()) == "caught in inside"
        await asyncio.create_task(made.aclose())
        abandoned = async_steps(5)
        await anext(abandoned)
        del abandoned
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert caplog.records == []


def test_what_the_loop_closes_at_its_end_is_closed_within(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left: list[Any] = []

    @otel_cost.attributed(feature="inside")
    async def cleaning() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            left.append(feature())

    async def run() -> None:
        left.append(cleaning())
        await anext(left[0])

    asyncio.run(run())
    assert left[1:] == ["inside"]
    assert caplog.records == []


def test_a_block_that_is_left_on_another_thread_holds_no_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @otel_cost.attributed(feature="inside")
    def body() -> Iterator[Any]:
        with otel_cost.attribution(team="block"):
            yield otel_cost.current().team
        yield otel_cost.current().team

    with otel_cost.attribution(team="outside"):
        made = body()
        assert next(made) == "block"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, made).result() == ["outside"]
        assert pool.submit(otel_cost.current).result() is UNATTRIBUTED
    assert caplog.records == []


async def waiting() -> str | None:
    await asyncio.sleep(0)
    return feature()


def returning_coroutine() -> Any:
    return waiting()


def returning_generator() -> Any:
    return (feature() for _ in range(2))


def returning_async_generator() -> Any:
    async def made() -> AsyncIterator[str | None]:
        yield feature()
        yield feature()

    return made()


async def listed(source: Any) -> list[Any]:
    return [item async for item in source]


def test_what_a_plain_function_returns_runs_within() -> None:
    within = otel_cost.attributed(feature="inside")
    assert asyncio.run(within(returning_coroutine)()) == "inside"
    assert list(within(returning_generator)()) == ["inside"] * 2
    assert asyncio.run(listed(within(returning_async_generator)())) == ["inside"] * 2


class Service:
    @otel_cost.attributed(feature="method")
    def method(self) -> Any:
        return self, feature()

    @otel_cost.attributed(feature="class")
    @classmethod
    def outer_class(cls) -> Any:
        return cls, feature()

    @staticmethod
    @otel_cost.attributed(feature="static")
    def inner_static(value: int) -> Any:
        return value, feature()

    @otel_cost.attributed(feature="static")
    @staticmethod
    def outer_static(value: int) -> Any:
        return value, feature()


def test_methods_of_every_kind() -> None:
    service = Service()
    assert service.method() == (service, "method")
    assert service.outer_class() == (Service, "class")
    assert service.inner_static(1) == (1, "static")
    assert service.outer_static(1) == (1, "static")
    assert otel_cost.attributed(feature="part")(functools.partial(feature))() == "part"


def test_wrapped_functions_run_where_they_were_wrapped() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    with ThreadPoolExecutor(1) as pool:
        with otel_cost.attribution(feature="here"), tracer.start_as_current_span("s") as span:
            both = otel_cost.wrap(lambda: (feature(), trace.get_current_span() is span))
            wrapped_async = otel_cost.wrap(waiting)
            wrapped_steps = otel_cost.wrap(returning_generator)
        assert pool.submit(feature).result() is None
        assert pool.submit(both).result() == ("here", True)
        assert pool.submit(lambda: asyncio.run(wrapped_async())).result() == "here"
        assert pool.submit(lambda: list(wrapped_steps())).result() == ["here"] * 2
        assert list(pool.map(both, [])) == []


def test_calls_on_threads_and_in_generators_are_charged_to_whom_they_are_for(
    providers: LocalProviders,
) -> None:
    charges = Charges()
    otel_cost.instrument()

    @otel_cost.attributed(feature="generator")
    def answers(client: OpenAI) -> Iterator[Any]:
        for _ in range(2):
            yield chat(client)

    with wiring.clients(providers) as (gpt, _), ThreadPoolExecutor(2) as pool:
        made = answers(gpt)
        with otel_cost.attribution(feature="threads", team="core"):
            pool.submit(otel_cost.wrap(chat), gpt).result()
            next(made)
        chat(gpt)
        pool.submit(next, made).result()
    who = [(charge.attribution.feature, charge.attribution.team) for charge in charges.settled()]
    assert who == [
        ("threads", "core"),
        ("generator", "core"),
        (None, None),
        ("generator", "core"),
    ]


def test_a_stream_is_advanced_where_it_was_made() -> None:
    closed: list[str | None] = []

    def body() -> Iterator[Any]:
        try:
            with otel_cost.attribution(team="body"):
                yield feature(), otel_cost.current().team
                yield feature(), otel_cost.current().team
        finally:
            closed.append(feature())

    with otel_cost.attribution(feature="request"):
        streamed, left = otel_cost.stream(body()), otel_cost.stream(body())
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, streamed).result() == [("request", "body")] * 2
        assert pool.submit(feature).result() is None
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert closed == ["request", "request"]
    assert faults.counts["attribution_in_generator"] == 0


def test_a_stream_closes_what_it_was_given_though_nobody_reads_it() -> None:
    class File:
        closed = False

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

        def close(self) -> None:
            self.closed = True

    file = File()
    streamed: Any = otel_cost.stream(file)
    streamed.close()
    assert file.closed
    assert list(otel_cost.stream([1, 2])) == [1, 2]


def test_a_stream_is_of_the_kind_that_it_was_made_of() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    assert inspect.isgenerator(otel_cost.stream(number for number in [1]))
    assert inspect.isasyncgen(otel_cost.stream(numbers()))
    made: Any = otel_cost.stream(steps(1))
    assert (next(made), made.throw(KeyError())) == ("inside", "caught in inside")
    for wrong in (numbers, None, 5):
        with pytest.raises(TypeError, match="source must be an iterable"):
            otel_cost.stream(wrong)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="function must be callable"):
        otel_cost.wrap(None)  # type: ignore[arg-type]


def test_an_async_stream_closes_a_response_though_nobody_reads_it() -> None:
    class Answer:
        closed: str | None = None

        async def __aiter__(self) -> AsyncIterator[int]:
            yield 1

        async def close(self) -> None:
            self.closed = feature()

    async def run() -> list[Any]:
        with otel_cost.attribution(feature="request"):
            left: Any = otel_cost.stream(answer)
            read = otel_cost.stream(Answer())
        await left.aclose()
        return await listed(read)

    answer = Answer()
    assert asyncio.run(run()) == [1]
    assert answer.closed == "request"


def test_an_async_stream_is_advanced_where_it_was_made() -> None:
    closed: list[str | None] = []

    async def body() -> AsyncIterator[str | None]:
        try:
            yield feature()
            yield feature()
        finally:
            closed.append(feature())

    with otel_cost.attribution(feature="request"):
        streamed, left = otel_cost.stream(body()), otel_cost.stream(body())

    async def consume() -> list[Any]:
        await anext(left)
        await left.aclose()  # type: ignore[attr-defined]
        return await listed(streamed)

    assert Variables().run(lambda: asyncio.run(consume())) == ["request"] * 2
    assert closed == ["request"] * 2


def leaking() -> Iterator[int]:
    with otel_cost.attribution(feature="leaks"):
        yield 1


async def leaking_async() -> AsyncIterator[int]:
    with otel_cost.attribution(feature="leaks"):
        yield 1


def test_the_with_form_in_a_generator_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert list(leaking()) == [1]
    asyncio.run(listed(leaking_async()))
    first, second = wiring.said(caplog)
    assert "'leaking'" in first
    assert "'leaking_async'" in second
    assert faults.counts["attribution_in_generator"] == 4


def delegating() -> Iterator[int]:
    with otel_cost.attribution(feature="leaks"):
        yield from [1]


def handling() -> Iterator[int]:
    with otel_cost.attribution(feature="leaks"):
        try:
            raise KeyError
        except KeyError:
            for number in range(2):
                if number:
                    yield number


async def awaiting() -> AsyncIterator[int]:
    with otel_cost.attribution(feature="leaks"):
        await asyncio.sleep(0)
        async with asyncio.timeout(None):
            yield 1


def test_whatever_suspends_a_block_is_found(caplog: pytest.LogCaptureFixture) -> None:
    assert list(delegating()) == list(handling()) == asyncio.run(listed(awaiting())) == [1]
    for message, name in zip(wiring.said(caplog), ["delegat", "handl", "await"], strict=True):
        assert f"{name}ing" in message


def test_blocks_between_the_steps_of_a_generator_are_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def calling() -> Iterator[str | None]:
        for name in ("a", "b"):
            with otel_cost.attribution(feature=name):
                said = feature()
            yield said
            try:
                with otel_cost.attribution(feature=name):
                    raise KeyError
            except KeyError:
                yield feature()
        entered = otel_cost.attribution(feature="by hand")
        entered.__enter__()
        entered.__exit__(None, None, None)

    async def calling_async() -> AsyncIterator[str | None]:
        with otel_cost.attribution(feature="a"):
            await asyncio.sleep(0)
            said = await waiting()
        yield said

    assert list(calling()) == ["a", None, "b", None]
    assert asyncio.run(listed(calling_async())) == ["a"]
    assert wiring.said(caplog) == []


def test_where_a_generator_is_there_to_be_within_there_is_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @contextmanager
    def managed() -> Iterator[None]:
        with otel_cost.attribution(feature="managed"):
            yield

    @asynccontextmanager
    async def managed_async() -> AsyncIterator[None]:
        with otel_cost.attribution(feature="managed"):
            yield

    @contextmanager
    def managed_by_another() -> Iterator[None]:
        yield from leaking()  # type: ignore[misc]

    async def run() -> str | None:
        async with managed_async():
            return feature()

    with managed_by_another():
        assert feature() == "leaks"
    with managed():
        assert feature() == "managed"
    assert asyncio.run(run()) == "managed"
    assert list(otel_cost.attributed(team="x")(leaking)()) == [1]
    assert wiring.said(caplog) == []


@pytest.fixture
def by_a_fixture() -> Iterator[None]:
    with otel_cost.attribution(feature="fixture"):
        yield


@pytest.mark.usefixtures("by_a_fixture")
def test_nor_in_a_fixture(caplog: pytest.LogCaptureFixture) -> None:
    assert wiring.said(caplog) == []
