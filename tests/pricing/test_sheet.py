"""Dated, daily and conditional prices, on small books of our own."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_cost.pricing.engine import Engine
from tests.pricing.support import price, small_book

BASE = {"rates": {"input": "1", "cache_read": "0.1", "web_search": "10"}}
USAGE = {"input": 1_000_000}


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        ("2026-05-01T00:29:59Z", 1),
        ("2026-05-01T00:30:00Z", 2),
        ("2026-05-01T16:29:59Z", 2),
        ("2026-05-01T16:30:00Z", 1),
        ("2026-05-01T22:00:00Z", 3),
        ("2026-05-02T00:00:00Z", 3),
        ("2026-05-02T00:15:00Z", 1),
    ],
)
def test_daily_prices_hold_between_their_hours(tmp_path: Path, at: str, rate: int) -> None:
    day = {"daily": ["00:30", "16:30"], "rates": {"input": "2"}}
    night = {"daily": ["22:00", "00:15"], "rates": {"input": "3"}}
    engine = Engine(small_book(tmp_path, [BASE, day, night]))
    for warm in ("2026-05-01T00:00:00Z", "2026-05-01T12:00:00Z", "2026-05-01T23:00:00Z"):
        price(engine, "acme", "m", USAGE, at=warm)
        assert price(engine, "acme", "m", USAGE, at=at).effective_usd == rate


def test_a_promotion_ends_and_the_standing_price_returns(tmp_path: Path) -> None:
    promotion = {"from": "2026-05-01", "until": "2026-06-01", "rates": {"input": "0.5"}}
    engine = Engine(small_book(tmp_path, [BASE, promotion]))
    days = ("2026-04-30T23:59:59Z", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")
    rates = [price(engine, "acme", "m", USAGE, at=day).effective_usd for day in days]
    assert rates == [1, Decimal("0.5"), 1]


def test_before_its_first_price_a_model_is_unpriced(tmp_path: Path) -> None:
    engine = Engine(small_book(tmp_path, [{"from": "2026-05-01", "rates": {"input": "1"}}]))
    assert price(engine, "acme", "m", USAGE, at="2026-04-30T00:00:00Z").status == "unpriced"
    assert price(engine, "acme", "m", USAGE, at="2026-05-01T00:00:00Z").status == "exact"


def test_a_variant_leaves_open_what_it_does_not_name(tmp_path: Path) -> None:
    variant = {"when": ["batch"], "rates": {"input": "0.5"}}
    engine = Engine(small_book(tmp_path, [BASE], [variant]))
    assert price(engine, "acme", "m", {"input": 1, "web_search": 1}, batch=True).status == "exact"
    cached = price(engine, "acme", "m", {"cache_read": 10}, batch=True)
    assert (cached.status, cached.effective_usd) == ("estimated", Decimal("0.000001"))


def test_a_variant_without_rates_is_the_standard_price(tmp_path: Path) -> None:
    engine = Engine(small_book(tmp_path, [BASE], [{"when": ["batch"], "rates": {}}]))
    cost = price(engine, "acme", "m", USAGE, batch=True)
    assert (cost.status, cost.effective_usd) == ("exact", Decimal(1))


@pytest.mark.parametrize(
    ("said", "usd"),
    [
        ({"batch": True}, "0.5"),
        ({"geo": "us"}, "1.1"),
        ({"batch": True, "geo": "us"}, "0.55"),
        ({"batch": True, "geo": "us", "speed": "fast"}, None),
        ({"speed": "fast", "geo": "us"}, "2.2"),
        ({"speed": "fast", "geo": "eu"}, None),
    ],
)
def test_every_condition_is_covered_exactly_once(
    tmp_path: Path, said: dict[str, Any], usd: str | None
) -> None:
    variants = [{"when": ["speed=fast"], "rates": {"input": "2"}}]
    factors = [
        {"when": ["batch"], "not_with": ["speed=fast"], "x": "0.5"},
        {"when": ["geo=us"], "match": {"equals": ["m"]}, "x": "1.1"},
        {"when": ["geo=eu"], "match": {"equals": ["other"]}, "x": "1.1"},
    ]
    engine = Engine(small_book(tmp_path, [BASE], variants, factors))
    cost = price(engine, "acme", "m", {**USAGE, "web_search": 100}, **said)
    assert cost.unpriced == (() if usd else ("input",))
    assert cost.effective_usd == Decimal(usd or 0) + 1


def test_each_rate_may_have_its_own_thresholds(tmp_path: Path) -> None:
    rates = {"input": ["1", [100, "2"], [200, "4"]], "output": ["10", [150, "20"]]}
    engine = Engine(small_book(tmp_path, [{"rates": rates}]))

    def used(tokens: int) -> list[Decimal]:
        cost = price(engine, "acme", "m", {"input": tokens, "output": 1})
        return [line.rate_usd for line in cost.lines]

    assert [used(n) for n in (100, 101, 150, 151, 200, 201)] == [
        [1, 10],
        [2, 10],
        [2, 10],
        [2, 20],
        [2, 20],
        [4, 20],
    ]
