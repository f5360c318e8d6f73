"""Shows that sums over a ledger are exact, per group, and lose no charge."""

from decimal import Decimal
from pathlib import Path

import pytest

from otel_cost.ledger.location import LedgerError
from otel_cost.sources.ledger import read_spend
from tests.charges import START, make_charge
from tests.ledgers import execute, fill, url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


def test_sums_beyond_ten_million_dollars_are_exact(path: Path) -> None:
    amounts = ["9999999.999999999999", "9999999.999999999999", "0.000000000001", "-0.5"]
    ledger = fill(path, [make_charge(usd=usd) for usd in amounts])
    (row,) = read_spend(ledger, ["feature"])
    assert row.effective_usd == Decimal("19999999.499999999999")
    assert row.list_usd == row.attributed_usd == row.effective_usd


def test_sums_beyond_what_picodollars_in_64_bits_hold(path: Path) -> None:
    ledger = fill(path, [make_charge(usd="9223372.036854775807") for _ in range(50)])
    (row,) = read_spend(ledger, [])
    assert row.effective_usd == 50 * Decimal("9223372.036854775807")


def test_rows_are_apart_by_status_and_name_what_has_a_feature(path: Path) -> None:
    ledger = fill(
        path,
        [
            make_charge(usd="1", usage={"input": 1, "cache_read": 2, "output": 3, "reasoning": 4}),
            make_charge(usd="2", who={"feature": None}),
            make_charge(usd="0", status="unpriced"),
        ],
    )
    rows = {row.status: row for row in read_spend(ledger, ["team"])}
    assert [row.key for row in rows.values()] == [("search",)] * 2
    assert rows["exact"].effective_usd == 3
    assert rows["exact"].attributed_usd == 1
    assert (rows["exact"].input_tokens, rows["exact"].output_tokens) == (103, 107)
    assert rows["unpriced"].calls == 1


def test_a_group_without_any_feature_attributes_nothing(path: Path) -> None:
    (row,) = read_spend(fill(path, [make_charge(who={"feature": None})]), ["feature"])
    assert row.key == (None,)
    assert row.attributed_usd == 0


WHO = {
    "user_id": "u1",
    "session_id": "s1",
    "customer": "c1",
    "tags": {"tier": "gold", 'quo"ted': "q", "dotted.name": "d"},
}


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        ("feature", {"summarization"}),
        ("team", {"search"}),
        ("user", {"u1", None}),
        ("session", {"s1", None}),
        ("customer", {"c1", None}),
        ("model", {"gpt-4o-2024-08-06", "m"}),
        ("provider", {"openai", "anthropic"}),
        ("service", {"api", None}),
        ("environment", {"production", None}),
        ("operation", {"chat", "embeddings"}),
        ("status", {"exact", "partial"}),
        ("outcome", {"ok", "aborted"}),
        ("day", {"2026-11-18", "2026-11-19"}),
        ("tag:tier", {"gold", None}),
        ('tag:quo"ted', {"q", None}),
        ("tag:dotted.name", {"d", None}),
        ("tag:absent", {None}),
    ],
)
def test_every_grouping_finds_its_values(
    path: Path, dimension: str, values: set[str | None]
) -> None:
    other = make_charge(
        model="m",
        provider="anthropic",
        service=None,
        environment="",
        operation="embeddings",
        status="partial",
        outcome="aborted",
        started_at=START + 86_400 * 10**9,
    )
    ledger = fill(path, [make_charge(who=WHO, started_at=START), other])
    rows = read_spend(ledger, [dimension])
    assert {row.key[0] for row in rows} == values
    assert sum(row.calls for row in rows) == 2


def test_a_period_includes_its_start_and_not_its_end(path: Path) -> None:
    ledger = fill(path, [make_charge(started_at=START + n) for n in range(4)])
    assert sum(r.calls for r in read_spend(ledger, ["day"], START + 1, START + 3)) == 2


def test_the_default_grouping_reads_one_index_and_sorts_nothing(path: Path) -> None:
    """The statement that a report over a million charges depends on."""
    fill(path, [make_charge()])
    plan = execute(
        path,
        "EXPLAIN QUERY PLAN SELECT feature, team, cost_status, count(*), sum(input_tokens), "
        "sum(output_tokens), sum(list_micros), sum(list_picos), sum(effective_micros), "
        "sum(effective_picos) FILTER (WHERE feature IS NOT NULL) FROM charges "
        "WHERE started_at >= 5 GROUP BY feature, team, cost_status",
    )
    assert [row[3] for row in plan] == [
        "SCAN charges USING COVERING INDEX charges_by_feature_and_team"
    ]


def test_reading_never_makes_a_ledger(path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at"):
        read_spend(url(path), ["feature"])
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"feature,team\n" * 400])
def test_a_file_that_is_not_a_ledger_is_named_as_such(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="is not a ledger"):
        read_spend(url(path), ["feature"])
    assert path.read_bytes() == content


def test_a_newer_schema_is_not_guessed_at(path: Path) -> None:
    ledger = fill(path, [make_charge()])
    execute(path, "UPDATE otel_cost_schema SET version = 7")
    with pytest.raises(LedgerError, match="has schema 7"):
        read_spend(ledger, ["feature"])


def test_a_bad_url_is_named_by_its_option() -> None:
    with pytest.raises(ValueError, match=r"--ledger='costs\.db'"):
        read_spend("costs.db", ["feature"])
