"""Shows how the dialect of a span is found, and that users' own dialects are taken and guarded."""

from pathlib import Path

import pytest

from otel_cost import faults
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.spans.dialects.registry import OURS, ByScope, Dialects

OURS_BY_SCOPE = {
    "opentelemetry.instrumentation.genai.openai": "otel-genai-openai",
    "opentelemetry.instrumentation.genai.openai_agents": "otel-genai",
    "opentelemetry.instrumentation.genai.anthropic": "otel-genai-anthropic",
    "opentelemetry.instrumentation.genai.langchain": "otel-genai",
    "opentelemetry.instrumentation.openai_v2": "otel-openai-v2",
    "opentelemetry.util.genai.handler": "otel-util-genai",
    "opentelemetry.instrumentation.openai.v1": "openllmetry-openai",
    "opentelemetry.instrumentation.openai_agents": "openllmetry",
    "opentelemetry.instrumentation.anthropic": "openllmetry-anthropic",
    "opentelemetry.instrumentation.langchain": "openllmetry",
    "com.anthropic.sdk.python": "anthropic",
    "com.anthropic.sdk.python.bedrock": "anthropic",
    "openinference.instrumentation.openai": "openinference-openai",
    "openinference.instrumentation.openai_agents": "openinference-agents",
    "openinference.instrumentation.dspy": "openinference",
    "openlit.instrumentation.openai": "openlit-openai",
    "openlit.instrumentation.openai_agents": "openlit",
    "openlit.instrumentation.langchain": "openlit-langchain",
    "openlit.instrumentation.crewai": "openlit",
    "langfuse-sdk": "langfuse",
    "logfire.openai": "logfire-openai",
    "litellm": "litellm",
    "pydantic-ai": "pydantic-ai",
}


@pytest.mark.parametrize(("scope", "name"), OURS_BY_SCOPE.items())
def test_the_longest_scope_that_fits_is_taken(scope: str, name: str) -> None:
    dialects = Dialects()
    for _ in range(2):  # the second time it is remembered
        found = dialects.of_scope(scope)
        assert found is not None
        assert found.name == name


@pytest.mark.parametrize(
    "scope",
    [
        "app",
        "otel_cost",
        "",
        "opentelemetry.instrumentation.httpx",
        "opentelemetry.instrumentation.requests",
        "opentelemetry.instrumentation.sqlalchemy",
        "opentelemetry.instrumentation.fastapi",
    ],
)
def test_other_scopes_have_none(scope: str) -> None:
    assert Dialects().of_scope(scope) is None


def test_scopes_without_end_are_not_all_remembered() -> None:
    by_scope = ByScope(())
    for number in range(5000):
        assert by_scope[f"made up {number}"] is None
    assert len(by_scope) <= 1024


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"litellm.call_id": "1", "gen_ai.operation.name": "chat"}, "litellm"),
        ({"langfuse.observation.type": "generation", "gen_ai.system": "openai"}, "langfuse"),
        ({"openinference.span.kind": "LLM", "llm.model_name": "gpt-5"}, "openinference"),
        ({"gen_ai.operation.name": "chat"}, "gen_ai"),
        ({"gen_ai.request.model": "gpt-5"}, "gen_ai"),
        ({"llm.request.type": "chat"}, "gen_ai"),
        ({"http.request.method": "POST", "db.system": "redis"}, None),
        ({}, None),
    ],
)
def test_an_unknown_scope_is_known_by_its_marks(said: dict[str, str], name: str | None) -> None:
    found = Dialects().of_attributes("a span", said)
    assert (None if found is None else found.name) == name


def test_names_are_used_once() -> None:
    names = [dialect.name for dialect in OURS]
    assert len(set(names)) == len(names)


MODULE = """
from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.usage import Usage

def kind(name, said):
    return said["kind"]

def read(name, said):
    return SpanCall(model=name, usage=Usage({"input": said["in"]}))

ours = Dialect("theirs", ("openlit", "of.their.own"), kind, read)

def make():
    return Dialect("made", ("made.by.a.function",), kind, read, starts=lambda name, said: 1 / 0)

def broken():
    raise RuntimeError("no dialect today")

number = 5
"""


def install(folder: Path, points: str) -> None:
    """A distribution as an installer leaves it behind."""
    (folder / "their_dialects.py").write_text(MODULE)
    info = folder / "their_dialects-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-dialects\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[otel_cost_dialect]\n{points}\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a distribution may be installed for one test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(faults, "_said", set())
    return tmp_path


def test_a_users_dialect_wins_over_ours(installed: Path) -> None:
    install(installed, "one = their_dialects:ours\ntwo = their_dialects:make")
    dialects = Dialects()
    assert {"theirs", "made"} <= {dialect.name for dialect in dialects.all}
    found = dialects.of_scope("openlit.instrumentation.openai")
    assert found is not None
    assert found.name == "theirs"
    assert found.kind("x", {"kind": "call"}) == "call"
    call = found.read("gpt-5", {"in": 7})
    assert call.model == "gpt-5"
    assert call.usage is not None
    assert call.usage.input_tokens == 7
    made = dialects.of_scope("made.by.a.function.of.theirs")
    assert made is not None
    assert made.name == "made"


def test_what_a_users_dialect_raises_stays_here(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(installed, "one = their_dialects:ours\ntwo = their_dialects:make")
    dialects = Dialects()
    before = faults.counts["dialect_error"]
    found, made = dialects.of_scope("of.their.own"), dialects.of_scope("made.by.a.function")
    assert found is not None
    assert made is not None
    assert made.starts is not None
    assert found.kind("x", {}) == "other"
    assert found.read("x", {}) == SpanCall()
    assert made.starts("x", {}) is False
    assert faults.counts["dialect_error"] == before + 3
    assert "the dialect of the entry point 'one'" in caplog.text


@pytest.mark.parametrize("what", ["broken", "number", "missing"])
def test_a_broken_entry_point_is_named_and_left_out(
    installed: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    install(installed, f"mine = their_dialects:{what}")
    before = faults.counts["dialect_error"]
    assert Dialects().all == OURS
    assert Dialects().all == OURS
    assert faults.counts["dialect_error"] == before + 2
    assert caplog.text.count("the entry point 'mine'") == 1
