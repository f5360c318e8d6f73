"""Shows what the dialects make of libraries and versions of which we have spans of our own.

`measured.json` holds what they emit for calls with the numbers of the recordings: the attributes
that matter, without prompts and answers.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.spans.dialects.registry import Dialects
from tests.replay.truth import truth
from tests.spans.dialects.comparing import complaint

DIALECTS = Dialects()


class Made(NamedTuple):
    """A span that a library made in one of the recordings' cases."""

    library: str
    case: str
    name: str
    scope: str
    at_start: list[str]
    attributes: dict[str, Any]

    @property
    def dialect(self) -> Dialect:
        """The dialect of its scope."""
        found = DIALECTS.of_scope(self.scope)
        assert found is not None, self.scope
        return found

    @property
    def call(self) -> SpanCall | None:
        """What it tells of a call, if it does."""
        called = self.dialect.kind(self.name, self.attributes) == "call"
        return self.dialect.read(self.name, self.attributes) if called else None


MADE = [
    Made(**span)
    for span in json.loads(Path(__file__).with_name("measured.json").read_text("utf-8"))
]


def calls(library: str, case: str) -> list[SpanCall]:
    """What the spans of a case tell of calls, in the order they ended."""
    found = [
        call for span in MADE if (span.library, span.case) == (library, case) if (call := span.call)
    ]
    assert found, f"{library} has no call in {case}"
    return found


@pytest.mark.parametrize("span", MADE, ids=lambda span: f"{span.library}/{span.case}/{span.name}")
def test_never_more_than_the_wire_and_less_only_if_said(span: Made) -> None:
    call = span.call
    if call is None:
        assert span.name.startswith(
            ("invoke_agent", "raw_gen_ai_request", "turn", "demo", "Agent ", "Anthropic API call")
        )
    elif not call.fetched:
        assert complaint(call, truth(span.library, span.case)) is None


@pytest.mark.parametrize("span", MADE, ids=lambda span: f"{span.library}/{span.case}/{span.name}")
def test_starts(span: Made) -> None:
    starts = span.dialect.starts
    assert starts is not None
    begun = starts(span.name, {name: span.attributes[name] for name in span.at_start})
    late = span.scope == "litellm" and not span.name.startswith("litellm")
    assert begun == (span.call is not None and not late)


@pytest.mark.parametrize("version", ["logfire 5.2", "logfire 5.4"])
@pytest.mark.parametrize("case", ["chat_stream_usage", "responses_stream", "messages_stream"])
def test_logfire_tells_of_a_stream_in_a_span_of_its_own(version: str, case: str) -> None:
    request, stream = calls(version, f"{case}_sync")
    assert request.told_later
    assert request.usage is None
    assert not stream.told_later
    (expected,) = truth(version, f"{case}_sync")
    assert stream.usage is not None
    assert stream.usage.total_tokens == expected.parts[0].usage.total_tokens


@pytest.mark.parametrize("version", ["logfire 5.2", "logfire 5.4"])
def test_logfire_shows_the_placeholder_of_a_closed_stream(version: str) -> None:
    _, stream = calls(version, "messages_stream_close_early_sync")
    assert stream.usage is not None
    assert "output" not in stream.usage.quantities
    assert "output" in stream.unknown


def test_logfire_in_the_background() -> None:
    created, fetched = calls("logfire 5.4", "responses_background_sync")
    assert created.pending
    assert not created.told_later
    assert fetched.fetched
    assert fetched.response_id == created.response_id == "resp_mock1"


@pytest.mark.parametrize(
    ("library", "case"),
    [
        ("logfire 5.4", "chat_sync"),
        ("logfire 5.4", "messages_sync"),
        ("logfire 5.4", "images_sync"),
        ("logfire 5.4", "transcription_sync"),
        ("pydantic-ai 2.68", "messages_sync"),
        ("litellm 1.110", "messages_sync"),
        ("openai-agents by OpenInference", "agents_responses_run"),
    ],
)
def test_what_is_there_whole_is_read_whole(library: str, case: str) -> None:
    (call,) = calls(library, case)
    (expected,) = truth(library, case)
    assert call.usage == expected.parts[0].usage
    assert (call.unknown, call.undivided, call.guessed) == ((), (), False)


def test_litellm_tells_the_lifetimes_of_openais_cache_apart() -> None:
    (call,) = calls("litellm 1.110", "responses_sync")
    assert call.usage is not None
    assert call.usage.quantities["cache_write_12h"] == 100
    assert "cache_write_12h" not in call.unknown
    assert "web_search" in call.unknown


def test_litellms_own_count_is_a_guess_and_its_own_id_none() -> None:
    (call,) = calls("litellm 1.110", "chat_stream_nousage_sync")
    assert call.guessed
    (call,) = calls("litellm 1.110", "embeddings_sync")
    assert (call.operation, call.provider, call.response_id) == ("embeddings", "openai", None)


def test_chat_models_of_agents_lose_the_cache() -> None:
    (call,) = calls("openai-agents by OpenInference", "agents_chat_run")
    assert call.undivided == ("input",)
    assert "cache" in call.note
    (call,) = calls("openai-agents by OpenLLMetry", "agents_chat_run")
    assert call.usage is None


def test_anthropic_is_no_model() -> None:
    (call,) = calls("langchain by OpenLIT", "messages_stream_sync")
    assert (call.provider, call.model, call.request_model) == ("anthropic", None, None)


@pytest.mark.parametrize("hit", [True, "True"])
def test_an_answer_from_litellms_cache_is_no_call(hit: object) -> None:
    said = {"gen_ai.operation.name": "chat", "litellm.cache_hit": hit}
    dialect = DIALECTS.of_scope("litellm")
    assert dialect is not None
    assert dialect.kind("litellm_request", said) == "around"
    assert dialect.kind("litellm_request", {**said, "litellm.cache_hit": False}) == "call"
