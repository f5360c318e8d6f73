"""Shows what switches otel_cost on and off, and that doing it twice changes nothing."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anthropic._base_client
import openai._base_client
import pytest
from anthropic import Anthropic
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost.attributes import OBSERVATION_METADATA
from otel_cost.demo.providers import LocalProviders
from tests import programs, wiring
from tests.demo.calls import chat, message
from tests.programs import CALLS
from tests.wiring import Charges, Provider

ATTACH_POINTS: list[tuple[type, str]] = [
    (openai._base_client.SyncAPIClient, "request"),
    (openai._base_client.AsyncAPIClient, "request"),
    (anthropic._base_client.SyncAPIClient, "request"),
    (anthropic._base_client.AsyncAPIClient, "request"),
    (anthropic._base_client.SyncAPIClient, "_process_response"),
    (anthropic._base_client.AsyncAPIClient, "_process_response"),
]
REQUEST = ATTACH_POINTS[0]


def attached() -> list[Any]:
    """What stands at each attach point."""
    return [owner.__dict__[name] for owner, name in ATTACH_POINTS]


UNTOUCHED = attached()


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    left = attached()
    for (owner, name), original in zip(ATTACH_POINTS, UNTOUCHED, strict=True):
        setattr(owner, name, original)
    assert not any("otel_cost" in hook.__code__.co_filename for hook in left), "a hook was left"


@pytest.fixture(scope="module")
def both(providers: LocalProviders) -> Iterator[tuple[OpenAI, Anthropic]]:
    with wiring.clients(providers) as made:
        yield made


@pytest.fixture
def gpt(both: tuple[OpenAI, Anthropic]) -> OpenAI:
    return both[0]


def configure(provider: TracerProvider) -> None:
    otel_cost.configure(provider)


def instrument(provider: TracerProvider) -> None:
    otel_cost.instrument(provider)


def processor(provider: TracerProvider) -> None:
    provider.add_span_processor(otel_cost.CostSpanProcessor())


def restart(provider: TracerProvider) -> None:
    otel_cost.shutdown()
    configure(provider)


def reinstrument(provider: TracerProvider) -> None:
    otel_cost.uninstrument()
    otel_cost.instrument(provider)


def foreign_span(provider: Provider) -> None:
    """A span as another library makes it for a call."""
    tracer = provider.tracing.get_tracer("another library")
    tracer.start_span("chat", attributes={"gen_ai.request.model": "gpt-4o"}).end()


@pytest.mark.parametrize(
    "steps",
    [
        [configure],
        [instrument],
        [processor],
        [configure, configure],
        [instrument, instrument],
        [processor, processor],
        [processor, instrument, configure, configure, processor],
        [configure, restart, restart],
        [configure, reinstrument, reinstrument],
    ],
)
def test_one_call_is_one_charge_and_one_span_however_often_it_is_switched_on(
    both: tuple[OpenAI, Anthropic], steps: list[Callable[[TracerProvider], None]]
) -> None:
    provider = Provider.exporting()
    for step in steps:
        step(provider.tracing)
    charges = Charges()
    ids = [chat(both[0]).id, message(both[1]).id]
    assert [charge.response_id for charge in charges.settled()] == ids
    assert [(s.attributes or {})["gen_ai.response.id"] for s in provider.spans()] == ids


def test_a_processor_may_decline_the_hooks(gpt: OpenAI) -> None:
    provider = Provider.exporting(otel_cost.CostSpanProcessor(hooks=False))
    charges = Charges()
    chat(gpt)
    assert attached() == UNTOUCHED
    assert charges.settled() == []
    with otel_cost.attribution(feature="search"):
        foreign_span(provider)
    (span,) = provider.exporter.get_finished_spans()
    assert (span.attributes or {})[OBSERVATION_METADATA + "feature"] == "search"


@pytest.mark.parametrize("undo", [otel_cost.uninstrument, otel_cost.shutdown])
def test_undoing_puts_back_the_very_functions_that_were_there(
    gpt: OpenAI, undo: Callable[[], Any]
) -> None:
    provider = Provider.exporting()
    otel_cost.configure(provider.tracing)
    assert not any(new is old for new, old in zip(attached(), UNTOUCHED, strict=True))
    charges = Charges()
    undo()
    undo()
    assert all(new is old for new, old in zip(attached(), UNTOUCHED, strict=True))
    chat(gpt)
    assert charges.settled() == []
    assert provider.spans() == []


def test_a_processor_that_was_shut_down_stamps_no_more(gpt: OpenAI) -> None:
    provider = Provider.exporting()
    otel_cost.configure(provider.tracing)
    otel_cost.shutdown()
    with otel_cost.attribution(feature="search"):
        foreign_span(provider)
    (span,) = provider.exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {"gen_ai.request.model": "gpt-4o"}


def wrap_request(seen: list[Any]) -> Any:
    """Do as another library does that hooks the same method after us."""
    owner, name = REQUEST
    inner = owner.__dict__[name]

    def theirs(client: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(args)
        return inner(client, *args, **kwargs)

    setattr(owner, name, theirs)
    return theirs


@pytest.mark.parametrize("undo", [otel_cost.uninstrument, otel_cost.shutdown])
def test_undoing_leaves_the_wrapper_of_another_library_in_place(
    gpt: OpenAI, undo: Callable[[], Any]
) -> None:
    otel_cost.instrument(Provider.exporting().tracing)
    charges = Charges()
    seen: list[Any] = []
    theirs = wrap_request(seen)
    undo()
    assert REQUEST[0].__dict__[REQUEST[1]] is theirs
    assert chat(gpt).choices
    assert len(seen) == 1
    assert charges.settled() == []


@pytest.mark.parametrize("undo", [otel_cost.uninstrument, otel_cost.shutdown])
def test_switching_on_again_beneath_another_wrapper_still_charges_once(
    gpt: OpenAI, undo: Callable[[], Any]
) -> None:
    provider = Provider.exporting()
    otel_cost.instrument(provider.tracing)
    wrap_request([])
    undo()
    otel_cost.instrument(provider.tracing)
    charges = Charges()
    chat(gpt)
    assert len(charges.settled()) == 1
    assert len(provider.spans()) == 1


@pytest.mark.parametrize("first", [1, 0])
def test_the_processor_may_come_first_or_last(gpt: OpenAI, first: int) -> None:
    cost = [otel_cost.CostSpanProcessor()]
    provider = Provider.exporting(*cost[:first])
    for processor_after in cost[first:]:
        provider.tracing.add_span_processor(processor_after)
    with otel_cost.attribution(feature="search"):
        chat(gpt)
        foreign_span(provider)
    ours, theirs = (span.attributes or {} for span in provider.exporter.get_finished_spans())
    assert ours["langfuse.observation.cost_details"] != '{"total":0}'
    for found in (ours, theirs):
        assert found[OBSERVATION_METADATA + "feature"] == "search"
        assert found["langfuse.trace.tags"] == ("feature:search",)


def test_spans_go_to_the_provider_that_was_given(gpt: OpenAI) -> None:
    other, given = Provider.exporting(otel_cost.CostSpanProcessor()), Provider.exporting()
    chat(gpt)
    otel_cost.instrument(given.tracing)
    chat(gpt)
    assert (len(other.spans()), len(given.spans())) == (1, 1)


def test_else_spans_go_to_the_provider_of_the_first_processor_though_it_is_private(
    gpt: OpenAI,
) -> None:
    first, second = otel_cost.CostSpanProcessor(), otel_cost.CostSpanProcessor()
    later, sooner = Provider.exporting(second), Provider.exporting(first)
    chat(gpt)
    assert (len(sooner.spans()), len(later.spans())) == (1, 0)


class Lazy:
    """A stand-in that loads what it stands for as soon as it is looked at, as Django's do."""

    loaded = False

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        Lazy.loaded = True
        return object


