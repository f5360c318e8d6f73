"""Shows how usage becomes a charge, and that every sink gets every charge once and in order."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost import config, faults
from otel_cost.charge import Charge, Cost, Part
from otel_cost.delivery import LIMIT
from otel_cost.measured import Measured
from otel_cost.pricing.engine import Engine
from otel_cost.recorder import Recorder, new_charge_id
from otel_cost.usage import Usage
from tests import programs, wiring
from tests.charges import START, make_charge
from tests.wiring import ENOUGH


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = make_recorder()
    yield made
    made.close(1)


def make_recorder(**environ: str) -> Recorder:
    tracer = trace.NoOpTracerProvider().get_tracer("test")
    return Recorder(config.read(environ), lambda: tracer, Engine())


def measured(**facts: Any) -> Measured:
    """A call of gpt-4o that used 1,000 tokens of input."""
    usual: dict[str, Any] = {
        "charge_id": new_charge_id(),
        "provider": "openai",
        "operation": "chat",
        "started_at": START,
        "request_model": "gpt-4o",
        "model": "gpt-4o",
        "usage": Usage({"input": 1000}),
        "usage_source": "provider",
    }
    return Measured(**{**usual, **facts})


def charge_of(recorder: Recorder, call: Measured) -> Charge:
    return recorder.charge(call, recorder.cost(call))


def test_a_sink_gets_every_charge_once_in_order_on_a_thread_of_its_own(recorder: Recorder) -> None:
    seen: list[Charge] = []
    threads: set[threading.Thread] = set()

    def sink(charge: Charge) -> None:
        seen.append(charge)
        threads.add(threading.current_thread())

    recorder.add_sink(sink)
    charges = [make_charge() for _ in range(1100)]
    for charge in charges:
        recorder.publish(charge)
    assert recorder.flush(ENOUGH)
    assert seen == charges
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    assert faults.counts["charges"] == len(charges)


@pytest.mark.parametrize("error", [ValueError("no database"), SystemExit(1)])
def test_a_sink_that_raises_is_counted_and_stops_neither_itself_nor_another(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    reached: list[Charge] = []
    kept: list[Charge] = []

    def sink(charge: Charge) -> None:
        reached.append(charge)
        raise error

    recorder.add_sink(sink)
    recorder.add_sink(kept.append)
    charges = [make_charge() for _ in range(3)]
    for charge in charges:
        recorder.publish(charge)
    assert recorder.flush(2)
    assert kept == charges
    assert reached == charges
    assert faults.counts["sink_errors"] == len(charges)
    (message,) = wiring.said(caplog)
    assert "sink failed. It lost a charge." in message


def test_a_stuck_sink_delays_no_other_and_flush_says_so(recorder: Recorder) -> None:
    gate = threading.Event()
    late: list[Charge] = []
    prompt: list[Charge] = []
    arrived = threading.Semaphore(0)

    def stuck(charge: Charge) -> None:
        assert gate.wait(ENOUGH)
        late.append(charge)

    def quick(charge: Charge) -> None:
        prompt.append(charge)
        arrived.release()

    recorder.add_sink(stuck)
    recorder.add_sink(quick)
    charges = [make_charge() for _ in range(2)]
    for charge in charges:
        recorder.publish(charge)
        assert arrived.acquire(timeout=ENOUGH)
    assert prompt == charges
    assert not recorder.flush(0.05)
    assert late == []
    gate.set()
    assert recorder.flush(ENOUGH)
    assert late == charges


def test_what_a_stuck_sink_cannot_take_is_counted_and_lost_to_it_alone(
    recorder: Recorder,
) -> None:
    gate, entered = threading.Event(), threading.Event()
    taken: list[Charge] = []

    def stuck(charge: Charge) -> None:
        entered.set()
        assert gate.wait(ENOUGH)
        taken.append(charge)

    recorder.add_sink(stuck)
    charge = make_charge()
    recorder.publish(charge)
    assert entered.wait(ENOUGH)
    for _ in range(LIMIT + 7):
        recorder.publish(charge)
    assert faults.counts["overflow"] == 7
    gate.set()
    assert recorder.flush(ENOUGH)
    assert len(taken) == LIMIT + 1


@pytest.mark.parametrize("persistent", [True, False])
def test_a_call_no_charge_can_be_made_of_holds_up_no_other(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, persistent: bool
) -> None:
    make = Recorder.charge

    def charge(self: Recorder, call: Measured, cost: Cost) -> Charge:
        if call.operation == "cursed":
            raise ArithmeticError
        return make(self, call, cost)

    monkeypatch.setattr(Recorder, "charge", charge)
    kept: list[Charge] = []
    recorder.add_outlet("the test", kept.extend, persistent=persistent)
    for operation in ("chat", "cursed", "embeddings"):
        call = measured(operation=operation)
        recorder.finish(call, recorder.cost(call))
    assert recorder.flush(1)
    assert [charge.operation for charge in kept] == ["chat", "embeddings"]
    assert faults.counts["internal_error"] == 1


def test_a_sink_gets_what_is_finished_after_it_was_added(recorder: Recorder) -> None:
    early: list[Charge] = []
    late: list[Charge] = []
    first, second = make_charge(), make_charge()
    recorder.add_sink(early.append)
    recorder.publish(first)
    recorder.add_sink(late.append)
    recorder.publish(second)
    assert recorder.flush(ENOUGH)
    assert early == [first, second]
    assert late == [second]


@pytest.mark.parametrize("sink", [None, "print", 3])
def test_a_sink_must_be_callable(sink: Any) -> None:
    with pytest.raises(TypeError, match=f"a sink must be callable.*{sink!r}"):
        otel_cost.add_sink(sink)


def test_charge_ids_are_unique_across_threads_and_sort_by_time() -> None:
    ids: list[list[str]] = [[] for _ in range(8)]

    def take(kept: list[str]) -> None:
        kept.extend(new_charge_id() for _ in range(2000))

    threads = [threading.Thread(target=take, args=(kept,)) for kept in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for kept in ids for one in kept}) == 16_000
    assert ids[0][0] < new_charge_id()


def test_charge_ids_are_unique_after_a_fork() -> None:
    code = """
