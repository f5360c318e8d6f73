"""Shows that LLM spans reach Langfuse, and that whatever keeps them from it is said plainly."""

import base64
import time
from collections.abc import Iterator

import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

import otel_cost
from otel_cost import faults
from otel_cost.config import Langfuse
from otel_cost.demo.providers import LocalProviders
from otel_cost.export.langfuse import LangfuseExporter
from tests import wiring
from tests.demo.calls import chat
from tests.otlp_receiver import Answer, OtlpReceiver, decoded
from tests.wiring import Provider

PATH = "/api/public/otel/v1/traces"


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture(scope="module")
def gpt(providers: LocalProviders) -> Iterator[OpenAI]:
    with wiring.clients(providers) as (client, _):
        yield client


def point_at(base_url: str, monkeypatch: pytest.MonkeyPatch, name: str = "BASE_URL") -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-2")
    monkeypatch.setenv(f"LANGFUSE_{name}", base_url)


def export_span(base_url: str, **attributes: str) -> SpanExportResult:
    """Export one span with an exporter of its own."""
    provider = Provider.exporting()
    tracer = provider.tracing.get_tracer("test")
    tracer.start_span("chat", attributes=attributes or {"gen_ai.request.model": "m"}).end()
    exporter = LangfuseExporter(Langfuse("pk-lf-1", "sk-lf-2", base_url))
    try:
        return exporter.export(provider.exporter.get_finished_spans())
    finally:
        exporter.shutdown()


@pytest.mark.parametrize("suffix", ["", "/", PATH, "/api/public/otel/"])
@pytest.mark.parametrize("name", ["BASE_URL", "HOST"])
def test_configure_sends_spans_as_langfuse_wants_them(
    gpt: OpenAI, monkeypatch: pytest.MonkeyPatch, suffix: str, name: str
) -> None:
    with OtlpReceiver() as langfuse:
        point_at(langfuse.base_url + suffix, monkeypatch, name)
        otel_cost.configure(TracerProvider(shutdown_on_exit=False))
        response = chat(gpt)
        assert otel_cost.flush(wiring.ENOUGH)
        (request,) = langfuse.requests
        otel_cost.shutdown()
    assert request.path == PATH
    pair = base64.b64encode(b"pk-lf-1:sk-lf-2").decode()
    assert request.headers["authorization"] == f"Basic {pair}"
    assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["content-encoding"] == "gzip"
    (span,) = decoded(request.body)
    assert span.attributes["gen_ai.response.id"] == response.id


def test_a_path_before_the_api_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with OtlpReceiver() as langfuse:
        assert export_span(langfuse.base_url + "/lf") is SpanExportResult.SUCCESS
        (request,) = langfuse.requests
    assert request.path == "/lf" + PATH


