"""`record_fine_tuning()`: one charge for what a job was trained on."""

from decimal import Decimal
from typing import Any

import anthropic
import pytest

import otel_cost
from otel_cost import Attribution
from tests.later.conftest import Desk
from tests.recording import Recording
from tests.wire.later_rows import HOURS, SUBMITTED, fine_tuning_job

NS = 1_000_000_000
PRICE = otel_cost.Price("gpt-4o-mini*", {"training_tokens": 3})


def put(desk: Desk, status: str = "succeeded", **fields: Any) -> str:
    job = fine_tuning_job("ftjob-1", status, **fields)
    desk.later.said["/v1/fine_tuning/jobs/ftjob-1"] = job
    return "ftjob-1"


def test_a_job_is_one_charge(desk: Desk, recorded: Recording) -> None:
    otel_cost.instrument(prices=[PRICE])
    who = Attribution(feature="classifier")
    done = otel_cost.record_fine_tuning(desk.chats, put(desk), attribution=who)
    assert (done.ended, done.charges, done.unknown, done.cost_usd) == (True, 1, 0, Decimal(3))
    charge = recorded.charge
    assert charge.usage.quantities == {"training_tokens": 1_000_000}
    assert (charge.operation, charge.model) == ("fine_tuning", "gpt-4o-mini-2024-07-18")
    assert (charge.outcome, charge.attribution) == ("ok", who)
    assert (charge.started_at, charge.ended_at) == (SUBMITTED * NS, (SUBMITTED + HOURS) * NS)
    assert otel_cost.record_fine_tuning(desk.chats, "ftjob-1").charges == 0
    assert len(recorded.spans) == len(recorded.charges) == 1


def test_it_is_pending_before_and_stays_whose_it_was(desk: Desk, recorded: Recording) -> None:
    put(desk, "running")
    with otel_cost.attribution(feature="classifier"):
        for _ in range(2):
            assert not otel_cost.record_fine_tuning(desk.chats, "ftjob-1").ended
    put(desk)
    with otel_cost.attribution(feature="poller"):
        otel_cost.record_fine_tuning(desk.chats, "ftjob-1")
    pending, settled = recorded.charges
    assert (pending.outcome, pending.cost.status) == ("pending", "unmetered")
    assert (settled.outcome, settled.charge_id) == ("ok", pending.charge_id)
    assert settled.attribution == Attribution(feature="classifier")


ENDINGS: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "failed": ({"trained_tokens": None}, "error", "exact", 0),
    "cancelled": ({"trained_tokens": 7}, "aborted", "unpriced", 7),
    "succeeded": ({"trained_tokens": None}, "ok", "unmetered", 0),
}


@pytest.mark.parametrize("status", ENDINGS)
def test_how_a_job_may_end(desk: Desk, recorded: Recording, status: str) -> None:
    fields, outcome, cost, tokens = ENDINGS[status]
    otel_cost.record_fine_tuning(desk.chats, put(desk, status, model="own-1", **fields))
    charge = recorded.charge
    assert (charge.outcome, charge.cost.status) == (outcome, cost)
    assert charge.usage.quantities.get("training_tokens", 0) == tokens


def test_what_is_billed_by_time_is_unmetered(desk: Desk, recorded: Recording) -> None:
    otel_cost.instrument(prices=[PRICE])
    done = otel_cost.record_fine_tuning(desk.chats, put(desk, method={"type": "reinforcement"}))
    assert (done.charges, done.unknown, done.cost_usd) == (1, 1, Decimal(0))
    assert recorded.charge.cost.status == "unmetered"


def test_it_needs_a_client_of_openai() -> None:
    with pytest.raises(TypeError, match="needs a client of the openai SDK"):
        otel_cost.record_fine_tuning(anthropic.Anthropic(api_key="k"), "ftjob-1")
