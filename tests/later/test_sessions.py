"""`record_session()`: what a managed agent has used is charged once, however often it is read."""

from decimal import Decimal
from typing import Any

import pytest

import otel_cost
from otel_cost import Attribution
from otel_cost.demo.wire import Json
from tests.later.conftest import Desk
from tests.recording import Recording
from tests.wire.later_rows import HOURS, SUBMITTED, SUBMITTED_AT, listed

NS = 1_000_000_000
SONNET = "claude-sonnet-4-5"
HAIKU = "claude-haiku-4-5"


def agent(model: str = SONNET) -> Json:
    return {"type": "agent", "id": "agent_1", "name": "a", "model": {"id": model}}


def session(status: str = "idle", **usage: Any) -> Json:
    return {
        "id": "sesn_1",
        "type": "session",
        "status": status,
        "agent": agent(),
        "created_at": SUBMITTED_AT,
        "updated_at": "2026-11-18T12:00:00Z",
        "archived_at": None,
        "usage": usage,
    }


def start(number: int) -> Json:
    at = f"2026-11-18T11:07:{number:02d}Z"
    return {"id": f"start_{number}", "type": "span.model_request_start", "processed_at": at}


def end(number: int, *, is_error: bool = False, **usage: int) -> Json:
    counts = {
        "input_tokens": 1000,
        "output_tokens": 500,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    return {
        "id": f"end_{number}",
        "type": "span.model_request_end",
        "model_request_start_id": f"start_{number}",
        "processed_at": f"2026-11-18T11:08:{number:02d}Z",
        "is_error": is_error,
        "model_usage": {**counts, **usage},
    }


def put(desk: Desk, said: Json, *events: Json, threads: tuple[Json, ...] = ()) -> None:
    desk.later.said |= {
        "/v1/sessions/sesn_1": said,
        "/v1/sessions/sesn_1/events": listed(*events),
        "/v1/sessions/sesn_1/threads": listed(*threads),
    }


def models(recorded: Recording) -> list[tuple[str, str]]:
    return [(charge.response_id or "", charge.model) for charge in recorded.charges]


def test_each_model_request_is_a_charge(desk: Desk, recorded: Recording) -> None:
    put(desk, session(), start(1), end(1), start(2), end(2, cache_read_input_tokens=9), start(3))
    who = Attribution(feature="agent")
    done = otel_cost.record_session(desk.claudes, "sesn_1", attribution=who)
    assert (done.ended, done.charges, done.unknown) == (False, 2, 0)
    first, second, itself = recorded.charges
    assert first.cost.effective_usd == Decimal("0.0105")
    assert (first.operation, first.model, first.response_id) == ("chat", SONNET, "end_1")
    assert (first.started_at, first.ended_at) == ((SUBMITTED + 21) * NS, (SUBMITTED + 81) * NS)
    assert second.usage.quantities == {"input": 1000, "cache_read": 9, "output": 500}
    assert (itself.operation, itself.outcome) == ("session", "pending")
    assert {charge.attribution for charge in recorded.charges} == {who}


def test_calling_it_again_adds_what_is_new(desk: Desk, recorded: Recording) -> None:
    put(desk, session(), start(1), end(1))
    otel_cost.record_session(desk.claudes, "sesn_1", attribution=Attribution(feature="agent"))
    used = {"server_tool_use": {"web_search_requests": 3}, "active_seconds": 61.5}
    put(desk, session("terminated", **used), start(1), end(1), start(2), end(2))
    done = otel_cost.record_session(desk.claudes, "sesn_1")
    assert (done.ended, done.charges, done.unknown) == (True, 2, 1)
    _, pending, new, itself = recorded.charges
    assert (new.response_id, itself.charge_id) == ("end_2", pending.charge_id)
    assert itself.usage.quantities == {"web_search": 3, "seconds": Decimal("61.5")}
    assert (itself.cost.status, itself.cost.unpriced) == ("partial", ("seconds",))
    assert itself.cost.effective_usd == Decimal("0.03")
    assert {charge.attribution.feature for charge in recorded.charges} == {"agent"}
    assert otel_cost.record_session(desk.claudes, "sesn_1").charges == 0
    assert len(recorded.charges) == len(recorded.spans) == 4


def test_other_threads_have_models_of_their_own(desk: Desk, recorded: Recording) -> None:
    def thread(number: int, whose: Json, parent: str | None = "thrd_0") -> Json:
        return {"id": f"thrd_{number}", "parent_thread_id": parent, "agent": whose}

    threads = (
        thread(0, agent(), None),
        thread(1, agent(HAIKU)),
        thread(2, {"type": "advisor", "model": "claude-opus-4-5"}),
    )
    # Whether the session's own events hold those of its threads too, its types do not say.
    put(desk, session(), start(1), end(1), start(2), end(2), threads=threads)
    desk.later.said["/v1/sessions/sesn_1/threads/thrd_1/events"] = listed(start(2), end(2))
    desk.later.said["/v1/sessions/sesn_1/threads/thrd_2/events"] = listed(start(3), end(3))
    assert otel_cost.record_session(desk.claudes, "sesn_1").charges == 3
    assert models(recorded)[:-1] == [
        ("end_2", HAIKU),
        ("end_3", "claude-opus-4-5"),
        ("end_1", SONNET),
    ]


LIFETIMES: dict[str, tuple[Json, str, str]] = {
    "not said": ({}, "cache_write_5m", "exact"),
    "only 5 minutes": ({"ephemeral_5m_input_tokens": 9}, "cache_write_5m", "exact"),
    "only an hour": ({"ephemeral_1h_input_tokens": 9}, "cache_write_1h", "exact"),
    "both": (
        {"ephemeral_1h_input_tokens": 9, "ephemeral_5m_input_tokens": 9},
        "cache_write_5m",
        "estimated",
    ),
}


@pytest.mark.parametrize("case", LIFETIMES)
def test_how_long_the_cache_lives_is_said_of_the_session(
    desk: Desk, recorded: Recording, case: str
) -> None:
    said, meter, status = LIFETIMES[case]
    put(desk, session(cache_creation=said), start(1), end(1, cache_creation_input_tokens=9))
    otel_cost.record_session(desk.claudes, "sesn_1")
    request, _ = recorded.charges
    assert request.usage.quantities == {"input": 1000, meter: 9, "output": 500}
    assert request.cost.status == status


def test_a_request_that_failed_costs_what_it_used(desk: Desk, recorded: Recording) -> None:
    put(
        desk,
        session(),
        end(1, is_error=True),
        end(2, is_error=True, input_tokens=0, output_tokens=0),
    )
    otel_cost.record_session(desk.claudes, "sesn_1")
    used, free, _ = recorded.charges
    assert {used.outcome, free.outcome} == {"error"}
    assert (used.cost.effective_usd, free.cost.effective_usd) == (Decimal("0.0105"), Decimal(0))
    assert free.cost.status == "exact"


def test_a_session_that_does_not_say_how_long_it_ran(desk: Desk, recorded: Recording) -> None:
    put(desk, {**session(), "archived_at": "2026-11-18T13:00:00Z"})
    done = otel_cost.record_session(desk.claudes, "sesn_1")
    assert (done.ended, done.charges, done.unknown) == (True, 1, 1)
    assert recorded.charge.cost.unpriced == ("seconds",)


def turn(number: int, status: str = "completed", usage: Json | None = None, **fields: Any) -> Json:
    return {
        "id": f"turn_{number}",
        "object": "agent.session.turn",
        "status": status,
        "agent_id": "agent_1",
        "session_id": "sess_1",
        "created_at": SUBMITTED,
        "started_at": SUBMITTED + number,
        "completed_at": SUBMITTED + HOURS,
        "usage": usage,
        **fields,
    }


USED: Json = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 200},
    "output_tokens": 500,
    "output_tokens_details": {"reasoning_tokens": 100},
    "total_tokens": 1500,
}