def test_configuring_twice_sends_once(gpt: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    with OtlpReceiver() as langfuse:
        point_at(langfuse.base_url, monkeypatch)
        provider = TracerProvider(shutdown_on_exit=False)
        for _ in range(3):
            otel_cost.configure(provider)
        chat(gpt)
        otel_cost.shutdown()
        assert len(langfuse.spans) == 1


def test_without_keys_nothing_is_sent(gpt: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    with OtlpReceiver() as langfuse:
        monkeypatch.setenv("LANGFUSE_BASE_URL", langfuse.base_url)
        otel_cost.configure(TracerProvider(shutdown_on_exit=False))
        chat(gpt)
        otel_cost.shutdown()
        assert langfuse.requests == []


def test_spans_that_are_no_llm_work_stay_home(gpt: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    with OtlpReceiver() as langfuse:
        point_at(langfuse.base_url, monkeypatch)
        provider = TracerProvider(shutdown_on_exit=False)
        otel_cost.configure(provider)
        tracer = provider.get_tracer("the application")
        with (
            otel_cost.attribution(user_id="u-1"),
            tracer.start_as_current_span("GET /orders", attributes={"http.route": "/orders"}),
            tracer.start_as_current_span("SELECT"),
        ):
            chat(gpt)
            tracer.start_span("agent", attributes={"openinference.span.kind": "AGENT"}).end()
        otel_cost.shutdown()
        assert sorted(span.name for span in langfuse.spans) == ["agent", "chat gpt-4o"]


def test_where_there_is_no_llm_span_there_is_no_request() -> None:
    with OtlpReceiver() as langfuse:
        found = export_span(langfuse.base_url, **{"http.route": "/"})
        assert langfuse.requests == []
    assert found is SpanExportResult.SUCCESS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://right.example" + PATH, "set it to https://right.example."),
        ("https://right.example/", "set it to https://right.example."),
        ("/login", "redirects (HTTP "),
    ],
)
def test_a_redirect_is_a_failure_that_names_the_right_address(
    caplog: pytest.LogCaptureFixture, status: int, location: str, named: str
) -> None:
    answer = Answer(status, {"Location": location})
    with OtlpReceiver([answer, answer]) as langfuse:
        for _ in range(2):
            assert export_span(langfuse.base_url) is SpanExportResult.FAILURE
        assert len(langfuse.requests) == 2, "the redirect was followed"
        (message,) = wiring.said(caplog)
        assert f"LANGFUSE_BASE_URL {langfuse.base_url} redirects (HTTP {status})" in message
    assert named in message
    assert faults.counts["export_refused"] == 2


def test_spans_do_not_follow_a_redirect_to_where_nobody_sent_them() -> None:
    with OtlpReceiver() as elsewhere:
        answer = Answer(307, {"Location": elsewhere.url})
        with OtlpReceiver([answer]) as langfuse:
            assert export_span(langfuse.base_url) is SpanExportResult.FAILURE
        assert elsewhere.requests == []


def test_an_exporter_recovers_from_a_redirect() -> None:
    provider = Provider.exporting()
    tracer = provider.tracing.get_tracer("test")
    tracer.start_span("chat", attributes={"gen_ai.request.model": "m"}).end()
    spans = provider.exporter.get_finished_spans()
    with OtlpReceiver([Answer(302, {"Location": "https://right.example"})]) as langfuse:
        exporter = LangfuseExporter(Langfuse("pk-lf-1", "sk-lf-2", langfuse.base_url))
        results = [exporter.export(spans) for _ in range(2)]
        exporter.shutdown()
        assert len(langfuse.spans) == 1
    assert results == [SpanExportResult.FAILURE, SpanExportResult.SUCCESS]


@pytest.mark.parametrize(
    ("status", "named"),
    [
        (401, ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_BASE_URL", "HTTP 401"]),
        (403, ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_BASE_URL", "HTTP 403"]),
        (404, ["LANGFUSE_BASE_URL", "HTTP 404"]),
    ],
)
def test_a_refusal_is_said_once_and_names_the_variables(
    gpt: OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    named: list[str],
) -> None:
    with OtlpReceiver([Answer(status)] * 2) as langfuse:
        point_at(langfuse.base_url, monkeypatch)
        otel_cost.configure(TracerProvider(shutdown_on_exit=False))
        for _ in range(2):
            chat(gpt)
            otel_cost.flush(wiring.ENOUGH)
        assert len(langfuse.requests) == 2
        otel_cost.shutdown()
        (message,) = wiring.said(caplog)
        assert langfuse.base_url in message
    assert all(name in message for name in named)
    assert "sk-lf-2" not in caplog.text
    assert faults.counts["export_refused"] == 2


def test_a_langfuse_that_is_gone_does_not_reach_the_application(
    gpt: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OtlpReceiver() as langfuse:
        base_url = langfuse.base_url
    point_at(base_url, monkeypatch)
    otel_cost.configure(TracerProvider(shutdown_on_exit=False))
    assert chat(gpt).choices
    began = time.monotonic()
    assert otel_cost.shutdown(0.2) is False
    assert time.monotonic() - began < 3, "shutdown took longer than it was given"
