"""Which span carries a hooked call: real calls within spans as other libraries open them."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Tracer

import otel_cost
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests import langfuse_rules, wiring
from tests.capture.ways import CHAT_USAGE, HELLO
from tests.wiring import Charges, Provider

OTEL = "opentelemetry.instrumentation.genai.openai"
LANGCHAIN = "openinference.instrumentation.langchain"
LANGFUSE = "langfuse-sdk"
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
LLM = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"}
GENERATION = {"langfuse.observation.type": "generation"}
RIGHT = {"llm.token_count.prompt": 2000, "llm.token_count.completion": 300}
WRONG = {"llm.token_count.prompt": 7, "llm.token_count.completion": 1}
CHARGE = "langfuse.observation.metadata.otel_cost_charge_id"


class Stage:
    """A provider with our processor, hooked clients, and what came of it."""

    def __init__(self, gpt: openai.OpenAI) -> None:
        self.gpt = gpt
        self.provider = Provider.exporting(otel_cost.CostSpanProcessor())
        self.charges = Charges()

    def tracer(self, scope: str, version: str = "1.0") -> Tracer:
        return self.provider.tracing.get_tracer(scope, version)

    def chat(self, **said: Any) -> Any:
        """One call; what it dictates to the provider may be given."""
        told = header(usage=CHAT_USAGE, **said)
        return self.gpt.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers=told)  # type: ignore[arg-type]

    def stream(self, **said: Any) -> Any:
        told = header(usage=CHAT_USAGE, chunks=20, **said)
        return self.gpt.chat.completions.create(  # type: ignore[call-overload]
            model="gpt-4o",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=told,
        )

    def outcome(self, *carriers: str) -> list[ReadableSpan]:
        """The spans that carry the charges, in order; everything else is worth nothing.

        `carriers` are the instrumentation scopes they must have.
        """
        charges = self.charges.settled()
        spans = self.provider.exporter.get_finished_spans()
        owners = [span for span in spans if CHARGE in (span.attributes or {})]
        by_id = {_plain(said(span)[CHARGE]): span for span in owners}
        assert len(by_id) == len(owners) == len(charges)
        owners = [by_id[charge.charge_id] for charge in charges]
        assert [scope_of(span) for span in owners] == list(carriers)
        for charge, span in zip(charges, owners, strict=True):
            assert charge.span_id == f"{span.context.span_id:016x}"
            assert stored(span)["total_cost"] == pytest.approx(
                float(charge.cost.effective_usd), abs=1e-12
            )
        for span in spans:
            if span not in owners:
                assert is_worthless(span), span.to_json()
        return owners


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def _plain(value: Any) -> Any:
    return json.loads(value) if str(value).startswith('"') else value


def scope_of(span: ReadableSpan) -> str:
    assert span.instrumentation_scope is not None
    return span.instrumentation_scope.name


def stored(span: ReadableSpan) -> dict[str, Any]:
    """What Langfuse stores of it."""
    scope = span.instrumentation_scope
    assert scope is not None
    return langfuse_rules.store({"name": scope.name, "version": scope.version}, said(span))


def is_worthless(span: ReadableSpan) -> bool:
    row = stored(span)
    counted = row["type"] in {"GENERATION", "EMBEDDING"} or row["total_cost"]
    return not (
        counted or any(row["usage_details"].values()) or langfuse_rules.inferred(said(span))
    )


@pytest.fixture
def stage(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        yield Stage(gpt)


def test_the_current_span_of_a_library_is_the_owner(stage: Stage) -> None:
    with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT) as span:
        stage.chat()
        span.set_attribute("gen_ai.usage.input_tokens", 2000)
        span.set_attribute("gen_ai.usage.output_tokens", 303)
    [owner] = stage.outcome(OTEL)
    assert said(owner)["gen_ai.usage.output_tokens"] == 300, "the wire knows better"
    assert said(owner)["otel_cost.original.gen_ai.usage.output_tokens"] == 303


def test_a_generation_by_hand_owns_the_one_call_within_it(stage: Stage) -> None:
    tracer = stage.tracer(LANGFUSE, "5.0.4")
    with tracer.start_as_current_span("answer", attributes=GENERATION) as span:
        with stage.tracer("app").start_as_current_span("step"):
            stage.chat()
        span.set_attribute("langfuse.observation.usage_details", '{"input": 1, "output": 1}')
        span.set_attribute("langfuse.observation.cost_details", '{"total": 9.5}')
    [owner] = stage.outcome(LANGFUSE)
    by_hand = "otel_cost.original.langfuse.observation.cost_details"
    assert said(owner)[by_hand] == '{"total": 9.5}'
    assert stored(owner)["metadata"]["otel_cost_status"] == stage.charges.only().cost.status


def test_a_second_call_within_a_generation_has_a_span_of_its_own(stage: Stage) -> None:
    tracer = stage.tracer(LANGFUSE, "5.0.4")
    with tracer.start_as_current_span("answer", attributes=GENERATION):
        stage.chat()
        stage.chat()
    stage.outcome(LANGFUSE, "otel_cost")


def test_a_cost_by_hand_holds_where_it_is_trusted(
    providers: LocalProviders, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[trust]\nspan_cost = ["langfuse"]\n')
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        monkeypatch.setenv("OTEL_COST_PRICES", str(prices))
        stage = Stage(gpt)
        tracer = stage.tracer(LANGFUSE, "5.0.4")
        with tracer.start_as_current_span("answer", attributes=GENERATION) as span:
            stage.chat()
            span.set_attribute("langfuse.observation.cost_details", '{"total": 9.5}')
        stage.outcome(LANGFUSE)
        assert stage.charges.only().cost.effective_usd == 9.5


def test_an_agent_around_a_call_is_not_its_owner(stage: Stage) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o"}
    with stage.tracer("pydantic-ai").start_as_current_span("agent", attributes=agent) as span:
        stage.chat()
        span.set_attribute("gen_ai.usage.input_tokens", 2000)
    stage.outcome("otel_cost")


def test_a_span_that_is_not_current_is_reserved(stage: Stage) -> None:
    with stage.tracer("app").start_as_current_span("POST /answer"):
        span = stage.tracer(LANGCHAIN).start_span("ChatOpenAI", attributes=LLM)
        stage.chat()
        span.set_attributes(RIGHT)
        span.end()
    stage.outcome(LANGCHAIN)


def test_a_span_in_another_trace_is_reserved_too(stage: Stage) -> None:
    span = stage.tracer(LANGCHAIN).start_span("ChatOpenAI", attributes=LLM)
    stage.chat()
    span.set_attributes(RIGHT)
    span.end()
    stage.outcome(LANGCHAIN)


def test_a_reserved_span_of_another_call_gives_way(stage: Stage) -> None:
    """It is of the same model, so that it is not charged for a call that no hook has seen."""
    with stage.tracer("app").start_as_current_span("POST /answer") as app:
        span = stage.tracer(LANGCHAIN).start_span("ChatOpenAI", attributes=LLM)
        stage.chat()
        span.set_attributes(WRONG)
        span.end()
        [owner] = stage.outcome("otel_cost")
        assert owner.parent is not None
        assert owner.parent.span_id == app.get_span_context().span_id
    charge = stage.charges.only()
    assert owner.start_time == charge.started_at
    assert owner.end_time == charge.ended_at


def test_a_reserved_span_of_another_provider_is_a_call_of_its_own(stage: Stage) -> None:
    """Nothing was known of it when the hooked call began."""
    with stage.tracer("app").start_as_current_span("POST /answer"):
        span = stage.tracer(LANGCHAIN).start_span(
            "Chat", attributes={"openinference.span.kind": "LLM"}
        )
        stage.chat()
        span.set_attributes({**WRONG, "llm.model_name": "gemini-2.5-pro", "llm.provider": "google"})
        span.end()
    charges = stage.charges.settled()
    assert sorted(charge.provider for charge in charges) == ["google", "openai"]
    assert {charge.provider: charge.usage_source for charge in charges} == {
        "google": "span",
        "openai": "provider",
    }


def test_a_generation_beside_the_librarys_own_span_is_a_duplicate(stage: Stage) -> None:
    """It is not current, and what the application says of the usage may be anything."""
    generation = stage.tracer(LANGFUSE, "5.0.4").start_span("answer", attributes=GENERATION)
    with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT):
        stage.chat()
    generation.set_attribute("langfuse.observation.usage_details", '{"input": 11, "output": 22}')
    generation.end()
    stage.outcome(OTEL)


def test_a_sibling_that_comes_later_is_a_duplicate(stage: Stage) -> None:
    with stage.tracer("app").start_as_current_span("POST /answer"):
        answer = stage.chat()
        late = stage.tracer("litellm").start_span(
            "litellm_request", attributes={"llm.request.type": "completion"}
        )
        late.set_attributes(
            {**CHAT, "gen_ai.response.id": answer.id, "gen_ai.usage.input_tokens": 2000}
        )
        late.end()
    stage.outcome("otel_cost")
    [duplicate] = [
        s for s in stage.provider.exporter.get_finished_spans() if s.name.startswith("lite")
    ]
    assert said(duplicate)["otel_cost.duplicate_of"] == stage.charges.only().span_id
    assert said(duplicate)["gen_ai.usage.input_tokens"] == 0


def test_of_nested_libraries_the_inner_one_owns(stage: Stage) -> None:
    outer = stage.tracer("pydantic-ai")
    with (
        outer.start_as_current_span("chat gpt-4o", attributes=CHAT) as wrapper,
        stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT),
    ):
        stage.chat()
        wrapper.set_attributes({"gen_ai.usage.input_tokens": 2000})
    stage.outcome(OTEL)


def test_spans_of_a_hooked_sdk_are_never_charged_themselves(stage: Stage) -> None:
    """Of whatever endpoint: had it cost anything, the hook would have charged it."""
    with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT) as span:
        span.set_attributes({"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 5})
    stage.outcome()


def test_a_failed_call_is_its_librarys_span(stage: Stage) -> None:
    with (
        pytest.raises(openai.BadRequestError),
        stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT),
    ):
        stage.chat(status=400)
    [owner] = stage.outcome(OTEL)
    assert stage.charges.only().outcome == "error"
    assert stored(owner)["level"] == "ERROR"


def test_a_stream_is_carried_by_the_span_that_ends_with_it(stage: Stage) -> None:
    span = stage.tracer(OTEL).start_span("chat gpt-4o", attributes=CHAT)
    with trace.use_span(span):
        stream = stage.stream()
    list(stream)
    span.end()
    stage.outcome(OTEL)


def test_a_span_that_ends_before_its_stream_leaves_the_call_alone(stage: Stage) -> None:
    with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT):
        stream = stage.stream()
    list(stream)
    [owner] = stage.outcome("otel_cost")
    assert stage.charges.only().usage.output_tokens == 300
    [duplicate] = [s for s in stage.provider.exporter.get_finished_spans() if s is not owner]
    assert said(duplicate)["otel_cost.duplicate_of"] == f"{owner.context.span_id:016x}"


def test_a_span_that_an_abandoned_stream_leaves_open_loses_the_call(stage: Stage) -> None:
    span = stage.tracer(OTEL).start_span("chat gpt-4o", attributes=CHAT)
    with trace.use_span(span):
        stream = stage.stream()
    next(iter(stream))
    del stream
    gc.collect()
    stage.outcome("otel_cost")


def test_a_span_that_a_closed_stream_leaves_open_loses_the_call(stage: Stage) -> None:
    span = stage.tracer(OTEL).start_span("chat gpt-4o", attributes=CHAT)
    with trace.use_span(span):
        stream = stage.stream()
    next(iter(stream))
    stream.close()
    charge = stage.charges.only()
    [owner] = stage.provider.exporter.get_finished_spans()
    assert said(owner)[CHARGE] == charge.charge_id
    span.end()
    assert sum(not is_worthless(s) for s in stage.provider.exporter.get_finished_spans()) == 1


def test_who_a_reserved_span_was_opened_for_tells_calls_apart(stage: Stage) -> None:
    tracer = stage.tracer(LANGCHAIN)
    with otel_cost.attribution(feature="a"):
        of_a = tracer.start_span("ChatOpenAI", attributes=LLM)
    with otel_cost.attribution(feature="b"):
        of_b = tracer.start_span("ChatOpenAI", attributes=LLM)
    with otel_cost.attribution(feature="a"):
        stage.chat()
    with otel_cost.attribution(feature="b"):
        stage.chat()
    for span in (of_a, of_b):
        span.set_attributes(RIGHT)
        span.end()
    owners = stage.outcome(LANGCHAIN, LANGCHAIN)
    assert [said(span)["langfuse.trace.metadata.feature"] for span in owners] == ["a", "b"]


def test_what_langfuse_propagates_is_attribution(stage: Stage) -> None:
    langfuse = pytest.importorskip("langfuse", reason="the oldest environments go without")
    with (
        langfuse.propagate_attributes(
            user_id="u1", session_id="s1", metadata={"feature": "checkout", "plan": "gold"}
        ),
        otel_cost.attribution(team="payments"),
    ):
        with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT) as span:
            span.set_attribute("langfuse.trace.metadata.feature", '"checkout"')
            stage.chat()
        stage.chat()
    owners = stage.outcome(OTEL, "otel_cost")
    for charge, owner in zip(stage.charges, owners, strict=True):
        who = charge.attribution
        assert (who.feature, who.team, who.user_id) == ("checkout", "payments", "u1")
        assert (who.session_id, dict(who.tags)) == ("s1", {"plan": "gold"})
        assert said(owner)["langfuse.trace.metadata.feature"] == "checkout", "no JSON"


def test_keep_is_a_setting(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        monkeypatch.setenv("OTEL_COST_DUPLICATES", "keep")
        stage = Stage(gpt)
        with stage.tracer(OTEL).start_as_current_span("chat gpt-4o", attributes=CHAT) as span:
            span.set_attribute("gen_ai.usage.input_tokens", 5)
        [duplicate] = stage.provider.exporter.get_finished_spans()
        assert said(duplicate)["gen_ai.usage.input_tokens"] == 5
        assert is_worthless(duplicate)


def test_diagnostics_say_what_each_scope_came_to(stage: Stage) -> None:
    with stage.tracer(OTEL, "1.3").start_as_current_span("chat gpt-4o", attributes=CHAT):
        stage.chat()
    with stage.tracer("app").start_as_current_span("answer") as span:
        span.set_attributes({**CHAT, "litellm.call_id": "1", "gen_ai.usage.input_tokens": 3})
    seen = otel_cost.diagnostics()
    assert seen["hooks"] == {"openai": True, "anthropic": True}
    assert [(row["scope"], row["owner"], row["priced"]) for row in seen["scopes"]] == [
        ("app", 0, 1),
        (OTEL, 1, 0),
    ]
    assert "USE_OTEL_LITELLM_REQUEST_SPAN" in seen["advice"][0]
    assert json.loads(json.dumps(seen)) == seen


def test_usage_that_comes_too_late_is_reported(stage: Stage) -> None:
    """Spans that have ended are not changed: a simple exporter has taken them already."""
    said_id = {**CHAT, "gen_ai.response.id": "r1"}
    stage.tracer("one").start_span("chat gpt-4o", attributes=said_id).end()
    late = stage.tracer("two").start_span("chat gpt-4o", attributes=said_id)
    late.set_attributes({"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 5})
    late.end()
    stage.outcome("one")
    assert stage.charges.only().cost.status == "unmetered"
    rows = {row["scope"]: row for row in otel_cost.diagnostics()["scopes"]}
    [reason] = rows["two"]["reasons"]
    assert "without any" in reason


class StandIn:
    """Stands for a span, as wrapt's proxies do; OpenInference makes one current."""

    def __init__(self, span: Any) -> None:
        self.__wrapped__ = span

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.__wrapped__)


def test_a_stand_in_for_a_span_is_that_span(stage: Stage) -> None:
    scope = "openinference.instrumentation.openai"
    span = stage.tracer(scope).start_span("ChatCompletion", attributes=LLM)
    with trace.use_span(StandIn(span)):  # type: ignore[arg-type]
        stage.chat()
    span.set_attributes(RIGHT)
    span.end()
    stage.outcome(scope)
