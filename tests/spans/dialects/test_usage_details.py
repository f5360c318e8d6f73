"""Shows that Langfuse's usage details are read in every spelling, and what is guessed of them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from otel_cost.spans.dialects import langfuse
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.usage import Meter


def by_hand(details: object, model: str = "gpt-5.4", **more: Any) -> SpanCall:
    """What is read of a generation that the application made itself."""
    said = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": model,
        "langfuse.observation.usage_details": json.dumps(details),
        **more,
    }
    assert langfuse.kind("my generation", said) == "call"
    return langfuse.read("my generation", said)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"input": 100, "output": 20}, {"input": 100, "output": 20}),
        ({"promptTokens": 100, "completionTokens": 20}, {"input": 100, "output": 20}),
        ({"input": "100", "output": "20"}, {"input": 100, "output": 20}),
        ({"input": 100, "output": 20.0, "total": 120}, {"input": 100, "output": 20}),
        (
            {"input": 70, "input_cached_tokens": 30, "output": 15, "output_reasoning_tokens": 5},
            {"input": 70, "cache_read": 30, "output": 15, "reasoning": 5},
        ),
        (
            {"input": 70, "input_cache_read": 30, "output": 20, "total": 120},
            {"input": 70, "cache_read": 30, "output": 20},
        ),
        # The total says that the parts are within the input.
        (
            {"input": 100, "cache_read_input_tokens": 30, "output": 20, "total": 120},
            {"input": 70, "cache_read": 30, "output": 20},
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 30},
            {"input": 70, "cache_read": 30, "output": 20},
        ),
        (
            {"input": 60, "input_cache_creation": 40, "output": 20},
            {"input": 60, "cache_write_30m": 40, "output": 20},
        ),
        (
            {"input": 50, "input_audio_tokens": 50, "output": 10, "output_audio": 10},
            {"input": 50, "input_audio": 50, "output": 10, "output_audio": 10},
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {"input": 70, "cache_read": 30, "output": 15, "reasoning": 5},
        ),
        (
            {
                "input_tokens": 100,
                "output_tokens": 20,
                "input_tokens_details": {"cached_tokens": 30},
                "output_tokens_details": {"reasoning_tokens": 5},
            },
            {"input": 70, "cache_read": 30, "output": 15, "reasoning": 5},
        ),
        ({"input": 100, "total": 120}, {"input": 100, "output": 20}),
        ({"output": 20, "total": 120}, {"input": 100, "output": 20}),
    ],
)
def test_spellings_of_openai(details: dict[str, Any], expected: dict[Meter, int]) -> None:
    usage = by_hand(details).usage
    assert usage is not None
    assert dict(usage.quantities) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        # Anthropic's own object leaves the cache out of the input.
        (
            {
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 40,
                "cache_creation": {"ephemeral_1h_input_tokens": 15},
                "server_tool_use": {"web_search_requests": 2},
            },
            {
                "input": 10,
                "cache_read": 30,
                "cache_write_5m": 25,
                "cache_write_1h": 15,
                "output": 20,
                "web_search": 2,
            },
        ),
        (
            {
                "input": 10,
                "output": 20,
                "cache_read_input_tokens": 30,
                "input_cache_creation_5m": 25,
                "input_cache_creation_1h": 15,
            },
            {
                "input": 10,
                "cache_read": 30,
                "cache_write_5m": 25,
                "cache_write_1h": 15,
                "output": 20,
            },
        ),
    ],
)
def test_spellings_of_anthropic(details: dict[str, Any], expected: dict[Meter, int]) -> None:
    usage = by_hand(details, "claude-sonnet-4-5").usage
    assert usage is not None
    assert dict(usage.quantities) == expected


def test_totals_alone_are_a_guess_for_a_cache_may_be_in_them() -> None:
    assert by_hand({"input": 100, "output": 20}).rough
    assert "cache" in by_hand({"prompt_tokens": 100, "completion_tokens": 20}).note
    assert not by_hand({"input": 100, "output": 20, "input_cached_tokens": 0}).rough


def test_a_bucket_of_an_unknown_name_makes_the_cost_a_lower_bound() -> None:
    call = by_hand({"input": 100, "input_cached_tokens": 5, "input_smell": 7, "output": 20})
    assert "input" in call.unknown
    assert call.usage is not None
    assert call.usage.input_tokens == 105


@pytest.mark.parametrize(
    "details", [{}, [], 5, {"input": 0, "output": 0}, {"total": 120}, {"input": -5, "output": None}]
)
def test_what_says_no_usage(details: object) -> None:
    assert by_hand(details).usage is None


def test_an_embedding_may_have_a_total_alone() -> None:
    call = langfuse.read(
        "embed",
        {
            "langfuse.observation.type": "embedding",
            "langfuse.observation.usage_details": '{"total": 17}',
        },
    )
    assert call.operation == "embeddings"
    assert call.usage is not None
    assert dict(call.usage.quantities) == {"input": 17}


@pytest.mark.parametrize(
    ("costs", "usd"),
    [
        ({"total": 0.25}, Decimal("0.25")),
        ({"input": 0.1, "output": 0.2}, Decimal("0.3")),
        ({"input": 0.1, "output": 0.2, "input_cached_tokens": 0.1}, None),
        ({}, None),
    ],
)
def test_a_cost_is_the_total_or_both_halves(costs: dict[str, float], usd: Decimal | None) -> None:
    more = {"langfuse.observation.cost_details": json.dumps(costs)}
    assert by_hand({"input": 1, "output": 1}, **more).stated_usd == usd


def test_without_details_of_langfuses_those_of_the_convention_are_read() -> None:
    said = {
        "langfuse.observation.type": "generation",
        "gen_ai.response.model": "gpt-5.4",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 30,
    }
    call = langfuse.read("x", said)
    assert call.usage is not None
    assert dict(call.usage.quantities) == {"input": 70, "cache_read": 30, "output": 20}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({}, "other"),
        ({"langfuse.observation.type": "span"}, "around"),
        ({"langfuse.observation.type": "agent"}, "around"),
        ({"langfuse.observation.type": "retriever"}, "around"),
        ({"langfuse.observation.type": "generation"}, "call"),
        ({"langfuse.observation.type": "embedding"}, "call"),
        # The server knows lower case only.
        ({"langfuse.observation.type": "GENERATION"}, "around"),
    ],
)
def test_kinds(said: dict[str, str], kind: str) -> None:
    assert langfuse.kind("anything", said) == kind
    assert langfuse.kind("OpenAI-generation", {}) == "call"
