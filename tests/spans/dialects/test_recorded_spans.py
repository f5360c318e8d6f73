"""Shows what each dialect makes of every span of the recordings."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.spans.dialects.registry import Dialects
from tests.replay import recording
from tests.replay.recording import RecordedSpan
from tests.replay.truth import truth
from tests.spans.dialects.comparing import complaint

LIBRARIES = recording.libraries()
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="OTEL_COST_TEST_DATA is not set")

DIALECTS = Dialects()
NATIVE = "com.anthropic.sdk.python"
AROUND = (
    "invoke_",
    "execute_",
    "Runnable",
    "ChatPromptTemplate",
    "StrOutputParser",
    "raw_gen_ai_request",
    "fetch_response",
    "anthropic.messages.tool_runner",
    "anthropic.custom_tool_use",
    "anthropic.messages.count_tokens",
    "messages.count_tokens",
)
"""How the names of spans begin that are no calls."""
LATE = ("langfuse-sdk", "litellm", "openinference.instrumentation.langchain", "app")
"""Scopes whose spans, but for some names, do not say what they are when they start."""


class Seen(NamedTuple):
    """A recorded span and what its dialect says of it."""

    library: str
    case: str
    span: RecordedSpan
    dialect: Dialect | None
    attributes: dict[str, Any]

    @property
    def call(self) -> SpanCall | None:
        """What it tells of a call, if it does."""
        if self.dialect is None or self.dialect.kind(self.span.name, self.attributes) != "call":
            return None
        return self.dialect.read(self.span.name, self.attributes)

    def __str__(self) -> str:
        return f"{self.library}/{self.case} {self.span.name}"


def seen(library: str) -> Iterator[Seen]:
    """Every span that a library made."""
    for each in recording.of_library(library):
        for span in each.spans:
            said = span.attributes
            found = DIALECTS.of_scope(span.scope.name) or DIALECTS.of_attributes(span.name, said)
            yield Seen(library, each.case, span, found, said)


@pytest.mark.parametrize("library", LIBRARIES)
def test_calls_and_what_is_around_them(library: str) -> None:
    for each in seen(library):
        if each.span.scope.name == "app":
            # Only LiteLLM writes what it has to say onto the application's own spans.
            assert (each.dialect is not None) == bool(each.attributes), each
            continue
        assert each.dialect is not None, each
        expected = "around" if each.span.name.startswith(AROUND) else "call"
        assert each.dialect.kind(each.span.name, each.attributes) == expected, each


@pytest.mark.parametrize("library", LIBRARIES)
def test_never_more_than_the_wire_and_less_only_if_said(library: str) -> None:
    wrong = []
    for each in seen(library):
        if (call := each.call) is None or call.fetched:
            continue
        problem = complaint(call, truth(library.partition("@")[0], each.case))
        if problem:
            wrong.append(f"{each}: {problem}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", LIBRARIES)
def test_starts_are_recognised_as_the_calls_they_become(library: str) -> None:
    for each in seen(library):
        if each.dialect is None or each.dialect.starts is None:
            continue
        starts = each.dialect.starts(each.span.name, dict(each.span.at_start))
        called = each.call is not None
        if starts:
            assert called or each.span.name.endswith("count_tokens"), each
        elif called:
            assert each.span.scope.name.startswith(LATE), each


def of(library: str, case: str) -> list[SpanCall]:
    """What is read of the calls of one recording."""
    return [c for e in seen(library) if e.case == case and (c := e.call) is not None]


@pytest.mark.parametrize("library", ["otel-genai", "openinference"])
def test_a_response_in_the_background_is_pending(library: str) -> None:
    created, *fetched = of(library, "responses_background_sync")
    assert created.pending
    assert created.usage is None
    assert all(call.fetched and call.usage for call in fetched)


@pytest.mark.parametrize("library", ["openinference", "openlit"])
def test_fetching_an_answer_says_so(library: str) -> None:
    (call,) = of(library, "responses_retrieve_sync")
    assert call.fetched
    assert call.request_model is None
    assert call.model == "gpt-5.5-2026-04-23"


def test_what_may_be_fetched_is_not_billed_and_says_why() -> None:
    (call,) = of("openllmetry", "responses_retrieve_sync")
    assert call.usage is None
    assert "fetched again" in call.note


def test_exactly_what_the_provider_said_where_the_span_has_it_raw() -> None:
    for library, case in [
        ("openinference", "beta_messages_sync"),
        ("openinference", "responses_sync"),
        ("openinference", "chat_flex_sync"),
        ("langfuse", "chat_flex_sync"),
        ("litellm", "llm_anthropic_stream_sync"),
    ]:
        (call,) = of(library, case)
        (expected,) = truth(library, case)
        assert call.usage == expected.parts[0].usage, case
        assert call.other_parts == expected.parts[1:], case
        assert (call.unknown, call.undivided, call.guessed) == ((), (), False), case


def test_the_placeholder_of_a_stream_is_no_output() -> None:
    for library in ("otel-genai", "native", "openllmetry", "openinference", "openlit"):
        for call in of(library, "messages_stream_cut_sync"):
            assert call.usage is not None
            assert "output" not in call.usage.quantities, library
            assert "output" in call.unknown, library


def test_a_tokenizers_count_is_a_guess() -> None:
    (call,) = of("openlit", "chat_stream_nousage_sync")
    assert call.guessed
    assert call.note
    (call,) = of("openlit", "chat_stream_usage_sync")
    assert not call.guessed


def test_litellm_names_the_response_as_openai_does() -> None:
    for library in ("litellm", "litellm-langfuse_otel"):
        (call,) = of(library, "llm_openai_responses_sync")
        assert call.response_id == "resp_mock1"
        (call,) = of(library, "llm_anthropic_sync")
        assert call.response_id is None  # it makes one up


def test_streams_and_whole_messages_of_openllmetry_are_told_apart() -> None:
    (whole,) = of("openllmetry", "messages_sync")
    (helped,) = of("openllmetry", "messages_stream_helper_sync")
    assert whole.usage is not None
    assert whole.usage.output_tokens == 250
    assert "output" not in whole.unknown
    assert "output" in helped.unknown
