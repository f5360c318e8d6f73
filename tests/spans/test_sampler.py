"""Spans of LLM calls that a sampler drops reach processors all the same, and no exporter."""

import importlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_cost
from otel_cost import faults
from otel_cost.spans.sampler import CostSampler
from tests import wiring

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


class Seen(SpanProcessor):
    """Keeps what a processor is told has ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


class Setup:
    """A provider that samples as told, with a processor and both kinds of exporting beside it."""

    def __init__(self, sampler: Sampler) -> None:
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.seen = Seen()
        self._simple, self._batched = InMemorySpanExporter(), InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._simple))
        self.provider.add_span_processor(self.seen)
        self._batches = BatchSpanProcessor(self._batched)
        self.provider.add_span_processor(self._batches)
        self.tracer = self.provider.get_tracer("app")

    @property
    def exported(self) -> list[str]:
        self._batches.force_flush()
        simple, batched = (
            [span.name for span in exporter.get_finished_spans()]
            for exporter in (self._simple, self._batched)
        )
        assert simple == batched
        return simple


@pytest.fixture
def setups() -> Iterator[Any]:
    made: list[Setup] = []

    def make(sampler: Sampler) -> Setup:
        made.append(Setup(sampler))
        return made[-1]

    yield make
    for each in made:
        each.provider.shutdown()


@pytest.mark.parametrize(
    ("record", "seen"), [("llm", ["chat gpt-4o"]), ("all", ["chat gpt-4o", "GET /"])]
)
def test_what_is_dropped_is_recorded_and_not_exported(
    setups: Any, record: Any, seen: Sequence[str]
) -> None:
    setup = setups(CostSampler(ParentBased(ALWAYS_OFF), record))
    with setup.tracer.start_as_current_span("GET /", attributes={"http.route": "/"}):
        setup.tracer.start_span("chat gpt-4o", attributes=CHAT).end()
    assert setup.seen.names == list(seen)
    assert setup.exported == []


@pytest.mark.parametrize("record", ["llm", "all"])
def test_what_is_sampled_is_left_alone(setups: Any, record: Any) -> None:
    setup = setups(CostSampler(ParentBased(ALWAYS_ON), record))
    with setup.tracer.start_as_current_span("GET /"):
        setup.tracer.start_span("chat gpt-4o", attributes=CHAT).end()
    assert setup.seen.names == setup.exported == ["chat gpt-4o", "GET /"]


@pytest.mark.parametrize("record", ["llm", "all"])
def test_the_trace_stays_unsampled_for_whoever_is_called(setups: Any, record: Any) -> None:
    setup = setups(CostSampler(ParentBased(ALWAYS_OFF), record))
    carrier: dict[str, str] = {}
    with (
        setup.tracer.start_as_current_span("GET /") as root,
        setup.tracer.start_as_current_span("chat gpt-4o", attributes=CHAT) as call,
        setup.tracer.start_as_current_span("POST") as http,
    ):
        TraceContextTextMapPropagator().inject(carrier)
    contexts = [span.get_span_context() for span in (root, call, http)]
    assert len({context.trace_id for context in contexts}) == 1
    assert not any(context.trace_flags.sampled for context in contexts)
    assert int(carrier["traceparent"].rpartition("-")[2], 16) & trace.TraceFlags.SAMPLED == 0
    assert call.parent == contexts[0]


class SixArguments(Sampler):
    """A sampler of an application's own: it takes what the SDK passes, and says more than no."""

    def __init__(self, decision: Decision = Decision.DROP) -> None:
        self._decision = decision

    def should_sample(  # type: ignore[override]
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any,
        attributes: Any,
        links: Any,
    ) -> SamplingResult:
        more = {"sampler.reason": "quiet hour", "gen_ai.request.model": "renamed"}
        return SamplingResult(self._decision, more, TraceState([("vendor", "7")]))

    def get_description(self) -> str:
        return "SixArguments"


def test_a_recorded_span_has_its_own_attributes_and_what_the_root_adds(setups: Any) -> None:
    setup = setups(CostSampler(SixArguments()))
    link = trace.Link(trace.SpanContext(1, 2, is_remote=True))
    with setup.tracer.start_as_current_span("chat gpt-4o", attributes=CHAT, links=[link]):
        pass
    (span,) = setup.seen.spans
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "renamed",
        "sampler.reason": "quiet hour",
    }
    assert span.context.trace_state.get("vendor") == "7"
    assert span.links == (link,)


def test_a_span_without_attributes_can_be_recorded(setups: Any) -> None:
    setup = setups(CostSampler(ALWAYS_OFF, "all"))
    setup.tracer.start_span("work").end()
    (span,) = setup.seen.spans
    assert dict(span.attributes) == {}


