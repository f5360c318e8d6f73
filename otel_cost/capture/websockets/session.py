"""What is in progress in one session of the provider's, however many connections tell of it."""

import threading
import weakref
from typing import TypeAlias

from otel_cost.capture.call import Call
from otel_cost.recorder import Recorder

_MOST_OPEN = 256
_MOST_SETTLED = 1024
_MOST_LANES = 64

WHOLE = "session"
"""What the call is known by that a session is as a whole, where it is billed so."""

Name: TypeAlias = tuple[Recorder, str | None, str]
"""A session's name at its host, for one installation."""


class Session:
    """The calls of one session of the provider's, by what each is known by.

    Several connections may be told of the same session; what one has settled is settled for all.
    It refers to no connection: when the last lets go of it, what is open ends.
    """

    __slots__ = (
        "__weakref__",
        "_calls",
        "_lanes",
        "_readers",
        "_settled",
        "hearing_model",
        "lock",
        "model",
        "name",
        "over",
    )

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.name: Name | None = None
        self.model: str | None = None
        self.hearing_model: str | None = None
        """The model that transcribes what the user says."""
        self.over = False
        """Whether the provider has closed it."""
        self._readers = 1
        self._calls: dict[str, Call] = {}
        self._settled: dict[str, None] = {}
        """In order, so that what is kept of them can be bounded."""
        self._lanes: dict[str | None, str] = {}

    def find(self, key: str) -> Call | None:
        """The open call known by `key`."""
        return self._calls.get(key)

    def is_settled(self, key: str) -> bool:
        """Whether the call known by `key` has had its end."""
        return key in self._settled

    def add(self, key: str, call: Call) -> None:
        """`call` is in progress from now on."""
        if len(self._calls) >= _MOST_OPEN:
            self.settle(next(known for known in self._calls if known != WHOLE))
        self._calls[key] = call

    def settle(self, key: str) -> None:
        """End the call known by `key` with what is known, and let no other be known by it.

        Who comes back to a session goes on with it, until it is over.
        """
        call = self._calls.pop(key, None)
        if key != WHOLE:
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.pop(next(iter(self._settled)))
            self._settled[key] = None
        if call is not None:
            call.abandoned()

    def comes_again(self, key: str) -> None:
        """A call begins that is known as an earlier one was, as some compatible servers have it."""
        if self.name is None:  # who else is told of this session may just be late
            self._settled.pop(key, None)

    def follow(self, lane: str | None, key: str) -> None:
        """What is said on `lane` from now on is of the call known by `key`."""
        if len(self._lanes) >= _MOST_LANES:
            self._lanes.clear()
        self._lanes[lane] = key

    def key_on_lane(self, lane: str | None) -> str | None:
        """What the call is known by that `lane` speaks of."""
        return self._lanes.get(lane)

    def on_lane(self, lane: str | None) -> Call | None:
        """The open call that `lane` speaks of."""
        key = self._lanes.get(lane)
        return None if key is None else self._calls.get(key)

    def enter(self) -> None:
        """One more connection is told of the session."""
        with self.lock:
            self._readers += 1

    def leave(self) -> None:
        """A connection has closed; after the last nothing more will come."""
        with self.lock:
            self._readers -= 1
            if not self._readers:
                for key in tuple(self._calls):
                    self.settle(key)

    def __del__(self) -> None:
        for call in self._calls.values():
            call.dropped()


_sessions: weakref.WeakValueDictionary[Name, Session] = weakref.WeakValueDictionary()
_naming = threading.Lock()


def named(name: Name, fresh: Session, *, anew: bool) -> Session:
    """The session of that name; `fresh` where there is none yet, or it begins `anew`."""
    with _naming:
        session = None if anew else _sessions.get(name)
        if session is None:
            fresh.name = name
            _sessions[name] = session = fresh
        return session
