"""What each kind of websocket is billed for: one charge each, with the provider's own usage."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

import otel_cost
from otel_cost.charge import Charge
from tests.capture.sockets.talks import (
    LIVE,
    created,
    delta,
    done,
    ended,
    live,
    session,
    spoken,
    talk,
    tokens,
)
from tests.recording import Recording
from tests.websocket_server import Asked, WebsocketServer

SYNC_AND_ASYNC = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
REALTIME = pytest.mark.parametrize("kind", ["realtime", "beta realtime"])
RESPONSES = pytest.mark.parametrize("kind", ["responses", "beta responses"])

MIXED = {
    "input_tokens": 300,
    "input_token_details": {
        "text_tokens": 120,
        "audio_tokens": 150,
        "image_tokens": 30,
        "cached_tokens": 90,
        "cached_tokens_details": {"text_tokens": 40, "audio_tokens": 45, "image_tokens": 5},
    },
    "output_tokens": 80,
    "output_token_details": {"text_tokens": 20, "audio_tokens": 60},
    "total_tokens": 380,
}
MIXED_METERS = {
    "input": 80,
    "cache_read": 40,
    "input_audio": 105,
    "cache_read_audio": 45,
    "input_image": 25,
    "cache_read_image": 5,
    "output": 20,
    "output_audio": 60,
}

HEARD = "conversation.item.input_audio_transcription."
BY_TOKENS = {
    "type": "tokens",
    "input_tokens": 30,
    "input_token_details": {"audio_tokens": 22, "text_tokens": 8},
    "output_tokens": 9,
    "total_tokens": 39,
}


def heard(kind: str, item: str = "item_1", index: int = 0, **fields: Any) -> dict[str, Any]:
    place = {"item_id": item, "content_index": index}
    return {"type": HEARD + kind, "event_id": "e", **place, **fields}


def by_id(charges: list[Charge]) -> Mapping[str | None, Charge]:
    found = {charge.response_id: charge for charge in charges}
    assert len(found) == len(charges)
    return found


@SYNC_AND_ASYNC
@REALTIME
def test_a_realtime_response(
    kind: str, asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    with otel_cost.attribution(feature="voice", user_id="u1"):
        talk(
            server,
            kind,
            session(),
            Asked("response.create"),
            created("resp_1"),
            spoken("resp_1"),
            done("resp_1", MIXED),
            asynchronous=asynchronous,
            send=[{"type": "response.create"}],
        )
    charge = recorded.charge
    assert charge.usage.quantities == MIXED_METERS
    assert (charge.outcome, charge.usage_source) == ("ok", "provider")
    assert (charge.provider, charge.operation) == ("openai", "chat")
    assert (charge.response_id, charge.model) == ("resp_1", "gpt-realtime-2026")
    assert charge.request_model == "gpt-realtime"
    assert (charge.attribution.feature, charge.attribution.user_id) == ("voice", "u1")
    assert charge.first_token_at is not None
    assert charge.started_at <= charge.first_token_at <= charge.ended_at
    said: Any = recorded.span.attributes
    assert recorded.span.name == "chat gpt-realtime"
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", server.port)
    assert said["gen_ai.response.id"] == "resp_1"
    assert f"{recorded.span.context.span_id:016x}" == charge.span_id


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", "ok"),
        ("cancelled", "aborted"),
        ("incomplete", "incomplete"),
        ("failed", "error"),
    ],
)
@SYNC_AND_ASYNC
def test_a_realtime_response_ends_as_its_status_says(
    asynchronous: bool, status: str, outcome: str, recorded: Recording, server: WebsocketServer
) -> None:
    details = {"type": status, "error": {"type": "server_error", "code": "overloaded"}}
    talk(
        server,
        "realtime",
        session(),
        Asked("response.create"),
        created("resp_1"),
        Asked("response.cancel"),
        done("resp_1", tokens(10, 4), status, status_details=details),
        asynchronous=asynchronous,
        send=[{"type": "response.create"}, {"type": "response.cancel"}],
    )
    charge = recorded.charge
    assert (charge.outcome, charge.usage.quantities) == (outcome, {"input": 10, "output": 4})
    said: Any = recorded.span.attributes
    assert said.get("error.type") == ("overloaded" if status == "failed" else None)


def test_realtime_responses_out_of_band_and_at_once(
    recorded: Recording, server: WebsocketServer
) -> None:
    talk(
        server,
        "realtime",
        session(),
        created("in"),
        created("out"),
        spoken("out"),
        done("out", tokens(7, 2), conversation_id=None),
        spoken("in"),
        done("in", tokens(50, 20), conversation_id="conv_1"),
    )
    found = by_id(recorded.charges)
    assert found["out"].usage.quantities == {"input": 7, "output": 2}
    assert found["in"].usage.quantities == {"input": 50, "output": 20}
    first = found["out"].first_token_at, found["in"].first_token_at
    assert first[0] is not None
    assert first[1] is not None
    assert first[0] < first[1]


def test_a_response_that_is_told_of_twice_is_one_charge(
    recorded: Recording, server: WebsocketServer
) -> None:
    again = done("resp_1", tokens(10, 4))
    talk(server, "realtime", session(), created("resp_1"), created("resp_1"), again, again)
    assert recorded.charge.usage.quantities == {"input": 10, "output": 4}


@REALTIME
def test_ids_of_compatible_servers_are_no_identity(
    kind: str, recorded: Recording, server: WebsocketServer
) -> None:
    one = [created("resp_0"), done("resp_0", tokens(10, 4))]
    talk(server, kind, session(), *one, *one, done(None, tokens(1, 1)), done(None, tokens(1, 1)))
    assert [charge.usage.input_tokens for charge in recorded.charges] == [10, 10, 1, 1]


@pytest.mark.parametrize(
    "configured",
    [
        session(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}}),
        session(input_audio_transcription={"model": "gpt-4o-transcribe"}),
        {
            "type": "session.updated",
            "event_id": "e",
            "session": {
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
            },
        },
        {
            "type": "transcription_session.updated",
            "event_id": "e",
            "session": {"input_audio_transcription": {"model": "gpt-4o-transcribe"}},
        },
    ],
    ids=["session", "older session", "transcription session", "older transcription session"],
)
@REALTIME
def test_a_transcription_is_billed_at_its_own_model(
    kind: str, configured: Mapping[str, Any], recorded: Recording, server: WebsocketServer
) -> None:
    complete = heard("completed", transcript="Hello", usage=BY_TOKENS)
    steps = [configured, heard("delta", delta="Hel"), complete, complete]
    talk(server, kind, *steps, asynchronous=kind == "realtime")
    charge = recorded.charge
    assert charge.usage.quantities == {"input": 8, "input_audio": 22, "output": 9}
    assert (charge.model, charge.outcome) == ("gpt-4o-transcribe", "ok")
    assert charge.operation == "generate_content"
    assert charge.first_token_at is not None


def test_transcriptions_by_duration_failed_and_of_an_unknown_model(
    recorded: Recording, server: WebsocketServer
) -> None:
    lasting = {"type": "duration", "seconds": 3.5}
    error = {"type": "transcription_error", "code": "audio_unintelligible"}
    talk(
        server,
        "realtime",
        session(),
        heard("completed", "item_1", transcript="Hi", usage=lasting),
        heard("completed", "item_1", 1, transcript="Hi", usage=lasting),
        heard("failed", "item_2", error=error),
    )
    one, other, failed = recorded.charges
    assert one.usage.quantities == other.usage.quantities == {"seconds": Decimal("3.5")}
    assert (one.model, one.cost.status) == ("unknown", "unpriced")
    assert (failed.outcome, failed.cost.status) == ("error", "unmetered")
    assert [span.attributes.get("error.type") for span in recorded.spans if span.attributes] == [
        None,
        None,
        "audio_unintelligible",
    ]


@SYNC_AND_ASYNC
@RESPONSES
def test_two_responses_one_after_the_other(
    kind: str, asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    talk(
        server,
        kind,
        Asked("response.create"),
        created("resp_1"),
        delta(),
        ended("resp_1", 10, 4),
        Asked("response.create"),
        created("resp_2"),
        delta(),
        ended("resp_2", 30, 6),
        asynchronous=asynchronous,
        send=[{"type": "response.create"}, {"type": "response.create"}],
    )
    found = by_id(recorded.charges)
    assert found["resp_1"].usage.quantities == {"input": 10, "output": 4}
    assert found["resp_2"].usage.total_tokens == 36
    for charge in found.values():
        assert (charge.outcome, charge.model) == ("ok", "gpt-5-2026")
        assert charge.first_token_at is not None


@SYNC_AND_ASYNC
@RESPONSES
def test_responses_on_several_lanes(
    kind: str, asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    talk(
        server,
        kind,
        created("resp_a", stream_id="a"),
        created("resp_b", stream_id="b"),
        created("resp_c"),
        delta(stream_id="b"),
        ended("resp_b", 20, 2, stream_id="b"),
        ended("resp_a", 10, 1, "incomplete", stream_id="a"),
        ended("resp_c", 30, 3),
        asynchronous=asynchronous,
    )
    found = by_id(recorded.charges)
    assert {key: charge.usage.total_tokens for key, charge in found.items()} == {
        "resp_a": 11,
        "resp_b": 22,
        "resp_c": 33,
    }
    assert {key: charge.first_token_at is not None for key, charge in found.items()} == {
        "resp_a": False,
        "resp_b": True,
        "resp_c": False,
    }
    assert found["resp_a"].outcome == "incomplete"


def test_a_response_that_failed_with_and_without_usage(
    recorded: Recording, server: WebsocketServer
) -> None:
    error = {"code": "server_error", "message": "no"}
    paid, unpaid = ended("paid", 10, 0, "failed"), ended("unpaid", 0, 0, "failed")
    paid["response"]["error"] = unpaid["response"]["error"] = error
    unpaid["response"]["usage"] = None
    talk(server, "responses", created("paid"), paid, created("unpaid"), unpaid)
    found = by_id(recorded.charges)
    assert {charge.outcome for charge in found.values()} == {"error"}
    assert found["paid"].usage.input_tokens == 10
    assert found["unpaid"].cost.status == "unmetered"
    assert [span.attributes["error.type"] for span in recorded.spans if span.attributes] == [
        "server_error",
        "server_error",
    ]


def test_an_error_within_a_response_ends_it_and_others_do_not(
    recorded: Recording, server: WebsocketServer
) -> None:
    refused = {"type": "error", "status": 400, "error": {"type": "bad", "message": "no"}}
    broken = {
        "type": "error",
        "sequence_number": 3,
        "error": {"type": "server_error", "code": "broken", "message": "no"},
    }
    talk(
        server,
        "responses",
        refused,
        created("resp_1"),
        refused,
        ended("resp_1", 10, 4),
        created("resp_2"),
        broken,
    )
    found = by_id(recorded.charges)
    assert (found["resp_1"].outcome, found["resp_1"].usage.total_tokens) == ("ok", 14)
    assert (found["resp_2"].outcome, found["resp_2"].cost.status) == ("error", "unmetered")


@pytest.mark.parametrize("told", [None, []], ids=["null", "empty"])
def test_hosted_tools_count_where_the_last_event_leaves_out_the_output(
    told: Any, recorded: Recording, server: WebsocketServer
) -> None:
    search = {"type": "web_search_call", "id": "w", "status": "completed"}
    search["action"] = {"type": "search", "query": "q"}  # type: ignore[assignment]
    item = {
        "type": "response.output_item.done",
        "output_index": 0,
        "sequence_number": 1,
        "item": search,
    }
    last = ended("resp_1", 10, 4)
    last["response"]["output"] = told
    last["response"]["service_tier"] = "priority"
    talk(server, "responses", created("resp_1"), item, item, last)
    charge = recorded.charge
    assert charge.usage.quantities["web_search"] == 2
    assert charge.context.tier == "priority"


@SYNC_AND_ASYNC
@pytest.mark.parametrize("kind", LIVE)
def test_a_live_session_is_billed_by_its_last_word(
    kind: str, asynchronous: bool, recorded: Recording, server: WebsocketServer
) -> None:
    name = f"live_{kind}_{asynchronous}"
    talk(
        server,
        kind,
        live("started", name),
        {"type": "session.output_audio.delta", "event_id": "e", "delta": "AAAA"},
        live("usage.updated", name, 10.25),
        live("usage.updated", name, 20.5),
        live("closed", name, 31.75, reason="close_requested"),
        live("closed", name, 31.75, reason="close_requested"),
        live("usage.updated", name, 31.75),
        asynchronous=asynchronous,
    )
    charge = recorded.charge
    assert charge.usage.quantities == {"seconds": Decimal("31.75")}
    assert (charge.outcome, charge.model, charge.response_id) == ("ok", "gpt-live-1", name)
    assert charge.first_token_at is not None


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("close_requested", "ok"),
        ("remote_hangup", "ok"),
        ("expired", "incomplete"),
        ("content", "incomplete"),
        ("connection_lost", "incomplete"),
    ],
)
def test_why_a_live_session_was_closed(
    reason: str, outcome: str, recorded: Recording, server: WebsocketServer
) -> None:
    name = f"live_{reason}"
    talk(server, "live", live("started", name), live("closed", name, 1.5, reason=reason))
    assert recorded.charge.outcome == outcome


def test_what_a_live_session_delegates_is_billed_by_itself(
    recorded: Recording, server: WebsocketServer
) -> None:
    def delegated(event: Mapping[str, Any], delegation: str = "d1") -> dict[str, Any]:
        outer = {"type": "response.event", "event_id": "e", "delegation_id": delegation}
        return {**outer, "event": event}

    usage = ended("", 40, 5)["response"]["usage"]
    decision = {"object": "decision", "model": "gpt-5-mini", "answers": [], "usage": usage}
    decided = {"type": "decision.completed", "decision": decision}
    told = {"type": "decision.event", "event_id": "decided_1", "event": decided}
    talk(
        server,
        "live",
        live("started", "live_delegating"),
        delegated(created("resp_1")),
        delegated(created("resp_2"), "d2"),
        delegated(delta(), "d2"),
        delegated(ended("resp_2", 20, 2), "d2"),
        delegated(ended("resp_1", 10, 1)),
        told,
        told,
        live("closed", "live_delegating", 12.5, reason="remote_hangup"),
    )
    second, first, decision_made, whole = recorded.charges
    assert (first.response_id, first.usage.total_tokens) == ("resp_1", 11)
    assert (second.response_id, second.usage.total_tokens) == ("resp_2", 22)
    assert second.first_token_at is not None
    assert first.first_token_at is None
    assert (decision_made.model, decision_made.usage.total_tokens) == ("gpt-5-mini", 45)
    assert whole.usage.quantities == {"seconds": Decimal("12.5")}
