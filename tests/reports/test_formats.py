"""Shows what a report looks like as a table, as CSV and as JSON."""

import csv
import io
import json

import pytest
from rich.console import Console

from otel_cost.reports.formats import cell, print_table, to_csv, to_json, to_text
from otel_cost.reports.grouping import Report, build
from otel_cost.sources.rows import SpendRow
from tests.spend import make_row

HEADER = "feature,team,calls,input_tokens,output_tokens,total_tokens,cost_usd"


def made(*rows: SpendRow) -> Report:
    return build(["feature", "team"], rows)


MIXED = made(
    make_row("chat", "web", usd="12345678.000000000001", calls=1500, tokens=(2_000_000, 10)),
    make_row("chat", None, usd="0.00000015"),
    make_row(None, None, usd="0", status="unpriced", attributed="0"),
)


def test_csv() -> None:
    assert to_csv(MIXED).split("\n") == [
        HEADER,
        "chat,web,1500,2000000,10,2000010,12345678.000000000001",
        "chat,unattributed,1,10,5,15,0.00000015",
        "unattributed,unattributed,1,10,5,15,0",
        "",
    ]


def test_csv_of_nothing_is_its_header() -> None:
    assert to_csv(made()) == f"{HEADER}\n"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\nx", " =1", "\u00a0-1", "\uff1d1", "\uff20x"],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert cell(text) == f"'{text}"
    report = build(["feature", "tag:x"], [make_row(text, text)])
    row = next(csv.DictReader(io.StringIO(to_csv(report), newline="")))
    assert row["feature"] == row["tag:x"] == f"'{text}"


@pytest.mark.parametrize("text", ["a=b", "a-b", "x", "", "'=1", "5-1", "日本"])
def test_other_text_stays(text: str) -> None:
    assert cell(text) == text


def test_a_negative_amount_stays_a_number() -> None:
    assert to_csv(made(make_row("a", "b", usd="-0.5"))).endswith(",-0.5\n")


def test_json() -> None:
    document = json.loads(to_json(MIXED))
    assert document["grouping"] == ["feature", "team"]
    assert document["rows"][0] == {
        "feature": "chat",
        "team": "web",
        "calls": 1500,
        "input_tokens": 2_000_000,
        "output_tokens": 10,
        "total_tokens": 2_000_010,
        "cost_usd": "12345678.000000000001",
        "list_usd": "12345678.000000000001",
    }
    assert document["total"]["cost_usd"] == "12345678.000000150001"
    assert document["attributed"] == {"cost_usd": "12345678.000000150001", "share_of_cost": "1"}
    assert document["not_priced"] == {
        "calls": 1,
        "share_of_calls": "0.000666",
        "unpriced": {"calls": 1, "tokens": 15},
        "unmetered": {"calls": 0, "tokens": 0},
        "partial": {"calls": 0, "tokens": 0},
    }


def test_json_of_nothing() -> None:
    document = json.loads(to_json(made()))
    assert document["rows"] == []
    assert document["attributed"]["share_of_cost"] is None


def test_text_has_every_name_whole_and_no_colour() -> None:
    name = "a-very-long-name-" * 12
    text = to_text(made(make_row(name, "[bold]web[/bold]"), make_row(None, "x")))
    assert name in text
    assert "[bold]web[/bold]" in text
    assert "unattributed" in text
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_text_shows_the_amounts_aligned_and_their_total() -> None:
    lines = to_text(made(make_row("a", "t", usd="1.25"), make_row("b", "t", usd="0.005")))
    amounts = [line.split()[-1] for line in lines.splitlines() if line.startswith(" ")]
    assert [a for a in amounts if a[0].isdigit()] == ["1.250", "0.005", "1.255"]


def test_text_of_nothing() -> None:
    assert to_text(made()) == "No charges.\n"


def test_a_narrow_terminal_cuts_no_name() -> None:
    out = io.StringIO()
    print_table(
        made(make_row("summarization-of-everything", "team-with-a-name")),
        Console(file=out, width=80, force_terminal=True, color_system="standard"),
    )
    assert "…" not in out.getvalue()
