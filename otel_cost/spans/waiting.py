"""The calls that are over and whose span has not ended: bounded, and none waits for ever."""

import time
from collections import OrderedDict
from typing import Protocol

_MOST = 1024
_LONGEST = 60.0
"""How long a span may stay open after its call (seconds)."""


class Waiter(Protocol):
    """An owner whose call is over."""

    patient: bool
    """Whether the application itself will end the span."""

    def take_back(self) -> None:
        """Give the call a span of its own."""


class Waiting:
    """Owners whose call is over, the oldest first. For any thread."""

    def __init__(self) -> None:
        self._owners: OrderedDict[Waiter, float] = OrderedDict()

    def __contains__(self, owner: object) -> bool:
        return owner in self._owners

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, owner: Waiter) -> None:
        """The call of `owner` is over."""
        self._owners[owner] = time.monotonic()

    def remove(self, owner: Waiter) -> bool:
        """Whether it was waiting; it no longer is, and whoever gets `True` deals with it."""
        return self._owners.pop(owner, None) is not None

    def age(self) -> None:
        """Take back the calls that have waited too long, or that are too many."""
        owners = self._owners
        oldest = time.monotonic() - _LONGEST
        while owners:
            try:
                owner, since = next(iter(owners.items()))
            except (RuntimeError, StopIteration):  # another thread has changed it
                return
            if since > oldest and len(owners) <= _MOST:
                return
            if self.remove(owner):
                owner.take_back()

    def settle(self, *, patient: bool) -> None:
        """Take back all calls; with `patient` not those whose span the application will end."""
        for owner in tuple(self._owners):
            if not (patient and owner.patient) and self.remove(owner):
                owner.take_back()
