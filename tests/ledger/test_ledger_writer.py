"""Shows that a ledger holds every charge once, whole, and for its owner's eyes only."""

import logging
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from otel_cost.charge import Charge, Cost, Part
from otel_cost.ledger.location import LedgerError
from otel_cost.ledger.writer import LedgerWriter
from otel_cost.usage import Usage
from tests.charges import START, make_charge
from tests.ledgers import documents, execute, fill, url

EACH = 2_000
"""Charges per process of the test that two write at once."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


CHARGES = {
    "plain": make_charge(),
    "bare": make_charge(
        who={"feature": None, "team": None},
        response_id=None,
        request_model=None,
        trace_id=None,
        span_id=None,
        service=None,
        environment=None,
        parts=(Part("m", Usage({})),),
        usage_source="none",
        outcome="error",
        cost=Cost("unmetered", Decimal(0), Decimal(0), unpriced=("input",)),
    ),
    "full": make_charge(
        who={
            "user_id": "u-1",
            "session_id": "s-1",
            "customer": "Åse & søn",
            "tags": {"tier": "gold", 'quo"ted': "日本"},
        },
        parts=(
            Part("a", Usage({"input": 3, "cache_read": 5, "reasoning": 7})),
            Part("b", Usage({"input": 11, "seconds": Decimal("1.25")})),
        ),
        first_token_at=START + 123_456_789,
    ),
    "thirteen decimals": make_charge(usd="0.1234567890123"),
    "negative": make_charge(usd="-3.25"),
}


@pytest.mark.parametrize("charge", CHARGES.values(), ids=CHARGES.keys())
def test_a_charge_comes_back_as_it_went_in(path: Path, charge: Charge) -> None:
    fill(path, [charge])
    assert documents(path) == [charge.as_dict()]


def test_a_batch_that_is_written_again_changes_nothing(path: Path) -> None:
    batch = [make_charge() for _ in range(3)]
    with closing(LedgerWriter(url(path))) as writer:
        writer.write(batch)
        writer.write([*batch, batch[0]])
        writer.write([])
    assert documents(path) == [charge.as_dict() for charge in batch]
    assert execute(path, "SELECT count(*) FROM charge_details") == [(3,)]


def test_a_period_includes_its_start_and_not_its_end(path: Path) -> None:
    batch = [make_charge(started_at=START + n) for n in range(4)]
    fill(path, batch)
    assert documents(path, START + 1, START + 3) == [c.as_dict() for c in batch[1:3]]


def test_a_charge_that_no_database_holds_does_not_hold_up_the_others(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = make_charge()
    bad = [make_charge(usage={"input": 10**30}), make_charge(usd="NaN")]
    with caplog.at_level(logging.WARNING, "otel_cost"):
        fill(path, bad)
        fill(path, [*bad, good])
    assert documents(path) == [good.as_dict()]
    assert "a charge that it cannot hold" in caplog.text


@pytest.mark.parametrize(
    ("model", "kept"), [("mod\udc80el", "mod?el"), (None, ""), ({"name": "m"}, "{'name': 'm'}")]
)
def test_what_a_strange_server_calls_its_model_is_kept_as_text(
    path: Path, model: object, kept: str
) -> None:
    good = make_charge()
    fill(path, [good, make_charge(model=model)])
    assert [document["model"] for document in documents(path)] == [good.model, kept]


def test_the_files_are_for_their_owner_only(path: Path) -> None:
    old = os.umask(0)
    try:
        with closing(LedgerWriter(url(path))) as writer:
            writer.write([make_charge()])
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(("costs.db", "costs.db-wal", "costs.db-shm"), 0o600)


def test_the_mode_of_an_existing_file_stays(path: Path) -> None:
    path.touch(0o640)
    path.chmod(0o640)
    fill(path, [make_charge()])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_to_nowhere_leads_to_a_private_file(path: Path) -> None:
    target = path.with_name("target.db")
    path.symlink_to(target)
    fill(path, [make_charge()])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_it_is_in_wal_mode(path: Path) -> None:
    fill(path, [make_charge()])
    assert execute(path, "PRAGMA journal_mode") == [("wal",)]


def test_making_a_writer_touches_no_file_and_loads_no_database_library(path: Path) -> None:
    code = (
        "import sys; from otel_cost.ledger.writer import LedgerWriter; "
        f"LedgerWriter({url(path)!r}).close(); print('sqlalchemy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
    assert not path.exists()


def test_without_sqlalchemy_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from otel_cost.ledger.writer import LedgerWriter\n"
        "try: LedgerWriter('sqlite:///costs.db')\n"
        "except ValueError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == 'a ledger needs SQLAlchemy: pip install "otel-cost[ledger]"\n'


def write_many(path: Path, together: Barrier, first: int) -> None:
    together.wait()
    with closing(LedgerWriter(url(path))) as writer:
        for start in range(first, first + EACH, 50):
            writer.write([make_charge(charge_id=str(n)) for n in range(start, start + 50)])


def test_two_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    processes = [
        spawn.Process(target=write_many, args=(path, together, n * EACH)) for n in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    ids = {int(document["charge_id"]) for document in documents(path)}
    assert ids == set(range(2 * EACH))
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]


def test_threads_that_open_a_new_ledger_at_once_agree(path: Path) -> None:
    together = threading.Barrier(8)
    failed: list[BaseException] = []

    def write() -> None:
        together.wait()
        try:
            fill(path, [make_charge()])
        except Exception as error:  # noqa: BLE001 - reported by the test
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(documents(path)) == 8
    assert execute(path, "SELECT version FROM otel_cost_schema") == [(1,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_a_connection_of_its_own(path: Path) -> None:
    with closing(LedgerWriter(url(path))) as writer:
        writer.write([make_charge(charge_id="before")])
        child = os.fork()
        if child == 0:
            status = 1
            try:
                inherited = writer._engine
                writer.write([make_charge(charge_id="child")])
                status = 0 if writer._engine is not inherited else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        writer.write([make_charge(charge_id="after")])
    assert {d["charge_id"] for d in documents(path)} == {"before", "child", "after"}
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_cost.ledger.sqlite.BUSY_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_batch_that_could_not_be_written_can_be_written_again(path: Path) -> None:
    batch = [make_charge()]
    with closing(LedgerWriter(url(path))) as writer:
        writer.write([make_charge()])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError, match="locked"):
                writer.write(batch)
            other.execute("ROLLBACK")
        writer.write(batch)
    assert len(documents(path)) == 2


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    fill(path, [make_charge()])
    execute(path, "UPDATE otel_cost_schema SET version = 2", "PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="has schema 2, and this otel_cost knows 1: upgrade"):
        fill(path, [make_charge()])
    assert path.read_bytes() == before


def test_the_database_of_another_application_is_left_alone(path: Path) -> None:
    execute(path, "CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="database of another application"):
        fill(path, [make_charge()])
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("name,amount\n" * 1_000)
    with pytest.raises(LedgerError, match="is not a ledger: not a SQLite database"):
        fill(path, [make_charge()])
    assert path.read_text() == "name,amount\n" * 1_000


def test_a_missing_folder_is_named(path: Path) -> None:
    with pytest.raises(LedgerError, match=r"the folder .*/absent for the ledger .* does not exist"):
        fill(path.parent / "absent" / "costs.db", [make_charge()])


def test_a_folder_is_no_ledger(path: Path) -> None:
    path.mkdir()
    with pytest.raises(LedgerError, match="cannot be opened"):
        fill(path, [make_charge()])


def test_after_a_failure_the_next_write_starts_afresh(path: Path) -> None:
    place = path.parent / "late"
    with closing(LedgerWriter(url(place / "costs.db"))) as writer:
        with pytest.raises(LedgerError):
            writer.write([make_charge()])
        place.mkdir()
        writer.write([make_charge()])
    assert len(documents(place / "costs.db")) == 1
