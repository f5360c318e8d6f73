"""Usage given by hand: every shape people send becomes meters, nonsense is refused by its key."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args

import anthropic.types
import anthropic.types.beta
import openai.types.images_response
import pytest
from openai.types import CompletionUsage
from openai.types.responses import ResponseUsage
from pydantic import BaseModel

import otel_cost
from otel_cost.given import fields
from otel_cost.given.shapes import read_usage
from otel_cost.measured import Measured
from otel_cost.usage import Usage


def read(usage: object, operation: str = "chat") -> Measured:
    call = Measured("", "openai", operation, 0, model="gpt-4o")
    read_usage(call, usage)
    assert call.usage_source == "given"
    return call


@pytest.mark.parametrize(
    ("usage", "meters"),
    [
        ({"input": 5, "cache_write_1h": 2, "output": 3, "reasoning": 1}, None),
        ({"web_search": 2, "images": 1, "characters": 9}, None),
        ({"seconds": 1.5}, {"seconds": Decimal("1.5")}),
        (
            {"input": 5, "cache_read": 4, "output": 3, "total": 12},
            {"input": 5, "cache_read": 4, "output": 3},
        ),
        (
            {
                "prompt_tokens": 2000,
                "completion_tokens": 300,
                "total_tokens": 2300,
                "prompt_tokens_details": {"cached_tokens": 1200, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 128},
            },
            {"input": 800, "cache_read": 1200, "output": 172, "reasoning": 128},
        ),
        ({"prompt_tokens": 17, "total_tokens": 17}, {"input": 17}),
        ({"prompt_tokens": 17, "total_tokens": 20}, {"input": 17, "output": 3}),
        (
            {
                "input_tokens": 3000,
                "output_tokens": 400,
                "input_tokens_details": {"cached_tokens": 1600, "cache_write_tokens": 100},
                "output_tokens_details": {"reasoning_tokens": 256},
            },
            {
                "input": 1300,
                "cache_read": 1600,
                "cache_write_30m": 100,
                "output": 144,
                "reasoning": 256,
            },
        ),
        (
            {
                "input_tokens": 150,
                "output_tokens": 4160,
                "input_tokens_details": {"text_tokens": 50, "image_tokens": 100},
            },
            {"input": 50, "input_image": 100, "output_image": 4160},
        ),
        (
            {
                "input_tokens": 100,
                "output_tokens": 250,
                "cache_read_input_tokens": 5000,
                "cache_creation_input_tokens": 800,
                "cache_creation": {"ephemeral_1h_input_tokens": 300},
                "output_tokens_details": {"thinking_tokens": 90},
                "server_tool_use": {"web_search_requests": 2},
            },
            {
                "input": 100,
                "cache_read": 5000,
                "cache_write_5m": 500,
                "cache_write_1h": 300,
                "output": 160,
                "reasoning": 90,
                "web_search": 2,
            },
        ),
        (
            {"promptTokens": 9, "completionTokens": 4, "totalTokens": 13},
            {"input": 9, "output": 4},
        ),
        ({"promptTokens": 9, "totalTokens": 13}, {"input": 9, "output": 4}),
        ({"input": 9, "output": 4, "total": 13, "unit": "TOKENS"}, {"input": 9, "output": 4}),
        ({"input": 9, "output": 4.0, "totalCost": 1}, {"input": 9, "output": 4}),
        ({"input": 9, "output": 4, "unit": "CHARACTERS"}, {"characters": 13}),
        ({"total": 1500, "unit": "MILLISECONDS"}, {"seconds": Decimal("1.5")}),
        ({"input": 2.5, "unit": "SECONDS"}, {"seconds": Decimal("2.5")}),
        ({"output": 2, "unit": "IMAGES"}, {"images": 2}),
        (Usage({"input": 5, "reasoning": 3}), {"input": 5, "reasoning": 3}),
        (
            CompletionUsage(prompt_tokens=9, completion_tokens=4, total_tokens=13),
            {"input": 9, "output": 4},
        ),
    ],
)
def test_every_shape_becomes_meters(usage: Any, meters: dict[str, Any] | None) -> None:
    call = read(usage)
    assert call.usage is not None
    assert call.usage.quantities == (usage if meters is None else meters)
    assert call.unknown == ()


def test_a_total_alone_is_a_lower_bound_and_for_embeddings_all_there_is() -> None:
    alone = read({"total": 10})
    assert (alone.total_usage.quantities, alone.unknown) == ({"input": 10}, ("output",))
    embedded = read({"total_tokens": 10}, "embeddings")
    assert (embedded.total_usage.quantities, embedded.unknown) == ({"input": 10}, ())


def test_what_a_usage_says_beside_tokens_is_kept() -> None:
    call = read(
        {
            "input_tokens": 9,
            "service_tier": "batch",
            "inference_geo": "us",
            "speed": "fast",
            "iterations": [
                {"type": "advisor_message", "model": "advisor", "input_tokens": 4},
                {"type": "message", "input_tokens": 9},
            ],
        }
    )
    assert (call.tier, call.batch, call.geo, call.speed) == ("batch", True, "us", "fast")
    assert [(part.model, dict(part.usage.quantities)) for part in call.other_parts] == [
        ("advisor", {"input": 4})
    ]
    assert read({"prompt_tokens": 1, "cost": 0.1}).stated_usd == Decimal("0.1")


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        ({"input": -1}, r"usage\.input is -1, which is negative"),
        ({"input": 1.5}, r"usage\.input is 1\.5, which is not whole"),
        ({"images": Decimal("0.5")}, r"usage\.images is 0\.5, which is not whole"),
        ({"input": "5"}, r"usage\.input is '5', which is no number"),
        ({"input": True}, r"usage\.input is True, which is no number"),
        ({"seconds": float("nan")}, r"usage\.seconds is nan, which is no number"),
        ({"input": 5, "output": 3, "total": 9}, r"usage\.total is 9, .* sum up to 8"),
        ({"input": 5, "cache_read": 3, "total": 5}, r"usage\.total is 5, .* sum up to 8"),
        ({"input": 5, "total": 4}, r"usage\.total is 4, less than usage\.input"),
        ({"prompt_tokens": -3}, r"usage\.prompt_tokens is -3"),
        (
            {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 9},
            r"usage\.total_tokens is 9, .* sum up to 8",
        ),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
            r"usage\.prompt_tokens_details\.cached_tokens is 6, more than the 5",
        ),
        (
            {
                "prompt_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 3},
            },
            r"cached_tokens \+ cache_write_tokens of usage\.prompt_tokens are 6, more than 5",
        ),
        (
            {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
            r"usage\.completion_tokens_details\.reasoning_tokens is 6",
        ),
        (
            {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 6}},
            r"usage\.input_tokens_details\.cached_tokens is 6",
        ),
        (
            {"input_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}},
            r"usage\.output_tokens_details\.thinking_tokens is 6",
        ),
        (
            {
                "cache_creation_input_tokens": 5,
                "cache_creation": {"ephemeral_1h_input_tokens": 6},
            },
            r"ephemeral_1h_input_tokens of usage\.cache_creation_input_tokens are 6",
        ),
        ({"promptTokens": 5, "totalTokens": 3}, r"usage\.totalTokens is 3"),
        ({"promptTokens": 5, "completion_tokens": 3}, r"usage\.completion_tokens is unknown"),
        ({"tokens": 5}, r"usage\.tokens is unknown; write one of: meters .*promptTokens"),
        ({"prompt_tokens": 5, "input": 5}, r"usage\.input is unknown; write prompt_tokens"),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"x": 1}},
            r"usage\.prompt_tokens_details\.x is unknown",
        ),
        ({"prompt_tokens": 5, "prompt_tokens_details": 4}, r"details is 4, not a mapping"),
        ({"input_tokens": 5, "iterations": 4}, r"usage\.iterations is 4, not a list"),
        (
            {"input_tokens": 5, "iterations": [{"input_tokens": -1}]},
            r"usage\.iterations\[0\]\.input_tokens is -1",
        ),
        ({"input": 5, "unit": "MINUTES"}, r"usage\.unit is 'MINUTES'; write TOKENS, CHARACTERS"),
        ({"input": 5, "cache_read": 5, "unit": "IMAGES"}, r"usage\.cache_read has no meaning"),
        ({"input": 1.5, "unit": "CHARACTERS"}, r"usage\.input is 1\.5, which is not whole"),
        ({"unit": "SECONDS"}, r"usage\.total is missing"),
        ({"input": 1, "output": 2, "total": 4, "unit": "IMAGES"}, r"usage\.total is 4"),
        ({"input": 1, "inputCost": -1}, r"usage\.inputCost is -1"),
        (
            {"input": 1, "inputCost": "0.1", "outputCost": "0.2", "totalCost": "0.31"},
            r"usage\.totalCost is 0\.31, .* sum up to 0\.3",
        ),
        ({}, r"usage says nothing; .* write one of: meters"),
        ({"input": None}, r"usage says nothing"),
    ],
)
def test_nonsense_is_refused_and_the_key_named(usage: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        otel_cost.record(provider="openai", model="gpt-4o", usage=usage)


@pytest.mark.parametrize("usage", [5, "5", [5], object()])
def test_what_is_no_usage_at_all_is_refused(usage: object) -> None:
    with pytest.raises(TypeError, match="usage must be a mapping"):
        read(usage)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def unknown(model: type[BaseModel], known: Any) -> Iterator[str]:
    """The fields that an SDK's type declares and a shape does not have."""
    known = known[0] if isinstance(known, list) else known
    for name, field in model.model_fields.items():
        if not isinstance(known, Mapping) or name not in known:
            yield name
            continue
        for inner in models(field.annotation):
            yield from unknown(inner, known[name])


@pytest.mark.parametrize(
    ("model", "shape", "refused"),
    [
        (CompletionUsage, fields.CHAT, set()),
        (ResponseUsage, fields.RESPONSES, set()),
        (openai.types.images_response.Usage, fields.IMAGES, set()),
        (anthropic.types.Usage, fields.ANTHROPIC, set()),
        # What a credit is worth is settled later, by the provider.
        (anthropic.types.beta.BetaUsage, fields.ANTHROPIC, {"fallback_credit"}),
    ],
)
def test_every_field_of_the_sdks_is_known(
    model: type[BaseModel], shape: fields.Shape, refused: set[str]
) -> None:
    assert set(unknown(model, shape.fields)) == refused
