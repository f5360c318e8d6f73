"""Attribution on the LLM spans of others, whatever the order of processors; on no other span."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_cost
from otel_cost.spans.processor import StampingProcessor

GEN_AI = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


class Deaf(SpanProcessor):
    """Forwards to a processor as wrappers and old SDKs do: not that a span is ending."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        self._inner.on_end(span)


@pytest.fixture
def stamping(monkeypatch: pytest.MonkeyPatch) -> Iterator[StampingProcessor]:
    monkeypatch.setenv("OTEL_COST_TEAM", "platform")
    yield otel_cost.CostSpanProcessor(hooks=False)
    otel_cost.shutdown()


@pytest.fixture(params=["first", "last", "deaf first", "deaf last"])
def exported(
    request: Any, stamping: StampingProcessor
) -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    provider, memory = TracerProvider(), InMemorySpanExporter()
    ours = Deaf(stamping) if "deaf" in request.param else stamping
    processors = [ours, SimpleSpanProcessor(memory)]
    for each in processors if "first" in request.param else reversed(processors):
        provider.add_span_processor(each)
    yield provider, memory
    provider.shutdown()


def finish(
    setup: tuple[TracerProvider, InMemorySpanExporter],
    attributes: Mapping[str, Any],
    *,
    scope: str = "app",
    version: str = "1",
    later: Mapping[str, Any] | None = None,
) -> ReadableSpan:
    """One span, as another library makes it, started within an attribution and ended outside."""
    provider, memory = setup
    with otel_cost.attribution(feature="search", user_id="u1", plan="gold"):
        span = provider.get_tracer(scope, version).start_span("work", attributes=attributes)
    if later:
        span.set_attributes(later)
    span.end()
    [found] = memory.get_finished_spans()
    return found


Setup = tuple[TracerProvider, InMemorySpanExporter]


def test_an_llm_span_is_stamped_with_who_it_was_started_for(exported: Setup) -> None:
    said: Any = finish(exported, GEN_AI).attributes
    for prefix in ("langfuse.trace.metadata.", "langfuse.observation.metadata."):
        assert said[prefix + "feature"] == "search"
        assert said[prefix + "plan"] == "gold"
        assert said[prefix + "team"] == "platform", "the default of the process"
    assert said["user.id"] == "u1"
    assert said["langfuse.trace.tags"] == ("feature:search", "team:platform")


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.system": "openai"},
        {"openinference.span.kind": "LLM"},
        {"langfuse.observation.type": "generation"},
        {"llm.request.type": "chat"},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_every_vocabulary_is_recognised_even_when_it_comes_late(
    exported: Setup, attributes: Mapping[str, str]
) -> None:
    said: Any = finish(exported, {}, later=attributes).attributes
    assert said["langfuse.trace.metadata.feature"] == "search"


@pytest.mark.parametrize("attributes", [{}, {"http.request.method": "POST", "db.system": "x"}])
def test_any_other_span_is_left_alone(exported: Setup, attributes: Mapping[str, str]) -> None:
    assert dict(finish(exported, attributes).attributes or {}) == attributes


def test_tags_join_those_of_the_application(exported: Setup) -> None:
    own = {**GEN_AI, "langfuse.trace.tags": ["beta", "feature:old"]}
    said: Any = finish(exported, own).attributes
    assert said["langfuse.trace.tags"] == ("beta", "feature:search", "team:platform")


@pytest.mark.parametrize(
    ("scope", "version", "encoded"),
    [("langfuse-sdk", "5.0.4", True), ("langfuse-sdk", "4.9.0", False), ("other", "5.0", False)],
)
def test_metadata_is_json_only_where_the_server_decodes_it(
    exported: Setup, scope: str, version: str, encoded: bool
) -> None:
    said: Any = finish(exported, GEN_AI, scope=scope, version=version).attributes
    value = said["langfuse.trace.metadata.feature"]
    assert value == (json.dumps("search") if encoded else "search")
    assert said["user.id"] == "u1", "identity is never encoded"


def test_content_does_not_push_attribution_out(exported: Setup) -> None:
    content = {f"llm.input_messages.{i}.content": "…" for i in range(128)}
    said: Any = finish(exported, GEN_AI, later=content | GEN_AI).attributes
    assert said["langfuse.trace.metadata.feature"] == "search"


def test_usage_and_cost_do_not_lose_to_content(exported: Setup) -> None:
    """OpenInference has two attributes for each message; the SDK throws out what is oldest."""
    messages = {
        f"llm.input_messages.{number}.message.{part}": "…"
        for number in range(70)
        for part in ("role", "content")
    }
    tokens = {"llm.token_count.prompt": 2000, "llm.token_count.completion": 300}
    said: Any = finish(
        exported,
        {"openinference.span.kind": "LLM"},
        scope="openinference.instrumentation.openai",
        later={**messages, "llm.model_name": "gpt-4o", **tokens},
    ).attributes
    assert len(said) == 128
    assert json.loads(said["langfuse.observation.usage_details"])["total"] == 2300
    assert json.loads(said["langfuse.observation.cost_details"])["total"] > 0
    assert said["langfuse.trace.metadata.feature"] == "search"
    assert said["user.id"] == "u1"


def test_a_resting_processor_does_nothing(exported: Setup, stamping: StampingProcessor) -> None:
    stamping.rest()
    assert dict(finish(exported, GEN_AI).attributes or {}) == GEN_AI


def test_an_ended_span_is_as_frozen_as_it_is_without_us(exported: Setup) -> None:
    """SDKs from 1.43 on freeze the attributes before they tell that a span is ending."""

    def takes_more(span: Any) -> bool:
        span.end()
        try:
            span._attributes["late"] = 1
        except TypeError:
            return False
        return True

    provider, _ = exported
    plain = TracerProvider(shutdown_on_exit=False).get_tracer("app").start_span("chat")
    ours = provider.get_tracer("app").start_span("chat", attributes=GEN_AI)
    assert takes_more(ours) is takes_more(plain)
