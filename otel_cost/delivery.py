"""Getting things off the caller's thread: a bounded queue with a worker of its own."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from otel_cost import faults

T = TypeVar("T")

WINDOW = 0.05
"""How long a worker lets items gather before it takes them (seconds)."""
BATCH = 500
LIMIT = 100_000
"""How many items may wait; what comes on top is counted and given up."""
_LONGEST_PAUSE = 5.0


class _Marker:
    """Put behind the items a flush waits for."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = threading.Event()


class Outlet(Generic[T]):
    """Hands items to `deliver` in order, in batches, on a thread of its own.

    `put` takes no lock of Python's and may be called from a finaliser: `SimpleQueue.put` is the one
    queue operation that is documented to be re-entrant. With `persistent`, a batch whose delivery
    raises is tried again until it succeeds; without, it is counted and given up.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Sequence[T]], None],
        *,
        persistent: bool = False,
        limit: int = LIMIT,
    ) -> None:
        self.name = name
        self._deliver = deliver
        self._persistent = persistent
        self._limit = limit
        self._start_over()
        if hasattr(os, "register_at_fork"):
            start_over = weakref.WeakMethod(self._start_over)
            os.register_at_fork(after_in_child=lambda: (again := start_over()) and again())

    def _start_over(self) -> None:
        self._queue: SimpleQueue[T | _Marker | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._closed = False
        self._worker: threading.Thread | None = None
        self._starting = threading.Lock()

    def put(self, item: T) -> None:
        """Queue `item`; if too many wait already, count it and give it up."""
        if self._queue.qsize() >= self._limit:
            faults.warn_once(
                "overflow",
                self.name,
                f"otel_cost: {self.name} cannot keep up; what does not fit its queue of "
                f"{self._limit} is given up and counted.",
            )
            return
        self._queue.put(item)
        if self._worker is None:
            self.start()

    def start(self) -> None:
        """Start the worker, once per process. Waits for nobody: who else starts it will do."""
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._worker is None and not self._closed:
                name = f"otel_cost {self.name}"
                worker = threading.Thread(target=self._run, name=name, daemon=True)
                self._worker = worker  # first, so that a flush meanwhile waits for it
                try:
                    worker.start()
                except BaseException:
                    self._worker = None
                    raise
        finally:
            self._starting.release()

    def flush(self, timeout: float) -> bool:
        """Wait until everything put so far is delivered; `False` after `timeout` seconds."""
        worker = self._worker
        if worker is None or self._closed:
            return self._queue.empty() and (worker is None or not worker.is_alive())
        marker = _Marker()
        self._queue.put(marker)
        self._hurry.set()
        return marker.passed.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Flush, then end the worker."""
        done = self.flush(timeout)
        self._closed = True
        self._queue.put(None)
        self._hurry.set()
        worker = self._worker
        if worker is not None and done:
            worker.join(timeout)
        return done

    def _run(self) -> None:
        queue = self._queue
        while True:
            first = queue.get()
            if not isinstance(first, _Marker):
                self._hurry.wait(WINDOW)
            batch: list[T] = []
            for item in self._ready(first):
                if item is None:
                    self._hand_over(batch)
                    return
                if isinstance(item, _Marker):
                    self._hand_over(batch)
                    batch = []
                    self._hurry.clear()
                    item.passed.set()
                else:
                    batch.append(item)
            self._hand_over(batch)

    def _ready(self, first: T | _Marker | None) -> Iterator[T | _Marker | None]:
        yield first
        for _ in range(BATCH - 1):
            try:
                yield self._queue.get_nowait()
            except Empty:
                return

    def _hand_over(self, batch: Sequence[T]) -> None:
        pause = 0.05
        while batch:
            try:
                self._deliver(batch)
            except BaseException as error:  # noqa: BLE001 - the worker must outlive what it calls
                faults.caught(self.name, error)
                if not self._persistent or self._closed:
                    return
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return
