"""A stand-in for the Langfuse server's price table: the models of the recorded pairs, no others."""

import functools
import operator
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

Prices = Mapping[str, str]
"""USD per token, by usage key."""


class Tier(NamedTuple):
    """One set of prices of a model, and when it applies."""

    name: str
    prices: Prices
    larger_than: int | None = None
    """Applies when the keys that contain "input" sum to more than this (tokens)."""
    attribute: tuple[str, frozenset[str]] | None = None
    """Applies when this model parameter or metadata key has one of these values."""


_MODELS: tuple[tuple[str, tuple[Tier, ...]], ...] = (
    (
        r"(openai/)?gpt-4o(-\d{4}-\d\d-\d\d)?",
        (
            Tier(
                "Fast mode",
                {"input": "0.00000425", "output": "0.000017"},
                attribute=("service_tier", frozenset({"fast", "priority"})),
            ),
            Tier(
                "Standard",
                {"input": "0.0000025", "input_cached_tokens": "0.00000125", "output": "0.00001"},
            ),
        ),
    ),
    (
        r"gpt-5\.5",
        (
            Tier(
                "Large Context (>272K)",
                {"input": "0.00001", "input_cached_tokens": "0.000001", "output": "0.000045"},
                larger_than=272_000,
            ),
            Tier(
                "Standard",
                {
                    "input": "0.000005",
                    "output": "0.00003",
                    "reasoning_tokens": "0.00003",
                    "output_reasoning_tokens": "0.00003",
                },
            ),
        ),
    ),
    (r"gpt-5\.4-mini", (Tier("Standard", {"input": "0.00000075", "output": "0.0000045"}),)),
    (
        r"claude-sonnet-5",
        (
            Tier(
                "Standard",
                {
                    "input_tokens": "0.000002",
                    "cache_read_input_tokens": "0.0000002",
                    "cache_creation_input_tokens": "0.0000025",
                    "output_tokens": "0.00001",
                },
            ),
        ),
    ),
    (
        r"claude-opus-5",
        (
            Tier(
                "Standard",
                {
                    "input": "0.000005",
                    "output": "0.000025",
                    "input_cached_tokens": "0.0000005",
                    "input_cache_creation": "0.00000625",
                    "input_cache_creation_5m": "0.00000625",
                    "input_cache_creation_1h": "0.00001",
                },
            ),
        ),
    ),
    (r"text-embedding-3-small", (Tier("Standard", {"total": "0.00000002"}),)),
)


def tiers_of(model: str | None) -> tuple[Tier, ...]:
    """The tiers of a model, the default one last; none if the server does not know the model."""
    return next((tiers for name, tiers in _MODELS if model and re.fullmatch(name, model)), ())


def matching(
    tiers: Iterable[Tier], usage: Mapping[str, int], said: Mapping[str, Any]
) -> Tier | None:
    """The first tier whose conditions hold for this usage and these parameters and metadata."""
    inputs = sum(count for key, count in usage.items() if "input" in key)
    for tier in tiers:
        large = tier.larger_than is None or inputs > tier.larger_than
        if large and (tier.attribute is None or said.get(tier.attribute[0]) in tier.attribute[1]):
            return tier
    return None


def added(amounts: Iterable[float]) -> float:
    """The sum as the server makes it, float by float; `sum` is more precise than that."""
    return functools.reduce(operator.add, amounts, 0)


def priced(usage: Mapping[str, int], prices: Prices) -> dict[str, Any]:
    """Cost per key whose name is priced, and a total if there is any (USD).

    Each key is multiplied exactly and then made a float, the total is a sum of floats: as stored.
    """
    cost = {key: float(n * Decimal(prices[key])) for key, n in usage.items() if key in prices}
    return {"total": added(cost.values()), **cost} if cost else {}
