"""A model of how the Langfuse server turns one OTLP span into one stored row (v4, direct path).

It speaks only rules that were observed on the server's own code, so that a test can say what
Langfuse will make of our spans.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests import langfuse_prices
from tests.langfuse_usage import Attributes, first, parsed_json, provided_usage

_TYPES = {
    "span", "generation", "event", "embedding", "agent", "tool", "chain", "retriever",
    "guardrail", "evaluator",
}  # fmt: skip
_OPENINFERENCE_KINDS = {"LLM": "GENERATION", "EMBEDDING": "EMBEDDING"}
_OPERATIONS = {
    "chat": "GENERATION",
    "completion": "GENERATION",
    "text_completion": "GENERATION",
    "generate_content": "GENERATION",
    "generate": "GENERATION",
    "embeddings": "EMBEDDING",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "execute_tool": "TOOL",
}
_AGENT_OPERATIONS = {"invoke_agent", "agent_step"}
_MAKES_A_GENERATION = (
    "langfuse.observation.model.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "model",
)
_MODEL = (
    "langfuse.observation.model.name",
    "gen_ai.response.model",
    "ai.model.id",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.model_name",
    "model",
)
_USER = (
    "langfuse.user.id",
    "user.id",
    "langfuse.observation.metadata.langfuse_user_id",
    "langfuse.trace.metadata.langfuse_user_id",
    "ai.telemetry.metadata.userId",
)
_SESSION = ("langfuse.session.id", "session.id", "gen_ai.conversation.id")
_ENVIRONMENT = ("langfuse.environment", "deployment.environment.name", "deployment.environment")


def store(
    scope: Mapping[str, Any], attributes: Attributes, resource: Attributes | None = None
) -> dict[str, Any]:
    """The row that Langfuse stores for a span.

    `metadata` holds what was sent as metadata; the copies that the server keeps below
    `attributes.`, `resourceAttributes.` and `scope.` are left out.
    """
    agent = attributes.get("gen_ai.operation.name") in _AGENT_OPERATIONS
    model = None if agent else first(attributes, _MODEL)
    parameters = _model_parameters(attributes)
    metadata = _metadata(scope, attributes)
    tiers = langfuse_prices.tiers_of(model)
    usage = {} if agent else provided_usage(attributes)
    cost = {} if agent else provided_cost(attributes)
    if tiers and not usage and not cost:
        usage = _tokenised(attributes)
    if usage and "total" not in usage:
        usage["total"] = sum(usage.values())
    tier = langfuse_prices.matching(tiers, usage, {**metadata, **parameters})
    if cost:
        cost = _with_total(cost)
    elif tier is not None:
        cost = langfuse_prices.priced(usage, tier.prices)
    return {
        "type": observation_type(attributes),
        "environment": _environment(attributes, resource or {}),
        "tags": _tags(attributes),
        "trace_name": attributes.get("langfuse.trace.name"),
        "user_id": first(attributes, _USER),
        "session_id": first(attributes, _SESSION),
        "level": attributes.get("langfuse.observation.level", "DEFAULT"),
        "provided_model_name": model,
        "model_parameters": parameters,
        "usage_details": usage,
        "cost_details": cost,
        "usage_pricing_tier_name": tier.name if tier else None,
        "total_cost": cost.get("total", 0),
        "metadata": metadata,
    }


def inferred(attributes: Attributes) -> set[str]:
    """What Langfuse would make up for this span if it knew its model: "usage", "cost" or both.

    Unlike `store`, this holds for every model that anybody may price in a project of their own.
    """
    if attributes.get("gen_ai.operation.name") in _AGENT_OPERATIONS:
        return set()
    if first(attributes, _MODEL) is None or provided_cost(attributes):
        return set()
    return {"cost"} if provided_usage(attributes) else {"usage", "cost"}


def observation_type(attributes: Attributes) -> str:
    """The stored type; the first rule that matches wins."""
    said = attributes.get("langfuse.observation.type")
    if said in _TYPES:
        return str(said).upper()
    kind = _OPENINFERENCE_KINDS.get(attributes.get("openinference.span.kind", ""))
    operation = _OPERATIONS.get(attributes.get("gen_ai.operation.name", ""))
    if kind or operation:
        return kind or operation or ""
    if first(attributes, ("gen_ai.tool.name", "gen_ai.tool.call.id")):
        return "TOOL"
    return "GENERATION" if first(attributes, _MAKES_A_GENERATION) else "SPAN"


def provided_cost(attributes: Attributes) -> dict[str, Any]:
    """The cost that the span itself states, unvalidated; empty if nothing is stated."""
    raw = attributes.get("langfuse.observation.cost_details", "")
    parsed = parsed_json(raw) if isinstance(raw, str) else None
    if isinstance(parsed, dict) and any(value is not None for value in parsed.values()):
        return dict(parsed)
    for name in ("gen_ai.usage.cost", "llm.cost.total"):
        if name in attributes:
            return {"total": attributes[name]}
    return {}


def _tokenised(attributes: Attributes) -> dict[str, int]:
    """A stand-in for the server's tokenisers: one token per word."""
    return {
        bucket: len(str(attributes[name]).split())
        for bucket in ("input", "output")
        if attributes.get(name := f"langfuse.observation.{bucket}")
    }


def _with_total(cost: dict[str, Any]) -> dict[str, Any]:
    if cost.get("total") is None and cost.keys() <= {"input", "output"}:
        return {**cost, "total": langfuse_prices.added(cost.values())}
    return cost


def _model_parameters(attributes: Attributes) -> dict[str, Any]:
    said = parsed_json(attributes.get("langfuse.observation.model.parameters", ""))
    if isinstance(said, dict):
        return said
    prefix = "gen_ai.request."
    return {
        name.removeprefix(prefix): value
        for name, value in attributes.items()
        if name.startswith(prefix) and name != "gen_ai.request.model"
    }


def _metadata(scope: Mapping[str, Any], attributes: Attributes) -> dict[str, str]:
    decodes = str(scope.get("name", "")).startswith("langfuse-sdk") and _major(scope) >= 5
    merged: dict[str, str] = {}
    for bare in ("langfuse.observation.metadata", "langfuse.trace.metadata"):
        whole = parsed_json(attributes.get(bare, ""))
        merged.update(_flat(whole) if isinstance(whole, dict) else ())
        for prefix in ("ai.telemetry.metadata.", "langfuse.metadata.", f"{bare}."):
            for name, value in attributes.items():
                if name.startswith(prefix):
                    sent = _decoded(value) if decodes else value
                    merged.update(_flat({name.removeprefix(prefix): sent}))
    return merged


def _major(scope: Mapping[str, Any]) -> int:
    digits = re.match(r"\d+", str(scope.get("version") or ""))
    return int(digits[0]) if digits else 0


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", _text(value)


def _text(value: Any) -> str:
    """A value as JavaScript writes it."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _tags(attributes: Attributes) -> list[str]:
    said = first(attributes, ("langfuse.trace.tags", "langfuse.tags"))
    if isinstance(said, str):
        parsed = parsed_json(said)
        said = parsed if isinstance(parsed, list) else [tag.strip() for tag in said.split(",")]
    return list(said or ())


def _environment(attributes: Attributes, resource: Attributes) -> str:
    said = first(attributes, _ENVIRONMENT) or first(resource, _ENVIRONMENT) or ""
    name = str(said).lower().removeprefix("langfuse")
    return name if re.fullmatch(r"[a-z0-9_-]{1,40}", name) else "default"
