"""Which stacks are found to need fixing, which are worth a note, and which are sound."""

import re
import tomllib
from collections.abc import Mapping

import pytest

from otel_cost.spans import conflicts
from otel_cost.spans.conflicts import findings
from otel_cost.spans.stacks import LIBRARIES, Stack, release
from tests import programs

OTEL_OPENAI = "opentelemetry-instrumentation-genai-openai"
OTEL_ANTHROPIC = "opentelemetry-instrumentation-genai-anthropic"
OTEL_LANGCHAIN = "opentelemetry-instrumentation-genai-langchain"
OPENAI_V2 = "opentelemetry-instrumentation-openai-v2"
OPENLLMETRY = "opentelemetry-instrumentation-openai"
LITELLM_SPANS = {"USE_OTEL_LITELLM_REQUEST_SPAN": "true"}
NEW = {"opentelemetry-sdk": "1.45.2", "openai": "3.57.0", "anthropic": "2.14.0"}
OLD = {"opentelemetry-sdk": "1.33.1", "openai": "2.54.0", "anthropic": "0.125.0"}


def found(versions: Mapping[str, str], environ: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f.level, f.about) for f in findings(Stack(versions, environ))]


@pytest.mark.parametrize(
    ("versions", "environ"),
    [
        ({}, {}),
        (NEW, {}),
        (OLD, {}),
        (NEW | {"langfuse": "5.0.4", "logfire": "5.2.0"}, {"LANGFUSE_SAMPLE_RATE": "0.1"}),
        (NEW | {OTEL_OPENAI: "1.3b0", OTEL_LANGCHAIN: "1.3b0", "langchain": "1.0"}, {}),
        (NEW | {OTEL_ANTHROPIC: "1.3b0"}, {"ANTHROPIC_OPEN_TELEMETRY": "False"}),
        (OLD | {OTEL_ANTHROPIC: "1.3b0"}, {}),
        (OLD | {"litellm": "1.106.2", "openlit": "1.45.0"}, LITELLM_SPANS),
        (OLD | {"litellm": "1.106.2"}, {"LITELLM_OTEL_V2": "1"}),
        (OLD | {"litellm": "1.106.2"}, {"OTEL_TRACES_SAMPLER": "always_on"} | LITELLM_SPANS),
        (OLD | {"litellm": "1.106.2"}, {"OTEL_TRACES_SAMPLER": "traceidratio"} | LITELLM_SPANS),
        (NEW, {"OTEL_TRACES_SAMPLER": "always_off"}),
        (NEW | {"opentelemetry-instrumentation": "0.66b2"}, {"OTEL_TRACES_SAMPLER": "otel_cost"}),
        (NEW, {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"}),
    ],
)
def test_a_sound_stack_has_no_findings(
    versions: Mapping[str, str], environ: Mapping[str, str]
) -> None:
    assert found(versions, environ) == []


@pytest.mark.parametrize(
    ("versions", "environ", "level", "about", "words"),
    [
        (NEW | {"openai": "1.49.2"}, {}, "fix", "openai", "older than .* Install openai 1.50 or"),
        (NEW | {"anthropic": "3.0.0"}, {}, "note", "anthropic", "newer than .* tested with .<3."),
        (NEW | {"langfuse": "2.60.3"}, {}, "fix", "langfuse", "Install langfuse 3 or newer"),
        ({"opentelemetry-sdk": "1.32.1"}, {}, "fix", "opentelemetry-sdk", "1.33 or newer"),
        (NEW, {"LANGFUSE_SECRET_KEY": "sk-1"}, "fix", "LANGFUSE_PUBLIC_KEY", "Nothing is sent"),
        (NEW, {"OTEL_COST_TAGS": "x"}, "fix", "OTEL_COST_TAGS", "'x' is ignored"),
        (NEW, {"OTEL_COST_DISABLED": "1"}, "fix", "OTEL_COST_DISABLED", "Unset OTEL_COST_DISA"),
        (NEW, {"OTEL_SDK_DISABLED": "true"}, "fix", "OTEL_SDK_DISABLED", "switched off"),
        (OLD | {"litellm": "1.106.2"}, {}, "fix", "litellm", "Set USE_OTEL_LITELLM_REQUEST_SPAN"),
        (
            OLD | {"litellm": "1.106.2"},
            {"USE_OTEL_LITELLM_REQUEST_SPAN": "1"},
            "fix",
            "litellm",
            "a second call overwrites the first",
        ),
        (NEW | {"litellm": "1.83.0"}, LITELLM_SPANS, "note", "litellm", "1.83.0 is an old one"),
        (NEW | {OPENAI_V2: "2.4b0"}, {}, "fix", OPENAI_V2, "cannot be imported .* httpx"),
        (
            NEW | {OPENAI_V2: "2.4b0", "httpx": "0.28.1", "opentelemetry-util-genai": "1.3b0"},
            {},
            "fix",
            OPENAI_V2,
            "cannot be imported .* opentelemetry-util-genai 1.2",
        ),
        (
            NEW | {OPENAI_V2: "2.4b0", "httpx": "0.28.1", "opentelemetry-util-genai": "1.1b0"},
            {},
            "note",
            OPENAI_V2,
            f"superseded.* Install {OTEL_OPENAI}",
        ),
        (
            NEW | {OTEL_LANGCHAIN: "1.3b0", "langchain-core": "1.7.2"},
            {},
            "fix",
            OTEL_LANGCHAIN,
            "Install langchain",
        ),
        (
            NEW | {OTEL_OPENAI: "1.3b0", OPENLLMETRY: "0.62.4"},
            {},
            "note",
            "openai",
            "OpenTelemetry GenAI and OpenLLMetry each make a span",
        ),
        (NEW | {OTEL_ANTHROPIC: "1.3b0"}, {}, "note", "anthropic", "ANTHROPIC_OPEN_TELEMETRY=f"),
        (
            NEW,
            {"ANTHROPIC_OPEN_TELEMETRY": "0"},
            "fix",
            "ANTHROPIC_OPEN_TELEMETRY",
            "'0' does not switch .* off",
        ),
        (OLD | {"openlit": "1.26.0", "openai": "3.0.0"}, {}, "note", "openlit", "declare openai<3"),
        (
            NEW | {"pydantic-ai-slim": "2.62.0", "langchain-core": "1.7.2"},
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
            "note",
            "OTEL_TRACES_SAMPLER",
            "LangChain and Pydantic AI can call .* CostSampler",
        ),
        (
            OLD | {"litellm": "1.106.2"},
            {"LANGFUSE_SAMPLE_RATE": "0.1"} | LITELLM_SPANS,
            "note",
            "LANGFUSE_SAMPLE_RATE",
            "LiteLLM can call",
        ),
        (
            NEW,
            {"OTEL_TRACES_SAMPLER": "otel_cost"},
            "note",
            "OTEL_TRACES_SAMPLER",
            "automatic instrumentation",
        ),
    ],
)
def test_what_is_wrong_is_found_and_nothing_else(
    versions: Mapping[str, str], environ: Mapping[str, str], level: str, about: str, words: str
) -> None:
    assert found(versions, environ) == [(level, about)]
    (finding,) = findings(Stack(versions, environ))
    text = f"{finding.what} {finding.fix}"
    assert re.search(words, text), text
    assert finding.what.endswith(".")
    assert finding.fix == "" or finding.fix.endswith(".")


def test_what_needs_fixing_comes_first() -> None:
    versions = NEW | {"anthropic": "3.0", "litellm": "1.0", OTEL_LANGCHAIN: "1.3b0"}
    levels = [level for level, _ in found(versions, {})]
    assert levels == ["fix", "fix", "note", "note"]


def test_no_finding_repeats_a_secret() -> None:
    environ = {"LANGFUSE_PUBLIC_KEY": "sk-lf-hunter2", "LANGFUSE_SECRET_KEY": "pk-lf-hunter2"}
    assert "hunter2" not in str(findings(Stack(NEW, environ)))


@pytest.mark.parametrize(
    ("text", "numbers"), [("1.45.0b2", (1, 45, 0)), ("3", (3,)), ("0.66b2", (0, 66)), ("x", ())]
)
def test_the_numbers_of_a_version(text: str, numbers: tuple[int, ...]) -> None:
    assert release(text) == numbers


def test_what_is_supported_is_what_the_package_declares() -> None:
    project = tomllib.loads((programs.ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["openai"], *extras["anthropic"]]
    declared += extras["langfuse"]
    for name, first, beyond in conflicts._SUPPORTED:
        oldest, newest = (".".join(map(str, numbers)) for numbers in (first, beyond))
        assert f"{name}>={oldest},<{newest}" in declared


def test_libraries_are_named_as_package_indexes_spell_them() -> None:
    names = [library.distribution for library in LIBRARIES]
    assert len(set(names)) == len(names)
    assert all(name == name.lower().replace("_", "-") for name in names)
