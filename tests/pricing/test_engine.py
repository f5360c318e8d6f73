"""What the engine does with the bundled book: statuses, contexts, dates, long prompts."""

import decimal
from decimal import Decimal
from typing import Any

import pytest

from otel_cost.charge import Part
from otel_cost.pricing.engine import Engine
from otel_cost.usage import NO_USAGE, Usage
from tests.pricing.support import context, price

ENGINE = Engine()
CHAT = {"input": 1000, "output": 100}


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-7-foo"),
        ("openai", "gpt-6-sol-mini"),
        ("openai", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-6"),
        ("anthropic", "claude-opus-5-1"),
        ("nobody", "gpt-4o"),
        ("", ""),
        ("openai", "g" * 100_000),
    ],
)
def test_what_the_book_does_not_know_is_unpriced(provider: str, model: str) -> None:
    cost = price(ENGINE, provider, model, {**CHAT, "cache_read": 0})
    assert (cost.status, cost.effective_usd, cost.lines) == ("unpriced", Decimal(0), ())
    assert cost.unpriced == ("input", "output")


@pytest.mark.parametrize("said", [{"tier": "default"}, {"tier": "standard"}, {"speed": "standard"}])
@pytest.mark.parametrize("more", [{}, {"geo": "global"}, {"window": "soonest"}])
def test_standard_values_cost_the_standard_price(
    said: dict[str, Any], more: dict[str, Any]
) -> None:
    plain = price(ENGINE, "anthropic", "claude-opus-5", CHAT)
    assert price(ENGINE, "anthropic", "claude-opus-5", CHAT, **said, **more) == plain
    assert plain.status == "exact"


@pytest.mark.parametrize(
    "said",
    [
        {"tier": "scale"},
        {"tier": "auto"},
        {"speed": "warp"},
        {"geo": "mars"},
        {"region": "antarctica"},
        {"window": "99h"},
        {"batch": True, "speed": "fast"},
        {"tier": "flex", "geo": "us"},
    ],
)
def test_an_unknown_context_is_never_the_standard_price(said: dict[str, Any]) -> None:
    tokens = price(ENGINE, "anthropic", "claude-opus-5", CHAT, **said)
    assert (tokens.status, tokens.unpriced) == ("unpriced", ("input", "output"))
    mixed = price(ENGINE, "anthropic", "claude-opus-5", {**CHAT, "web_search": 3}, **said)
    assert (mixed.status, mixed.unpriced) == ("partial", ("input", "output"))
    assert mixed.effective_usd == Decimal("0.03")


def test_priority_and_fast_are_one_tier() -> None:
    priority = price(ENGINE, "openai", "gpt-4o", CHAT, tier="priority")
    assert priority == price(ENGINE, "openai", "gpt-4o", CHAT, tier="fast")
    assert priority.effective_usd == Decimal("0.00595")


def test_a_batch_tier_is_the_batch_price() -> None:
    by_tier = price(ENGINE, "anthropic", "claude-opus-5", CHAT, tier="batch")
    assert by_tier == price(ENGINE, "anthropic", "claude-opus-5", CHAT, batch=True)
    assert by_tier.effective_usd == price(ENGINE, "anthropic", "claude-opus-5", CHAT).list_usd / 2


def test_factors_compose_and_stand_on_the_line() -> None:
    cost = price(ENGINE, "anthropic", "claude-opus-5", CHAT, speed="fast", geo="us")
    assert cost.effective_usd == Decimal("0.0165")
    line = cost.lines[0]
    assert line.multipliers == (("geo=us", Decimal("1.1")),)
    assert (line.rate_usd, line.per) == (Decimal(10), 1_000_000)
    assert line.price_id == "bundled:anthropic/claude-opus-5@undated#speed=fast"


@pytest.mark.parametrize(
    ("model", "usd", "factor"), [("gpt-4o", "0.0035", ()), ("gpt-5.4", "0.0044", ("1.1",))]
)
def test_a_regional_host_costs_more_only_for_newer_models(
    model: str, usd: str, factor: tuple[str, ...]
) -> None:
    cost = price(ENGINE, "openai", model, CHAT, region="eu")
    assert cost.effective_usd == Decimal(usd)
    assert tuple(str(x) for _, x in cost.lines[0].multipliers) == factor


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        ("2025-06-09T23:59:59+00:00", "10"),
        ("2025-06-10T00:00:00+00:00", "2"),
        ("2025-06-10T01:00:00+02:00", "10"),
    ],
)
def test_a_price_holds_from_its_first_day_in_utc(at: str, rate: str) -> None:
    engine = Engine()
    assert price(engine, "openai", "o3", CHAT).lines[0].rate_usd == 2
    assert price(engine, "openai", "o3", CHAT, at=at).lines[0].rate_usd == Decimal(rate)


