"""Telling LLM spans from others, by their scope and attributes."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import Span

from otel_cost.attributes import NATIVE_ANTHROPIC_SCOPE

_MARKS = (
    "gen_ai.operation.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.provider.name",
    "gen_ai.system",
    "openinference.span.kind",
    "langfuse.observation.type",
    "llm.model_name",
    "llm.request.type",
    "embedding.model_name",
)
"""An attribute that only spans of LLM work carry, in the vocabularies of docs/langfuse.md."""

_LANGFUSE = "langfuse-sdk"


def is_llm(scope: str, attributes: Mapping[str, Any]) -> bool:
    """Whether a span is LLM work: a call, or an agent, chain or tool around one."""
    return scope.startswith((NATIVE_ANTHROPIC_SCOPE, _LANGFUSE)) or any(
        mark in attributes for mark in _MARKS
    )


def is_native_anthropic(span: Span) -> bool:
    """Whether the Anthropic SDK itself makes this span."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name.startswith(NATIVE_ANTHROPIC_SCOPE)


def stores_json_metadata(span: Span) -> bool:
    """Whether Langfuse decodes metadata of this span as JSON: its own SDK's, from version 5 on."""
    scope = span.instrumentation_scope
    if scope is None or not scope.name.startswith(_LANGFUSE):
        return False
    major = (scope.version or "").partition(".")[0]
    return major.isdigit() and int(major) >= 5
