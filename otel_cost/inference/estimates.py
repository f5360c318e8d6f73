"""Calls whose usage is estimated before they are settled, on a thread of its own."""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from otel_cost import faults
from otel_cost.delivery import Outlet
from otel_cost.inference.counting import Inference
from otel_cost.measured import Measured

LIMIT = 1000
"""How many calls may wait with their text; those beyond are settled without an estimate."""
_ANSWERED = frozenset({"ok", "aborted", "incomplete"})
"""How calls end whose answer is billed by its tokens, as far as it came."""


class _Waiting(NamedTuple):
    call: Measured
    settle: Callable[[], None]


class Estimates:
    """Estimates usage, and has the call settled after: its charge and its span say the same."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._outlet: Outlet[_Waiting] = Outlet("estimates of usage", self._estimate)
        self._process = os.getpid()
        self._waiting: set[int] = set()

    def settles(self, call: Measured, settle: Callable[[], None]) -> bool:
        """Whether `settle` will be called on another thread, once usage has been estimated.

        If not, the caller settles the call, whose text is forgotten.
        """
        conversation = call.conversation
        if conversation is None:
            return False
        if call.usage is not None or call.outcome not in _ANSWERED or not conversation.heard:
            call.conversation = None
            return False
        if os.getpid() != self._process:  # what waits in the parent is not ours
            self._process, self._waiting = os.getpid(), set()
        if len(self._waiting) >= LIMIT:
            call.conversation = None
            faults.warn_once(
                "overflow",
                "estimates",
                f"otel_cost: more than {LIMIT} calls wait for an estimate of their usage; those "
                "beyond stay unmetered.",
            )
            return False
        self._waiting.add(id(call))
        self._outlet.put(_Waiting(call, settle))
        return True

    def flush(self, timeout: float) -> bool:
        """Wait until all calls so far are settled; `False` after `timeout` seconds."""
        return self._outlet.flush(timeout)

    def close(self, timeout: float) -> bool:
        """Flush, and end the thread."""
        return self._outlet.close(timeout)

    def _estimate(self, batch: Sequence[_Waiting]) -> None:
        for call, settle in batch:
            try:
                self._inference.estimate(call)
            except Exception as error:  # noqa: BLE001 - one call must not hold up the others
                faults.caught("estimating usage", error)
            finally:
                self._waiting.discard(id(call))
            try:
                settle()
            except Exception as error:  # noqa: BLE001 - one call must not hold up the others
                faults.caught("settling a call", error)
