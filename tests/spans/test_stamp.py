"""Shows which spans carry the attribution, and that nothing a stranger says stays on them."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from langfuse._client.span_processor import LangfuseSpanProcessor
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import otel_cost
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.capture.ways import HELLO
from tests.wiring import Provider

FORGED = "langfuse_user_id=victim,langfuse_metadata_team=evil,langfuse_tags=a"
MODEL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


@pytest.fixture
def gpt(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        yield gpt


def ask(gpt: openai.OpenAI) -> None:
    gpt.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]


def exported(provider: Provider) -> dict[str, ReadableSpan]:
    return {span.name: span for span in provider.exporter.get_finished_spans()}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_spans_of_llm_work_alone_are_stamped(gpt: openai.OpenAI) -> None:
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    with (
        otel_cost.attribution(feature="search"),
        provider.tracing.get_tracer("app").start_as_current_span("step"),
    ):
        ask(gpt)
    spans = exported(provider)
    assert said(spans["step"]) == {}
    assert said(spans["chat gpt-4o"])["langfuse.trace.metadata.feature"] == "search"


def test_all_spans_of_a_trace_are_stamped_where_that_is_asked_for(
    gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_STAMP", "all")
    monkeypatch.setenv("OTEL_COST_TEAM", "by-default")
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    tracer = provider.tracing.get_tracer("app")
    with otel_cost.attribution(feature="search", user_id="u1"), tracer.start_as_current_span("in"):
        ask(gpt)
    tracer.start_span("out").end()
    spans = exported(provider)
    for name in ("in", "chat gpt-4o"):
        assert said(spans[name])["langfuse.trace.metadata.feature"] == "search"
        assert said(spans[name])["user.id"] == "u1"
    assert "langfuse.trace.metadata.feature" not in said(spans["out"])
    assert said(spans["out"])["langfuse.trace.metadata.team"] == "by-default"


@pytest.mark.parametrize("trusted", [False, True])
def test_what_langfuse_believes_of_strangers_is_taken_off_again(
    gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    """Langfuse's processor writes any inbound `langfuse_*` baggage on every span."""
    if trusted:
        monkeypatch.setenv("OTEL_COST_TRUST_INBOUND", "true")
    provider = Provider.exporting(
        LangfuseSpanProcessor(
            public_key="pk-lf-1",
            secret_key="sk-lf-1",
            base_url="http://127.0.0.1:9",
            span_exporter=InMemorySpanExporter(),
        ),
        otel_cost.CostSpanProcessor(),
    )
    tracer = provider.tracing.get_tracer("app")
    token = otel_context.attach(W3CBaggagePropagator().extract({"baggage": FORGED}, Context()))
    try:
        with tracer.start_as_current_span("POST /", kind=SpanKind.SERVER):
            ask(gpt)
            with tracer.start_as_current_span("by another library", attributes=MODEL):
                pass
    finally:
        otel_context.detach(token)
    spans = exported(provider)
    for name in ("chat gpt-4o", "by another library"):
        names = {"user.id", "langfuse.trace.metadata.team", "langfuse.trace.tags"}
        assert names.isdisjoint(said(spans[name])) is not trusted


def test_what_the_application_itself_says_stays(gpt: openai.OpenAI) -> None:
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    tracer = provider.tracing.get_tracer("app")
    token = otel_context.attach(W3CBaggagePropagator().extract({"baggage": FORGED}, Context()))
    try:
        with (
            tracer.start_as_current_span("POST /", kind=SpanKind.SERVER),
            tracer.start_as_current_span("step", attributes={**MODEL, "user.id": "u1"}),
        ):
            assert trace.get_current_span().is_recording()
    finally:
        otel_context.detach(token)
    assert said(exported(provider)["step"])["user.id"] == "u1"