def put_turns(desk: Desk, *turns: Json, of_subagent: tuple[Json, ...] = (), **more: Any) -> None:
    held = {"id": "agent_1", "model": "gpt-5", "service_tier": "auto", "tools": [], **more}
    at = "/v1/agents/sessions/sess_1"
    desk.later.said |= {
        at: {"id": "sess_1", "object": "agent.session", "status": "idle", "agent": held},
        f"{at}/turns": listed(*turns),
        f"{at}/subagents": listed({"id": "sub_1"}),
        f"{at}/subagents/sub_1/turns": listed(*of_subagent),
    }


def test_each_turn_of_an_openai_agent_is_a_charge(desk: Desk, recorded: Recording) -> None:
    put_turns(
        desk,
        turn(1, usage=USED),
        turn(2, "failed", USED, error={"code": "server_error", "message": "no"}),
        turn(3, "in_progress"),
        of_subagent=(turn(4, "cancelled", USED),),
    )
    who = Attribution(feature="agent")
    done = otel_cost.record_session(desk.chats, "sess_1", attribution=who)
    assert (done.ended, done.charges, done.unknown) == (False, 3, 0)
    first, *others = recorded.charges
    assert first.usage.quantities == {
        "input": 800,
        "cache_read": 200,
        "output": 400,
        "reasoning": 100,
    }
    assert (first.model, first.response_id, first.context.tier) == ("gpt-5", "turn_1", None)
    assert first.started_at == (SUBMITTED + 1) * NS
    assert [charge.outcome for charge in others] == ["error", "aborted"]
    assert otel_cost.record_session(desk.chats, "sess_1").charges == 0


def test_a_turn_whose_usage_is_not_said_yet_is_pending(desk: Desk, recorded: Recording) -> None:
    put_turns(desk, turn(1))
    assert not otel_cost.record_session(desk.chats, "sess_1").ended
    assert not otel_cost.record_session(desk.chats, "sess_1").ended
    put_turns(desk, turn(1, usage=USED))
    assert otel_cost.record_session(desk.chats, "sess_1").ended
    pending, settled = recorded.charges
    assert (pending.outcome, settled.outcome) == ("pending", "ok")
    assert pending.charge_id == settled.charge_id


@pytest.mark.parametrize(("mode", "status"), [("live", "partial"), ("disabled", "exact")])
def test_web_searches_of_a_turn_are_not_said(
    desk: Desk, recorded: Recording, mode: str, status: str
) -> None:
    put_turns(desk, turn(1, usage=USED), tools=[{"type": "web_search", "mode": mode}])
    otel_cost.record_session(desk.chats, "sess_1")
    assert recorded.charge.cost.status == status
