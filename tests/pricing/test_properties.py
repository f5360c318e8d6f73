"""What holds for every usage: costs add up, grow with usage, and are never negative."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otel_cost.charge import Cost
from otel_cost.cli.priced_calls import read_call
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import parse_organisation
from tests.pricing.support import price

LAYERS = """
[[discount]]
x = "0.93"
[[contract]]
provider = "anthropic"
model = "claude-haiku-5-5"
rates = { input = "0.07" }
[[contract]]
provider = "openai"
model = "gpt-5.6-terra"
rates = { output = "7", cache_write = "3.1" }
"""
ENGINE = Engine()
LAYERED = Engine(organisation=parse_organisation(LAYERS))
MODELS = (
    ("openai", "gpt-5.6-terra", 272_000),
    ("openai", "gpt-4o", None),
    ("anthropic", "claude-haiku-5-5", 100_000),
    ("google", "gemini-2.5-pro", 200_000),
)
METERS = ("input", "cache_read", "cache_write_5m", "output", "reasoning", "web_search")

engines = st.sampled_from((ENGINE, LAYERED))
models = st.sampled_from(MODELS)
contexts = st.sampled_from([{}, {"batch": True}, {"tier": "flex"}, {"tier": "unheard-of"}])
quantities = st.one_of(st.just(0), st.integers(1, 20_000), st.integers(0, 10**9))
usages = st.dictionaries(st.sampled_from(METERS), quantities)
short_usages = st.dictionaries(st.sampled_from(METERS), st.integers(0, 15_000))


def cost_of(
    engine: Engine, model: tuple[str, str, int | None], usage: dict[str, int], said: Any
) -> Cost:
    return price(engine, model[0], model[1], usage, **said)


@given(engines, models, usages, contexts)
def test_the_total_is_the_sum_of_the_lines_and_never_negative(
    engine: Engine, model: tuple[str, str, int | None], usage: dict[str, int], said: Any
) -> None:
    cost = cost_of(engine, model, usage, said)
    assert cost.list_usd == sum((line.list_usd for line in cost.lines), Decimal(0))
    assert cost.effective_usd == sum((line.effective_usd for line in cost.lines), Decimal(0))
    assert all(line.list_usd >= 0 for line in cost.lines)
    named = {line.meter for line in cost.lines} | set(cost.unpriced)
    assert named == {meter for meter, quantity in usage.items() if quantity}
    assert (cost.status in {"partial", "unpriced"}) == bool(cost.unpriced)


@given(engines, models, short_usages, short_usages, contexts)
def test_within_one_tier_costs_are_additive(
    engine: Engine,
    model: tuple[str, str, int | None],
    one: dict[str, int],
    other: dict[str, int],
    said: Any,
) -> None:
    both = {meter: one.get(meter, 0) + other.get(meter, 0) for meter in one | other}
    costs = [cost_of(engine, model, usage, said) for usage in (one, other, both)]
    for kind in ("list_usd", "effective_usd"):
        first, second, together = (getattr(cost, kind) for cost in costs)
        assert first + second == together


@given(engines, models, usages, st.sampled_from(METERS), quantities, contexts)
def test_more_usage_never_costs_less(
    engine: Engine,
    model: tuple[str, str, int | None],
    usage: dict[str, int],
    meter: str,
    more: int,
    said: Any,
) -> None:
    larger = {**usage, meter: usage.get(meter, 0) + more}
    dearer, cheaper = (cost_of(engine, model, u, said) for u in (larger, usage))
    assert dearer.list_usd >= cheaper.list_usd
    assert dearer.effective_usd >= cheaper.effective_usd


@given(engines, models, st.integers(0, 10**9), st.integers(0, 10**9), contexts)
def test_reasoning_is_output(
    engine: Engine,
    model: tuple[str, str, int | None],
    output: int,
    reasoning: int,
    said: Any,
) -> None:
    split = cost_of(engine, model, {"output": output, "reasoning": reasoning}, said)
    whole = cost_of(engine, model, {"output": output + reasoning}, said)
    assert (split.list_usd, split.effective_usd) == (whole.list_usd, whole.effective_usd)


tokens = st.integers(0, 10**6)


@given(tokens, tokens, st.lists(st.integers(0, 100), min_size=7, max_size=7))
def test_splitting_usage_across_meters_keeps_the_token_total(
    sent: int, received: int, shares: list[int]
) -> None:
    cached, written, heard, seen = (sent * share // 100 for share in shares[:4])
    reasoning, spoken = (received * share // 200 for share in shares[4:6])
    details = {
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": min(written, sent - cached),
            "audio_tokens": heard,
            "image_tokens": min(seen, sent - heard),
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": spoken},
    }
    usage = {"prompt_tokens": sent, "completion_tokens": received, **details}
    call = read_call(json.dumps({"provider": "openai", "model": "gpt-4o", "usage": usage}))
    assert sum(part.usage.total_tokens for part in call.parts) == sent + received
    assert all(quantity >= 0 for part in call.parts for quantity in part.usage.quantities.values())


@given(st.lists(tokens, min_size=6, max_size=6))
def test_an_anthropic_total_is_the_sum_of_its_counts(counts: list[int]) -> None:
    fresh, read, short, long, received, thinking = counts
    usage = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": long,
        },
        "output_tokens": received + thinking,
        "output_tokens_details": {"thinking_tokens": thinking},
    }
    call = read_call(json.dumps({"provider": "anthropic", "model": "m", "usage": usage}))
    assert call.parts[0].usage.total_tokens == sum(counts)
