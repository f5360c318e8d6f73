"""What a usage given by hand may hold: every field by name and kind, checked one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, UNIT_METERS

TOKENS, AMOUNT, USD, TEXT = "tokens", "amount", "usd", "text"
"""Kinds of field: whole numbers, numbers with a fraction, money, words."""

Fields: TypeAlias = Mapping[str, Any]
"""The kind of each field: one of the above, fields within it, or a list with those of each item."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way of writing usage down."""

    name: str
    fields: Fields
    shown: str
    """How it looks, for whoever wrote something else."""


_TURN: Fields = {
    "type": TEXT,
    "model": TEXT,
    "input_tokens": TOKENS,
    "output_tokens": TOKENS,
    "cache_read_input_tokens": TOKENS,
    "cache_creation_input_tokens": TOKENS,
    "cache_creation": {
        "ephemeral_5m_input_tokens": TOKENS,
        "ephemeral_1h_input_tokens": TOKENS,
    },
}

CHAT = Shape(
    "OpenAI chat completions",
    {
        "prompt_tokens": TOKENS,
        "completion_tokens": TOKENS,
        "total_tokens": TOKENS,
        "prompt_tokens_details": {
            "cached_tokens": TOKENS,
            "cache_write_tokens": TOKENS,
            "audio_tokens": TOKENS,
            "image_tokens": TOKENS,
            "text_tokens": TOKENS,
        },
        "completion_tokens_details": {
            "reasoning_tokens": TOKENS,
            "audio_tokens": TOKENS,
            "text_tokens": TOKENS,
            "accepted_prediction_tokens": TOKENS,
            "rejected_prediction_tokens": TOKENS,
        },
        "cost": USD,
    },
    "prompt_tokens, completion_tokens, total_tokens and their details (OpenAI chat completions)",
)
RESPONSES = Shape(
    "OpenAI responses",
    {
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
        "total_tokens": TOKENS,
        "input_tokens_details": {
            "cached_tokens": TOKENS,
            "cache_write_tokens": TOKENS,
            "cache_write_tokens_details": {"ttl_30m_tokens": TOKENS, "ttl_12h_tokens": TOKENS},
        },
        "output_tokens_details": {"reasoning_tokens": TOKENS},
        "cost": USD,
    },
    "input_tokens, output_tokens, total_tokens and their details (OpenAI responses)",
)
IMAGES = Shape(
    "OpenAI images",
    {
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
        "total_tokens": TOKENS,
        "input_tokens_details": {"text_tokens": TOKENS, "image_tokens": TOKENS},
        "output_tokens_details": {"text_tokens": TOKENS, "image_tokens": TOKENS},
    },
    "the same with image_tokens in the details (OpenAI images)",
)
ANTHROPIC = Shape(
    "Anthropic messages",
    {
        **{name: kind for name, kind in _TURN.items() if kind != TEXT},
        "output_tokens_details": {"thinking_tokens": TOKENS},
        "server_tool_use": {"web_search_requests": TOKENS, "web_fetch_requests": TOKENS},
        "service_tier": TEXT,
        "inference_geo": TEXT,
        "speed": TEXT,
        "iterations": [_TURN],
    },
    "input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens, … "
    "(Anthropic messages)",
)
CAMEL = Shape(
    "Langfuse tokens",
    {"promptTokens": TOKENS, "completionTokens": TOKENS, "totalTokens": TOKENS},
    "promptTokens, completionTokens, totalTokens (Langfuse)",
)
METERS = Shape(
    "meters",
    {
        **dict.fromkeys((*INPUT_METERS, *OUTPUT_METERS, *UNIT_METERS), TOKENS),
        "seconds": AMOUNT,
        "total": TOKENS,
    },
    f"meters ({', '.join((*INPUT_METERS, *OUTPUT_METERS, *UNIT_METERS))}), with or without total",
)
COSTS: Fields = {"inputCost": USD, "outputCost": USD, "totalCost": USD}
UNITS = Shape(
    "Langfuse units",
    {"input": AMOUNT, "output": AMOUNT, "total": AMOUNT, "unit": TEXT, **COSTS},
    "input, output, total, unit, inputCost, outputCost, totalCost (Langfuse)",
)

