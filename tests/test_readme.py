"""Runs what the README tells a newcomer to write, and compares the other pages with the code."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_cost import attributes as names
from otel_cost import variables
from otel_cost.demo.providers import LocalProviders
from tests.langfuse_rules import inferred, store
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan

ROOT = Path(__file__).parent.parent
CALLS = ROOT / "tests" / "data" / "readme_calls.py"


PROMISED = {
    "langfuse.observation.type",
    "langfuse.observation.model.name",
    "langfuse.observation.usage_details",
    "langfuse.observation.cost_details",
    *(
        f"langfuse.{prefix}.metadata.{key}"
        for prefix in ("trace", "observation")
        for key in ("feature", "team", "customer", "experiment")
    ),
    "langfuse.observation.metadata.otel_cost_status",
    "langfuse.observation.metadata.otel_cost_charge_id",
    "langfuse.observation.metadata.service",
    "langfuse.trace.tags",
    "user.id",
    "session.id",
    "gen_ai.operation.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cost",
}
"""The attributes of every call's span, spelled as a backend reads them."""


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


ADD_PROCESSOR, ATTRIBUTE, CONFIGURE, SINK = blocks("README.md", "python")


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running


@pytest.fixture
def environment(
    providers: LocalProviders, receiver: OtlpReceiver, tmp_path: Path
) -> dict[str, str]:
    """What a program sees that talks to the local providers and the local receiver."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "LANGFUSE_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": providers.openai_url,
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": providers.anthropic_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.base_url,
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,deployment.environment=prod",
    }


def run(code: str, environment: Mapping[str, str], where: Path) -> str:
    """Run a program to its end; its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=dict(environment),
        cwd=where,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def workload() -> str:
    """Both providers, sync and async, streamed and not."""
    return CALLS.read_text(encoding="utf-8")


def usage_of(span: ReceivedSpan) -> dict[str, int]:
    parsed: dict[str, int] = json.loads(span.attributes[names.USAGE_DETAILS])
    return parsed


def assert_complete(span: ReceivedSpan) -> None:
    """Everything that a backend is promised is on the span, in the form that Langfuse reads."""
    said = span.attributes
    assert said.keys() >= PROMISED
    assert said[names.OBSERVATION_TYPE] in {"generation", "embedding"}
    assert said[names.OBSERVATION_MODEL] == said[names.RESPONSE_MODEL]
    assert said[names.STATUS_KEY] == "exact"
    assert said[names.CHARGE_ID_KEY]
    assert said[names.SERVICE_KEY] == "shop"
    assert said[names.TRACE_TAGS] == ["feature:summarization", "team:search"]
    for prefix in (names.TRACE_METADATA, names.OBSERVATION_METADATA):
        kept = {k: said.get(prefix + k) for k in ("feature", "team", "customer", "experiment")}
        assert kept == {
            "feature": "summarization",
            "team": "search",
            "customer": "acme",
            "experiment": "b",
        }
    assert (said[names.USER_ID], said[names.SESSION_ID]) == ("u-42", "s-7")
    for name in (names.OPERATION, names.PROVIDER, names.REQUEST_MODEL, names.RESPONSE_ID):
        assert said[name]
    usage = usage_of(span)
    assert usage.pop("total") == sum(usage.values()) > 0
    assert said[names.INPUT_TOKENS] + said.get(names.OUTPUT_TOKENS, 0) == sum(usage.values())
    cost = json.loads(said[names.COST_DETAILS])
    assert cost["total"] == pytest.approx(said[names.USAGE_COST], abs=1e-12)
    assert cost.pop("total") == pytest.approx(sum(cost.values()), abs=1e-12)


def assert_langfuse_invents_nothing(span: ReceivedSpan) -> None:
    """The stored row holds what was sent, no more and no less."""
    assert inferred(span.attributes) == set()
    scope = {"name": span.scope, "version": span.scope_version}
    row = store(scope, span.attributes, span.resource)
    assert row["type"] == span.attributes[names.OBSERVATION_TYPE].upper()
    assert row["environment"] == "prod"
    assert row["provided_model_name"] == span.attributes[names.OBSERVATION_MODEL]
    assert row["usage_details"] == usage_of(span)
    assert row["cost_details"] == json.loads(span.attributes[names.COST_DETAILS])
    assert row["total_cost"] > 0
    assert row["tags"] == ["feature:summarization", "team:search"]
    assert (row["metadata"]["feature"], row["metadata"]["team"]) == ("summarization", "search")
    assert (row["user_id"], row["session_id"]) == ("u-42", "s-7")
    assert row["level"] == "DEFAULT"


