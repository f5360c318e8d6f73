"""Shows that a call and the later one that settles it have one id, and that only one settles it."""

import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest

from otel_cost.attribution.values import Attribution
from otel_cost.measured import Measured
from otel_cost.recorder import new_charge_id
from otel_cost.settlement import (
    Settlements,
    account,
    fingerprint,
    may_be_settled,
    settled_id,
)
from tests.later.conftest import Desk
from tests.recording import Recording

HEX = set("0123456789abcdef")


def call(response_id: str | None = "resp_1", **fields: Any) -> Measured:
    made = Measured(new_charge_id(), "openai", "chat", 1_000, **fields)
    made.response_id, made.account = response_id, "whose"
    return made


def test_an_id_is_of_provider_account_and_parts_and_like_no_other() -> None:
    of = ("openai", "whose", "batch_1", "a")
    found = settled_id(*of)
    assert found == settled_id(*of)
    assert (len(found), set(found) <= HEX) == (len(new_charge_id()), True)
    others = [
        ("azure", "whose", "batch_1", "a"),
        ("openai", "else", "batch_1", "a"),
        ("openai", "whose", "batch_1a"),
        ("openai", "whose", "batch_1", "", "a"),
        ("openai", "whose", "a", "batch_1"),
    ]
    assert len({found, *(settled_id(*other) for other in others)}) == 6
    assert may_be_settled(found)
    assert not may_be_settled(new_charge_id())


@pytest.mark.parametrize("number", range(64))
def test_no_hash_looks_like_the_id_of_a_call(number: int) -> None:
    assert may_be_settled(settled_id("openai", "", str(number)))


KEY = "sk-secret"
HOST = "api.openai.com"
ACCOUNTS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], bool]] = {
    "key": ((HOST, None, None, KEY), (HOST, None, None, "sk-other"), False),
    "host": ((HOST, None, None, KEY), ("gateway", None, None, KEY), False),
    "case of host": ((HOST, None, None, KEY), (HOST.upper(), None, None, KEY), True),
    "organisation beats key": ((HOST, "org", None, KEY), (HOST, "org", None, "sk-new"), True),
    "project": ((HOST, "org", "a", KEY), (HOST, "org", "b", KEY), False),
    "which is which": ((HOST, "x", None, KEY), (HOST, None, "x", KEY), False),
    "a resource is an account": (
        ("my.openai.azure.com", None, None, KEY),
        ("my.openai.azure.com", None, None, "token"),
        True,
    ),
    "no text": ((HOST, object(), None, KEY), (HOST, None, None, KEY), True),
    "nothing": ((None, None, None, None), (HOST, None, None, None), False),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_whose_account_it_is(case: str) -> None:
    one, other, same = ACCOUNTS[case]
    assert (fingerprint(*one) == fingerprint(*other)) is same
    assert KEY not in fingerprint(*one)
    assert (len(fingerprint(*one)), set(fingerprint(*one)) <= HEX) == (16, True)


CLIENTS: dict[str, Callable[[str], Any]] = {
    "openai": lambda key: openai.OpenAI(api_key=key),
    "openai async": lambda key: openai.AsyncOpenAI(api_key=key),
    "anthropic": lambda key: anthropic.Anthropic(api_key=key),
    "anthropic token": lambda key: anthropic.Anthropic(auth_token=key),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_its_account(name: str) -> None:
    make = CLIENTS[name]
    assert account(make("k-1")) == account(make("k-1"))
    assert account(make("k-1")) != account(make("k-2"))


def test_a_key_that_a_function_provides_is_no_account() -> None:
    provided = openai.OpenAI(api_key=lambda: "k")
    before = account(provided)
    provided.api_key = "k"
    assert account(provided) == before


def test_a_settlement_gets_what_its_submission_knew() -> None:
    settlements = Settlements()
    asked = call(request_model="gpt-6.2-sol", attribution=Attribution(feature="report"))
    asked.window, asked.tier, asked.size = "2h", "flex", "1024x1024"
    settlements.submitted(asked)
    assert asked.charge_id == settled_id("openai", "whose", "resp_1")
    told = call(attribution=Attribution(feature="poller"))
    told.started_at, told.tier = 9_000, "default"
    assert settlements.settles(told)
    assert told.charge_id == asked.charge_id
    assert (told.window, told.tier, told.size) == ("2h", "default", "1024x1024")
    assert (told.request_model, told.started_at) == ("gpt-6.2-sol", 1_000)
    assert told.attribution == Attribution(feature="report")
    assert not settlements.settles(call())


def test_what_nobody_said_is_taken_from_whoever_settles() -> None:
    settlements = Settlements()
    settlements.submitted(call())
    told = call(attribution=Attribution(feature="poller"))
    assert settlements.settles(told)
    assert told.attribution == Attribution(feature="poller")


def test_a_submission_of_another_process_is_settled_too() -> None:
    settlements = Settlements()
    told = call(attribution=Attribution(feature="poller"))
    assert settlements.settles(told)
    assert told.charge_id == settled_id("openai", "whose", "resp_1")
    assert told.attribution == Attribution(feature="poller")
    assert not settlements.settles(call())


def test_calls_that_are_told_apart_by_nothing_keep_their_ids() -> None:
    settlements = Settlements()
    first, second, third = call(), call(), call(None)
    own = second.charge_id, third.charge_id
    for each in (first, second, third):
        settlements.submitted(each)
    assert (second.charge_id, third.charge_id) == own
    assert settlements.settles(third)
    assert third.charge_id == own[1]


def test_memory_is_bounded_and_the_latest_stay() -> None:
    settlements = Settlements(remembered=10, settled=20)
    for number in range(100):
        settlements.submitted(call(f"resp_{number}"))
        assert settlements.settles(call(f"resp_{number}"))
        settlements.insist(f"{number}")
    assert (len(settlements._submitted), len(settlements._settled)) == (10, 20)
    assert not settlements.settles(call("resp_80"))
    assert settlements.settles(call("resp_79"))
    assert settlements.insists("90")
    assert not settlements.insists("89")


def test_of_many_threads_one_settles() -> None:
    settlements = Settlements()
    together = threading.Barrier(16)
    won: list[bool] = []

    def settle() -> None:
        together.wait()
        won.extend(settlements.settles(call(f"resp_{n}")) for n in range(200))

    threads = [threading.Thread(target=settle) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), won.count(True)) == (16 * 200, 200)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_wait_for_a_thread_of_its_parent() -> None:
    settlements = Settlements()
    with settlements._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if settlements.settles(call()) else 1)
        ended = os.waitpid(child, 0)[1]
    assert ended == 0


def test_nothing_is_needed_of_a_client_but_its_address() -> None:
    assert account(SimpleNamespace(base_url=None)) == fingerprint(None, None, None, None)


def test_a_settlement_is_charged_where_the_application_s_tracing_raises(
    desk: Desk, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.later.said["/v1/responses/resp_1"] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "status": "completed",
        "background": True,
        "output": [],
        "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
    }
    monkeypatch.setattr(recorded.provider.sampler, "should_sample", lambda *args, **kwargs: 1 / 0)
    desk.chats.responses.retrieve("resp_1")
    assert recorded.charge.usage.total_tokens == 7
    assert recorded.charge.span_id is None
