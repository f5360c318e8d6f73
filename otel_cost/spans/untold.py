"""Calls whose usage a later span of the same library tells: bounded, and none is lost."""

from collections import OrderedDict
from typing import TypeAlias

from otel_cost.recorder import Recorder
from otel_cost.spans.record import Left

_MOST = 256
_LONGEST = 60 * 10**9
"""How long the later span may take (nanoseconds)."""

Key: TypeAlias = tuple[int, str]
"""A trace, and who makes the spans."""


class Untold:
    """The calls that a span has told of, and that another is to say the usage of."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._calls: OrderedDict[Key, Left] = OrderedDict()

    def put(self, key: Key, left: Left) -> None:
        """Wait for the usage of a call."""
        self._charge(key)
        self._calls[key] = left
        first = next(iter(self._calls))
        too_old = self._calls[first].measured.ended_at < left.measured.ended_at - _LONGEST
        if too_old or len(self._calls) > _MOST:
            self._charge(first)

    def take(self, key: Key) -> Left | None:
        """The call that waits for what a span of `key` tells."""
        return self._calls.pop(key, None)

    def settle(self) -> None:
        """Charge what nothing has told of: the calls were made, their usage is not known."""
        for key in tuple(self._calls):
            self._charge(key)

    def _charge(self, key: Key) -> None:
        left = self._calls.pop(key, None)
        if left is not None:
            self._recorder.publish_apart(*left)
