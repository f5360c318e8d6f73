"""Shows that an outlet loses nothing, keeps order, and holds up nobody."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from otel_cost import faults
from otel_cost.delivery import BATCH, Outlet
from tests import programs, wiring
from tests.wiring import ENOUGH

Deliver = Callable[[Sequence[Any]], None]


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture
def open_outlet() -> Iterator[Callable[..., Outlet[Any]]]:
    """Opens outlets that the end of the test closes."""
    opened: list[Outlet[Any]] = []

    def make(deliver: Deliver, **options: Any) -> Outlet[Any]:
        opened.append(Outlet("the test", deliver, **options))
        return opened[-1]

    yield make
    for outlet in opened:
        outlet.close(0.1)


class Gate:
    """A destination that is stuck until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.batches: list[Sequence[Any]] = []

    def __call__(self, batch: Sequence[Any]) -> None:
        self.entered.set()
        assert self.opened.wait(ENOUGH)
        self.batches.append(batch)

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


def workers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "otel_cost the test"]


def test_what_gathers_is_delivered_in_order_and_in_batches(open_outlet: Any) -> None:
    gate = Gate()
    outlet = open_outlet(gate)
    outlet.put(0)
    assert gate.entered.wait(ENOUGH)
    for number in range(1, 2 * BATCH + 11):
        outlet.put(number)
    gate.opened.set()
    assert outlet.flush(ENOUGH)
    assert gate.items == list(range(2 * BATCH + 11))
    assert [len(batch) for batch in gate.batches] == [1, BATCH, BATCH, 10]


