"""Switching off puts back what was there; what others have put around it stays and works."""

import asyncio
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import otel_cost
from tests.recording import recording
from tests.ways import openai_chat
from tests.ways.scene import Scene
from tests.ways.server import WatchedProviders

BASES = ("openai._base_client", "anthropic._base_client")
SOCKETS = (
    "openai.resources.realtime.realtime",
    "openai.resources.beta.realtime.realtime",
    "openai.resources.responses.responses",
    "openai.resources.beta.responses.responses",
    "openai.resources.live.live",
    "openai.resources.live.forks",
    "openai.resources.live.sideband",
    "openai._websocket_connection",
)
"""Modules of websocket connections; older SDKs lack some."""

Held = dict[tuple[str, str, str], Any]
Point = tuple[type, str]


def loaded() -> list[Any]:
    """The modules of the SDKs that have methods we replace."""
    found = [importlib.import_module(name) for name in BASES]
    for name in SOCKETS:
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            continue
    return found


def held() -> Held:
    """Every attribute of every class that these modules define, by where it is."""
    return {
        (module.__name__, owner.__name__, name): value
        for module in loaded()
        for owner in vars(module).values()
        if isinstance(owner, type) and owner.__module__ == module.__name__
        for name, value in vars(owner).items()
    }


def changed(before: Held, after: Held) -> set[tuple[str, str, str]]:
    """Where the very objects differ, or came or went."""
    everywhere = before.keys() | after.keys()
    absent = object()
    return {at for at in everywhere if before.get(at, absent) is not after.get(at, absent)}


def attach_points() -> list[Point]:
    """Every method that has a stand-in of ours, now that otel_cost is on."""
    return [
        (owner, name)
        for module in loaded()
        for owner in vars(module).values()
        if isinstance(owner, type) and owner.__module__ == module.__name__
        for name, value in vars(owner).items()
        if "otel_cost" in getattr(getattr(value, "__code__", None), "co_filename", "")
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[WatchedProviders]:
    with WatchedProviders() as running:
        yield running


def test_every_class_holds_the_very_objects_it_held_before() -> None:
    before = held()
    with recording():
        replaced = {name for _, _, name in changed(before, held())}
        assert {"request", "_process_response"} <= replaced
        if any("realtime" in module for module, _, _ in before):
            assert "parse_event" in replaced
    assert changed(before, held()) == set()


def test_what_stands_in_looks_like_what_it_stands_for() -> None:
    before = held()
    with recording():
        for owner, name in attach_points():
            ours = owner.__dict__[name]
            theirs = before[owner.__module__, owner.__name__, name]
            assert (ours.__name__, ours.__qualname__) == (theirs.__name__, theirs.__qualname__)
            assert (ours.__module__, ours.__doc__) == (theirs.__module__, theirs.__doc__)
            assert inspect.signature(ours) == inspect.signature(theirs)
            assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def plainly(inner: Any, calls: list[str]) -> Any:
    """Wrap a method as libraries do that count calls."""

    @functools.wraps(inner)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        calls.append(inner.__name__)
        return inner(*args, **kwargs)

    return theirs


class Proxy:
    """Wrap a method as wrapt does: by an object that is a descriptor."""

    def __init__(self, inner: Any, calls: list[str]) -> None:
        self._inner, self._calls = inner, calls

    def __get__(self, instance: Any, owner: type) -> Any:
        bound = self._inner.__get__(instance, owner)

        def called(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(bound.__name__)
            return bound(*args, **kwargs)

        return called


WRAPPERS: list[Callable[[Any, list[str]], Any]] = [plainly, Proxy]


@pytest.mark.parametrize("wrap", WRAPPERS, ids=["function", "descriptor"])
@pytest.mark.parametrize("undo", [otel_cost.uninstrument, otel_cost.shutdown])
def test_another_library_that_wrapped_after_us_stays_and_works(
    wrap: Callable[[Any, list[str]], Any], undo: Callable[[], Any], server: WatchedProviders
) -> None:
    before, calls = held(), list[str]()
    wrapped: dict[Point, Any] = {}
    try:
        with recording() as recorded:
            for owner, name in attach_points():
                wrapped[owner, name] = wrap(owner.__dict__[name], calls)
                setattr(owner, name, wrapped[owner, name])
            call_both(server)
            called = len(calls)
            assert (len(recorded.charges), called) == (4, 6)
            undo()
            assert all(owner.__dict__[name] is theirs for (owner, name), theirs in wrapped.items())
            call_both(server)
            assert len(calls) == 2 * called
            assert len(recorded.charges) == 4
    finally:
        for (owner, name), original in [
            ((o, n), before[o.__module__, o.__name__, n]) for o, n in wrapped
        ]:
            setattr(owner, name, original)
    assert changed(before, held()) == set()


def test_a_call_that_is_on_its_way_is_charged_to_its_end(server: WatchedProviders) -> None:
    server.begin()
    scene = Scene(server)
    with recording() as recorded:
        stream = scene.openai().chat.completions.create(**openai_chat.streaming())
        next(stream)
        otel_cost.uninstrument()
        assert list(stream)
        assert [charge.outcome for charge in recorded.charges] == ["ok"]
    scene.close()


def call_both(server: WatchedProviders) -> None:
    """A call of each client of each SDK."""
    server.begin()
    scene = Scene(server)
    scene.openai().chat.completions.create(**openai_chat.asking())
    message = {**openai_chat.ASKED, "model": "claude-haiku-4-5", "max_tokens": 9}
    scene.anthropic().messages.create(**message)
    scene.close()

    async def call() -> None:
        there = Scene(server)
        await there.async_openai().chat.completions.create(**openai_chat.asking())
        await there.async_anthropic().messages.create(**message)
        await there.aclose()

    asyncio.run(call())