def test_the_processor_added_to_a_provider_completes_every_call(
    environment: dict[str, str], receiver: OtlpReceiver, tmp_path: Path
) -> None:
    printed = run(ADD_PROCESSOR + workload(), environment, tmp_path)
    done = printed.split()
    spans = receiver.spans
    assert len(spans) == len(done) == 9
    assert sorted(str(s.attributes[names.RESPONSE_ID]) for s in spans) == sorted(done)
    assert len({s.attributes[names.CHARGE_ID_KEY] for s in spans}) == len(spans)
    for span in spans:
        assert_complete(span)
        assert_langfuse_invents_nothing(span)


def test_a_call_carries_what_the_attribution_says(
    environment: dict[str, str], receiver: OtlpReceiver, tmp_path: Path
) -> None:
    run(ADD_PROCESSOR + ATTRIBUTE, environment, tmp_path)
    (span,) = receiver.spans
    assert span.attributes[names.TRACE_TAGS] == ["feature:summarization", "team:search"]
    assert span.attributes[names.TRACE_METADATA + "experiment"] == "b"
    assert span.attributes[names.USER_ID] == "u-42"


def exported_variables() -> dict[str, str]:
    (script,) = (s for s in blocks("README.md", "sh") if "export " in s)
    return dict(re.findall(r"^export (\w+)=(.*)$", script, re.MULTILINE))


def test_the_environment_is_enough_for_the_ledger_and_langfuse(
    environment: dict[str, str], receiver: OtlpReceiver, tmp_path: Path
) -> None:
    said = {**environment, **exported_variables(), "LANGFUSE_BASE_URL": receiver.base_url + "/"}
    call = ATTRIBUTE.partition("\n\n@")[0] + (
        "client.chat.completions.create(model='gpt-4o', messages=[{'role':'user','content':'x'}])\n"
    )
    run(CONFIGURE + call, said, tmp_path)
    (span,) = receiver.spans
    assert span.attributes[names.TRACE_TAGS] == ["feature:chatbot", "team:support"]
    assert span.attributes[names.TRACE_METADATA + "region"] == "eu"
    (request,) = receiver.requests
    assert request.path == "/api/public/otel/v1/traces"
    assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert request.headers["content-encoding"] == "gzip"
    (report,) = (s for s in blocks("README.md", "sh") if s.startswith("otel-cost report"))
    command = [*report.split()[1:], "--format", "csv"]
    printed = run(
        f"from otel_cost.cli import main\nimport sys\nsys.argv[1:] = {command}\nmain()",
        said,
        tmp_path,
    )
    assert re.search(r"^chatbot,support,1,\d+,\d+,\d+,0\.\d+$", printed, re.MULTILINE)


def test_a_sink_gets_the_charge(environment: dict[str, str], tmp_path: Path) -> None:
    printed = run(SINK + ATTRIBUTE, environment, tmp_path)
    assert re.fullmatch(r"None gpt-4o\S* exact 0\.\d+\n", printed)


def shape(value: Any) -> Any:
    """The names within a JSON value, whatever the values are."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_the_documented_charge_is_the_one_a_sink_gets(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (documented,) = blocks("docs/charge.md", "json")
    (sink,) = blocks("docs/charge.md", "python")
    (printed,) = run(sink + ATTRIBUTE, environment, tmp_path).splitlines()
    promised, real = json.loads(documented), json.loads(printed)
    assert list(real) == list(promised)
    for name in ("attribution", "context", "cost"):
        assert list(real[name]) == list(promised[name])
    assert shape(real["cost"]["lines"][0]) == shape(promised["cost"]["lines"][0])
    assert [sorted(part) for part in real["parts"]] == [["model", "usage"]]


def test_every_variable_is_documented() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)) == set(variables.VARIABLES)


def test_every_bucket_is_documented() -> None:
    page = (ROOT / "docs/langfuse.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", page.partition("## Buckets")[2].partition("##")[0]))
    for meter, bucket in names.BUCKETS.items():
        short = "_" + meter.rpartition("_")[2]
        assert meter in told or short in told, meter
        assert bucket in told or short in told, bucket


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).is_file(), target
