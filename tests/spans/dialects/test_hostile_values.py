"""Shows that no dialect raises, whatever others write on their spans."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import otel_cost.spans.dialects as package
from otel_cost.spans.dialects import openinference, raw
from otel_cost.spans.dialects.dialect import Dialect
from otel_cost.spans.dialects.registry import OURS, Dialects
from otel_cost.spans.dialects.values import json_object, python_object
from otel_cost.usage import Usage

SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))
WORDS = sorted(
    {
        word
        for source in SOURCES
        for word in re.findall(r'"([A-Za-z_][\w.\-/ ]*)"', source.read_text("utf-8"))
    }
)
"""Every word in the sources: the names of attributes and the values that mean something."""
PREFIXES = ("", "gen_ai.usage.details.", "langfuse.observation.metadata.", "llm.token_count.")
NAMES = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(WORDS))

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.just(float("nan")), st.none()
)
OBJECTS = st.recursive(
    st.one_of(NUMBERS, st.sampled_from(WORDS), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    ),
    max_leaves=12,
)
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=20),
    OBJECTS.map(json.dumps),
    OBJECTS.map(repr),
    OBJECTS.map(lambda value: json.dumps({"usage": value, "usage_object": value})),
    OBJECTS.map(lambda value: json.dumps({"usage": value})[:-3]),
)
VALUES = st.one_of(TEXTS, NUMBERS, st.lists(st.text(max_size=4), max_size=3).map(tuple))
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=14)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(OURS), st.one_of(st.sampled_from(WORDS), st.text(max_size=9)), ATTRIBUTES)
def test_nothing_raises_and_nothing_is_negative(
    dialect: Dialect, name: str, said: dict[str, Any]
) -> None:
    before = dict(said)
    assert dialect.kind(name, said) in {"call", "around", "other"}
    call = dialect.read(name, said)
    hash((call.provider, call.model, call.request_model, call.response_id, call.tier))
    if call.usage is not None:
        assert all(quantity >= 0 for quantity in call.usage.quantities.values())
        assert any(call.usage.quantities.values())
    if dialect.starts is not None:
        assert dialect.starts(name, said) in {True, False}
    assert before.keys() == said.keys()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=9), ATTRIBUTES)
def test_finding_a_dialect_never_raises(name: str, said: dict[str, Any]) -> None:
    dialects = Dialects()
    dialects.of_attributes(name, said)
    dialects.of_scope(name)


@settings(max_examples=200, deadline=None)
@given(st.one_of(TEXTS, st.text()), st.sampled_from(["usage", "token_usage", "id"]))
def test_looking_through_an_answer_never_raises(answer: str, name: str) -> None:
    found = raw.last_object(answer, name)
    assert isinstance(found, dict)
    raw.last_text(answer, name)
    raw.read_object(found, "a-model", claude=False)
    raw.read_object(found, "a-model", claude=True)


def test_nested_without_end() -> None:
    for hostile in ("{" * 60_000, '{"a":' * 10_000, "{'a':" * 2_000, "{" + "-" * 16_000 + "1}"):
        assert json_object(hostile) == {}
        assert python_object(hostile) == {}
        assert raw.last_object('{"usage":' + hostile, "usage") == {}


def test_objects_that_are_no_providers_usage() -> None:
    hostiles: tuple[object, ...] = (5, "x", [5], {"type": 5}, [[{}]], True)
    for hostile in hostiles:
        usage = {"input_tokens": 1, "output_tokens": 1, "iterations": hostile}
        read = raw.read_object(usage, "claude-sonnet-4-5", claude=True)
        assert read.usage is None or read.usage.total_tokens <= 2
        response = {"output": hostile, "tool_usage": hostile, "tools": hostile}
        raw.read_tools(read, response)
        raw.read_turns(Usage({"input": 1}), "a-model", {"iterations": hostile})


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": {"c": None, "d": True, "e": False}, "f": [1.5, None]},
        {"None": 'a "quoted" word', "it's": "back\\slash", "x": None},
        {"text": "it's None: True"},
        {},
    ],
)
def test_what_python_writes_is_read_back(value: dict[str, object]) -> None:
    assert python_object(repr(value)) == value


def test_a_usage_that_is_not_the_spans_is_not_read() -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5.4",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "output.value": '{"parsed": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}}',
    }
    usage = openinference.OPENAI.read("ChatCompletion", said).usage
    assert usage is not None
    assert usage.total_tokens == 120


def test_a_messages_id_within_a_response_is_not_the_responses() -> None:
    said = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5.4"}
    message = '"content": [{"type": "text", "id": "msg_1"}], "response_metadata": '
    for whole, found in (
        (f'{{{message}{{"id": "resp_1"}}}}', "resp_1"),
        (f"{{{message}{{}}}}", None),
    ):
        call = openinference.OTHERS.read("ChatOpenAI", {**said, "output.value": whole})
        assert call.response_id == found


def test_a_usage_within_the_text_of_an_answer_is_not_the_usage() -> None:
    answer = json.dumps({"usage": {"input_tokens": 5}, "content": '{"usage": {"input_tokens": 9}}'})
    assert raw.last_object(answer, "usage") == {"input_tokens": 5}


def test_a_huge_answer_is_not_read_through() -> None:
    answer = '{"content":"' + "x" * 5_000_000 + '","usage":{"input_tokens":5}}'
    assert raw.last_object(answer, "usage") == {"input_tokens": 5}
    assert json_object(answer) == {}