def test_a_multiplier_ends_on_its_day() -> None:
    usage = {"input": 1_000_000 // 4}
    now = price(ENGINE, "openai", "gpt-6.2-sol", usage, "2027-02-28T23:59:59Z", tier="ultrafast")
    then = price(ENGINE, "openai", "gpt-6.2-sol", usage, "2027-03-01T00:00:00Z", tier="ultrafast")
    assert (now.effective_usd, then.effective_usd) == (Decimal("1.5"), Decimal(3))


@pytest.mark.parametrize(
    ("usage", "rates"),
    [
        ({"input": 272_000, "output": 10}, ["2", "12"]),
        ({"input": 272_001, "output": 10}, ["4", "18"]),
        ({"input": 1, "cache_read": 272_000, "output": 10}, ["4", "0.4", "18"]),
        ({"input": 1, "cache_write_30m": 271_999, "output": 10}, ["2", "2.5", "12"]),
    ],
)
def test_a_long_prompt_cache_included_moves_the_whole_request(
    usage: dict[str, int], rates: list[str]
) -> None:
    cost = price(ENGINE, "openai", "gpt-5.6-terra", usage)
    assert [line.rate_usd for line in cost.lines] == [Decimal(rate) for rate in rates]


@pytest.mark.parametrize(
    ("model", "meter"),
    [("gpt-4o", "cache_write_30m"), ("gpt-4o-audio-preview", "input_audio"), ("gpt-4o", "images")],
)
def test_a_meter_without_a_rate_is_named_and_not_free(model: str, meter: str) -> None:
    cost = price(ENGINE, "openai", model, {**CHAT, meter: 5})
    assert (cost.status, cost.unpriced) == ("partial", (meter,))
    assert cost.effective_usd == price(ENGINE, "openai", model, CHAT).effective_usd


def test_a_cache_write_is_never_priced_as_another_duration() -> None:
    assert price(ENGINE, "anthropic", "claude-opus-5", {"cache_write_12h": 1}).status == "unpriced"
    assert price(ENGINE, "openai", "gpt-5.6-terra", {"cache_write_1h": 1}).status == "unpriced"


@pytest.mark.parametrize("usage", [{}, {"input": 0, "images": 0}])
def test_no_usage_of_a_known_model_costs_nothing(usage: dict[str, int]) -> None:
    cost = price(ENGINE, "openai", "gpt-4o", usage)
    assert (cost.status, cost.effective_usd, cost.lines) == ("exact", Decimal(0), ())


def test_no_usage_of_an_unknown_model_stays_unpriced() -> None:
    assert price(ENGINE, "openai", "gpt-7-foo", {"input": 0}).status == "unpriced"


def test_no_parts_are_unmetered() -> None:
    assert ENGINE.price("openai", [], context()).status == "unmetered"


def test_parts_are_priced_by_their_own_models() -> None:
    parts = [Part("claude-opus-5", Usage({"input": 10})), Part("claude-haiku-4-5", NO_USAGE)]
    parts += [Part("claude-haiku-4-5", Usage({"input": 10})), Part("nothing", Usage({"output": 1}))]
    cost = ENGINE.price("anthropic", parts, context())
    assert [(line.part, line.rate_usd) for line in cost.lines] == [(0, Decimal(5)), (2, Decimal(1))]
    assert (cost.status, cost.unpriced) == ("partial", ("output",))


def test_a_negative_quantity_is_not_priced() -> None:
    cost = price(ENGINE, "openai", "gpt-4o", {"input": -5, "output": 100})
    assert (cost.status, cost.unpriced, cost.effective_usd) == (
        "partial",
        ("input",),
        Decimal("0.001"),
    )


def test_a_fee_per_request_is_a_line_of_its_own() -> None:
    cost = price(ENGINE, "perplexity", "sonar", CHAT)
    assert [line.meter for line in cost.lines] == ["input", "output", "requests"]
    assert cost.effective_usd == Decimal("0.0131")


def test_a_rate_without_finite_digits_is_applied_to_the_whole_quantity() -> None:
    hour = price(ENGINE, "openai", "gpt-realtime-whisper", {"seconds": 3600})
    assert hour.effective_usd == Decimal("1.02")
    part = price(ENGINE, "openai", "gpt-realtime-whisper", {"seconds": Decimal("0.5")})
    assert part.effective_usd == Decimal("0.000141666666666667")


def test_the_applications_decimal_context_does_not_touch_money() -> None:
    usage = {"input": 123_456_789, "output": 987_654_321}
    expected = price(ENGINE, "openai", "o3", usage)
    strict = decimal.Context(prec=3, traps=[decimal.Inexact, decimal.Rounded])
    with decimal.localcontext(strict):
        assert price(Engine(), "openai", "o3", usage) == expected
    assert expected.effective_usd == Decimal("8148.148146")


def test_money_is_decimal_and_a_float_is_refused() -> None:
    cost = price(ENGINE, "openai", "gpt-4o", CHAT)
    for line in cost.lines:
        amounts = (line.rate_usd, line.list_usd, line.effective_usd)
        assert [type(amount) for amount in amounts] == [Decimal] * 3
    with pytest.raises(TypeError):
        price(ENGINE, "openai", "gpt-4o", {"input": 1.5})


def test_what_is_kept_of_hostile_model_names_is_bounded() -> None:
    engine = Engine()
    for number in range(1500):
        price(engine, "openai", f"gpt-{number}x", CHAT)
    assert len(engine._sheets) <= 1024
    assert price(engine, "openai", "gpt-4o", CHAT).status == "exact"


def test_the_line_says_which_entry_priced_it() -> None:
    line = price(ENGINE, "azure", "gpt-4o-2024-11-20", CHAT).lines[0]
    assert line.price_id == "bundled:openai/gpt-4o@undated"
    assert price(ENGINE, "openai", "o3", CHAT).lines[0].price_id == "bundled:openai/o3@2025-06-10"


def test_a_reseller_does_not_inherit_the_tiers_of_the_original() -> None:
    assert price(ENGINE, "azure", "gpt-4o", CHAT).status == "exact"
    assert price(ENGINE, "azure", "gpt-4o", CHAT, tier="priority").status == "unpriced"
