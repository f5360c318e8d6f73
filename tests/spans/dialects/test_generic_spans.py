"""Shows what is made of spans of unknown makers that follow the convention, old or new."""

from decimal import Decimal
from typing import Any

import pytest

from otel_cost.spans.dialects import generic
from otel_cost.spans.dialects.dialect import SpanCall

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5.4",
}


def read(**said: Any) -> SpanCall:
    """A chat with further attributes under `gen_ai.usage.`."""
    usage = {f"gen_ai.usage.{name.replace('__', '.')}": value for name, value in said.items()}
    return generic.read("a call", {**CHAT, **usage})


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"gen_ai.operation.name": "chat"}, "call"),
        ({"gen_ai.operation.name": "text_completion"}, "call"),
        ({"gen_ai.operation.name": "generate_content"}, "call"),
        ({"gen_ai.operation.name": "embeddings"}, "call"),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-5"}, "around"),
        ({"gen_ai.operation.name": "create_agent", "gen_ai.request.model": "gpt-5"}, "around"),
        ({"gen_ai.operation.name": "execute_tool"}, "around"),
        ({"gen_ai.operation.name": "fetch_response"}, "around"),
        ({"gen_ai.operation.name": "retrieval"}, "around"),
        ({"gen_ai.operation.name": "something new"}, "around"),
        ({"gen_ai.request.model": "gpt-5"}, "call"),
        ({"gen_ai.request.model": "gpt-5", "gen_ai.agent.name": "x"}, "around"),
        ({"gen_ai.system": "openai"}, "around"),
        ({"llm.request.type": "completion"}, "call"),
        ({"llm.request.type": "rerank"}, "around"),
    ],
)
def test_kinds(said: dict[str, str], kind: str) -> None:
    assert generic.kind("a span", said) == kind


@pytest.mark.parametrize("written", ["cache_write__input_tokens", "cache_creation__input_tokens"])
def test_both_names_of_cache_writes(written: str) -> None:
    call = read(input_tokens=100, output_tokens=20, cache_read__input_tokens=30, **{written: 40})
    assert call.usage is not None
    assert dict(call.usage.quantities) == {
        "input": 30,
        "cache_read": 30,
        "cache_write_30m": 40,
        "output": 20,
    }
    assert not call.rough


def test_what_is_smaller_than_its_parts_leaves_them_out() -> None:
    call = read(input_tokens=10, output_tokens=20, cache_read__input_tokens=3000)
    assert call.usage is not None
    assert dict(call.usage.quantities) == {"input": 10, "cache_read": 3000, "output": 20}


def test_the_names_of_former_days() -> None:
    call = read(prompt_tokens=100, completion_tokens=20, reasoning_tokens=5)
    assert call.usage is not None
    assert dict(call.usage.quantities) == {"input": 100, "output": 15, "reasoning": 5}
    said = {"llm.request.type": "chat", "llm.usage.prompt_tokens": 7, "llm.request.model": "gpt-5"}
    old = generic.read("x", {**said, "llm.usage.completion_tokens": 3})
    assert old.usage is not None
    assert old.usage.total_tokens == 10
    assert (old.provider, old.request_model) == ("openai", "gpt-5")


def test_without_details_the_cache_is_a_guess() -> None:
    call = read(input_tokens=100, output_tokens=20)
    assert call.rough
    assert call.note


def test_zeros_are_no_usage() -> None:
    call = read(input_tokens=0, output_tokens=0)
    assert call.usage is None
    assert not call.rough


def test_zero_and_absence_of_the_output_are_not_the_same() -> None:
    assert "output" in read(input_tokens=100).unknown
    assert "output" not in read(input_tokens=100, output_tokens=0).unknown


def test_the_providers_own_object_goes_first() -> None:
    call = read(
        input_tokens=1,
        output_tokens=1,
        raw='{"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}',
    )
    assert call.usage is not None
    assert call.usage.total_tokens == 120


@pytest.mark.parametrize(
    ("named", "model", "provider"),
    [
        ("azure.ai.openai", "gpt-5", "azure"),
        ("aws.bedrock", "anthropic.claude-sonnet-4-5", "aws"),
        ("gcp.vertex_ai", "claude-sonnet-4-5", "google"),
        ("x_ai", "grok-4", "x-ai"),
        ("langchain", "claude-sonnet-4-5", "anthropic"),
        (None, "azure/gpt-5", "azure"),
        (None, "mistral-large", "mistral"),
        (None, "my-own-model", None),
        ("a-new-cloud", "my-own-model", "a-new-cloud"),
    ],
)
def test_providers(named: str | None, model: str, provider: str | None) -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.response.model": model}
    if named is not None:
        said["gen_ai.system"] = named
    assert generic.read("x", said).provider == provider


def test_claude_on_any_cloud_has_anthropics_cache() -> None:
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_creation.input_tokens": 40,
    }
    call = generic.read("x", said)
    assert call.usage is not None
    assert call.usage.quantities["cache_write_5m"] == 40
    assert call.model == "us.anthropic.claude-sonnet-4-5"  # its price is that of the geography


def test_a_stated_cost_is_kept() -> None:
    assert read(input_tokens=1, output_tokens=1, cost=0.25).stated_usd == Decimal("0.25")
