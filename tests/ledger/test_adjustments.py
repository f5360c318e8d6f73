"""Shows that adjustments add to a ledger: history stays, the latest one counts, reading goes on."""

import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event

from otel_cost.charge import rfc3339
from otel_cost.ledger.adjustments import Drafts, batches
from otel_cost.ledger.queries import sum_charges
from otel_cost.ledger.repricing import Differences, adjust
from otel_cost.ledger.sqlite import open_for_reading, open_for_writing
from otel_cost.pricing.engine import Engine
from otel_cost.sources.ledger import read_spend
from tests.charges import START
from tests.ledgers import documents, execute, fill, url
from tests.programs import ROOT
from tests.repricing import BUNDLED, CONTRACT, OWN_MODEL, engine, priced

BY_CONTRACT = engine(CONTRACT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


def drafted(path: Path, by: Engine) -> Drafts:
    drafts = Drafts()
    for batch in batches(path, None, None):
        drafts.add(adjust(batch, by.price, by.book_version, START, Differences()))
    return drafts


def reprice(path: Path, by: Engine) -> int:
    """How many adjustments that added."""
    with closing(drafted(path, by)) as drafts:
        opened = open_for_writing(path)
        try:
            return sum(new for _, new in drafts.write(opened))
        finally:
            opened.dispose()


def test_a_charge_stays_as_it_was_beside_its_adjustments(path: Path) -> None:
    changed, other = priced("gpt-4o"), priced("gpt-4o-mini")
    fill(path, [changed, other])
    assert reprice(path, BY_CONTRACT) == 1
    first, second = documents(path)
    assert second == other.as_dict()
    (adjustment,) = first.pop("adjustments")
    assert first == changed.as_dict()
    cost = BY_CONTRACT.price("openai", changed.parts, changed.context)
    assert adjustment == {
        "adjusted_at": rfc3339(START),
        "reason": "repriced",
        "book": BY_CONTRACT.book_version,
        "difference_usd": "-0.002265433",
        "cost": cost.as_dict(),
    }


def test_the_latest_adjustment_counts_and_the_way_back_is_one_more(path: Path) -> None:
    fill(path, [priced("gpt-4o")])
    seen = []
    for by in (BY_CONTRACT, BY_CONTRACT, BUNDLED, BY_CONTRACT):
        added = reprice(path, by)
        (row,) = read_spend(url(path), ["feature"])
        seen.append((added, row.effective_usd))
    contract, listed = Decimal("0.005234567"), Decimal("0.0075")
    assert seen == [(1, contract), (0, contract), (1, listed), (1, contract)]
    (document,) = documents(path)
    assert [a["difference_usd"] for a in document["adjustments"]] == [
        "-0.002265433",
        "0.002265433",
        "-0.002265433",
    ]


GROUPINGS = ["feature", "status", "model", "day", "tag:tier", "outcome"]


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_sums_are_those_of_charges_that_had_been_priced_so(path: Path, grouping: str) -> None:
    by = engine(CONTRACT + OWN_MODEL)

    def ledger(name: str, priced_by: Engine) -> Path:
        file = path.with_name(name)
        day = 86_400 * 10**9
        fill(
            file,
            [
                priced(model, {"input": 7 * n + 7}, by=priced_by, at=START + n * day, who=who)
                for n, (model, who) in enumerate(
                    (model, who)
                    for model in ("gpt-4o", "acme-1", "gpt-4o-mini")
                    for who in ({}, {"feature": None}, {"tags": {"tier": "gold"}})
                )
            ],
        )
        return file

    adjusted, whole = ledger("adjusted.db", BUNDLED), ledger("whole.db", by)
    assert reprice(adjusted, by) == 6
    for period in ((None, None), (START + 86_400 * 10**9, START + 5 * 86_400 * 10**9)):
        rows = [
            sorted(map(repr, read_spend(url(file), [grouping], *period)))
            for file in (adjusted, whole)
        ]
        assert rows[0] == rows[1]


def test_a_ledger_of_before_can_be_read_and_gets_its_table_when_written(path: Path) -> None:
    charge = priced("gpt-4o")
    fill(path, [charge])
    execute(path, "DROP TABLE adjustments")
    assert documents(path) == [charge.as_dict()]
    assert len(read_spend(url(path), ["feature"])) == 1
    assert [len(batch) for batch in batches(path, None, None)] == [1]
    assert reprice(path, BY_CONTRACT) == 1
    assert execute(path, "SELECT number, reason FROM adjustments") == [(1, "repriced")]


def test_adjustments_of_another_process_meanwhile_are_not_doubled(path: Path) -> None:
    fill(path, [priced("gpt-4o"), priced("gpt-4o")])
    with closing(drafted(path, BY_CONTRACT)) as late:
        assert reprice(path, BY_CONTRACT) == 2
        opened = open_for_writing(path)
        try:
            assert list(late.write(opened)) == [(2, 0)]
        finally:
            opened.dispose()
    assert execute(path, "SELECT count(*) FROM adjustments") == [(2,)]


def test_it_is_read_while_another_process_writes(path: Path) -> None:
    fill(path, [priced("gpt-4o")])
    reprice(path, BY_CONTRACT)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM adjustments")
        (row,) = read_spend(url(path), ["feature"])
        assert [len(batch) for batch in batches(path, None, None)] == [1]
        writer.execute("ROLLBACK")
    assert row.effective_usd == Decimal("0.005234567")


def test_what_is_adjusted_is_looked_up_and_not_searched_for(path: Path) -> None:
    """A report over a million charges, of which a few are adjusted, depends on this."""
    fill(path, [priced("gpt-4o")])
    reprice(path, BY_CONTRACT)
    ran: list[tuple[str, tuple[object, ...]]] = []
    with open_for_reading(path) as connection:
        event.listen(
            connection, "before_cursor_execute", lambda c, cur, sql, p, *_: ran.append((sql, p))
        )
        list(sum_charges(connection, ["feature", "team"], START, None))
        plans = [
            [step[3] for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
            for sql, values in ran[-3:]
        ]
    assert plans[0] == ["SCAN charges USING COVERING INDEX charges_by_feature_and_team"]
    for plan in plans[1:]:
        assert plan[0].startswith("SCAN latest")
        assert any(step.startswith("SEARCH charges USING INDEX") for step in plan)


def test_the_documented_statement_gives_the_cost_then_and_now(path: Path) -> None:
    changed, other = priced("gpt-4o"), priced("gpt-4o-mini")
    fill(path, [changed, other])
    for by in (BY_CONTRACT, BUNDLED, BY_CONTRACT):
        reprice(path, by)
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert execute(path, statement) == [
        (changed.charge_id, pytest.approx(0.0075), pytest.approx(0.005234567)),
        (other.charge_id, pytest.approx(0.00045), pytest.approx(0.00045)),
    ]
