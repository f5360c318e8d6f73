"""Shows that the sentences under a report say the right numbers."""

from decimal import Decimal

import pytest

from otel_cost.reports.grouping import build
from otel_cost.reports.summary import percent, sentences, share, usd
from otel_cost.sources.rows import SpendRow
from tests.spend import make_row


def said(*rows: SpendRow) -> list[str]:
    return list(sentences(build(["feature"], rows)))


def test_everything_attributed_and_priced() -> None:
    total, attributed, priced = said(make_row("a", usd="1234.5", calls=1000))
    assert total == "Total: $1,234.50 for 1,000 calls."
    assert attributed == (
        "Attributed: 100 % of the spend, that is $1,234.50, names the feature it was for; "
        "$0.00 names none."
    )
    assert priced == "Not priced: none; the total covers every call."


def test_what_is_not_known_is_named_by_kind() -> None:
    total, attributed, *rest = said(
        make_row("a", usd="6", calls=90),
        make_row(None, usd="2", calls=3, status="estimated", attributed="0"),
        make_row("a", usd="0", calls=4, status="unpriced", tokens=(1000, 234)),
        make_row("a", usd="0", calls=1, status="unmetered", tokens=(0, 0)),
        make_row(None, usd="0.5", calls=2, status="partial", tokens=(40, 2), attributed="0"),
    )
    assert total == "Total: $8.50 for 100 calls."
    assert "70.6 % of the spend, that is $6.00, names the feature" in attributed
    assert attributed.endswith("$2.50 names none.")
    assert rest == [
        "Not priced: 7 % of the calls (7 of 100); the true cost is higher than the total.",
        "  unpriced: 4 calls, 1,234 tokens: no price is known; these tokens are not in the cost.",
        "  unmetered: 1 call: what was used is not known and not in the cost.",
        "  partial: 2 calls, 42 tokens: part of it is not known; that part is not in the cost.",
        "Estimated: 3 calls with a cost of $2.00, which is in the total.",
    ]


def test_a_share_of_nothing_is_not_claimed() -> None:
    assert said(make_row("a", usd="0"))[1] == (
        "Attributed: $0.00, names the feature it was for; $0.00 names none."
    )


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 4, Decimal("0.25")), (0, 1, Decimal(0)), (0, 0, None), (-1, 4, None), (5, 4, None)],
)
def test_share(part: int, whole: int, expected: Decimal | None) -> None:
    assert share(part, whole) == expected


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        ("0", "0 %"),
        ("1", "100 %"),
        ("0.1", "10 %"),
        ("0.00001", "0.1 %"),
        ("0.99999", "99.9 %"),
        ("0.3333", "33.3 %"),
    ],
)
def test_percent_says_none_and_all_only_where_it_is_so(fraction: str, shown: str) -> None:
    assert percent(Decimal(fraction)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("12345678.9", "$12,345,678.90"),
        ("0.000001", "$0.000001"),
        ("-3.25", "-$3.25"),
        ("-0.0000001", "$0.00"),
    ],
)
def test_usd(amount: str, shown: str) -> None:
    assert usd(Decimal(amount)) == shown
