"""Websockets as applications use them: cut, dropped, reconnected, shared, by threads and tasks."""

import asyncio
import functools
import gc
import importlib
import inspect
import json
import pkgutil
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import openai.resources
import pytest
from opentelemetry import trace
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError
from websockets.uri import parse_uri

import otel_cost
from otel_cost import faults
from otel_cost.capture.websockets.attach import points
from tests import programs
from tests.capture.sockets.talks import (
    KINDS,
    async_client,
    client,
    connect,
    created,
    delta,
    done,
    ended,
    live,
    modules,
    session,
    talk,
    tokens,
)
from tests.recording import Recording, recording
from tests.websocket_server import CUT, ENOUGH, Asked, Close, Until, WebsocketServer

SYNC_AND_ASYNC = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])

realtime = pytest.importorskip("openai.resources.realtime.realtime", exc_type=ImportError)


def read_to_the_end(server: WebsocketServer, kind: str, asynchronous: bool) -> None:
    if asynchronous:
        asyncio.run(_read_to_the_end(server, kind))
        return
    with client(server) as made, connect(kind, made) as connection:
        for _ in connection:
            pass


async def _read_to_the_end(server: WebsocketServer, kind: str) -> None:
    async with async_client(server) as made, connect(kind, made) as connection:
        async for _ in connection:
            pass


