"""Shows what `otel-cost reprice` changes, when it asks, and that a kill is harmless."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli.app import app
from otel_cost.pricing.book import Book
from tests.charges import START
from tests.ledgers import documents, execute, fill, url
from tests.pricing.test_updates import book, set_input
from tests.repricing import CONTRACT, OWN_MODEL, many, priced
from tests.sizes import full_size, soak

CHARGES = 100_000 if full_size else 2_000
MOST_SECONDS = 20
"""For 100,000 charges; of processor time, as the machine may have other things to do."""
DAY = 86_400 * 10**9

Reprice = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


@pytest.fixture
def prices(tmp_path: Path) -> str:
    file = tmp_path / "prices.toml"
    file.write_text(CONTRACT + OWN_MODEL)
    return str(file)


@pytest.fixture
def reprice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reprice:
    for name in ("OTEL_COST_LEDGER", "OTEL_COST_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(app, ["reprice", *arguments])


def report(ledger: str, by: str = "status") -> Any:
    done = CliRunner().invoke(app, ["report", "--ledger", ledger, "--by", by, "--format", "json"])
    return json.loads(done.stdout)


def lines(text: str) -> list[str]:
    """The lines that say something, with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip(" \u2500")]


def adjustments(path: Path) -> int:
    ((count,),) = execute(path, "SELECT count(*) FROM adjustments")
    return int(count)


@pytest.fixture
def ledger(path: Path) -> str:
    return fill(
        path,
        [
            *(priced("acme-1") for _ in range(3)),
            priced("gpt-4o"),
            priced("gpt-4o-mini"),
            priced("acme-1", outcome="pending"),
        ],
    )


def test_a_price_that_was_missing_comes_from_the_price_file(
    reprice: Reprice, ledger: str, path: Path, prices: str
) -> None:
    before = report(ledger)
    assert before["total"]["cost_usd"] == "0.00795"
    assert before["not_priced"]["unpriced"]["calls"] == 4
    done = reprice("--ledger", ledger, "--prices", prices, "--yes")
    by = documents(path)[0]["adjustments"][0]["book"]
    assert (done.exit_code, lines(done.stdout)) == (
        0,
        [
            "Provider Model Calls Old (USD) New (USD) Difference (USD) Not priced",
            "openai acme-1 3 0.000000 0.006000 +0.006000 3 -> 0",
            "openai gpt-4o 1 0.007500 0.005235 -0.002265 0 -> 0",
            "Total 4 0.007500 0.011235 +0.003735 3 -> 0",
            f"4 charges of 6 cost something else by {by}; 1 left alone.",
            "Adjusted 4 charges.",
        ],
    )
    after = report(ledger)
    assert Decimal(after["total"]["cost_usd"]) == Decimal("0.011684567")
    assert after["total"]["list_usd"] == "0.01395"
    assert after["not_priced"]["unpriced"]["calls"] == 1
    assert {row["status"]: row["calls"] for row in after["rows"]} == {"exact": 5, "unpriced": 1}
    assert documents(path)[0]["cost"]["status"] == "unpriced"


def test_twice_adds_nothing(reprice: Reprice, ledger: str, path: Path, prices: str) -> None:
    reprice("--ledger", ledger, "--prices", prices, "--yes")
    before = execute(path, "SELECT * FROM adjustments")
    done = reprice("--ledger", ledger, "--prices", prices, "--yes")
    assert done.exit_code == 0
    assert done.stdout.startswith("0 charges of 6 cost something else by ")
    assert execute(path, "SELECT * FROM adjustments") == before


