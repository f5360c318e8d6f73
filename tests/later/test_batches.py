"""`record_batch()`: each line that was billed is one charge, whoever asks and however often."""

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import otel_cost
from otel_cost import Attribution, attributes, faults
from otel_cost.charge import Charge
from tests import ledgers
from tests.later.conftest import Desk
from tests.recording import Recording
from tests.sizes import full_size
from tests.wire.later_rows import (
    HOURS,
    SUBMITTED,
    anthropic_batch,
    anthropic_lines,
    completion,
    openai_batch,
    openai_lines,
    succeeded,
)

NS = 1_000_000_000
LINE = Decimal("0.00375")
"""A line of either provider's batch at half the price: gpt-4o's."""


def put_openai(desk: Desk, **fields: Any) -> str:
    desk.later.said["/v1/batches/batch_1"] = openai_batch("batch_1", **fields)
    answers = {"a": completion(1, "one\u2028two"), "b": completion(2)}
    desk.later.said["/v1/files/file-out/content"] = openai_lines(answers)
    return "batch_1"


def put_anthropic(desk: Desk, **fields: Any) -> str:
    desk.later.said["/v1/messages/batches/mb_1"] = anthropic_batch("mb_1", **fields)
    desk.later.said["/v1/messages/batches/mb_1/results"] = anthropic_lines(
        {
            "a": succeeded(1),
            "b": succeeded(2, cache_read_input_tokens=100, output_tokens=0),
            "c": {"type": "expired"},
            "d": {"type": "canceled"},
            "e": {
                "type": "errored",
                "error": {"type": "error", "error": {"type": "api_error", "message": "no"}},
            },
        }
    )
    return "mb_1"


def lines_of(charges: list[Charge]) -> list[Charge]:
    return [charge for charge in charges if charge.operation != "batch"]


def test_each_line_of_an_openai_batch_is_a_charge(desk: Desk, recorded: Recording) -> None:
    done = otel_cost.record_batch(desk.chats, put_openai(desk))
    assert (done.ended, done.charges, done.cost_usd) == (True, 2, 2 * LINE)
    assert (done.unknown, done.not_billed) == (0, 1)
    first, second, itself = recorded.charges
    for number, line in enumerate((first, second), 1):
        assert line.usage.quantities == {"input": 1000, "output": 500}
        assert (line.cost.status, line.cost.effective_usd) == ("exact", LINE)
        assert (line.context.batch, line.context.window) == (True, None)
        assert line.response_id == f"chatcmpl-{number}"
        assert (line.started_at, line.ended_at) == (SUBMITTED * NS, (SUBMITTED + 8 * HOURS) * NS)
    assert (itself.operation, itself.outcome, itself.response_id) == ("batch", "ok", "batch_1")
    assert (itself.cost.status, itself.cost.effective_usd) == ("exact", Decimal(0))
    assert itself.context.window == "24h"
    spans = recorded.spans
    said = [(span.attributes or {})[attributes.CHARGE_ID_KEY] for span in spans]
    assert said == [charge.charge_id for charge in recorded.charges]
    assert [span.start_time for span in spans] == [SUBMITTED * NS] * 3


def test_each_message_of_an_anthropic_batch_is_a_charge(desk: Desk, recorded: Recording) -> None:
    done = otel_cost.record_batch(desk.claudes, put_anthropic(desk))
    assert (done.ended, done.charges, done.not_billed) == (True, 2, 3)
    first, second, itself = recorded.charges
    assert first.cost.effective_usd == Decimal("0.00525")
    assert first.model == "claude-sonnet-4-5-20250929"
    assert second.usage.quantities == {"input": 1000, "cache_read": 100, "output": 0}
    assert {c.context.batch for c in (first, second, itself)} == {True}
    assert first.started_at == SUBMITTED * NS
    assert done.cost_usd == first.cost.effective_usd + second.cost.effective_usd


def test_an_azure_batch_names_its_endpoint_otherwise(desk: Desk, recorded: Recording) -> None:
    answers = openai_lines({"a": completion(1)})
    desk.later.said["/openai/batches/batch_1"] = openai_batch(
        "batch_1", endpoint="/chat/completions", model=None
    )
    desk.later.said["/openai/files/file-out/content"] = answers
    with openai.AzureOpenAI(
        azure_endpoint=desk.providers.anthropic_url, api_version="2024-10-21", api_key="test"
    ) as client:
        assert otel_cost.record_batch(client, "batch_1").charges == 1
    line, _ = recorded.charges
    assert (line.operation, line.usage.input_tokens) == ("chat", 1000)


