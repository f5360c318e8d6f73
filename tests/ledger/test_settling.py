"""Shows that a pending charge and its settlement are one row, in whatever order and process."""

import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from otel_cost import faults
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.charge import Charge, Cost, CostLine, Part, PricingContext
from otel_cost.ledger.repricing import Differences, adjust
from otel_cost.ledger.settling import find, merged
from otel_cost.ledger.sqlite import open_for_reading
from otel_cost.ledger.writer import LedgerWriter
from otel_cost.pricing.engine import STATED, Engine
from otel_cost.settlement import Submission, settled_id
from otel_cost.usage import Usage
from tests.charges import START, make_charge
from tests.ledgers import documents, execute, fill, url
from tests.repricing import stored

ID = settled_id("openai", "whose", "resp_1")
NOTHING = Cost("unmetered", Decimal(0), Decimal(0))
TOKENS = {"input": 1_000_000, "output": 100_000}
ENGINE = Engine()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


def pending(**fields: Any) -> Charge:
    said: dict[str, Any] = {
        "who": {"feature": "report", "user_id": "u-1", "tags": {"plan": "pro"}},
        "charge_id": ID,
        "started_at": START,
        "outcome": "pending",
        "parts": (),
        "usage_source": "none",
        "cost": NOTHING,
        "model": "gpt-6.2-sol",
        "request_model": "gpt-6.2-sol",
        "context": PricingContext(START, "auto", window="2h", size="1024x1024"),
        "service": "web",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
    }
    return make_charge(**said | fields)


def settlement(**fields: Any) -> Charge:
    """Made by a process that knows nothing of who asked, and for what."""
    later = START + 3_600 * 10**9
    parts = (Part("gpt-6.2-sol", Usage(TOKENS)),)  # type: ignore[arg-type]
    context = PricingContext(later, "default")
    said: dict[str, Any] = {
        "who": {"feature": "poller", "team": "ops"},
        "charge_id": ID,
        "started_at": later,
        "parts": parts,
        "context": context,
        "cost": ENGINE.price("openai", parts, context),
        "model": "gpt-6.2-sol",
        "request_model": None,
        "service": "poller",
        "environment": None,
        "trace_id": "c" * 32,
        "span_id": "d" * 16,
    }
    return make_charge(**said | fields)


def settle(submission: Submission, charge: Charge) -> Charge:
    return merged(submission, charge, ENGINE.price)


def write(path: Path, *batches: Sequence[Charge]) -> None:
    with closing(LedgerWriter(url(path), settle)) as writer:
        for batch in batches:
            writer.write(batch)


def test_a_settlement_takes_the_place_of_what_was_pending(path: Path) -> None:
    write(path, [pending()])
    assert documents(path) == [pending().as_dict()]
    whole = settlement()
    assert whole.cost.status == "exact"
    write(path, [whole])
    [row] = documents(path)
    window = Decimal("0.7")
    assert row["outcome"] == "ok"
    assert Decimal(row["cost"]["effective_usd"]) == whole.cost.effective_usd * window
    assert row["context"] == {
        **whole.as_dict()["context"],
        "window": "2h",
        "size": "1024x1024",
        "priced_at": pending().as_dict()["context"]["priced_at"],
    }
    assert row["attribution"] == pending().as_dict()["attribution"]
    assert row["usage"] == TOKENS
    assert (row["started_at"], row["ended_at"]) == (
        pending().as_dict()["started_at"],
        whole.as_dict()["ended_at"],
    )
    assert (row["request_model"], row["service"]) == ("gpt-6.2-sol", "web")
    assert row["environment"] == "production"
    assert (row["trace_id"], row["span_id"]) == ("c" * 32, "d" * 16)
    assert execute(path, "SELECT count(*) FROM charge_details") == [(1,)]


def in_one(charges: Sequence[Charge]) -> list[Sequence[Charge]]:
    return [charges]


def one_by_one(charges: Sequence[Charge]) -> list[Sequence[Charge]]:
    return [[charge] for charge in charges]


@pytest.mark.parametrize("batches", [in_one, one_by_one])
def test_in_any_order_and_however_often(
    path: Path, batches: Callable[[Sequence[Charge]], list[Sequence[Charge]]]
) -> None:
    """What comes after a settlement changes nothing; a settlement alone is what it is."""
    ordinary = make_charge()
    write(path, [pending()], [settlement()])
    [settled] = documents(path)
    alone = settlement().as_dict()
    for number, order in enumerate(permutations((pending(), settlement(), settlement()))):
        fresh = path.with_name(f"{number}.db")
        first = order[0].outcome == "pending"
        expected = {ID: settled if first else alone, ordinary.charge_id: ordinary.as_dict()}
        for step in (batches((*order, ordinary)), [[settlement(), pending()]]):
            write(fresh, *step)
            assert {row["charge_id"]: row for row in documents(fresh)} == expected, number


def test_a_pending_charge_that_comes_again_changes_nothing(path: Path) -> None:
    write(path, [pending()], [pending(service="other")])
    assert documents(path) == [pending().as_dict()]


