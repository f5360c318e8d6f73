"""Shows that a fault of otel_cost itself never reaches the call, and costs as little as it can."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from anthropic import Anthropic
from openai import OpenAI, RateLimitError
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult

import otel_cost
from otel_cost import attributes, faults
from otel_cost.attributes import OBSERVATION_METADATA
from otel_cost.capture import anthropic, openai
from otel_cost.demo.providers import LocalProviders
from otel_cost.pricing.engine import Engine
from otel_cost.recorder import Recorder
from tests import wiring
from tests.demo.calls import chat, chat_chunks, message, message_events, plain
from tests.wiring import Charges, Provider

Clients = tuple[OpenAI, Anthropic]


class OwnError(Exception):
    """What the tests make our own code raise."""


def fail(*_: Any, **__: Any) -> Any:
    raise OwnError


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture(scope="module")
def both(providers: LocalProviders) -> Iterator[Clients]:
    with wiring.clients(providers) as made:
        yield made


CALLS: dict[str, Callable[[Clients], Any]] = {
    "openai": lambda both: plain(chat(both[0], id="one", text="a b c")),
    "openai stream": lambda both: [plain(e) for e in chat_chunks(both[0], id="one", text="a b c")],
    "anthropic": lambda both: plain(message(both[1], id="one", text="a b c")),
    "anthropic stream": lambda both: [
        plain(e) for e in message_events(both[1], id="one", text="a b c")
    ],
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A place of ours that raises, and what is known of the charge all the same."""

    inject: Callable[[pytest.MonkeyPatch], None]
    cost: str | None
    """The status of the charge's cost; `None` where it is the usual one."""
    stamped: bool = False
    """Whether the span can still say what the call cost."""


def _break_rows(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    rows = ((openai.ENDPOINTS, "/chat/completions"), (anthropic.ENDPOINTS, "/v1/messages"))
    for table, path in rows:
        monkeypatch.setitem(cast(Any, table), path, replace(table[path], **fields))


def _readers(monkeypatch: pytest.MonkeyPatch) -> None:
    _break_rows(monkeypatch, read_body=fail, read_event=fail)


FAULTS = {
    "price": Fault(lambda patch: patch.setattr(Engine, "price", fail), "unpriced", stamped=True),
    "readers": Fault(_readers, "unmetered", stamped=True),
    "attributes": Fault(lambda patch: patch.setattr(attributes, "of_call", fail), None),
    "write": Fault(lambda patch: patch.setattr(Recorder, "write", fail), None),
    "open_span": Fault(lambda patch: patch.setattr(Recorder, "_start_span", fail), None),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_leaves_the_call_alone(
    both: Clients,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
    fault: str,
) -> None:
    undisturbed = CALLS[call](both)
    provider = Provider.exporting()
    otel_cost.configure(provider.tracing)
    charges = Charges()
    FAULTS[fault].inject(monkeypatch)
    with otel_cost.attribution(feature="search"):
        for _ in range(2):
            assert CALLS[call](both) == undisturbed
    assert faults.counts["internal_error"] >= 2
    (message,) = wiring.said(caplog)
    assert "The application is not affected. Please report this" in message
    assert "OwnError" in message
    found = charges.settled()
    assert [charge.attribution.feature for charge in found] == ["search"] * 2
    assert {charge.cost.status for charge in found} == {FAULTS[fault].cost or "exact"}
    if fault != "open_span":
        assert [charge.span_id for charge in found] == [
            f"{span.context.span_id:016x}" for span in provider.spans() if span.context
        ]
    if FAULTS[fault].stamped:
        for span in provider.spans():
            assert span.attributes is not None
            assert span.attributes[attributes.COST_DETAILS] == '{"total":0}'
            assert span.attributes[OBSERVATION_METADATA + "feature"] == "search"


@pytest.mark.parametrize("call", ["openai stream", "anthropic stream"])
def test_not_knowing_what_is_content_costs_the_first_token_time_alone(
    both: Clients, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    _break_rows(monkeypatch, is_content=fail)
    otel_cost.instrument(Provider.exporting().tracing)
    charges = Charges()
    CALLS[call](both)
    charge = charges.only()
    assert (charge.outcome, charge.cost.status, charge.first_token_at) == ("ok", "exact", None)


@pytest.mark.parametrize("fault", ["price", "attributes", "write", "open_span"])
def test_the_error_of_a_refused_call_is_the_providers_own(
    both: Clients, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    provider = Provider.exporting()
    otel_cost.configure(provider.tracing)
    charges = Charges()
    FAULTS[fault].inject(monkeypatch)
    with pytest.raises(RateLimitError):
        chat(both[0], status=429)
    charge = charges.only()
    assert (charge.outcome, charge.cost.status) == ("error", "exact")


class FailingSampler(Sampler):
    """A sampler of the application's that has a bug."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        raise OwnError

    def get_description(self) -> str:
        return "failing"


class FailingStart(SpanProcessor):
    """A processor of the application's that has a bug at a span's start."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raise OwnError


class FailingEnd(SpanProcessor):
    """A processor of the application's that has a bug at a span's end."""

    def on_end(self, span: Any) -> None:
        raise OwnError


def _provider(sampler: Sampler = ALWAYS_ON, *processors: SpanProcessor) -> TracerProvider:
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    for processor in processors:
        made.add_span_processor(processor)
    return made


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: _provider(FailingSampler()),
        lambda: _provider(ALWAYS_ON, FailingStart()),
        lambda: _provider(ALWAYS_ON, FailingEnd()),
    ],
    ids=["sampler", "on_start", "on_end"],
)
def test_neither_call_nor_charge_depends_on_the_tracing_of_the_application(
    both: Clients, make: Callable[[], TracerProvider], call: str
) -> None:
    undisturbed = CALLS[call](both)
    otel_cost.instrument(make())
    charges = Charges()
    assert CALLS[call](both) == undisturbed
    charge = charges.only()
    assert (charge.outcome, charge.cost.status) == ("ok", "exact")


def test_a_processor_that_cannot_stamp_leaves_the_span_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    monkeypatch.setattr(attributes, "of_attribution", fail)
    tracer = provider.tracing.get_tracer("another library")
    with otel_cost.attribution(feature="search"):
        for _ in range(2):
            tracer.start_span("chat", attributes={"gen_ai.request.model": "gpt-4o"}).end()
    assert len(provider.exporter.get_finished_spans()) == 2
    assert faults.counts["internal_error"] == 2
    assert len(wiring.said(caplog)) == 1