@pytest.mark.parametrize("decision", [Decision.RECORD_ONLY, Decision.RECORD_AND_SAMPLE])
def test_any_other_decision_of_the_root_is_handed_on_as_it_is(decision: Decision) -> None:
    said = SixArguments(decision).should_sample(None, 1, "chat", None, CHAT, None)
    heard = CostSampler(SixArguments(decision)).should_sample(None, 1, "chat", None, CHAT)
    assert (heard.decision, heard.attributes) == (said.decision, said.attributes)
    assert heard.trace_state == said.trace_state


def test_a_trace_state_that_is_passed_reaches_the_root() -> None:
    class Echo(Sampler):
        def should_sample(self, *arguments: Any, **named: Any) -> SamplingResult:
            return SamplingResult(Decision.DROP, None, arguments[6])

        def get_description(self) -> str:
            return "Echo"

    state = TraceState([("vendor", "7")])
    heard = CostSampler(Echo(), "all").should_sample(None, 1, "x", trace_state=state)
    assert (heard.decision, heard.trace_state) == (Decision.RECORD_ONLY, state)


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((0.01,), TypeError, r"root must be a Sampler, as in CostSampler\(.*, not 0\.01"),
        ((None,), TypeError, "root must be a Sampler"),
        ((ALWAYS_ON, "none"), ValueError, "record must be 'llm' or 'all', not 'none'"),
        ((ALWAYS_ON, True), ValueError, "record must be 'llm' or 'all', not True"),
    ],
)
def test_a_bad_argument_is_refused_and_named(
    arguments: Any, error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        CostSampler(*arguments)


def test_the_description_says_what_is_wrapped() -> None:
    assert CostSampler(ALWAYS_OFF).get_description() == (
        "CostSampler{root:AlwaysOffSampler,record:llm}"
    )
    assert otel_cost.CostSampler is CostSampler


def test_switched_off_it_samples_as_its_root_does(
    setups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_DISABLED", "true")
    setup = setups(CostSampler(ALWAYS_OFF, "all"))
    setup.tracer.start_span("chat gpt-4o", attributes=CHAT).end()
    assert setup.seen.names == []


USERS_DIALECTS = """
from otel_cost.spans.dialects.dialect import Dialect, SpanCall

def kind(name, attributes):
    return "call" if name.startswith("acme") else "other"

def read(name, attributes):
    return SpanCall()

def breaks(name, attributes):
    raise LookupError(name)

def starts(name, attributes):
    return name == "acme.complete"

broken = Dialect("broken", ("broken.",), kind, read, starts=breaks)
good = Dialect("acme", ("acme.",), kind, read, starts=starts)
silent = Dialect("silent", ("silent.",), kind, read)
"""
ENTRY_POINTS = """[otel_cost_dialect]
a_broken = acme_dialects:broken
b_silent = acme_dialects:silent
c_good = acme_dialects:good
"""


@pytest.fixture
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with dialects of a user's own, one of which raises."""
    (tmp_path / "acme_dialects.py").write_text(USERS_DIALECTS)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


@pytest.mark.usefixtures("_acme")
def test_dialects_of_a_user_are_asked_and_one_that_raises_hides_no_other(
    setups: Any, caplog: pytest.LogCaptureFixture
) -> None:
    setup = setups(CostSampler(ALWAYS_OFF))
    for name in ("acme.complete", "GET /", "acme.complete"):
        setup.tracer.start_span(name).end()
    assert setup.seen.names == ["acme.complete"] * 2
    assert faults.counts["dialect_error"] == 3
    (message,) = wiring.said(caplog)
    assert "'a_broken' failed" in message
    assert "LookupError" in message


class Hostile(dict[str, Any]):
    """Attributes that cannot be looked at."""

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def get(self, *_: object) -> Any:
        raise RuntimeError

    __contains__ = __getitem__ = get


def test_nothing_that_goes_wrong_in_recognising_reaches_the_application() -> None:
    said = CostSampler(ALWAYS_OFF).should_sample(None, 1, "chat gpt-4o", None, Hostile(CHAT))
    assert said.decision is Decision.DROP
    assert faults.counts["internal_error"] > 0


DATA = os.environ.get("OTEL_COST_TEST_DATA")


@pytest.mark.skipif(DATA is None, reason="OTEL_COST_TEST_DATA is not set")
@pytest.mark.parametrize("library", ["native", "otel-genai", "otel-v2"])
def test_recorded_calls_that_name_themselves_are_recognised(setups: Any, library: str) -> None:
    setup = setups(CostSampler(ALWAYS_OFF))
    calls = 0
    for path in sorted(Path(DATA or "", "fixtures", "spans", library).glob("*.json")):
        for span in json.loads(path.read_text(encoding="utf-8"))["spans"]:
            said = span["attributes"]
            if "gen_ai.usage.input_tokens" not in said:
                continue
            started = {name: said[name] for name in span["_attributes_at_start"]}
            setup.tracer.start_span(span["name"], attributes=started).end()
            calls += 1
            assert len(setup.seen.spans) == calls, f"{path.stem}: {span['name']}"
    assert calls > 10