@SYNC_AND_ASYNC
@pytest.mark.parametrize("kind", ["realtime", "beta realtime", "responses", "beta responses"])
def test_a_response_that_is_cut_is_aborted_and_unmetered(
    kind: str, asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    server.plays(session(), created("resp_1"), CUT)
    with pytest.raises(ConnectionClosedError):
        read_to_the_end(server, kind, asynchronous)
    charge = recorded.charge
    assert (charge.outcome, charge.cost.status) == ("aborted", "unmetered")
    assert charge.response_id == "resp_1"
    assert recorded.span.attributes is not None


@SYNC_AND_ASYNC
def test_a_live_session_that_is_cut_is_billed_as_far_as_it_is_known(
    asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    name = f"live_cut_{asynchronous}"
    server.plays(live("started", name), live("usage.updated", name, 10.5), CUT)
    with pytest.raises(ConnectionClosedError):
        read_to_the_end(server, "live", asynchronous)
    charge = recorded.charge
    assert charge.outcome == "aborted"
    assert charge.usage.quantities == {"seconds": Decimal("10.5")}


def test_closing_ends_what_is_open_once(recorded: Recording, server: WebsocketServer) -> None:
    server.plays(created("resp_1"), delta())
    with client(server) as made, connect("responses", made) as connection:
        assert [connection.recv().type, connection.recv().type] == [
            "response.created",
            "response.output_text.delta",
        ]
        assert recorded.charges == []
        connection.close()
        assert recorded.charge.outcome == "aborted"
        connection.close()
        # What is still parsed after that is not charged again.
        late = ended("resp_1", 10, 4)
        connection.parse_event(json.dumps(late))
    assert len(recorded.charges) == 1


@SYNC_AND_ASYNC
def test_a_dropped_connection_is_let_go_of(
    asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    server.plays(session(), created("resp_1"))

    def drop() -> "weakref.ref[Any]":
        with client(server) as made:
            connection = connect("realtime", made).enter()
            connection.recv()
            connection.recv()
            connection._connection.close()
            return weakref.ref(connection)

    async def drop_async() -> "weakref.ref[Any]":
        async with async_client(server) as made:
            connection = await connect("realtime", made).enter()
            await connection.recv()
            await connection.recv()
            await connection._connection.close()
            return weakref.ref(connection)

    dropped = asyncio.run(drop_async()) if asynchronous else drop()
    gc.collect()
    assert dropped() is None
    assert recorded.charge.outcome == "aborted"


@SYNC_AND_ASYNC
def test_a_reconnection_does_not_bring_back_what_was_in_progress(
    asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    server.plays(session(), created("resp_1"), Close(1012))
    server.plays(session(model="gpt-realtime-new"), created("resp_2"), done("resp_2", tokens(5, 2)))
    if "on_reconnecting" not in inspect.signature(realtime.Realtime.connect).parameters:
        pytest.skip("this SDK does not reconnect")
    quickly: Any = {"on_reconnecting": lambda event: None, "initial_delay": 0.001}

    def reconnect() -> None:
        with (
            client(server) as made,
            made.realtime.connect(model="gpt-realtime", **quickly) as connection,
        ):
            for event in connection:
                if event.type == "response.done":
                    break

    async def reconnect_async() -> None:
        async with (
            async_client(server) as made,
            made.realtime.connect(model="gpt-realtime", **quickly) as connection,
        ):
            async for event in connection:
                if event.type == "response.done":
                    break

    if asynchronous:
        asyncio.run(reconnect_async())
    else:
        reconnect()
    lost, answered = recorded.charges
    assert (lost.response_id, lost.outcome) == ("resp_1", "aborted")
    assert (answered.response_id, answered.outcome) == ("resp_2", "ok")
    assert answered.model == "gpt-realtime-new"


def test_what_is_open_at_the_end_of_the_process_is_charged(server: WebsocketServer) -> None:
    server.plays(created("resp_1"))
    charges: list[Any] = []
    with client(server) as made, connect("responses", made) as connection:
        with recording() as recorded:
            otel_cost.add_sink(charges.append)
            connection.recv()
            assert recorded.charges == []
        assert [charge.outcome for charge in charges] == ["aborted"]


def test_a_session_and_who_is_attached_to_it_are_billed_once(
    recorded: Recording, server: WebsocketServer
) -> None:
    ready = threading.Event()
    name = "live_before"  # where the sideband of `connect` leads
    outer = {"type": "response.event", "event_id": "e", "delegation_id": "d"}
    delegated = [{**outer, "event": created("resp_1")}, {**outer, "event": ended("resp_1", 1, 2)}]
    with client(server) as made:
        last = live("usage.updated", name, 30.75)
        server.plays(live("started", name), *delegated, Until(ready), last, Close())
        with connect("live", made) as primary:
            received = [primary.recv() for _ in range(3)]
            server.plays(*delegated, live("usage.updated", name, 20.5), Close())
            with connect("sideband", made) as sideband:
                received += list(sideband)
                sideband.close()  # and once more at the end of the block
            ready.set()
            received += list(primary)
    response, whole = recorded.charges
    assert (response.response_id, response.usage.total_tokens) == ("resp_1", 3)
    assert (whole.response_id, whole.usage.quantities) == (name, {"seconds": Decimal("30.75")})
    assert len(received) == 7


def test_a_call_that_several_connections_are_told_of_is_billed_once(
    recorded: Recording, server: WebsocketServer
) -> None:
    for _ in range(2):
        server.plays(session(), created("resp_1"), done("resp_1", tokens(10, 4)), Close())
    with client(server) as made:
        try:
            one, other = (made.realtime.connect(call_id="rtc_1") for _ in range(2))
        except TypeError:
            pytest.skip("this SDK joins no calls")
        with one as first, other as second:
            assert len(list(first)) == len(list(second)) == 3
    assert recorded.charge.usage.quantities == {"input": 10, "output": 4}


def test_coming_back_to_a_session_bills_what_came_since(
    recorded: Recording, server: WebsocketServer
) -> None:
    for seconds in (10.5, 25.25):
        talk(
            server,
            "sideband",
            live("started", "live_again"),
            live("usage.updated", "live_again", seconds),
        )
    assert [charge.usage.quantities["seconds"] for charge in recorded.charges] == [
        Decimal("10.5"),
        Decimal("14.75"),
    ]


def test_a_new_session_of_an_old_name_is_billed_whole(
    recorded: Recording, server: WebsocketServer
) -> None:
    for _ in range(2):
        closed = live("closed", "live_named", 10.5, reason="expired")
        talk(server, "live", live("started", "live_named"), closed)
    seconds = [charge.usage.quantities["seconds"] for charge in recorded.charges]
    assert seconds == [Decimal("10.5")] * 2


def test_two_connections_in_two_tasks_never_mix(
    recorded: Recording, server: WebsocketServer
) -> None:
    async def run() -> None:
        async with async_client(server) as made:
            both = asyncio.Barrier(2)
            await asyncio.gather(
                *(converse(made, feature, both) for feature in ("search", "voice"))
            )

    async def converse(made: Any, feature: str, both: asyncio.Barrier) -> None:
        with otel_cost.attribution(feature=feature, user_id=f"user of {feature}"):
            async with connect("responses", made) as connection:
                for _ in range(3):
                    await both.wait()
                    await connection.send_raw('{"type": "response.create"}')
                    async for event in connection:
                        if event.type == "response.completed":
                            break

    for number in range(2):
        turns = [(f"resp_{number}_{turn}", 10 * (number + 1) + turn) for turn in range(3)]
        server.plays(
            *(
                step
                for key, sent in turns
                for step in (Asked("response.create"), created(key), ended(key, sent, 1))
            )
        )
    asyncio.run(run())
    found: dict[Any, set[int]] = {}
    for charge in recorded.charges:
        who = charge.attribution
        assert who.user_id == f"user of {who.feature}"
        found.setdefault(who.feature, set()).add(charge.usage.input_tokens)
    assert sorted(map(sorted, found.values())) == [[10, 11, 12], [20, 21, 22]]
    assert set(found) == {"search", "voice"}


def test_each_turn_belongs_to_who_reads_it(recorded: Recording, server: WebsocketServer) -> None:
    server.plays(*(step for key in "ab" for step in (created(key), ended(key, 1, 1))))
    with client(server) as made, connect("responses", made) as connection:
        for feature in ("first", "second"):
            with otel_cost.attribution(feature=feature):
                for event in connection:
                    if event.type == "response.completed":
                        break
    assert [charge.attribution.feature for charge in recorded.charges] == ["first", "second"]


def test_a_thread_that_only_reads_works_for_who_connected(
    recorded: Recording, server: WebsocketServer
) -> None:
    sessions = pytest.importorskip("openai.lib.responses_websocket")
    limits = sessions.ResponsesWebSocketLimits(
        max_lanes=4,
        max_events_per_lane=50,
        max_events=100,
        max_bytes_per_lane=10**6,
        max_bytes=10**6,
    )
    server.plays(Asked("response.create"), created("resp_1"), ended("resp_1", 10, 4))
    tracer = recorded.provider.get_tracer("app")
    with (
        tracer.start_as_current_span("turn") as around,
        otel_cost.attribution(feature="lanes"),
        client(server) as made,
        made.responses.connect() as connection,
        sessions.ResponsesWebSocketSession(connection, limits=limits) as lanes,
    ):
        lanes.default.send({"type": "response.create", "input": "hello"})
        assert lanes.default.get_final_response(timeout=ENOUGH).id == "resp_1"
    charge = recorded.charge
    assert charge.attribution.feature == "lanes"
    ours = next(span for span in recorded.spans if span.name == "chat")
    assert ours.parent is not None
    assert ours.parent.span_id == around.get_span_context().span_id


def test_a_response_s_span_is_within_the_current_one(
    recorded: Recording, server: WebsocketServer
) -> None:
    tracer = recorded.provider.get_tracer("app")
    with tracer.start_as_current_span("turn") as around:
        talk(server, "responses", created("resp_1"), ended("resp_1", 10, 4))
        assert trace.get_current_span() is around
    ours = next(span for span in recorded.spans if span.name == "chat")
    assert ours.parent is not None
    assert ours.parent.span_id == around.get_span_context().span_id


@pytest.mark.parametrize("kind", KINDS)
@SYNC_AND_ASYNC
def test_the_application_is_given_the_same(
    asynchronous: bool, kind: str, server: WebsocketServer, request: pytest.FixtureRequest
) -> None:
    steps = [
        session(),
        created("resp_1"),
        delta(),
        {"type": "never.heard.of", "event_id": "e"},
        done("resp_1", tokens(1, 1)),
        ended("resp_1", 1, 1),
        live("started", f"live_same_{kind}"),
        live("closed", f"live_same_{kind}", 1, reason="expired"),
    ]
    plain = talk(server, kind, *steps, asynchronous=asynchronous)
    recorded: Recording = request.getfixturevalue("recorded")
    watched = talk(server, kind, *steps, asynchronous=asynchronous)
    assert recorded.charges
    assert [type(event) for event in watched] == [type(event) for event in plain]
    assert [event.to_dict() for event in watched] == [event.to_dict() for event in plain]


def test_what_the_sdk_raises_is_raised(recorded: Recording, server: WebsocketServer) -> None:
    server.plays(session(), "not json")
    with client(server) as made, connect("realtime", made) as connection:
        assert connection.recv().type == "session.created"
        with pytest.raises(ValueError, match="Expecting value"):
            connection.recv()
        assert connection.parse_event(data='{"type": "session.created"}').type == "session.created"


ODD: list[Any] = [None, 7, "text", [], {}, {"id": 3}, [{"id": "x"}]]


@pytest.mark.parametrize("kind", ["realtime", "responses", "live"])
def test_odd_events_are_the_application_s_to_judge(
    kind: str, recorded: Recording, server: WebsocketServer
) -> None:
    before = faults.counts["internal_error"]
    types = ("response.created", "response.done", "response.completed", "error", "response.event")
    sessions = ("session.created", "session.started", "session.usage.updated", "decision.event")
    names = ("response", "session", "usage", "event", "error", "item", "stream_id", "response_id")
    steps = [
        {"type": name, **dict.fromkeys(names, odd)}
        for odd in ODD
        for name in (*types, *sessions, "response.output_text.delta", odd)
    ]
    assert len(talk(server, kind, *steps)) == len(steps)
    assert all(charge.usage_source == "none" for charge in recorded.charges)
    assert faults.counts["internal_error"] == before


def test_what_is_kept_of_a_connection_is_bounded(recorded: Recording) -> None:
    connection = realtime.RealtimeConnection(SimpleNamespace())
    parse: Callable[[Any], Any] = lambda event: connection.parse_event(json.dumps(event))  # noqa: E731
    for number in range(300):
        parse(created(f"resp_{number}"))
    assert len(recorded.charges) == 300 - 256
    for number in range(300):
        parse(done(f"resp_{number}", tokens(1, 1)))
    assert len(recorded.charges) == 300


@pytest.mark.parametrize(
    ("url", "provider", "region", "asked"),
    [
        ("wss://api.openai.com/v1/realtime?model=gpt-realtime", "openai", None, "gpt-realtime"),
        ("wss://eu.api.openai.com/v1/realtime?model=m", "openai", "eu", "m"),
        ("wss://x.openai.azure.com/openai/realtime?api-version=1&deployment=d", "azure", None, "d"),
        ("wss://gateway.example:8443/v1/realtime", "openai", None, None),
    ],
)
def test_who_answers_is_told_by_where_the_websocket_leads(
    url: str, provider: str, region: str | None, asked: str | None, recorded: Recording
) -> None:
    protocol = ClientProtocol(parse_uri(url))
    socket: Any = SimpleNamespace(request=protocol.connect(), protocol=protocol)
    connection = realtime.AsyncRealtimeConnection(socket)
    for event in (session(), created("resp_1"), done("resp_1", tokens(1, 1))):
        connection.parse_event(json.dumps(event))
    charge = recorded.charge
    assert (charge.provider, charge.context.region) == (provider, region)
    assert (charge.request_model or "", charge.model) == (
        asked or "gpt-realtime-2026",
        "gpt-realtime-2026",
    )
    said: Any = recorded.span.attributes
    assert said["server.address"] == protocol.uri.host
    assert said["server.port"] == protocol.uri.port


def test_uninstrumented_everything_is_as_before(server: WebsocketServer) -> None:
    faulty = faults.counts["internal_error"]

    def methods() -> list[Any]:
        return [owner.__dict__[name] for module in modules() for owner, name, _ in points(module)]

    before = methods()
    with recording() as recorded:
        assert all(now is not then for now, then in zip(methods(), before, strict=True))
        held = functools.partial(
            realtime.RealtimeConnection.parse_event, realtime.RealtimeConnection(None)
        )
    assert methods() == before
    assert held(json.dumps(done("resp_1", tokens(1, 1)))).type == "response.done"
    talk(server, "responses", created("resp_1"), ended("resp_1", 10, 4))
    assert recorded._charges == []
    assert faults.counts["internal_error"] == faulty


def test_a_module_that_is_loaded_after_instrumenting_has_its_attach_points() -> None:
    code = """
import sys
import otel_cost
otel_cost.instrument()
print("openai.resources.realtime.realtime" in sys.modules)
from openai.resources.realtime.realtime import RealtimeConnection
print(hasattr(RealtimeConnection.parse_event, "__wrapped__"))
otel_cost.uninstrument()
print(hasattr(RealtimeConnection.parse_event, "__wrapped__"))
"""
    assert programs.output(code) == ["False", "True", "False"]


def test_a_connection_of_many_responses_keeps_nothing_of_them(recorded: Recording) -> None:
    connection = realtime.RealtimeConnection(SimpleNamespace())
    held: list[weakref.ref[Any]] = []

    def respond(key: str) -> None:
        event = connection.parse_event(json.dumps(created(key)))
        held.append(weakref.ref(event))
        connection.parse_event(json.dumps(done(key, tokens(1, 1))))

    for number in range(20):
        respond(f"resp_{number}")
    assert len(recorded.charges) == 20
    gc.collect()
    assert [event() for event in held] == [None] * 20


def test_every_connection_of_the_sdk_that_tells_of_usage_has_its_attach_points() -> None:
    found = {(owner, name) for module in modules() for owner, name, _ in points(module)}
    parsing = set()
    for module in pkgutil.walk_packages(openai.resources.__path__, "openai.resources."):
        for owner in vars(importlib.import_module(module.name)).values():
            if isinstance(owner, type) and "parse_event" in vars(owner):
                parsing.add(owner)
    silent = {owner for owner in parsing if "translations" in owner.__module__}
    assert {owner for owner, name in found if name == "parse_event"} == parsing - silent
    for owner in parsing - silent:
        assert (owner, "__init__") in found
        assert any((base, "close") in found for base in owner.__mro__)
