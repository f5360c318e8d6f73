"""Shows that a report loses no row, names what has no name, and puts the dearest first."""

from decimal import Decimal

import pytest

from otel_cost.reports.grouping import DIMENSIONS, build, parse
from tests.spend import make_row


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("feature,team", ("feature", "team")),
        (" team , feature ", ("team", "feature")),
        ("day", ("day",)),
        ("feature,feature", ("feature",)),
        ("tag:tier,tag:a:b", ("tag:tier", "tag:a:b")),
        (",".join(DIMENSIONS), DIMENSIONS),
    ],
)
def test_groupings(text: str, names: tuple[str, ...]) -> None:
    assert parse(text) == names


@pytest.mark.parametrize("text", ["", "feature,", "colour", "tag:", "Feature"])
def test_an_unknown_grouping_lists_the_valid_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"feature, team, user, session, .*, day, tag:NAME"):
        parse(text)


def test_lines_add_up_over_statuses() -> None:
    report = build(
        ["feature"],
        [
            make_row("a", usd="1.5", calls=2),
            make_row("a", usd="0", status="unpriced", tokens=(7, 3)),
        ],
    )
    ((names, sums),) = report.lines
    assert names == ("a",)
    assert (sums.calls, sums.input_tokens, sums.output_tokens) == (3, 17, 8)
    assert sums.cost_usd == Decimal("1.5")
    assert report.total == sums
    assert report.by_status["unpriced"].total_tokens == 10


def test_the_dearest_comes_first_and_equals_by_name() -> None:
    rows = [make_row("b"), make_row("z", usd="2"), make_row("a"), make_row("c", usd="-1")]
    assert [names for names, _ in build(["team"], rows).lines] == [("z",), ("a",), ("b",), ("c",)]


@pytest.mark.parametrize(
    ("dimension", "name"),
    [
        ("feature", "unattributed"),
        ("team", "unattributed"),
        ("user", "unattributed"),
        ("session", "unattributed"),
        ("customer", "unattributed"),
        ("tag:tier", "unattributed"),
        ("service", "unknown"),
        ("environment", "unknown"),
        ("model", "unknown"),
    ],
)
def test_what_nobody_named_has_a_line_of_its_own(dimension: str, name: str) -> None:
    report = build([dimension], [make_row(None), make_row("x", usd="3")])
    assert [names for names, _ in report.lines] == [("x",), (name,)]
    assert report.total.calls == 2


def test_a_value_that_is_called_unattributed_shares_that_line() -> None:
    report = build(["feature"], [make_row(None), make_row("unattributed")])
    assert [sums.calls for _, sums in report.lines] == [2]


def test_no_rows() -> None:
    report = build(["feature"], [])
    assert report.lines == ()
    assert report.total.calls == 0
