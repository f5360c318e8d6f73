"""By what a span is known to tell of a call that is charged already."""

import time

import pytest

from otel_cost.measured import Measured
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.spans.evidence import Recent, agreement, same_model
from otel_cost.usage import Usage

NOW = time.time_ns()
SECOND = 10**9
USED = Usage({"input": 100, "cache_read": 900, "output": 50})


def call(**said: object) -> Measured:
    """A call of one second that has just ended."""
    made = Measured("c1", "openai", "chat", NOW - SECOND, "gpt-4o")
    made.model, made.usage, made.ended_at = "gpt-4o-2024-08-06", USED, NOW
    for name, value in said.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (SpanCall(response_id="r1", usage=Usage({"input": 7})), 3),
        (SpanCall(response_id="r2", model="gpt-4o-2024-08-06", usage=USED), 0),
        (SpanCall(model="gpt-4o", usage=Usage({"input": 1000, "output": 50})), 2),
        (SpanCall(model="openai/GPT-4o", usage=Usage({"input": 100, "output": 50})), 2),
        (SpanCall(model="gpt-4o", usage=Usage({"input": 1000}), unknown=("output",)), 2),
        (SpanCall(model="gpt-4o", usage=Usage({"input": 1000, "output": 53})), 0),
        (SpanCall(model="claude-haiku-4-5", usage=USED), 0),
        (SpanCall(model="gpt-4o"), 1),
        (SpanCall(), 1),
        (SpanCall(operation="embeddings", usage=USED), 0),
    ],
)
def test_ids_outweigh_tokens_and_tokens_outweigh_silence(said: SpanCall, expected: int) -> None:
    assert agreement(said, call(response_id="r1")) == expected


def test_a_call_without_usage_may_be_any_of_its_model() -> None:
    assert agreement(SpanCall(model="gpt-4o", usage=USED), call(usage=None)) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-4o", "openai/gpt-4o-2024-08-06", True),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5", True),
        ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4-5", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-5", "gpt-5.4", False),
        ("claude-sonnet-4", "claude-sonnet-4-5", False),
        ("gpt-4", "gpt-4-32k", False),
    ],
)
def test_a_date_or_a_platform_makes_no_other_model(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same_model(other, one) is same


SAID = SpanCall(model="gpt-4o", usage=Usage({"input": 1000, "output": 50}))


def test_each_library_tells_of_a_call_once() -> None:
    recent = Recent()
    recent.add(call())
    assert recent.find(SAID, "langchain", NOW - SECOND, NOW) is not None
    assert recent.find(SAID, "langchain", NOW - SECOND, NOW) is None, "that is a second call"
    assert recent.find(SAID, "litellm", NOW - SECOND, NOW) is not None


def test_a_call_with_the_same_id_at_another_time_is_another_call() -> None:
    recent = Recent()
    recent.add(call(response_id="constant"))
    said = SpanCall(response_id="constant")
    assert recent.find(said, "a", NOW + 3 * SECOND, NOW + 4 * SECOND) is None
    assert recent.find(said, "a", NOW - SECOND // 2, NOW + SECOND) is not None


def test_silence_needs_an_overlap_in_time() -> None:
    recent = Recent()
    recent.add(call())
    assert recent.find(SpanCall(model="gpt-4o"), "a", NOW + 1000, NOW + 2000) is None
    assert recent.find(SAID, "a", NOW + 1000, NOW + 2000) is not None, "clocks may differ"


def test_the_best_evidence_wins_and_not_the_latest() -> None:
    recent = Recent()
    recent.add(call(response_id="r1"))
    recent.add(call(response_id=None))
    found = recent.find(SpanCall(response_id="r1", model="gpt-4o"), "a", NOW - SECOND, NOW)
    assert found is not None
    assert found.response_id == "r1"


def test_what_is_too_old_is_forgotten_and_what_is_kept_is_bounded() -> None:
    recent = Recent()
    old = NOW - 600 * SECOND
    recent.add(call(started_at=old, ended_at=old))
    recent.add(call())
    assert recent.find(SAID, "a", old, old) is None
    for _ in range(5000):
        recent.add(call(model="gpt-5", request_model="gpt-5"))
    assert recent.find(SAID, "b", NOW - SECOND, NOW) is None
