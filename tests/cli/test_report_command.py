"""Shows what `otel-cost report` prints, writes, and says when it is asked for what is not there."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli.app import app
from tests.charges import START, make_charge
from tests.ledgers import execute, fill, url

HEADER = "feature,team,calls,input_tokens,output_tokens,total_tokens,cost_usd"

Report = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


@pytest.fixture
def ledger(path: Path) -> str:
    return fill(
        path,
        [
            make_charge(usd="2"),
            make_charge(usd="0.5", who={"feature": None, "team": None}),
            make_charge(usd="0", who={"feature": "=cmd()"}, status="unpriced"),
            make_charge(usd="1", who={"tags": {"tier": "gold"}}),
        ],
    )


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.delenv("OTEL_COST_LEDGER", raising=False)
    return lambda *arguments: CliRunner().invoke(app, ["report", *arguments])


def test_csv(report: Report, ledger: str) -> None:
    done = report("--ledger", ledger, "--format", "csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        HEADER,
        "summarization,search,2,200,200,400,3",
        "unattributed,unattributed,1,100,100,200,0.5",
        "'=cmd(),search,1,100,100,200,0",
    ]


def test_table(report: Report, ledger: str) -> None:
    done = report("--ledger", ledger)
    assert done.exit_code == 0
    assert "unattributed" in done.stdout
    assert "Total: $3.50 for 4 calls." in done.stdout
    assert "Attributed: 85.7 % of the spend, that is $3.00," in done.stdout
    assert "unpriced: 1 call, 200 tokens" in done.stdout
    assert "\x1b" not in done.stdout


def test_json(report: Report, ledger: str) -> None:
    document = json.loads(report("--ledger", ledger, "--format", "json").stdout)
    assert document["total"]["cost_usd"] == "3.5"
    assert [row["cost_usd"] for row in document["rows"]] == ["3", "0.5", "0"]


@pytest.mark.parametrize(
    ("by", "first"),
    [("tag:tier", ["unattributed,3", "gold,1"]), ("outcome,model", ["ok,gpt-4o-2024-08-06,4"])],
)
def test_other_groupings(report: Report, ledger: str, by: str, first: list[str]) -> None:
    lines = report("--ledger", ledger, "--by", by, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith(f"{by},calls,")
    assert [line[: len(start)] for line, start in zip(lines[1:], first, strict=True)] == first


def test_the_ledger_of_the_environment(
    report: Report, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_LEDGER", ledger)
    assert report("--format", "csv").stdout.startswith(HEADER)


def test_a_period(report: Report, path: Path) -> None:
    day = 86_400 * 10**9
    ledger = fill(path, [make_charge(started_at=START + n * day) for n in range(4)])
    period = ("--since", "2026-11-19", "--until", "2026-11-21")
    done = report("--ledger", ledger, "--by", "day", "--format", "csv", *period)
    assert [line.split(",")[0] for line in done.stdout.splitlines()[1:]] == [
        "2026-11-19",
        "2026-11-20",
    ]


def test_into_a_file(report: Report, ledger: str, tmp_path: Path) -> None:
    out = tmp_path / "spend.csv"
    out.write_text("old")
    out.chmod(0o644)
    done = report("--ledger", ledger, "--format", "csv", "-o", str(out))
    assert (done.exit_code, done.stdout) == (0, "")
    with out.open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 3
    assert {p.name for p in tmp_path.iterdir()} == {"costs.db", "spend.csv"}


def test_a_table_in_a_file_has_no_colours(report: Report, ledger: str, tmp_path: Path) -> None:
    report("--ledger", ledger, "-o", str(tmp_path / "spend.txt"))
    assert "\x1b" not in (tmp_path / "spend.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("output_format", "printed"), [("csv", f"{HEADER}\n"), ("table", "No charges.\n")]
)
def test_nothing_to_report(report: Report, ledger: str, output_format: str, printed: str) -> None:
    done = report("--ledger", ledger, "--since", "2200-01-01", "--format", output_format)
    assert done.exit_code == 0
    assert done.stdout == printed
    assert done.stderr == "otel-cost: the ledger holds no charges since 2200-01-01\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "colour"], "there is no grouping 'colour'; choose from feature, team, user"),
        (["--since", "soon"], "'soon' is not a time; write 30m, 24h, 7d"),
        (["--until", "2026-99-99"], "'2026-99-99' is not a time"),
        (["--since", "1d", "--until", "2d"], "--since 1d is not before --until 2d"),
        (["--format", "xml"], "there is no format 'xml'; choose from table, csv, json"),
        (["--ledger", "absent.db"], "--ledger='absent.db' is not a URL"),
        (["--ledger", "sqlite:///absent.db"], "there is no ledger at"),
        (["-o", "."], "is a folder; name a file in it"),
        (["-o", "absent/spend.csv"], "cannot be written: No such file or directory"),
    ],
)
def test_bad_input_is_one_clear_line(
    report: Report,
    ledger: str,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = report("--ledger", ledger, *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("otel-cost: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent.db").exists()


def test_no_ledger_named(report: Report) -> None:
    done = report()
    assert done.exit_code == 2
    assert "give --ledger sqlite:///path or set OTEL_COST_LEDGER" in done.stderr


def test_a_file_that_is_not_a_ledger(report: Report, path: Path) -> None:
    execute(path, "CREATE TABLE t (a)")
    done = report("--ledger", url(path))
    assert done.exit_code == 2
    assert "is not a ledger" in done.stderr


def test_a_damaged_ledger_is_one_clear_line(report: Report, path: Path, ledger: str) -> None:
    content = bytearray(path.read_bytes())
    content[200:] = b"\xff" * (len(content) - 200)
    path.write_bytes(content)
    done = report("--ledger", ledger)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"otel-cost: {path} ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("output_format", ["csv", "table"])
def test_a_reader_that_has_gone_away_ends_it_quietly(ledger: str, output_format: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "from otel_cost.cli import main; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "report", "--ledger", ledger, "--format", output_format],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
