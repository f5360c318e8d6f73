"""Shows that baggage of the application's own says who a call is for, and that of strangers not."""

from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_cost
from otel_cost.attribution.baggage import from_outside
from otel_cost.attribution.values import Attribution
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.capture.ways import HELLO
from tests.wiring import Charges

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
ALL = "otel_cost.feature=f,otel_cost.team=t,otel_cost.user_id=u,otel_cost.session_id=s"


@pytest.fixture
def gpt(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        yield gpt


def tracing(sampler: Sampler | None = None) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False, sampler=sampler)
    provider.add_span_processor(otel_cost.CostSpanProcessor())
    return provider.get_tracer("app")


@contextmanager
def within(context: Context) -> Iterator[None]:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def setting(**entries: str) -> Context:
    """The current context with these entries, dots written as two underscores."""
    context = otel_context.get_current()
    for name, value in entries.items():
        context = baggage.set_baggage(name.replace("__", "."), value, context)
    return context


def arriving(header: str, *, sampled: bool = True, parent: bool = True) -> Context:
    """The context of a request from somewhere else, as the two standard propagators read it."""
    carrier = {"baggage": header}
    if parent:
        carrier["traceparent"] = f"{TRACE}-{int(sampled):02}"
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    return W3CBaggagePropagator().extract(carrier, context)


def ask(gpt: openai.OpenAI) -> None:
    gpt.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]


def charged_for(charges: Charges) -> Attribution:
    who = charges.only().attribution
    charges.clear()
    return who


def test_baggage_set_in_the_process_counts(gpt: openai.OpenAI) -> None:
    tracing()
    charges = Charges()
    with within(
        setting(
            otel_cost__feature="search",
            otel_cost__team="discovery",
            otel_cost__user_id="u1",
            otel_cost__session_id="s1",
            otel_cost__customer="acme",
            otel_cost__tag__plan="pro",
            otel_cost__nothing="of ours",
            other="entry",
        )
    ):
        assert otel_cost.current().feature == "search"
        ask(gpt)
    assert charged_for(charges) == Attribution(
        "search", "discovery", "u1", "s1", "acme", (("plan", "pro"),)
    )


def test_it_counts_below_what_is_said_and_above_defaults(
    gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_FEATURE", "default")
    monkeypatch.setenv("OTEL_COST_TEAM", "default")
    tracing()
    charges = Charges()
    with (
        otel_cost.attribution(feature="said"),
        within(setting(otel_cost__feature="baggage", otel_cost__team="baggage")),
    ):
        ask(gpt)
    assert charged_for(charges) == Attribution("said", "baggage")


def test_other_keys_can_be_mapped(gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "feature=app.feature,tag.plan=plan,team=app.team")
    tracing()
    charges = Charges()
    with within(setting(app__feature="mapped", plan="pro", app__team="x", otel_cost__team="ours")):
        ask(gpt)
    assert charged_for(charges) == Attribution("mapped", "ours", tags=(("plan", "pro"),))


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (SpanKind.SERVER, True),
        (SpanKind.SERVER, False),
        (SpanKind.CONSUMER, True),
        (SpanKind.CONSUMER, False),
        (SpanKind.INTERNAL, True),
    ],
)
def test_what_was_there_when_the_request_began_does_not_count(
    gpt: openai.OpenAI, kind: SpanKind, *, parent: bool
) -> None:
    """Whatever the kind of the first span, where it continues a trace of somewhere else."""
    tracer = tracing()
    charges = Charges()
    with (
        within(arriving(ALL, parent=parent)),
        tracer.start_as_current_span("POST /", kind=kind),
        tracer.start_as_current_span("step"),
    ):
        ask(gpt)
    assert charged_for(charges) == Attribution()


def test_what_was_set_or_changed_after_counts(gpt: openai.OpenAI) -> None:
    tracer = tracing()
    charges = Charges()
    with (
        within(arriving(ALL)),
        tracer.start_as_current_span("POST /", kind=SpanKind.SERVER),
        within(setting(otel_cost__feature="own", otel_cost__customer="acme")),
        tracer.start_as_current_span("step"),
    ):
        ask(gpt)
    assert charged_for(charges) == Attribution("own", customer="acme")


def test_it_counts_where_everybody_is_trusted(
    gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_TRUST_INBOUND", "true")
    tracer = tracing()
    charges = Charges()
    with within(arriving(ALL)), tracer.start_as_current_span("POST /", kind=SpanKind.SERVER):
        ask(gpt)
    assert charged_for(charges) == Attribution("f", "t", "u", "s")


@pytest.mark.parametrize("marked", [True, False])
def test_in_a_trace_that_is_not_sampled(gpt: openai.OpenAI, *, marked: bool) -> None:
    """No processor hears of it: only where our propagator has marked what came in is it known what
    the application itself has set."""
    tracer = tracing(ParentBased(ALWAYS_OFF))
    charges = Charges()
    context = arriving(ALL, sampled=False)
    if marked:
        context = from_outside(context, baggage.get_all(context))
    with within(context), tracer.start_as_current_span("POST /", kind=SpanKind.SERVER):
        ask(gpt)
        assert charged_for(charges) == Attribution()
        with within(setting(otel_cost__feature="own")):
            ask(gpt)
    assert charged_for(charges) == (Attribution("own") if marked else Attribution())


def test_a_span_of_another_library_is_for_whom_its_baggage_says(gpt: openai.OpenAI) -> None:
    tracer = tracing()
    charges = Charges()
    said: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 1,
    }
    with (
        within(arriving(ALL)),
        tracer.start_as_current_span("POST /", kind=SpanKind.SERVER),
        within(setting(otel_cost__team="own")),
    ):
        tracer.start_span("chat", attributes=said).end()
    assert charged_for(charges) == Attribution(team="own")


def test_values_are_cleaned(gpt: openai.OpenAI) -> None:
    tracing()
    charges = Charges()
    context = baggage.set_baggage("otel_cost.feature", "a\nb\ud800" + "x" * 300)
    with within(baggage.set_baggage("otel_cost.team", 7, context)):
        ask(gpt)
    assert charged_for(charges) == Attribution("ab" + "x" * 198, "7")