def test_a_dry_run_shows_the_same_and_writes_nothing(
    reprice: Reprice, ledger: str, path: Path, prices: str
) -> None:
    execute(path, "DROP TABLE adjustments", "PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    looked = reprice("--ledger", ledger, "--prices", prices, "--dry-run")
    assert path.read_bytes() == content
    written = reprice("--ledger", ledger, "--prices", prices, "--yes")
    assert looked.exit_code == 0
    assert written.stdout == looked.stdout + "Adjusted 4 charges.\n"


def test_charges_are_never_rewritten(
    reprice: Reprice, ledger: str, path: Path, prices: str
) -> None:
    tables = ("charges", "charge_details")
    before = [execute(path, f"SELECT * FROM {table}") for table in tables]
    reprice("--ledger", ledger, "--prices", prices, "--yes")
    assert [execute(path, f"SELECT * FROM {table}") for table in tables] == before


@pytest.mark.parametrize(
    ("period", "adjusted"),
    [
        ((), 4),
        (("--since", "2026-11-19"), 3),
        (("--until", "2026-11-20"), 2),
        (("--since", "2026-11-19", "--until", "2026-11-20"), 1),
        (("--since", "2027-01-01"), 0),
    ],
)
def test_a_period(
    reprice: Reprice, path: Path, prices: str, period: tuple[str, ...], adjusted: int
) -> None:
    ledger = fill(path, [priced("gpt-4o", at=START + n * DAY) for n in range(4)])
    assert reprice("--ledger", ledger, "--prices", prices, "--yes", *period).exit_code == 0
    assert adjustments(path) == adjusted


def test_a_book_in_a_file(reprice: Reprice, ledger: str, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_bytes(book("2026-12-01", set_input("3")))
    done = reprice("--ledger", ledger, "--book", str(file), "--yes")
    assert done.exit_code == 0
    assert "openai gpt-4o 1 0.007500 0.008000 +0.000500 0 -> 0" in lines(done.stdout)
    (adjusted,) = [d for d in documents(path) if "adjustments" in d]
    assert adjusted["adjustments"][0]["book"].startswith("2026-12-01+")
    # The bundled one takes it back.
    assert reprice("--ledger", ledger, "--book", "bundled", "--yes").exit_code == 0
    assert report(ledger)["total"]["cost_usd"] == "0.00795"
    assert adjustments(path) == 2


def test_the_updated_book(reprice: Reprice, ledger: str, tmp_path: Path) -> None:
    missing = reprice("--ledger", ledger, "--book", "updated", "--yes")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "no book newer than the bundled one" in missing.stderr
    file = tmp_path / "book.json"
    file.write_bytes(book("2026-12-01", set_input("3")))
    assert CliRunner().invoke(app, ["prices", "update", "--from", str(file)]).exit_code == 0
    for option in (("--book", "updated"), ()):
        done = reprice("--ledger", ledger, "--dry-run", *option)
        assert "+0.000500" in done.stdout
    assert reprice("--ledger", ledger, "--dry-run", "--book", "bundled").stdout == (
        f"0 charges of 6 cost something else by {Book().version}; 1 left alone.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--book", "absent.json", "--yes"], "--book absent.json cannot be read: No such file"),
        (["--book", "prices.toml", "--yes"], "--book prices.toml is refused: it is not JSON"),
        (["--prices", "absent.toml", "--yes"], "absent.toml: the price file cannot be read"),
        (["--since", "soon", "--yes"], "'soon' is not a time"),
        (["--since", "1d", "--until", "2d", "--yes"], "--since 1d is not before --until 2d"),
        (["--ledger", "absent.db", "--yes"], "--ledger='absent.db' is not a URL"),
        (["--ledger", "sqlite:///absent.db", "--yes"], "there is no ledger at"),
        ([], "give --yes to write adjustments, or --dry-run to look"),
    ],
)
def test_bad_input_is_one_clear_line(
    reprice: Reprice,
    ledger: str,
    path: Path,
    prices: str,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = reprice("--ledger", ledger, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("otel-cost: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent.db").exists()
    assert adjustments(path) == 0


def test_no_ledger_named(reprice: Reprice) -> None:
    done = reprice("--yes")
    assert done.exit_code == 2
    assert "give --ledger sqlite:///path or set OTEL_COST_LEDGER" in done.stderr


def run(before: str, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
    """`otel-cost reprice` in a process of its own, after the statements `before`."""
    code = f"import sys\n{before}\nfrom otel_cost.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "reprice", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize(("answer", "status", "adjusted"), [("n", 1, 0), ("y", 0, 4)])
def test_it_asks_after_it_has_shown(
    ledger: str, path: Path, prices: str, answer: str, status: int, adjusted: int
) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        process = run("pass", "--ledger", ledger, "--prices", prices, stdin=theirs)
        out, err = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (process.returncode, adjustments(path)) == (status, adjusted)
    assert "acme-1" in out
    assert "Adjust 4 charges? [y/N]" in err
    assert ("nothing was written" in err) is (answer == "n")


KILLED = """
import os, signal
from sqlalchemy import Engine, event
from otel_cost.ledger import adjustments
adjustments.BATCH = {batch}
seen = []

def kill(connection, cursor, sql, *rest):
    if sql.startswith("INSERT INTO adjustments"):
        seen.append(sql)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", kill)
"""
"""Kills the process when it has inserted a third batch and not yet committed it."""

STATE = (
    "SELECT charge_id, number, cost_status, list_micros, list_picos, effective_micros, "
    "effective_picos, difference_micros, difference_picos, book, reason, details "
    "FROM adjustments ORDER BY charge_id, number"
)
"""All that an adjustment says but when it was written."""


@soak
@pytest.mark.timeout(900)
def test_killed_half_way_and_started_again_it_ends_in_the_same_state(
    reprice: Reprice,
    path: Path,
    prices: str,
    record_property: Callable[[str, object], None],
) -> None:
    ledger = many(path, CHARGES)
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.with_name("whole.db")
    whole.write_bytes(path.read_bytes())

    batch = CHARGES // 5
    options = ("--prices", prices, "--yes")
    process = run(KILLED.format(batch=batch), "--ledger", ledger, *options)
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert adjustments(path) == 2 * batch
    assert report(ledger)["total"]["calls"] == CHARGES

    started = time.process_time()
    assert reprice("--ledger", url(whole), *options).exit_code == 0
    took = time.process_time() - started
    done = reprice("--ledger", ledger, *options)
    assert f"Adjusted {CHARGES - 2 * batch:,} charges." in done.stdout
    assert execute(path, STATE) == execute(whole, STATE)
    assert report(ledger) == report(url(whole))
    assert took < MOST_SECONDS
    record_property("claim", f"reprice: {CHARGES:,} charges in {took:.1f} s of processor time")


def test_progress_is_shown_beside_the_result(ledger: str, prices: str) -> None:
    process = run("pass", "--ledger", ledger, "--prices", prices, "--yes")
    out, err = process.communicate(timeout=60)
    assert "Pricing" in err
    assert "6/6" in err
    assert "4/4" in err
    assert "Pricing" not in out