def test_the_module_is_a_client_too(
    desk: Desk, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_key", "test")
    monkeypatch.setattr(openai, "base_url", f"{desk.providers.openai_url}/")
    monkeypatch.setattr(openai, "_client", None)
    try:
        assert otel_cost.record_batch(openai, put_openai(desk)).charges == 2
    finally:
        made: Any = openai._load_client()
        made.close()
    assert otel_cost.record_batch(desk.chats, "batch_1").charges == 0  # it is the same account


@pytest.mark.parametrize("put", [put_openai, put_anthropic])
def test_twice_changes_nothing(desk: Desk, recorded: Recording, put: Any) -> None:
    batch_id = put(desk)
    client = desk.chats if put is put_openai else desk.claudes
    otel_cost.record_batch(client, batch_id)
    charges, spans = recorded.charges, recorded.spans
    again = otel_cost.record_batch(client, batch_id)
    assert (again.ended, again.charges, again.cost_usd) == (True, 0, Decimal(0))
    assert (recorded.charges, recorded.spans) == (charges, spans)


def test_reading_it_is_no_charge(desk: Desk, recorded: Recording) -> None:
    otel_cost.instrument()
    otel_cost.record_batch(desk.chats, put_openai(desk))
    desk.chats.batches.retrieve("batch_1")
    assert len(recorded.charges) == 3


def test_before_it_ends_only_its_pending_charge_is_there(desk: Desk, recorded: Recording) -> None:
    batch_id = put_openai(desk, status="in_progress")
    who = Attribution(feature="nightly")
    for _ in range(2):
        done = otel_cost.record_batch(desk.chats, batch_id, attribution=who)
        assert (done.ended, done.charges) == (False, 0)
    pending = recorded.charge
    assert (pending.outcome, pending.cost.status) == ("pending", "unmetered")
    put_openai(desk)
    otel_cost.record_batch(desk.chats, batch_id)
    settled = [c for c in recorded.charges if c.charge_id == pending.charge_id]
    assert [c.outcome for c in settled] == ["pending", "ok"]
    assert {c.attribution.feature for c in recorded.charges} == {"nightly"}


ENDINGS = {
    "expired": ("incomplete", 2),
    "cancelled": ("aborted", 2),
    "failed": ("error", 0),
}


@pytest.mark.parametrize("status", ENDINGS)
def test_what_was_answered_before_the_end_is_billed(
    desk: Desk, recorded: Recording, status: str
) -> None:
    outcome, billed = ENDINGS[status]
    output = "file-out" if billed else None
    batch_id = put_openai(desk, status=status, output_file_id=output)
    done = otel_cost.record_batch(desk.chats, batch_id)
    assert (done.ended, done.charges) == (True, billed)
    itself = recorded.charges[-1]
    assert (itself.outcome, itself.cost.status) == (outcome, "exact")


def test_a_line_that_failed_is_free(desk: Desk, recorded: Recording) -> None:
    batch_id = put_openai(desk)
    refused = openai_lines({"a": {"error": {"message": "no"}}}, status=400)
    answered = openai_lines({"b": completion(2)})
    desk.later.said["/v1/files/file-out/content"] = refused + b"\n" + answered
    done = otel_cost.record_batch(desk.chats, batch_id)
    assert (done.charges, done.not_billed) == (1, 2)


def test_an_endpoint_nobody_knows_is_unmetered_and_moderations_are_free(
    desk: Desk, recorded: Recording
) -> None:
    put_openai(desk, endpoint="/v1/telepathy")
    done = otel_cost.record_batch(desk.chats, "batch_1")
    assert (done.charges, done.unknown) == (2, 2)
    assert {c.cost.status for c in lines_of(recorded.charges)} == {"unmetered"}
    desk.later.said["/v1/batches/batch_2"] = openai_batch("batch_2", endpoint="/v1/moderations")
    assert otel_cost.record_batch(desk.chats, "batch_2").charges == 0


def test_one_strange_answer_does_not_stop_the_others(desk: Desk, recorded: Recording) -> None:
    batch_id = put_openai(desk)
    lines = openai_lines({"a": {"choices": 7, "usage": [1]}, "b": completion(2)})
    desk.later.said["/v1/files/file-out/content"] = lines
    done = otel_cost.record_batch(desk.chats, batch_id)
    assert (done.charges, done.unknown, done.cost_usd) == (2, 1, LINE)


class TestWhoItIsFor:
    def test_the_current_attribution_if_nobody_submitted_it(
        self, desk: Desk, recorded: Recording
    ) -> None:
        with otel_cost.attribution(feature="here", user_id="u-1"):
            otel_cost.record_batch(
                desk.chats, put_openai(desk), attribution=Attribution(feature="said")
            )
        assert {(c.attribution.feature, c.attribution.user_id) for c in recorded.charges} == {
            ("said", "u-1")
        }

    def test_each_line_its_own(self, desk: Desk, recorded: Recording) -> None:
        users = {"a": Attribution(user_id="anna\n"), "b": None}
        with otel_cost.attribution(feature="here"):
            otel_cost.record_batch(desk.chats, put_openai(desk), attribution=users.get)
        found = [(c.attribution.feature, c.attribution.user_id) for c in recorded.charges]
        assert found == [("here", "anna"), ("here", None), ("here", None)]

    def test_whoever_submitted_it_and_not_who_asks(self, desk: Desk, recorded: Recording) -> None:
        desk.later.said["/v1/messages/batches"] = anthropic_batch("mb_1", "in_progress")
        otel_cost.instrument()
        params: Any = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []}
        with otel_cost.attribution(feature="nightly"):
            made = desk.claudes.messages.batches.create(
                requests=[{"custom_id": "a", "params": params}]
            )
        assert recorded.charge.outcome == "pending"
        put_anthropic(desk)
        with otel_cost.attribution(feature="poller", user_id="cron"):
            otel_cost.record_batch(
                desk.claudes, made.id, attribution=lambda line: Attribution(user_id=line)
            )
        pending, *lines, settled = recorded.charges
        assert pending.charge_id == settled.charge_id
        assert (settled.outcome, settled.attribution) == ("ok", Attribution(feature="nightly"))
        assert [line.attribution for line in lines] == [
            Attribution(feature="nightly", user_id=user) for user in ("a", "b")
        ]


