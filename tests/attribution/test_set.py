"""Shows how far what `set` says reaches: through the current request, and into no other."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost import faults
from otel_cost.attribution.context import Request, _Block, requesting
from otel_cost.attribution.values import UNATTRIBUTED, make
from tests import wiring

R = TypeVar("R")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    assert otel_cost.current() is UNATTRIBUTED


def said() -> tuple[str | None, str | None]:
    who = otel_cost.current()
    return who.feature, who.team


def test_in_a_task_it_holds_until_the_task_ends() -> None:
    async def request(name: str) -> list[tuple[str | None, str | None]]:
        seen = [said()]
        otel_cost.set(feature=name)
        await asyncio.sleep(0)
        otel_cost.set(team="core")
        seen.append(said())
        with otel_cost.attribution(feature="within"):
            seen.append(said())
            otel_cost.set(feature="after")
            seen.append(said())
        seen.append(said())
        return seen

    async def server() -> list[list[tuple[str | None, str | None]]]:
        return await asyncio.gather(*(request(f"r{number}") for number in range(20)))

    for number, seen in enumerate(asyncio.run(server())):
        name = f"r{number}"
        assert seen == [
            (None, None),
            (name, "core"),
            ("within", "core"),
            ("after", "core"),
            (name, "core"),
        ]


def test_within_a_span_it_holds_until_the_span_is_current_no_more() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")

    def request(name: str) -> tuple[str | None, str | None]:
        with tracer.start_as_current_span("POST /"):
            before = said()
            assert before == (None, None)
            otel_cost.set(feature=name)
            return said()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(request, "first").result() == ("first", None)
        assert pool.submit(said).result() == (None, None)
        assert pool.submit(request, "second").result() == ("second", None)


def test_in_a_bare_thread_it_does_nothing_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def request() -> tuple[str | None, str | None]:
        otel_cost.set(feature="leak")
        return said()

    with ThreadPoolExecutor(1) as pool:
        assert [pool.submit(request).result() for _ in range(3)] == [(None, None)] * 3
    (message,) = wiring.said(caplog)
    assert "attribution" in message
    assert "middleware" in message
    assert faults.counts["set_outside_of_a_request"] == 3


def test_in_a_request_of_the_middleware_all_of_its_contexts_hear_of_it() -> None:
    """As of a synchronous dependency, which runs on another thread in a copy of the context."""

    def handle(name: str) -> list[tuple[str | None, str | None]]:
        token = otel_context.attach(requesting(otel_context.get_current(), Request()))
        try:
            with ThreadPoolExecutor(1) as pool:
                copied = contextvars.copy_context()
                pool.submit(copied.run, otel_cost.set, feature=name).result()
                seen = [said()]
                with otel_cost.attribution(feature="within"):
                    pool.submit(contextvars.copy_context().run, otel_cost.set, team="t").result()
                    seen.append(said())
                seen.append(said())
                return seen
        finally:
            otel_context.detach(token)

    with ThreadPoolExecutor(1) as server:
        for name in ("first", "second"):
            seen = server.submit(handle, name).result()
            assert seen == [(name, None), ("within", "t"), (name, "t")]
        assert server.submit(said).result() == (None, None)


def in_a_request(work: Callable[[], R]) -> R:
    token = otel_context.attach(requesting(otel_context.get_current(), Request(make("path"))))
    try:
        return work()
    finally:
        otel_context.detach(token)


def elsewhere(work: Callable[[], R]) -> R:
    """As a synchronous dependency or endpoint of a framework: on a thread, in a copied context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, work).result()


def test_what_is_said_last_in_a_request_holds_wherever_it_was_said() -> None:
    def request() -> list[tuple[str | None, str | None]]:
        seen = [said()]
        otel_cost.set(feature="middleware", team="core")
        elsewhere(lambda: otel_cost.set(feature="dependency"))
        seen.append(elsewhere(said))
        otel_cost.set(feature="endpoint")
        seen.append(elsewhere(said))
        return seen

    with otel_cost.attribution(feature="service", team="all"):
        assert in_a_request(request) == [
            ("path", "all"),
            ("dependency", "core"),
            ("endpoint", "core"),
        ]
        assert said() == ("service", "all")


def test_entering_a_block_gives_all_that_holds_in_it() -> None:
    def request() -> None:
        otel_cost.set(team="core")
        with otel_cost.attribution(user_id="u") as who:
            assert who == otel_cost.current() == make("path", "core", "u")

    in_a_request(request)


def test_it_holds_before_the_blocks_around_it_and_after_those_that_are_beside_it() -> None:
    def within(name: str, *, sets: str) -> tuple[str | None, str | None]:
        with otel_cost.attribution(feature=name):
            otel_cost.set(team=sets)
            with otel_cost.attribution(team="inner"):
                otel_cost.set(feature=f"{name} set")
                return said()

    def request() -> list[tuple[str | None, str | None]]:
        with otel_cost.attribution(team="around"):
            seen = [elsewhere(lambda: within("dependency", sets="platform")), said()]
            with otel_cost.attribution(feature="beside"):
                elsewhere(lambda: within("another", sets="search"))
                seen.append(said())
            seen.append(said())
        return seen

    assert in_a_request(request) == [
        ("dependency set", "inner"),
        ("dependency set", "platform"),
        ("another set", "search"),
        ("another set", "search"),
    ]


def test_concurrent_requests_of_a_server_do_not_hear_of_each_other() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("server")

    async def handle(name: str, turn: asyncio.Barrier) -> list[tuple[str | None, str | None]]:
        with tracer.start_as_current_span("POST /"):
            otel_cost.set(feature=name)
            seen = []
            for step in range(3):
                await turn.wait()
                otel_cost.set(team=f"{name} {step}")
                await turn.wait()
                seen.append(await asyncio.to_thread(said))
        seen.append(said())
        return seen

    async def one_connection(names: list[str], turn: asyncio.Barrier) -> list[Any]:
        """Some servers handle all requests of a connection in one task."""
        return [await handle(name, turn) for name in names]

    async def server() -> list[Any]:
        turn = asyncio.Barrier(2)
        connections = (one_connection(names, turn) for names in (["a", "b"], ["c", "d"]))
        return list(await asyncio.gather(*connections))

    for names, connection in zip(["ab", "cd"], asyncio.run(server()), strict=True):
        for name, seen in zip(names, connection, strict=True):
            assert seen == [*((name, f"{name} {step}") for step in range(3)), (None, None)]


def test_a_task_that_says_it_again_and_again_keeps_the_last_only() -> None:
    async def worker() -> list[_Block | None]:
        for number in range(3):
            otel_cost.set(feature=f"job {number}")
        return [v.outer for v in otel_context.get_current().values() if isinstance(v, _Block)]

    assert asyncio.run(worker()) == [None]


def test_a_star_import_leaves_the_builtin_alone() -> None:
    names: dict[str, Any] = {}
    exec("from otel_cost import *", names)
    assert "set" not in names
    assert names["attribution"] is otel_cost.attribution
    assert "set" in dir(otel_cost)