import os
from otel_cost.recorder import new_charge_id

new_charge_id()
child = os.fork()
print(*[new_charge_id(1) for _ in range(100)], sep="\\n", flush=True)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""
    ids = programs.output(code)
    assert len(ids) == 200
    assert len(set(ids)) == 200


@pytest.mark.parametrize(
    ("facts", "status", "usd"),
    [
        ({}, "exact", "0.0025"),
        ({"model": None}, "exact", "0.0025"),
        ({"unknown": ("output",)}, "partial", "0.0025"),
        ({"model": "no-such-model"}, "unpriced", "0"),
        ({"model": "no-such-model", "unknown": ("output",)}, "unpriced", "0"),
        ({"usage": None, "usage_source": "none"}, "unmetered", "0"),
        ({"usage": None, "outcome": "error", "refused": True}, "exact", "0"),
        ({"usage": None, "outcome": "error"}, "unmetered", "0"),
    ],
)
def test_a_charge_says_how_far_its_cost_is_known(
    recorder: Recorder, facts: dict[str, Any], status: str, usd: str
) -> None:
    cost = recorder.cost(measured(**facts))
    assert cost.status == status
    assert cost.effective_usd == Decimal(usd)
    assert set(facts.get("unknown", ())) <= set(cost.unpriced)


def test_further_models_of_a_call_are_parts_of_its_charge(recorder: Recorder) -> None:
    other = Part("gpt-4o-mini", Usage({"input": 1000}))
    charge = charge_of(recorder, measured(other_parts=(other,)))
    assert [part.model for part in charge.parts] == ["gpt-4o", "gpt-4o-mini"]
    assert charge.usage == Usage({"input": 2000})
    assert charge.cost.effective_usd == Decimal("0.00265")


def test_a_call_that_names_no_model_is_unknown_not_lost(recorder: Recorder) -> None:
    charge = charge_of(recorder, measured(model=None, request_model=None))
    assert (charge.model, charge.request_model) == ("unknown", None)


@pytest.mark.parametrize(
    ("environ", "resource", "expected"),
    [
        ({}, {}, (None, None)),
        ({}, {"service.name": "shop"}, ("shop", None)),
        ({}, {"deployment.environment.name": "prod"}, (None, "prod")),
        ({}, {"deployment.environment": "prod"}, (None, "prod")),
        ({"OTEL_SERVICE_NAME": "api"}, {"service.name": "shop"}, ("api", None)),
        (
            {"LANGFUSE_TRACING_ENVIRONMENT": "stage"},
            {"deployment.environment.name": "prod"},
            (None, "stage"),
        ),
    ],
)
def test_service_and_environment_are_those_of_the_settings_else_of_the_spans_resource(
    environ: dict[str, str], resource: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    recorder = make_recorder(**environ)
    provider = TracerProvider(resource=Resource.create(resource), shutdown_on_exit=False)
    span = provider.get_tracer("test").start_span("call")
    charge = charge_of(recorder, measured(span=span))
    assert (charge.service, charge.environment) == expected
    assert charge.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert charge.span_id == f"{span.get_span_context().span_id:016x}"