def test_looking_for_a_private_provider_touches_no_object_of_the_application(gpt: OpenAI) -> None:
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    others = [Lazy()]
    chat(gpt)
    assert len(provider.spans()) == 1
    assert (len(others), Lazy.loaded) == (1, False)


@pytest.mark.parametrize(
    "order",
    [
        "trace.set_tracer_provider(provider); otel_cost.instrument()",
        "otel_cost.instrument(); trace.set_tracer_provider(provider)",
        "otel_cost.instrument(); chat(); trace.set_tracer_provider(provider)",
        "trace.set_tracer_provider(provider); otel_cost.configure()",
    ],
)
def test_else_spans_go_to_the_global_provider(providers: LocalProviders, order: str) -> None:
    code = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda s: s.name)))
{order}
chat()
"""
    assert programs.output(CALLS + code, programs.towards(providers)) == ["chat gpt-4o"]


def test_instrumenting_loads_no_sdk_and_waits_for_the_one_that_comes(
    providers: LocalProviders,
) -> None:
    code = f"""
import sys
import otel_cost
otel_cost.instrument()
otel_cost.add_sink(lambda charge: print(charge.request_model))
print(sorted({{"openai", "anthropic"}} & set(sys.modules)))
{CALLS}
chat()
otel_cost.flush()
print(openai._base_client.__spec__.loader is openai._base_client.__loader__)
otel_cost.uninstrument()
chat()
"""
    environ = {**programs.kept(), **programs.towards(providers)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environ,
        cwd=programs.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["[]", "gpt-4o", "True"]