def test_items_of_one_thread_keep_their_order_among_those_of_others(open_outlet: Any) -> None:
    seen: list[tuple[int, int]] = []
    outlet = open_outlet(seen.extend)

    def put(who: int) -> None:
        for number in range(500):
            outlet.put((who, number))

    threads = [threading.Thread(target=put, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outlet.flush(ENOUGH)
    assert len(seen) == 2000
    for who in range(4):
        assert [number for one, number in seen if one == who] == list(range(500))


def test_flush_waits_for_everything_put_before(open_outlet: Any) -> None:
    gate = Gate()
    outlet = open_outlet(gate)
    outlet.put("a")
    assert gate.entered.wait(ENOUGH)
    outlet.put("b")
    assert not outlet.flush(0.01)
    gate.opened.set()
    assert outlet.flush(ENOUGH)
    assert gate.items == ["a", "b"]


def test_flush_of_an_outlet_nobody_used_is_done_at_once(open_outlet: Any) -> None:
    assert open_outlet(Gate()).flush(0)
    assert workers() == []


def test_flush_does_not_overtake_a_worker_that_another_thread_is_starting(
    open_outlet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, started = Gate(), threading.Event()

    class SlowlyStarted(threading.Thread):
        def start(self) -> None:
            super().start()
            if self.name == "otel_cost the test":
                assert started.wait(ENOUGH)

    monkeypatch.setattr("otel_cost.delivery.threading.Thread", SlowlyStarted)
    outlet = open_outlet(gate)
    putter = threading.Thread(target=outlet.put, args=("a",))
    putter.start()
    assert gate.entered.wait(ENOUGH)
    done = outlet.flush(0.01)
    started.set()
    gate.opened.set()
    putter.join()
    assert not done, "the item was still on its way"


def test_a_persistent_outlet_tries_until_it_succeeds(
    open_outlet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[list[Any]] = []

    def deliver(batch: Sequence[Any]) -> None:
        tries.append(list(batch))
        if len(tries) < 3:
            raise OSError("the disk is full")

    outlet = open_outlet(deliver, persistent=True)
    outlet.put("a")
    assert outlet.flush(ENOUGH)
    outlet.put("b")
    assert outlet.flush(ENOUGH)
    assert tries == [["a"], ["a"], ["a"], ["b"]]
    assert faults.counts["internal_error"] == 2
    (message,) = wiring.said(caplog)
    assert "the test failed" in message
    assert "the disk is full" in message


@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(1)])
def test_any_other_outlet_gives_a_batch_up_and_goes_on(
    open_outlet: Any, error: BaseException
) -> None:
    seen: list[Any] = []

    def deliver(batch: Sequence[Any]) -> None:
        if not seen and batch[0] == "a":
            raise error
        seen.extend(batch)

    outlet = open_outlet(deliver)
    outlet.put("a")
    assert outlet.flush(1), "the worker has died"
    outlet.put("b")
    assert outlet.flush(1)
    assert seen == ["b"]
    assert faults.counts["internal_error"] == 1


def test_what_does_not_fit_is_counted_and_said_once_and_put_never_waits(
    open_outlet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    outlet = open_outlet(gate, limit=10)
    outlet.put(0)
    assert gate.entered.wait(ENOUGH)
    for number in range(1, 16):
        outlet.put(number)  # nobody takes anything: a put that waits would wait for ever
    assert faults.counts["overflow"] == 5
    gate.opened.set()
    assert outlet.flush(ENOUGH)
    assert gate.items == list(range(11))
    (message,) = wiring.said(caplog)
    assert "the test cannot keep up" in message


def test_close_delivers_what_waits_and_ends_the_thread(open_outlet: Any) -> None:
    seen: list[Any] = []
    outlet = open_outlet(seen.extend)
    outlet.put("a")
    assert len(workers()) == 1
    assert outlet.close(ENOUGH)
    assert seen == ["a"]
    assert workers() == []
    assert outlet.flush(0.1), "nothing waits in a closed outlet"


def test_close_ends_the_thread_of_an_outlet_that_never_succeeds(open_outlet: Any) -> None:
    tried = threading.Event()

    def deliver(batch: Sequence[Any]) -> None:
        tried.set()
        raise OSError("gone")

    outlet = open_outlet(deliver, persistent=True)
    outlet.put("a")
    assert tried.wait(ENOUGH)
    (worker,) = workers()
    assert not outlet.close(0.01)
    worker.join(ENOUGH)
    assert not worker.is_alive()


def test_finalisers_may_put_even_while_a_put_is_under_way(open_outlet: Any) -> None:
    seen: list[Any] = []
    outlet = open_outlet(seen.extend)

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            outlet.put("finalised")

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            Cycle()
            outlet.put(number)
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert outlet.flush(ENOUGH)
    assert [item for item in seen if item != "finalised"] == list(range(300))
    assert seen.count("finalised") == 300


FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: threads and fork
import os, threading
from otel_cost.delivery import Outlet

entered, gate, seen = threading.Event(), threading.Event(), []
def deliver(batch):
    entered.set()
    gate.wait()
    seen.extend(batch)

outlet = Outlet("the test", deliver)
outlet.put("parent 1")
entered.wait()
outlet.put("parent 2")
child = os.fork()
gate.set()
if child == 0:
    print("child", outlet.flush(10), seen, flush=True)
    outlet.put("child 1")
    print("child", outlet.flush(10), seen, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent", outlet.flush(10), seen)
"""


def test_a_forked_child_has_an_empty_queue_and_a_worker_of_its_own() -> None:
    assert programs.output(FORK) == [
        "child True []",
        "child True ['child 1']",
        "parent True ['parent 1', 'parent 2']",
    ]


def test_what_somebody_must_act_on_is_said_in_its_own_words(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_said", set())

    def deliver(_: Sequence[int]) -> None:
        raise faults.Actionable("the folder is not there: create it")

    outlet = Outlet("the ledger", deliver)
    outlet.put(1)
    assert outlet.flush(ENOUGH)
    outlet.close(ENOUGH)
    (record,) = caplog.records
    assert record.getMessage() == "otel_cost: the ledger: the folder is not there: create it"
    assert record.exc_info is None
