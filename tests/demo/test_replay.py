"""Replaying trace files: what is read, what is refused, what arrives in the ledger."""

from decimal import Decimal
from pathlib import Path

import pytest

from otel_cost.demo.errors import DemoError
from otel_cost.demo.parallel import replay_in_processes, suited
from otel_cost.demo.replay import Job
from otel_cost.demo.trace import Row, read_rows
from otel_cost.sources.ledger import read_spend

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
TIME = "2023-11-16 18:17:03.9799600"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


def test_rows_are_read_up_to_the_limit(trace: Path) -> None:
    trace.write_text(f"\ufeff{HEAD}{TIME},4808,10\r\n{TIME},0,8\r\n{TIME},x,y", encoding="utf-8")
    assert read_rows(trace, 2) == [Row(4808, 10), Row(0, 8)]
    assert read_rows(trace, 0) == []


def test_columns_may_stand_in_any_order(trace: Path) -> None:
    trace.write_text(f"GeneratedTokens,Model,TIMESTAMP,ContextTokens\n7,m,{TIME},5\n")
    assert read_rows(trace) == [Row(5, 7)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: there is no column TIMESTAMP"),
        ("TIMESTAMP,ContextTokens\n", "line 1: there is no column GeneratedTokens"),
        (f"{HEAD}{TIME},1,2\r\n{TIME},many,2", "line 3, column ContextTokens: 'many' is not a"),
        (f"{HEAD}{TIME},1,-2", "line 2, column GeneratedTokens: '-2' is not a whole number"),
        (f"{HEAD}{TIME},1.5,2", "line 2, column ContextTokens: '1.5' is not a whole number"),
        (f"{HEAD}{TIME},\u0663,2", "line 2, column ContextTokens: '\u0663' is not a whole"),
        (f"{HEAD}{TIME},1", "line 2, column GeneratedTokens: there is no value"),
        (f"{HEAD},1,2", "line 2, column TIMESTAMP: there is no value"),
        (f"{HEAD}{TIME},1,2,3", "line 2: there are more fields than columns"),
    ],
)
def test_a_bad_row_is_named(trace: Path, text: str, complaint: str) -> None:
    trace.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(DemoError) as failure:
        read_rows(trace)
    assert str(failure.value).startswith(f"{trace}, {complaint}")


def test_a_file_that_cannot_be_read_is_named(trace: Path) -> None:
    with pytest.raises(DemoError, match=r"trace\.csv: No such file"):
        read_rows(trace)
    trace.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DemoError, match=r"trace\.csv: this is not a text file in UTF-8"):
        read_rows(trace)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_row_becomes_a_charge(tmp_path: Path, processes: int) -> None:
    ledger = f"sqlite:///{tmp_path}/replay.db"
    rows = [Row(1000 + number, number) for number in range(61)]
    made: list[int] = []
    job = Job("code", "devtools", "gpt-4o", ledger)
    replay_in_processes(rows, job, made.append, processes)
    assert sum(made) == 61
    [spent] = read_spend(ledger, ("feature", "team", "model"))
    assert spent.key == ("code", "devtools", "gpt-4o-2024-08-06")
    assert (spent.status, spent.calls) == ("exact", 61)
    assert (spent.input_tokens, spent.output_tokens) == (61_000 + 1830, 1830)
    assert spent.effective_usd == (62_830 * Decimal("2.5") + 1830 * 10) / 1_000_000


def test_a_process_that_fails_is_heard() -> None:
    job = Job("code", "devtools", "gpt-4o", "sqlite:///")
    made: list[int] = []
    with pytest.raises(DemoError, match="a replaying process ended before its work was done"):
        replay_in_processes([Row(1, 1)] * 4, job, made.append, 2)
    assert sum(made) == 0


def test_only_long_replays_are_worth_another_process() -> None:
    assert suited(0) == suited(500) == 1
    assert 1 <= suited(20_000) <= 6
