"""What a price file gets wrong is said with its line, and what layers it makes wins per rate."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import (
    PriceFileError,
    load_organisation,
    parse_organisation,
)
from otel_cost.pricing.own import Organisation, Price, PriceError
from tests.pricing.support import price, small_book

MILLION = 1_000_000
OPUS = ("anthropic", "claude-opus-5")


def organisation(text: str) -> Organisation:
    return parse_organisation(text)


def contract(rates: str, more: str = "") -> str:
    named = 'provider = "anthropic"\nmodel = "claude-opus-5"'
    return f"[[contract]]\n{named}\n{more}\nrates = {{ {rates} }}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[[contract]\n", "", "this is not TOML"),
        ("\n[[contrct]]\n", 2, "contrct is unknown"),
        ('[[discount]]\nx = "0.9"\n\n[[discount]]\nx = "much"\n', 5, "discount x is 'much'"),
        ("[[discount]]\nx = -1\n", 2, "no non-negative number"),
        ("[[discount]]\nx = true\n", 2, "decimal in quotes"),
        ('[[discount]]\nprovider = "openai"\n', 1, "discount x is missing"),
        ('[[discount]]\nx = "0.9"\nfor = "openai"\n', 3, "discount for is unknown"),
        ('[[discount]]\nx = "0.9"\nfrom = 2026-02-01\nuntil = 2026-02-01\n', 4, "not after"),
        ('[[discount]]\nx = "0.9"\nfrom = "soon"\n', 3, "no day such as"),
        ("[discount]\nx = 1\n", 1, "write [[discount]], in two brackets"),
        (contract('imput = "1"'), 5, "contract imput is no meter"),
        (contract('input = "nan"'), 5, "contract input is 'nan'"),
        (contract('input = "1"', 'when = "batch"'), 4, "contract when is 'batch'"),
        (contract('input = "1"', 'when = ["night"]'), 4, "contract when holds 'night'"),
        (contract('input = "1"', "inherit = 1"), 4, "contract inherit is 1"),
        ('[[contract]]\nprovider = "x"\nmodel = "a*b"\nrates = { input = 1 }\n', 3, "at the end"),
        ('[[model]]\nprovider = "x"\nmodel = "a"\n', 1, "model rates is missing"),
        ('[azure.deployments]\na = "b"\nprod = 5\n', 3, "azure prod is 5"),
        ('[[fine_tune]]\nmodel = "ft:a"\n', 1, "fine_tune base is missing"),
        ('[trust]\nprovider_cost = "openrouter"\n', 2, "trust provider_cost is missing"),
        (
            '[[definition]]\nmodel_name = "m"\nmatch_pattern = "(?=a)"\ninput_price = 1\n',
            3,
            "definition match_pattern '(?=a)' is refused by RE2",
        ),
        ('[[definition]]\nmodel_name = "m"\nmatch_pattern = "m"\n', 1, "prices are missing"),
        (
            '[[definition]]\nmodel_name = "m"\nmatch_pattern = "m"\nunit = "MILES"\n',
            4,
            "unit is 'MILES'; choose TOKENS, CHARACTERS, IMAGES, MILLISECONDS, SECONDS",
        ),
        (
            '[[definition]]\nmodel_name = "m"\nmatch_pattern = "m"\ninput_price=1\ntotal_price=2\n',
            5,
            "give it alone",
        ),
    ],
)
def test_a_mistake_is_said_with_its_line(text: str, line: int | str, said: str) -> None:
    with pytest.raises(PriceFileError) as caught:
        parse_organisation(text, "prices.toml")
    message = str(caught.value)
    assert message.startswith(f"prices.toml:{line}")
    assert said in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match=r"none\.toml: the price file cannot be read: No such"):
        load_organisation(tmp_path / "none.toml")


def test_without_re2_a_pattern_is_refused_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "re2", None)
    text = '[[definition]]\nmodel_name = "m"\nmatch_pattern = "m"\ninput_price = 1\n'
    with pytest.raises(PriceFileError, match=r'pip install "otel-cost\[prices\]"'):
        parse_organisation(text)
    parse_organisation(contract('input = "1"'))


@pytest.mark.parametrize(
    ("more", "cached"), [("", "0.4"), ("inherit = true", "0.5"), ("inherit = false", "0.4")]
)
def test_what_derives_from_a_contract_rate_moves_unless_it_is_inherited(
    more: str, cached: str
) -> None:
    engine = Engine(organisation=organisation(contract('input = "4"', more)))
    cost = price(engine, *OPUS, {"cache_read": MILLION, "output": MILLION})
    assert [line.effective_usd for line in cost.lines] == [Decimal(cached), Decimal(25)]


def test_long_prompts_multiply_a_contract_rate_as_the_list() -> None:
    text = '[[contract]]\nprovider="openai"\nmodel="gpt-5.6-terra"\nrates={input="1"}\n'
    cost = price(
        Engine(organisation=organisation(text)), "openai", "gpt-5.6-terra", {"input": 300_000}
    )
    assert [line.rate_usd for line in cost.lines] == [2]
    assert (cost.list_usd, cost.effective_usd) == (Decimal("1.2"), Decimal("0.6"))


@pytest.mark.parametrize("said", [{"tier": "mystery"}, {"region": "moon"}])
def test_a_contract_does_not_hold_in_a_context_that_the_book_does_not_know(
    said: dict[str, Any],
) -> None:
    engine = Engine(organisation=organisation(contract('input = "4"')))
    assert price(engine, *OPUS, {"input": 1}, **said).status == "unpriced"


def test_a_contract_rate_for_a_condition_is_not_multiplied_by_it() -> None:
    text = contract('input = "5"', 'when = ["geo=us"]')
    line = price(Engine(organisation=organisation(text)), *OPUS, {"input": MILLION}, geo="us")
    assert (line.effective_usd, line.lines[0].multipliers) == (Decimal(5), ())


def test_code_wins_over_the_file_and_the_file_over_the_book() -> None:
    text = contract('input = "4", output = "20"')
    code = Price("claude-opus-5", {"input": "3"}, provider="anthropic")
    engine = Engine(organisation=organisation(text), overrides=[code])
    usage = {"input": MILLION, "output": MILLION, "web_search": 1000}
    lines = {line.meter: line for line in price(engine, *OPUS, usage).lines}
    assert {m: line.rate_usd for m, line in lines.items()} == {
        "input": 3,
        "output": 20,
        "web_search": 10,
    }
    assert [line.price_id.partition(":")[0] for line in lines.values()] == [
        "code",
        "org",
        "bundled",
    ]


def test_an_updated_book_wins_rate_by_rate(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = small_book(tmp_path / "old", [{"rates": {"input": "1", "output": ["2", [100, "3"]]}}])
    new = small_book(tmp_path / "new", [{"rates": {"input": ["5", [50, "6"]]}}])
    engine = Engine(old, updated=new)
    for tokens, rates in ((10, [5, 2]), (60, [6, 2]), (101, [6, 3])):
        cost = price(engine, "acme", "m", {"input": tokens, "output": 1})
        assert [line.rate_usd for line in cost.lines] == rates


def test_the_most_precise_discount_holds_alone() -> None:
    engine = Engine(
        organisation=organisation(
            '[[discount]]\nx = "0.9"\n[[discount]]\nprovider = "anthropic"\nx = "0.8"\n'
            '[[discount]]\nmodel = "claude-opus-*"\nx = "0.7"\n'
            '[[discount]]\nmodel = "claude-opus-5"\nx = "0.6"\nuntil = 2026-11-01\n'
        )
    )
    cases = {
        ("openai", "gpt-4o", "2026-11-15T00:00:00Z"): "0.9",
        ("anthropic", "claude-haiku-4-5", "2026-11-15T00:00:00Z"): "0.8",
        ("anthropic", "claude-opus-5", "2026-11-15T00:00:00Z"): "0.7",
        ("anthropic", "claude-opus-5", "2026-10-31T23:59:59Z"): "0.6",
    }
    for (provider, model, at), x in cases.items():
        cost = price(engine, provider, model, {"input": MILLION}, at)
        assert cost.effective_usd == cost.list_usd * Decimal(x)
        assert [str(factor) for _, factor in cost.lines[0].multipliers] == [x]


def test_a_discount_does_not_touch_a_contract_rate() -> None:
    text = contract('input = "4"') + '[[discount]]\nx = "0.5"\n'
    cost = price(
        Engine(organisation=organisation(text)), *OPUS, {"input": MILLION, "output": MILLION}
    )
    assert [line.effective_usd for line in cost.lines] == [4, Decimal("12.5")]


@pytest.mark.parametrize(
    ("unit", "prices", "usage", "usd"),
    [
        ("CHARACTERS", "input_price = 0.000015", {"characters": 1000}, "0.015"),
        ("MILLISECONDS", "total_price = 0.0000001", {"seconds": Decimal("1.5")}, "0.00015"),
        ("SECONDS", "output_price = 0.5", {"seconds": 3}, "1.5"),
        ("IMAGES", "input_price = 0.04", {"images": 2}, "0.08"),
        ("TOKENS", "total_price = 0.001", {"input": 1, "cache_read": 1, "reasoning": 2}, "0.004"),
        ("TOKENS", "prices = { pages = 0.01 }", {"pages": 7}, "0.07"),
    ],
)
def test_definitions_price_any_unit(
    unit: str, prices: str, usage: dict[str, Any], usd: str
) -> None:
    text = f'[[definition]]\nmodel_name="m"\nmatch_pattern="^m$"\nunit="{unit}"\n{prices}\n'
    cost = price(Engine(organisation=organisation(text)), "acme", "m", usage)
    assert (cost.status, cost.effective_usd) == ("exact", Decimal(usd))


def test_a_definition_of_the_user_wins_over_the_book() -> None:
    text = '[[definition]]\nmodel_name="4o"\nmatch_pattern="4o$"\ninput_price=0.000001\n'
    engine = Engine(organisation=organisation(text))
    assert price(engine, "openai", "gpt-4o", {"input": MILLION}).effective_usd == 1
    assert price(engine, "openai", "gpt-4o-mini", {"input": MILLION}).effective_usd == Decimal(
        "0.15"
    )


@pytest.mark.parametrize(("model", "status"), [("My-Model", "exact"), ("my-model", "unpriced")])
def test_a_pattern_sees_the_name_as_it_is_written(model: str, status: str) -> None:
    text = '[[definition]]\nmodel_name="m"\nmatch_pattern="^My-Model$"\ninput_price=1\n'
    engine = Engine(organisation=organisation(text))
    assert price(engine, "acme", model, {"input": 1}).status == status


def test_of_equal_patterns_the_latest_that_has_started_holds() -> None:
    one = '[[definition]]\nmodel_name="m"\nmatch_pattern="^m$"\nstart_date={}\ninput_price={}\n'
    dates = (("2026-03-01", 3), ("2026-01-01", 1), ("2026-02-01", 2))
    engine = Engine(organisation=organisation("".join(one.format(*each) for each in dates)))
    for month, rate in ((1, 1), (2, 2), (3, 3), (9, 3)):
        cost = price(engine, "acme", "m", {"input": 1}, f"2026-{month:02}-15T00:00:00Z")
        assert cost.effective_usd == rate
    assert price(engine, "acme", "m", {"input": 1}, "2025-12-31T00:00:00Z").status == "unpriced"


def test_the_version_names_the_layers_in_force() -> None:
    alone = Engine().book_version
    first, second = (
        Engine(organisation=organisation(contract(f'input = "{usd}"'))).book_version
        for usd in (1, 2)
    )
    assert first.startswith(f"{alone} org:")
    assert first != second


def test_a_code_price_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(PriceError, match="decimal in quotes"):
        Engine(overrides=[Price("m", {"input": 0.1})])  # type: ignore[dict-item]
    with pytest.raises(PriceError, match="no meter"):
        Engine(overrides=[Price("m", {"tokens": "1"})])
