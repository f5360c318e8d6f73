"""Spans that carry no call are worth nothing to Langfuse, nor to anybody else who sums."""

import json
from typing import Any

import pytest

from otel_cost.spans import worthless
from tests import langfuse_rules

GENAI: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.cost": 0.01,
    "gen_ai.usage.raw": '{"prompt_tokens": 1000}',
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 1000,
    "llm.cost.total": 0.01,
}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "gpt-4o",
    "langfuse.observation.usage_details": '{"input": 1000}',
    "langfuse.observation.cost_details": '{"total": 0.01}',
}
LITELLM = {"llm.request.type": "completion", "gen_ai.cost.total_cost": 0.01, "operation.cost": 0.01}
SCOPE = {"name": "any"}


@pytest.mark.parametrize("said", [GENAI, OPENINFERENCE, LANGFUSE, LITELLM])
def test_langfuse_counts_nothing_of_a_duplicate(said: dict[str, Any]) -> None:
    after = said | worthless.as_duplicate(said, "00000000000000aa", keep=False)
    row = langfuse_rules.store(SCOPE, after)
    assert row["type"] == "SPAN"
    assert not row["total_cost"]
    assert set(row["usage_details"].values()) == {0}
    assert not langfuse_rules.inferred(after)
    assert after["otel_cost.duplicate_of"] == "00000000000000aa"


@pytest.mark.parametrize("said", [GENAI, OPENINFERENCE, LITELLM])
def test_others_sum_zeros_and_what_was_said_is_kept(said: dict[str, Any]) -> None:
    after = said | worthless.as_duplicate(said, None, keep=False)
    amounts = {n for n in said if n.startswith(("gen_ai.usage", "llm.token", "llm.cost"))}
    amounts |= {n for n in said if "cost" in n}
    for name in amounts:
        assert after[name] == 0
        assert after[f"otel_cost.original.{name}"] == said[name]
    assert after["otel_cost.duplicate_of"] == "unknown"


def test_what_langfuse_read_is_kept_as_well() -> None:
    after = worthless.as_duplicate(LANGFUSE, None, keep=False)
    for name in ("usage_details", "cost_details"):
        stored = f"langfuse.observation.{name}"
        assert after[f"otel_cost.original.{stored}"] == LANGFUSE[stored]


def test_keep_leaves_other_backends_what_they_read() -> None:
    after = GENAI | worthless.as_duplicate(GENAI, "aa", keep=True)
    assert {name: after[name] for name in GENAI} == GENAI
    assert json.loads(after["langfuse.observation.cost_details"]) == {"total": 0}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({**GENAI, "gen_ai.operation.name": "invoke_agent"}, "AGENT"),
        ({"openinference.span.kind": "TOOL", "llm.token_count.prompt": 3}, "SPAN"),
        ({"langfuse.observation.type": "chain", "model": "gpt-4o"}, "CHAIN"),
        ({"gen_ai.aggregated_usage.input_tokens": 9}, "SPAN"),
    ],
)
def test_a_wrapper_stays_what_it_is_and_costs_nothing(said: dict[str, Any], kind: str) -> None:
    after = said | worthless.as_wrapper(said, calls_itself_one=False, keep=False)
    row = langfuse_rules.store(SCOPE, after)
    assert row["type"] == kind
    assert not row["total_cost"]
    assert not any(row["usage_details"].values())
    assert not langfuse_rules.inferred(after)


def test_a_wrapper_that_says_nothing_is_left_alone() -> None:
    assert not worthless.as_wrapper({"http.route": "/"}, calls_itself_one=True, keep=False)


def test_what_counts_tokens_is_no_generation() -> None:
    said = {"gen_ai.operation.name": "count_tokens", "gen_ai.request.model": "claude-haiku-4-5"}
    after = said | worthless.as_wrapper(said, calls_itself_one=True, keep=False)
    assert langfuse_rules.store(SCOPE, after)["type"] == "SPAN"


def test_evidence_is_what_is_not_as_we_say_it() -> None:
    ours = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 47}
    assert worthless.evidence(GENAI, ours) == {"otel_cost.original.gen_ai.usage.output_tokens": 50}
