"""Shows to which tracer providers otel_cost attaches itself, and that it lets go of them again."""

import functools
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import anthropic  # noqa: F401 - loaded, or it would not be hooked
import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

import otel_cost
from otel_cost.demo.providers import LocalProviders
from otel_cost.everywhere import everywhere
from otel_cost.export.langfuse import NamedExporter
from otel_cost.export.once import LangfuseProcessor
from otel_cost.install import CostSpanProcessor
from otel_cost.processors import processors_of
from otel_cost.zero_code import before_instrumentation
from tests import wiring
from tests.demo.calls import chat
from tests.otlp_receiver import OtlpReceiver
from tests.wiring import Provider

UNTOUCHED = TracerProvider.__init__


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    assert TracerProvider.__init__ is UNTOUCHED


@pytest.fixture(scope="module")
def gpt(providers: LocalProviders) -> Iterator[OpenAI]:
    with wiring.clients(providers) as (client, _):
        yield client


@pytest.fixture
def langfuse(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-1")
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-1")
        monkeypatch.setenv("LANGFUSE_BASE_URL", receiver.base_url)
        yield receiver


def kinds(provider: TracerProvider) -> list[type]:
    return [type(processor) for processor in processors_of(provider)]


def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


def test_every_provider_made_from_now_on_is_attached_to(langfuse: OtlpReceiver) -> None:
    before = provider()
    everywhere()
    everywhere()
    made = [provider() for _ in range(2)]
    assert [kinds(p) for p in (before, *made)] == [
        [],
        *[[CostSpanProcessor, LangfuseProcessor]] * 2,
    ]
    otel_cost.shutdown()
    assert kinds(provider()) == []


def test_a_provider_that_nobody_has_any_more_is_let_go(langfuse: OtlpReceiver) -> None:
    everywhere()
    made = provider()
    gone = weakref.ref(made)
    otel_cost.instrument()
    del made
    gc.collect()
    assert gone() is None


def test_a_wrapper_that_somebody_put_around_ours_stays(langfuse: OtlpReceiver) -> None:
    everywhere()
    ours: Any = TracerProvider.__init__
    seen = []

    @functools.wraps(ours)
    def theirs(self: TracerProvider, **options: Any) -> None:
        ours(self, **options)
        seen.append(self)

    init = "__init__"
    setattr(TracerProvider, init, theirs)
    try:
        first = provider()
        otel_cost.shutdown()
        second = provider()
    finally:
        setattr(TracerProvider, init, UNTOUCHED)
    assert seen == [first, second]
    assert kinds(first)
    assert not kinds(second)


class LangfuseSpanProcessor(CostSpanProcessor):
    """Known by its name, as the one of Langfuse's SDK is; it does nothing more."""

    public_key = "pk-1"


@pytest.mark.parametrize(("key", "sent"), [("pk-1", ["first"]), ("pk-2", ["first", "second"])])
def test_langfuses_processor_of_the_same_project_takes_over_with_the_next_span(
    langfuse: OtlpReceiver, monkeypatch: pytest.MonkeyPatch, key: str, sent: list[str]
) -> None:
    made = provider()
    otel_cost.configure(made)
    tracer = made.get_tracer("a library")
    model = {"gen_ai.request.model": "m"}
    monkeypatch.setattr(LangfuseSpanProcessor, "public_key", key)
    tracer.start_span("first", attributes=model).end()
    made.add_span_processor(LangfuseSpanProcessor(hooks=False))
    tracer.start_span("second", attributes=model).end()
    otel_cost.shutdown()
    assert [span.name for span in langfuse.spans] == sent


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_exporter_that_others_set_up_by_its_name_stands_down(
    langfuse: OtlpReceiver, ours_first: bool
) -> None:
    made, by_name = provider(), BatchSpanProcessor(NamedExporter())
    if not ours_first:
        made.add_span_processor(by_name)
    otel_cost.configure(made)
    if ours_first:
        made.add_span_processor(by_name)
    made.get_tracer("a library").start_span("x", attributes={"gen_ai.request.model": "m"}).end()
    made.shutdown()
    assert [span.name for span in langfuse.spans] == ["x"]


def test_the_exporter_by_its_name_works_alone(langfuse: OtlpReceiver) -> None:
    made = provider()
    made.add_span_processor(BatchSpanProcessor(NamedExporter()))
    for attributes in ({"gen_ai.request.model": "m"}, {"http.route": "/"}):
        made.get_tracer("a library").start_span("x", attributes=attributes).end()
    made.shutdown()
    assert len(langfuse.spans) == 1


def test_the_exporter_by_its_name_says_what_it_cannot_use(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = provider()
    made.add_span_processor(SimpleSpanProcessor(NamedExporter(base_url="http://127.0.0.1:1")))
    made.get_tracer("a library").start_span("x", attributes={"gen_ai.request.model": "m"}).end()
    without_keys, options = wiring.said(caplog)
    assert "LANGFUSE_PUBLIC_KEY" in without_keys
    assert "takes no base_url" in options


@pytest.mark.parametrize(
    ("attributes", "sent"),
    [
        ({"langfuse.trace.metadata.feature": "x"}, False),
        ({"langfuse.observation.metadata.feature": "x", "user.id": "u", "session.id": "s"}, False),
        ({"langfuse.trace.tags": ("feature:x",)}, False),
        ({"langfuse.trace.metadata.feature": "x", "gen_ai.request.model": "m"}, True),
        ({"langfuse.observation.type": "span"}, True),
        ({"openinference.span.kind": "AGENT"}, True),
    ],
)
def test_what_is_stamped_on_every_span_makes_none_llm_work(
    langfuse: OtlpReceiver, attributes: dict[str, Any], sent: bool
) -> None:
    made = provider()
    otel_cost.configure(made)
    made.get_tracer("the application").start_span("span", attributes=attributes).end()
    otel_cost.shutdown()
    assert bool(langfuse.spans) is sent


def test_of_two_processors_on_a_provider_the_first_works(gpt: OpenAI) -> None:
    own = Provider.exporting(otel_cost.CostSpanProcessor(), otel_cost.CostSpanProcessor())
    chat(gpt)
    first, second, _ = processors_of(own.tracing)
    assert isinstance(first, CostSpanProcessor)
    assert isinstance(second, CostSpanProcessor)
    assert (first.active, second.active) == (True, False)


def hooked() -> list[str]:
    """The SDKs whose calls are recorded."""
    return [sdk for sdk, hooks in otel_cost.diagnostics()["hooks"].items() if hooks]


@pytest.mark.parametrize(
    ("disabled", "on"),
    [
        ("", ["openai", "anthropic"]),
        ("flask", ["openai", "anthropic"]),
        ("flask, otel_cost_openai", ["anthropic"]),
        ("otel_cost_openai,otel_cost_anthropic", []),
        ("*", []),
    ],
)
def test_an_sdk_that_is_disabled_is_not_hooked(
    monkeypatch: pytest.MonkeyPatch, disabled: str, on: list[str]
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", disabled)
    before_instrumentation()
    provider()
    assert hooked() == on


def test_an_instrumentor_hooks_its_own_sdk_alone() -> None:
    from otel_cost.instrumentors import AnthropicInstrumentor, OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    assert hooked() == ["openai"]
    AnthropicInstrumentor().instrument()
    assert hooked() == ["openai", "anthropic"]
    OpenAIInstrumentor().uninstrument()
    assert hooked() == ["anthropic"]
    OpenAIInstrumentor().instrument()
    assert hooked() == ["openai", "anthropic"]
    OpenAIInstrumentor().uninstrument()
    AnthropicInstrumentor().uninstrument()
    with pytest.raises(TypeError, match="tracer_provider"):
        OpenAIInstrumentor().instrument(tracer_provider="none")
