"""Spans that carry no call, made worth nothing to whoever sums."""

from collections.abc import Mapping
from typing import Any

from otel_cost import attributes
from otel_cost.spans.dialects.dialect import Attributes

ORIGINAL = "otel_cost.original."
DUPLICATE_OF = "otel_cost.duplicate_of"
UNKNOWN_OWNER = "unknown"

_COUNTED = (
    "gen_ai.usage.",
    "gen_ai.aggregated_usage.",
    "gen_ai.cost.",
    "llm.token_count.",
    "llm.usage.",
    "llm.cost.",
    "litellm.cost.",
)
"""Below these names stand amounts that backends sum."""
_ALSO_COUNTED = frozenset({"gen_ai.client.token.usage", "operation.cost", "llm.response.cost"})
_STORED = (attributes.USAGE_DETAILS, attributes.COST_DETAILS)
_MODELS = (
    attributes.OBSERVATION_MODEL,
    attributes.REQUEST_MODEL,
    attributes.RESPONSE_MODEL,
    "llm.model_name",
    "llm.response.model",
    "model",
)
"""Any of these makes Langfuse take a span for a generation, and infer what it cost."""
_TYPED = (attributes.OBSERVATION_TYPE, "openinference.span.kind", attributes.OPERATION)


def as_duplicate(said: Attributes, owner: str | None, *, keep: bool) -> dict[str, Any]:
    """Zeros for a span that tells of a call once more; `owner` is the id of the span with the call.

    With `keep` only what Langfuse reads is set, and what other backends read stays.
    """
    found = {**_nothing(said, keep=keep), attributes.OBSERVATION_TYPE: "span"}
    found[DUPLICATE_OF] = owner or UNKNOWN_OWNER
    return found


def as_wrapper(said: Attributes, *, calls_itself_one: bool, keep: bool) -> dict[str, Any]:
    """Zeros for a span around calls or beside them; nothing where it is worth nothing anyway.

    It stays the agent, chain or tool that it is, unless it calls itself a generation.
    """
    if not any(name in said for name in _MODELS) and not any(map(_is_amount, said)):
        return {}
    found = _nothing(said, keep=keep)
    if calls_itself_one:
        found[attributes.OBSERVATION_TYPE] = "span"
    return found


def evidence(said: Attributes, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What a span said of usage and cost before ours took its place, where it was anything else."""
    names = (*_STORED, attributes.USAGE_COST, attributes.INPUT_TOKENS, attributes.OUTPUT_TOKENS)
    return {
        ORIGINAL + name: said[name]
        for name in names
        if name in said and name in ours and said[name] != ours[name]
    }


def amounts(said: Attributes) -> dict[str, Any]:
    """Zeros for what backends other than Langfuse sum, and what was there."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        if _is_amount(name) and value != 0:
            found[ORIGINAL + name] = value
            found[name] = 0
    return found


def _nothing(said: Attributes, *, keep: bool) -> dict[str, Any]:
    found = {} if keep else amounts(said)
    for name in _STORED:
        if name in said:
            found[ORIGINAL + name] = said[name]
    found[attributes.USAGE_DETAILS] = attributes.NO_USAGE
    found[attributes.COST_DETAILS] = attributes.NO_COST
    return found


def _is_amount(name: str) -> bool:
    return name.startswith(_COUNTED) or name in _ALSO_COUNTED