SHAPES = (METERS, CHAT, RESPONSES, IMAGES, ANTHROPIC, CAMEL, UNITS)

_ONLY_ANTHROPIC = ANTHROPIC.fields.keys() - RESPONSES.fields.keys()


def shape_of(usage: Mapping[str, Any]) -> Shape:
    """The shape that a usage is meant to have, by its words; raises `ValueError`."""
    names = usage.keys()
    if not names.isdisjoint(("unit", *COSTS)):
        return UNITS if names <= UNITS.fields.keys() else _with_costs(METERS)
    if not names.isdisjoint(CAMEL.fields):
        return CAMEL
    only_chat = CHAT.fields.keys() - RESPONSES.fields.keys()
    if not names.isdisjoint(only_chat) or names <= {"total_tokens", "cost"}:
        return CHAT
    thinks = "thinking_tokens" in _inner(usage, "output_tokens_details")
    if thinks or not names.isdisjoint(_ONLY_ANTHROPIC):
        return ANTHROPIC
    if not names.isdisjoint(RESPONSES.fields):
        drawn = ("input_tokens_details", "output_tokens_details")
        return IMAGES if any("image_tokens" in _inner(usage, d) for d in drawn) else RESPONSES
    if names.isdisjoint(METERS.fields):
        raise ValueError(f"usage.{next(iter(names))} is unknown; {known_shapes()}")
    return METERS


def known_shapes() -> str:
    """What may be written instead."""
    return "write one of: " + "; ".join(shape.shown for shape in SHAPES)


def checked(value: Mapping[str, Any], fields: Fields, where: str, help_: str) -> dict[str, Any]:
    """The fields of a usage that say something, every number sound; raises `ValueError`."""
    found: dict[str, Any] = {}
    for name, said in value.items():
        if said is None:
            continue
        key = f"{where}.{name}"
        if name not in fields:
            raise ValueError(f"{key} is unknown; {help_}")
        found[name] = _one(said, fields[name], key, help_)
    return found


def number(value: object, key: str) -> Decimal | int:
    """A finite number that is not negative, whole ones as `int`; raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{key} is {value!r}, which is no number")
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise ValueError(f"{key} is {value!r}, which is no number")
    if exact < 0:
        raise ValueError(f"{key} is {value}, which is negative")
    return int(exact) if exact == exact.to_integral_value() else exact


def usd(value: object, key: str) -> Decimal:
    """An amount of money by the digits it was written with; raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(f"{key} is {value!r}; write US dollars as a Decimal or as text")
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{key} is {value!r}, which is no amount of US dollars from 0 on")
    return exact


def _one(said: object, kind: object, key: str, help_: str) -> object:
    if isinstance(kind, list):
        if isinstance(said, str) or not isinstance(said, Sequence):
            raise ValueError(f"{key} is {said!r}, not a list")
        return [
            checked(_mapping(item, f"{key}[{index}]"), kind[0], f"{key}[{index}]", help_)
            for index, item in enumerate(said)
        ]
    if isinstance(kind, Mapping):
        return checked(_mapping(said, key), kind, key, help_)
    if kind == TEXT:
        if not isinstance(said, str):
            raise ValueError(f"{key} is {said!r}, not text")
        return said
    if kind == USD:
        return usd(said, key)
    exact = number(said, key)
    if kind == TOKENS and not isinstance(exact, int):
        raise ValueError(f"{key} is {said}, which is not whole")
    return exact


def _mapping(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} is {value!r}, not a mapping")
    return value


def _inner(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}


def _with_costs(shape: Shape) -> Shape:
    return Shape(shape.name, {**shape.fields, **COSTS, "unit": TEXT}, shape.shown)
