"""Shows which charges are priced again, as of when, and what is never claimed about them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from otel_cost.charge import Charge, Cost, Part
from otel_cost.ledger.repricing import Differences, adjust, repriced
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.own import Price
from otel_cost.usage import Usage
from tests.charges import make_charge
from tests.repricing import BUNDLED, CONTRACT, OWN_MODEL, engine, priced, stored

ZERO = Decimal(0)
TRUSTING = engine('[trust]\nprovider_cost = ["openai"]')
IN_CODE = Engine(overrides=[Price(provider="openai", model="gpt-4o", rates={"input": "2"})])


def stated() -> Charge:
    charge = priced("gpt-4o")
    cost = TRUSTING.price("openai", charge.parts, charge.context, Decimal("0.5"))
    return replace(charge, cost=cost)


@pytest.mark.parametrize(
    "charge",
    [
        pytest.param(priced("gpt-4o", outcome="pending"), id="pending"),
        pytest.param(
            priced("gpt-4o", cost=Cost("unmetered", ZERO, ZERO), usage_source="none"),
            id="unmetered",
        ),
        pytest.param(
            replace(priced("gpt-4o", cost=Cost("unmetered", ZERO, ZERO)), parts=()),
            id="without parts",
        ),
        pytest.param(
            priced("gpt-4o", outcome="error", cost=Cost("exact", ZERO, ZERO)), id="refused"
        ),
        pytest.param(stated(), id="stated by the provider"),
        pytest.param(priced("gpt-4o", by=IN_CODE), id="priced in code"),
    ],
)
def test_what_no_price_book_decides_is_left_alone(charge: Charge) -> None:
    found = Differences()
    assert adjust([stored(charge)], engine(CONTRACT).price, "b", 1, found) == []
    assert (found.looked_at, found.left_alone, found.by_model) == (1, 1, {})


def test_a_call_that_cost_something_before_it_failed_is_priced_again() -> None:
    charge = priced("gpt-4o", outcome="error")
    cost = repriced(stored(charge), engine(CONTRACT).price)
    assert cost is not None
    assert cost.effective_usd == Decimal("0.005234567")


@pytest.mark.parametrize(("day", "usd"), [(9, "10"), (10, "2")])
def test_the_prices_are_those_of_the_call_s_own_instant(day: int, usd: str) -> None:
    at = int(datetime(2025, 6, day, 23, 59, tzinfo=UTC).timestamp()) * 10**9
    wrong = Cost("exact", Decimal(1), Decimal(1), lines=make_charge().cost.lines)
    cost = repriced(stored(priced("o3", at=at, cost=wrong)), BUNDLED.price)
    assert cost is not None
    assert cost.lines[0].rate_usd == Decimal(usd)


def test_every_part_is_priced_at_its_own_model() -> None:
    parts = (
        Part("acme-1", Usage({"input": 10})),
        Part("gpt-4o", Usage({"seconds": Decimal("1.5")})),
    )
    cost = repriced(stored(priced("acme-1", parts=parts)), engine(OWN_MODEL).price)
    assert cost is not None
    assert (cost.status, cost.unpriced) == ("partial", ("seconds",))
    assert [(line.part, line.effective_usd) for line in cost.lines] == [(0, Decimal("0.00001"))]


def test_a_meter_of_unknown_amount_stays_unknown() -> None:
    charge = priced("gpt-4o")
    known = charge.cost
    cut = known._replace(status="partial", unpriced=("output",))
    charge = priced("gpt-4o", {"input": 1_000}, cost=cut)
    cost = repriced(stored(charge), BUNDLED.price)
    assert cost is not None
    assert (cost.status, cost.unpriced, cost.effective_usd) == (
        "partial",
        ("output",),
        Decimal("0.0025"),
    )


def test_usage_that_was_estimated_gives_no_exact_cost() -> None:
    cost = repriced(stored(priced("gpt-4o", usage_source="inferred")), BUNDLED.price)
    assert cost is not None
    assert cost.status == "estimated"


def test_another_layer_with_the_same_price_changes_nothing() -> None:
    same = engine('[[contract]]\nprovider="openai"\nmodel="gpt-4o"\nrates={input="2.5"}')
    charge = priced("gpt-4o", {"input": 1_000})
    cost = repriced(stored(charge), same.price)
    assert cost is not None
    assert cost.lines != charge.cost.lines
    assert adjust([stored(charge)], same.price, "b", 1, Differences()) == []


def test_a_picodollar_is_a_change() -> None:
    contract = engine(
        '[[contract]]\nprovider="openai"\nmodel="gpt-4o"\nrates={input="2.500001", output="10"}'
    )
    (row,) = adjust([stored(priced("gpt-4o", {"input": 1}))], contract.price, "b", 7, Differences())
    assert (row["difference_micros"], row["difference_picos"]) == (0, 1)
    assert (row["number"], row["adjusted_at"], row["book"]) == (1, 7, "b")
