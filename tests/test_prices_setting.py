"""Prices of one's own: a file named by the environment, and prices set in code."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

import otel_cost
from otel_cost.demo.providers import LocalProviders
from otel_cost.pricing import updates
from tests import wiring
from tests.demo.calls import chat
from tests.wiring import Charges

CONTRACT = (
    '[[contract]]\nprovider = "openai"\nmodel = "gpt-4o"\nrates = { input = "1", output = "2" }\n'
)


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture(scope="module")
def gpt(providers: LocalProviders) -> Iterator[OpenAI]:
    with wiring.clients(providers) as (client, _):
        yield client


def price(**rates: Any) -> otel_cost.Price:
    return otel_cost.Price(provider="openai", model="gpt-4o", rates=rates)


def price_ids(gpt: OpenAI) -> list[str]:
    """Which entries priced a call, one for each meter."""
    charges = Charges()
    chat(gpt)
    cost = charges.only().cost
    assert cost.status == "exact"
    return [line.price_id for line in cost.lines]


@pytest.fixture
def price_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(CONTRACT, encoding="utf-8")
    monkeypatch.setenv("OTEL_COST_PRICES", str(path))
    return path


@pytest.mark.usefixtures("price_file")
def test_the_price_file_of_the_environment_holds_before_the_book(gpt: OpenAI) -> None:
    otel_cost.instrument()
    assert price_ids(gpt) == ["org:openai/gpt-4o@undated"] * 2


@pytest.mark.usefixtures("price_file")
def test_prices_in_code_hold_before_the_file_and_replace_each_other(gpt: OpenAI) -> None:
    otel_cost.instrument(prices=[price(input="9")])
    assert price_ids(gpt) == ["code:openai/gpt-4o", "org:openai/gpt-4o@undated"]
    otel_cost.instrument()
    assert price_ids(gpt)[0] == "code:openai/gpt-4o"
    otel_cost.instrument(prices=[price(output="9")])
    assert price_ids(gpt) == ["org:openai/gpt-4o@undated", "code:openai/gpt-4o"]
    otel_cost.instrument(prices=[])
    assert price_ids(gpt) == ["org:openai/gpt-4o@undated"] * 2


def test_prices_in_code_go_with_the_installation(gpt: OpenAI) -> None:
    provider = wiring.Provider.exporting()
    otel_cost.configure(provider.tracing, prices=[price(input="9")])
    assert "code:openai/gpt-4o" in price_ids(gpt)
    otel_cost.shutdown()
    otel_cost.configure(provider.tracing)
    assert "code:openai/gpt-4o" not in price_ids(gpt)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "prices.toml: the price file cannot be read"),
        ("[[contract]]\n", "prices.toml:1: contract provider is missing"),
        ('[[discount]]\nname = "x"\nx = "much"\n', "prices.toml:3: discount x is 'much'"),
        ("[[", "prices.toml: this is not TOML"),
        (
            '[[definition]]\nmodel_name = "a"\nmatch_pattern = "(?=x)"\ninput_price = 1\n',
            "prices.toml:3: definition match_pattern '(?=x)' is refused by RE2",
        ),
    ],
)
def test_a_bad_file_is_said_once_with_its_line_and_stops_nothing(
    gpt: OpenAI,
    price_file: Path,
    caplog: pytest.LogCaptureFixture,
    text: str | None,
    said: str,
) -> None:
    price_file.unlink()
    if text is not None:
        price_file.write_text(text, encoding="utf-8")
    otel_cost.instrument(prices=[price(input="9")])
    otel_cost.instrument()
    ids = price_ids(gpt)
    assert ids[0] == "code:openai/gpt-4o"
    assert ids[1].startswith("bundled:")
    (message,) = wiring.said(caplog)
    assert "priced without OTEL_COST_PRICES" in message
    assert said in message


@pytest.mark.parametrize(
    ("prices", "error", "named"),
    [
        ([5], TypeError, r"prices\[0\] must be an otel_cost\.Price, not 5"),
        ([price(input="1"), price(tokens="1")], ValueError, r"prices\[1\] tokens is no meter"),
        ([price(input=0.1)], ValueError, r"prices\[0\] input is 0\.1; write US dollars"),
        ([price(input="-1")], ValueError, r"prices\[0\] input is '-1'"),
        ([price()], ValueError, r"prices\[0\] rates are {}"),
        (
            [otel_cost.Price("gpt-4o", {"input": "1"}, since="x")],
            ValueError,
            r"prices\[0\] from is 'x'",
        ),
    ],
)
@pytest.mark.parametrize("switch_on", [otel_cost.instrument, otel_cost.configure])
def test_a_bad_price_in_code_is_refused_before_anything_is_on(
    switch_on: Any, prices: Any, error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        switch_on(prices=prices)
    assert otel_cost.install._installed is None


def test_an_updated_book_is_used(
    gpt: OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otel_cost.pricing.book import BUNDLED, Book

    newer = tmp_path / "otel-cost" / "prices" / "2999-01-01+000000000000"
    newer.mkdir(parents=True)
    for part in BUNDLED.glob("*.json"):
        text = part.read_text(encoding="utf-8")
        (newer / part.name).write_text(text.replace(Book().version, newer.name), encoding="utf-8")
    (newer.parent / "current").write_text(newer.name, encoding="utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert updates.current() is not None
    otel_cost.instrument()
    assert {price_id.partition(":")[0] for price_id in price_ids(gpt)} == {"updated"}


def test_the_discount_of_the_file_is_on_what_is_recorded_by_hand(price_file: Path) -> None:
    price_file.write_text('[[discount]]\nx = "0.5"\n', encoding="utf-8")
    made = otel_cost.record(provider="openai", model="gpt-4o", usage={"input": 1_000_000})
    assert (made.cost.list_usd, made.cost.effective_usd) == (Decimal("2.5"), Decimal("1.25"))
