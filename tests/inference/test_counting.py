"""Text becomes tokens: exactly as the model's definition says, or approximately, or not at all."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from otel_cost import faults
from otel_cost.capture.anthropic import ENDPOINTS as ANTHROPIC
from otel_cost.capture.openai import ENDPOINTS as OPENAI
from otel_cost.inference import encodings
from otel_cost.inference.counting import Inference
from otel_cost.measured import Measured
from otel_cost.pricing.organisation import PriceFileError, parse_organisation
from otel_cost.usage import Usage

HELLO = [{"role": "user", "content": "hello"}]


def call(path: str, sent: dict[str, Any], body: Any, model: str = "gpt-4o") -> Measured:
    """A call that was answered, with its text."""
    endpoint = {**OPENAI, **ANTHROPIC}[path]
    assert endpoint.listen is not None
    made = Measured("", "openai", endpoint.operation, 10**18, request_model=model)
    made.conversation = endpoint.listen(sent)
    endpoint.read_body(made, body)
    return made


def chat(messages: Any = HELLO, answer: Any = "world", model: str = "gpt-4o") -> Measured:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]}
    return call("/chat/completions", {"messages": messages}, body, model)


def estimated(made: Measured, inference: Inference | None = None) -> dict[Any, Any] | None:
    (inference or Inference()).estimate(made)
    assert made.conversation is None, "the text is kept no longer"
    return None if made.usage is None else dict(made.usage.quantities)


@pytest.mark.usefixtures("_tiny_encodings")
@pytest.mark.parametrize(
    ("messages", "tokens"),
    [
        (HELLO, 3 + 1 + 1 + 3),
        ([{"role": "system", "content": "hello world"}, *HELLO], 3 + 1 + 3 + 8),
        ([{"role": "user", "name": "name", "content": "hello"}], 3 + 1 + 1 + 1 + 1 + 3),
        ([{"role": "user", "content": [{"type": "text", "text": "hello"}]}], 8),
        ([{"role": "user", "content": "é"}], 3 + 1 + 2 + 3),
    ],
)
def test_messages_of_openai_cost_three_tokens_more_and_so_does_the_answer(
    messages: Any, tokens: int
) -> None:
    made = chat(messages)
    assert estimated(made) == {"input": tokens, "output": 1}
    assert (made.usage_source, made.unknown) == ("inferred", ())


DEFINITION = """
[[definition]]
model_name = "acme"
match_pattern = "^(acme|gpt-4o)$"
input_price = 1
tokenizer = "openai"
tokenizer_config = { tokensPerMessage = 10, tokensPerName = 100, tokenizerModel = "gpt-4o" }
"""


@pytest.mark.usefixtures("_tiny_encodings")
@pytest.mark.parametrize("model", ["acme", "gpt-4o"])
def test_the_definition_of_the_model_says_how_to_count(model: str) -> None:
    inference = Inference(parse_organisation(DEFINITION).definitions)
    named = [{"role": "user", "name": "name", "content": "hello"}]
    found = estimated(chat(named, model=model), inference)
    assert found == {"input": 10 + 100 + 3 + 3, "output": 1}


def test_claude_of_a_definition_is_the_approximation() -> None:
    text = DEFINITION.replace('"openai"', '"claude"')
    found = estimated(chat(model="gpt-4o"), Inference(parse_organisation(text).definitions))
    assert found == {"input": 10 + 1 + 2 + 3, "output": 2}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"openai"', '"x"', ":6: definition tokenizer is 'x'; choose openai or claude"),
        ("tokensPerName = 100", "x = 1", ":7: definition x is unknown; write tokenizerModel"),
        ("= 100", '= "1"', ":7: definition tokensPerName is '1', which is no whole number"),
        ('Model = "gpt-4o"', "Model = 4", ":7: definition tokenizerModel is 4; name a model"),
    ],
)
def test_a_definition_that_counts_in_no_way_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(PriceFileError) as raised:
        parse_organisation(DEFINITION.replace(old, new))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2), ("日本", 2)]
)
def test_the_approximation_is_a_token_for_four_bytes(text: str, tokens: int) -> None:
    assert encodings.approximate(text) == tokens


def test_other_models_are_approximated() -> None:
    assert estimated(chat(model="mistral-large")) == {"input": 3 + 1 + 2 + 3, "output": 2}


READERS: list[tuple[str, dict[str, Any], Any, dict[str, int]]] = [
    (
        "/chat/completions",
        {"messages": HELLO, "tools": [{"a": 1}]},
        {
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "content": None,
                        "tool_calls": [{"function": {"name": "x", "arguments": "{}"}}],
                    },
                },
                {"index": 1, "message": {"content": "hello"}},
            ]
        },
        {"input": 3 + 1 + 2 + 3 + 3, "output": 1 + 2},
    ),
    (
        "/responses",
        {"input": "hello", "instructions": "hello"},
        {
            "output": [
                {"type": "reasoning", "summary": [{"text": "long thoughts"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "hello"}]},
                {"type": "function_call", "name": "x", "arguments": "{}"},
            ]
        },
        {"input": 3 + 2 + 2 + 3 + 1 + 2 + 3, "output": 2 + 1},
    ),
    (
        "/v1/messages",
        {"system": [{"type": "text", "text": "hello"}], "messages": HELLO},
        {
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "tool_use", "id": "t", "name": "x", "input": {"a": 1}},
            ]
        },
        {"input": 3 + 2 + 2 + 3 + 1 + 2 + 3, "output": 2 + 2},
    ),
    ("/embeddings", {"input": ["hello", "abcd"]}, {"data": []}, {"input": 2 + 1}),
    ("/embeddings", {"input": [[1, 2, 3], [4]]}, {"data": []}, {"input": 4}),
    ("/embeddings", {"input": [1, 2, 3]}, {"data": []}, {"input": 3}),
]


@pytest.mark.parametrize(("path", "sent", "body", "meters"), READERS)
def test_the_text_of_every_api_is_found(
    path: str, sent: Any, body: Any, meters: dict[str, int]
) -> None:
    assert estimated(call(path, sent, body, "some-model")) == meters


@pytest.mark.parametrize(
    ("part", "meter"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, "input_image"),
        ({"type": "input_audio", "input_audio": {"data": "x"}}, "input_audio"),
        ({"type": "file", "file": {"file_id": "x"}}, "input"),
    ],
)
def test_what_is_no_text_is_named_as_unknown(part: dict[str, Any], meter: str) -> None:
    made = chat([{"role": "user", "content": [{"type": "text", "text": "hello"}, part]}], model="x")
    assert estimated(made) == {"input": 3 + 1 + 2 + 3, "output": 2}
    assert made.unknown == (meter,)


def test_reported_usage_is_never_replaced() -> None:
    made = chat(model="x")
    made.usage, made.usage_source = Usage({"input": 1}), "provider"
    assert estimated(made) == {"input": 1}
    assert made.usage_source == "provider"


@pytest.mark.usefixtures("_no_tables")
def test_without_tables_nothing_is_estimated_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_said", set())
    inference = Inference()
    assert estimated(chat(), inference) is None
    assert estimated(chat(), inference) is None
    assert estimated(chat(model="x"), inference) is not None
    (record,) = caplog.records
    assert "such calls stay unmetered" in record.getMessage()


def test_an_encoding_that_does_not_come_is_not_waited_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float | None] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread() is threading.main_thread():
                waits.append(timeout)
            return super().wait(timeout)

    held = threading.Event()
    monkeypatch.setattr(encodings, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(encodings, "_encoding", lambda _: held.wait(30))
    found = encodings.Encodings()
    monkeypatch.setattr(threading, "Event", Watched)
    assert found.count("gpt-4o") is None
    assert found.count("gpt-4o") is None
    held.set()
    assert waits[-1] == 0, "all of the waiting was done the first time"


O200K = "fb374d419588a4632f3f557e76b4b70aebbca790"


@pytest.mark.skipif(
    not Path(os.environ.get("TIKTOKEN_CACHE_DIR", ""), O200K).is_file(),
    reason="TIKTOKEN_CACHE_DIR names no folder with the table of o200k_base",
)
def test_the_real_table_counts_as_openai_does() -> None:
    made = chat([{"role": "user", "content": "The quick brown fox"}], " jumps over the lazy dog")
    assert estimated(made) == {"input": 3 + 1 + 4 + 3, "output": 5}
