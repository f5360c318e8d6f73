"""What stands beside a call's own tokens reaches the charge: tools, turns, stated costs."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import otel_cost
from otel_cost.capture.openai import ENDPOINTS
from otel_cost.demo.providers import LocalProviders
from otel_cost.measured import Measured
from tests.capture.ways import MESSAGES_USAGE, RESPONSES_USAGE, Way
from tests.recording import Recording, recording

MODES = [(False, False), (False, True), (True, False), (True, True)]

TOOLS = [
    {
        "type": "code_interpreter_call",
        "id": "ci_1",
        "container_id": "cntr_1",
        "status": "completed",
        "code": "1",
        "outputs": None,
    },
    {
        "type": "file_search_call",
        "id": "fs_1",
        "queries": ["x"],
        "status": "completed",
        "results": None,
    },
    {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    },
]
DRAWN = {"image_gen": {"input_tokens": 5, "output_tokens": 100, "total_tokens": 105}}


@pytest.mark.parametrize(("asynchronous", "streamed"), MODES)
def test_hosted_tools_of_a_response_are_counted_once(
    recorded: Recording, providers: LocalProviders, asynchronous: bool, streamed: bool
) -> None:
    way = Way("responses", asynchronous, streamed)
    way.call(providers, usage=RESPONSES_USAGE, body={"output": TOOLS, "tool_usage": DRAWN})
    first, second = recorded.charge.parts
    assert first.usage.quantities == {
        "input": 1400,
        "cache_read": 1600,
        "output": 144,
        "reasoning": 256,
        "code_interpreter": 1,
        "file_search": 1,
        "web_search": 1,
    }
    assert (second.model, second.usage.quantities) == (
        "image_generation",
        {"input": 5, "output_image": 100},
    )


TURNS = [
    {"type": "compaction", "input_tokens": 900, "output_tokens": 30},
    {
        "type": "advisor_message",
        "model": "claude-opus-5",
        "input_tokens": 70,
        "output_tokens": 7,
    },
    {"type": "message", "input_tokens": 100, "output_tokens": 250},
]


@pytest.mark.parametrize(("asynchronous", "streamed"), MODES)
def test_turns_outside_the_totals_are_parts_of_the_charge(
    recorded: Recording, providers: LocalProviders, asynchronous: bool, streamed: bool
) -> None:
    usage: dict[str, Any] = {**MESSAGES_USAGE, "iterations": TURNS}
    Way("messages", asynchronous, streamed).call(providers, usage=usage)
    own, compaction, advisor = recorded.charge.parts
    assert own.usage.quantities["output"] == 160
    assert (compaction.model, compaction.usage.quantities) == (
        own.model,
        {"input": 900, "output": 30},
    )
    assert (advisor.model, advisor.usage.quantities) == (
        "claude-opus-5",
        {"input": 70, "output": 7},
    )
    assert {line.part for line in recorded.charge.cost.lines} == {0, 1, 2}


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Recording]:
    path = tmp_path / "prices.toml"
    path.write_text('[trust]\nprovider_cost = ["openai"]\n', encoding="utf-8")
    monkeypatch.setenv("OTEL_COST_PRICES", str(path))
    with recording() as made:
        yield made


def test_a_trusted_provider_s_own_cost_holds(
    trusting: Recording, providers: LocalProviders
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000, "cost": 0.002}
    Way("chat", asynchronous=False, streamed=True).call(providers, usage=usage)
    cost = trusting.charge.cost
    assert (cost.status, cost.effective_usd, cost.list_usd) == (
        "exact",
        Decimal("0.002"),
        Decimal("0.0025"),
    )


def test_a_trusted_cost_holds_for_what_is_recorded_by_hand(trusting: Recording) -> None:
    usage = {"prompt_tokens": 1000, "cost": "0.002"}
    made = otel_cost.record(provider="openai", model="gpt-4o", usage=usage)
    assert made.cost.effective_usd == Decimal("0.002")


@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_a_stated_cost_is_read_beside_the_usage(path: str) -> None:
    call = Measured("", "openrouter", "chat", 0)
    ENDPOINTS[path].read_body(call, {"usage": {"prompt_tokens": 1, "input_tokens": 1, "cost": 0.1}})
    assert call.stated_usd == Decimal("0.1")
