"""The local providers of the table: they keep every byte that goes over the wire."""

import itertools
import re
import threading
from dataclasses import dataclass

from otel_cost.demo.providers import LocalProviders
from otel_cost.demo.server import Request
from tests.wire import clouds, encodings, openai_rows, turns

_OWN = ("idempotency", "traceparent", "tracestate", "x-amz-date")
"""Parts of the names of headers that differ from request to request."""
_SIGNED = re.compile(r"Signature=[0-9a-f]+|Credential=[^,]+")
_BOUNDARY = re.compile(r"boundary=([^;\s]+)")


@dataclass(frozen=True, slots=True)
class Wired:
    """One request as it went over the wire."""

    first: str
    headers: list[tuple[str, str]]
    body: bytes


class WatchedProviders(LocalProviders):
    """Local providers that keep every byte, and can begin anew."""

    def __init__(self) -> None:
        rows = {**openai_rows.ROWS, **clouds.ROWS, **encodings.ROWS, **turns.ROWS}
        super().__init__(arriving=self._arrive, further=rows)
        self._wire: list[Wired] = []
        self._wire_lock = threading.Lock()

    @property
    def wire(self) -> list[Wired]:
        """Every request since the beginning."""
        with self._wire_lock:
            return list(self._wire)

    def begin(self) -> None:
        """Forget what was; the ids of the answers begin anew too."""
        self.clear()
        self._attempts.clear()
        self._numbers = itertools.count(1)
        with self._wire_lock:
            self._wire.clear()

    def _arrive(self, request: Request) -> Request:
        with self._wire_lock:
            self._wire.append(_wired(request))
        return clouds.arriving(request)


def _wired(request: Request) -> Wired:
    first, *lines = request.head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    body = request.body
    if found := _BOUNDARY.search(request.headers.get("content-type", "")):
        body = body.replace(found[1].encode(), b"BOUNDARY")
    return Wired(first, [(name, _steady(name, value)) for name, value in headers], body)


def _steady(name: str, value: str) -> str:
    """A header's value, if it is the same in every run."""
    if any(own in name.lower() for own in _OWN):
        return "…"
    return _SIGNED.sub("…", _BOUNDARY.sub("boundary=…", value))