def test_a_settlement_of_one_among_many_leaves_the_others(path: Path) -> None:
    ids = [settled_id("openai", "whose", f"resp_{n}") for n in range(1_203)]
    write(path, [pending(charge_id=i, started_at=START + n) for n, i in enumerate(ids)])
    write(path, [settlement(charge_id=i) for i in ids[::2]])
    assert [row["outcome"] for row in documents(path)] == ["ok", "pending"] * 601 + ["ok"]


def test_without_a_function_it_keeps_its_cost(path: Path) -> None:
    fill(path, [pending()])
    fill(path, [settlement()])
    [row] = documents(path)
    assert Decimal(row["cost"]["effective_usd"]) == settlement().cost.effective_usd
    assert row["context"]["window"] == "2h"


STATED_LINE = CostLine(0, STATED, 1, Decimal(3), 1, (), Decimal(3), Decimal(3), "provider:openai")
KEPT: dict[str, dict[str, Any]] = {
    "refused": {"cost": Cost("exact", Decimal(0), Decimal(0)), "outcome": "error"},
    "unmetered": {"cost": NOTHING, "parts": ()},
    "stated": {"cost": Cost("exact", Decimal(3), Decimal(3), (), (STATED_LINE,))},
}


@pytest.mark.parametrize("case", KEPT)
def test_a_cost_that_no_price_decides_stays(case: str) -> None:
    charge = settlement(**KEPT[case])
    assert settle(Submission.of_charge(pending()), charge).cost == charge.cost


def test_what_is_unknown_stays_unknown() -> None:
    cost = settlement().cost._replace(status="partial", unpriced=("web_search",))
    found = settle(Submission.of_charge(pending()), settlement(cost=cost)).cost
    assert (found.status, found.unpriced) == ("partial", ("web_search",))
    assert found.effective_usd == cost.effective_usd * Decimal("0.7")


def test_who_it_is_for() -> None:
    asked = Submission.of_charge(pending())
    told = settlement()
    assert merged(asked, told).attribution == asked.attribution
    assert merged(asked, told, insists=True).attribution == Attribution(
        "poller", "ops", "u-1", tags=(("plan", "pro"),)
    )
    nobody = asked._replace(attribution=UNATTRIBUTED)
    assert merged(nobody, told).attribution == told.attribution


def test_the_span_of_the_submission_stays_where_the_settlement_has_none() -> None:
    asked = Submission.of_charge(pending())
    found = merged(asked, settlement(trace_id=None, span_id=None))
    assert (found.trace_id, found.span_id) == ("a" * 32, "b" * 16)


def test_a_row_says_what_its_charge_said(path: Path) -> None:
    write(path, [pending()])
    with open_for_reading(path) as connection:
        found = find(connection, [ID, "0" * 32])
    assert found == {ID: ("pending", Submission.of_charge(pending()))}


def test_a_settlement_that_cannot_be_merged_does_not_hold_up_the_others(path: Path) -> None:
    def fails(submission: Submission, charge: Charge) -> Charge:
        raise RuntimeError("no")

    before = faults.counts["internal_error"]
    write(path, [pending()])
    ordinary = make_charge()
    with closing(LedgerWriter(url(path), fails)) as writer:
        writer.write([settlement(), ordinary])
    assert {row["charge_id"] for row in documents(path)} == {ID, ordinary.charge_id}
    assert {row["outcome"] for row in documents(path)} == {"ok"}
    assert faults.counts["internal_error"] == before + 1


def test_a_settlement_that_no_database_holds_leaves_the_pending_charge(path: Path) -> None:
    write(path, [pending()])
    parts = (Part("m", Usage({"input": 10**30})),)
    write(path, [replace(settlement(), parts=parts), make_charge()])
    assert {row["outcome"] for row in documents(path)} == {"pending", "ok"}


def test_repricing_leaves_what_is_pending(path: Path) -> None:
    into = Differences()
    assert adjust([stored(pending())], ENGINE.price, "book", 1, into) == []
    assert into.left_alone == 1


EACH = 400


def settle_many(path: Path, together: Barrier, first: bool) -> None:
    together.wait()
    ids = [settled_id("openai", "whose", f"resp_{n}") for n in range(EACH)]
    order = ids if first else ids[::-1]
    with closing(LedgerWriter(url(path), settle)) as writer:
        for start in range(0, EACH, 10):
            portion = order[start : start + 10]
            writer.write([pending(charge_id=i) for i in portion])
            writer.write([settlement(charge_id=i) for i in portion])


def test_two_processes_that_settle_at_once_make_one_row_each(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    processes = [
        spawn.Process(target=settle_many, args=(path, together, first)) for first in (True, False)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    rows = documents(path)
    assert len(rows) == len({row["charge_id"] for row in rows}) == EACH
    assert {(row["outcome"], row["context"]["window"]) for row in rows} == {("ok", "2h")}
    assert execute(path, "SELECT count(*) FROM charge_details") == [(EACH,)]
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]