class StoppedError(Exception):
    """What an application's own function raises."""


def test_a_run_that_was_stopped_is_taken_up_again(desk: Desk, recorded: Recording) -> None:
    batch_id = put_openai(desk)
    count = 700
    desk.later.said["/v1/files/file-out/content"] = openai_lines(
        {f"line {n}": completion(n) for n in range(count)}
    )

    def until_600(custom_id: str) -> None:
        if custom_id == "line 600":
            raise StoppedError

    with pytest.raises(StoppedError):
        otel_cost.record_batch(desk.chats, batch_id, attribution=until_600)
    assert len(recorded.charges) == 500
    assert otel_cost.record_batch(desk.chats, batch_id).charges == 200
    ids = [charge.charge_id for charge in recorded.charges]
    assert len(set(ids)) == len(ids) == count + 1


def test_what_the_sdk_raises_comes_through(desk: Desk, recorded: Recording) -> None:
    with pytest.raises(openai.NotFoundError, match="nothing at"):
        otel_cost.record_batch(desk.chats, "batch_9")
    with pytest.raises(anthropic.NotFoundError, match="nothing at"):
        otel_cost.record_batch(desk.claudes, "mb_9")
    assert recorded.charges == []


def test_a_results_file_that_is_cut_off_raises_and_is_read_again(
    desk: Desk, recorded: Recording
) -> None:
    batch_id = put_openai(desk)
    whole = desk.later.said["/v1/files/file-out/content"]
    desk.later.said["/v1/files/file-out/content"] = whole[:-20]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        otel_cost.record_batch(desk.chats, batch_id)
    desk.later.said["/v1/files/file-out/content"] = whole
    otel_cost.record_batch(desk.chats, batch_id)
    assert len(lines_of(recorded.charges)) == 2


class Other:
    """No client."""


WRONG: dict[str, tuple[Any, Any, Any, type[Exception], str]] = {
    "no client": (Other(), "b", None, TypeError, "must be a client .* not Other"),
    "async": (
        openai.AsyncOpenAI(api_key="k"),
        "b",
        None,
        TypeError,
        r"synchronous client, not AsyncOpenAI; .*to_thread\(otel_cost.record_batch",
    ),
    "no text": (openai.OpenAI(api_key="k"), 7, None, TypeError, "batch_id must be text, not 7"),
    "empty": (openai.OpenAI(api_key="k"), " ", None, ValueError, "batch_id is empty"),
    "attribution": (openai.OpenAI(api_key="k"), "b", "me", TypeError, "must be an otel_cost.Attr"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_named(case: str) -> None:
    client, batch_id, who, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        otel_cost.record_batch(client, batch_id, attribution=who)


def test_a_custom_id_for_nobody_knows_what_raises(desk: Desk, recorded: Recording) -> None:
    wrong: Any = {"a": "anna"}.get
    with pytest.raises(TypeError, match="not 'anna'"):
        otel_cost.record_batch(desk.chats, put_openai(desk), attribution=wrong)


def test_switched_off_it_records_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_COST_DISABLED", "true")
    before = faults.counts["charges"]
    done = otel_cost.record_batch(desk.chats, put_openai(desk))
    assert (done.charges, done.cost_usd) == (2, 2 * LINE)
    assert faults.counts["charges"] == before


LINES = 20_000 if full_size else 1_200
TEXT = "word " * 4_000


def long_file() -> Iterator[bytes]:
    for number in range(LINES):
        yield openai_lines({f"line {number}": completion(number, TEXT)})


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_long_batch_takes_no_more_memory_than_a_short_one(
    desk: Desk, tmp_path: Path, record_property: Any
) -> None:
    put_openai(desk)
    otel_cost.instrument(ledger=ledgers.url(tmp_path / "costs.db"))
    try:
        otel_cost.record_batch(desk.chats, "batch_1")  # loads what there is to load
        desk.later.said["/v1/batches/batch_2"] = openai_batch("batch_2")
        desk.later.said["/v1/files/file-out/content"] = long_file()
        tracemalloc.start()
        try:
            assert otel_cost.record_batch(desk.chats, "batch_2").charges == LINES
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    finally:
        otel_cost.shutdown()
    size = LINES * len(TEXT)
    record_property("claim", f"a batch of {LINES:,} lines, {size:,} bytes: {peak:,} bytes at most")
    assert peak < 10_000_000
    assert len(ledgers.documents(tmp_path / "costs.db")) == LINES + 4
