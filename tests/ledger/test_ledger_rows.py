"""Shows that money survives its two columns exactly, whatever its size and sign."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_cost.ledger.rows import columns, join, split, storable
from tests.charges import make_charge

MOST = Decimal(9_000_000_000_000)


@given(st.decimals(-MOST, MOST, places=12))
def test_twelve_decimals_are_exact(amount: Decimal) -> None:
    assert join(*split(amount)) == amount


@given(st.lists(st.decimals(-(10**7), 10**7, places=12)))
def test_columns_are_summed_one_by_one(amounts: list[Decimal]) -> None:
    pairs = [split(amount) for amount in amounts]
    assert join(sum(m for m, _ in pairs), sum(p for _, p in pairs)) == sum(amounts)


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("0.0000000000025", "0.000000000002"),
        ("-0.0000000000015", "-0.000000000002"),
        ("12345678.123456789012345", "12345678.123456789012"),
    ],
)
def test_the_thirteenth_decimal_is_rounded_half_to_even(amount: str, kept: str) -> None:
    assert join(*split(Decimal(amount))) == Decimal(kept)


def test_the_application_s_decimal_context_changes_nothing() -> None:
    with localcontext(prec=3):
        assert join(*split(Decimal("12345678.123456789012"))) == Decimal("12345678.123456789012")


def test_picos_are_never_negative() -> None:
    assert split(Decimal("-0.000000000001")) == (-1, 999_999)


def test_a_number_that_no_column_holds_is_refused() -> None:
    with pytest.raises(OverflowError, match="input_tokens"):
        storable(columns(make_charge(usage={"input": 2**63})))
