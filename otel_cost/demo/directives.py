"""What a caller dictates to the local providers, in the request header `x-demo-reply`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

HEADER = "x-demo-reply"


@dataclass(frozen=True, slots=True)
class Directives:
    """What the answer is to hold, and the faults it is to have. Everything is optional.

    Where `times` is given, the faults happen only to that many first attempts of a call: counted
    per `key`, or without one by the retry count that the SDKs send.
    """

    model: str | None = None
    id: str | None = None
    text: str | None = None
    usage: Mapping[str, Any] | None = None
    """The usage object, as the provider shapes it."""
    start_usage: Mapping[str, Any] | None = None
    """Anthropic streams: the usage object of `message_start`, instead of a derived one."""
    no_usage: bool = False
    service_tier: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    """Fields that are added to the answer, or replace its own."""
    chunks: int = 3
    """How many pieces a streamed text comes in."""
    events: tuple[Any, ...] | None = None
    """A stream's events, instead of the usual ones."""
    headers: Mapping[str, str] = field(default_factory=dict)
    gzip: bool = False

    status: int = 200
    """An HTTP status of 400 or more makes the call fail."""
    error: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the provider's error object."""
    delay_ms: float = 0
    """How long the answer is held back."""
    pause_ms: float = 0
    """How long each event but the first is held back."""
    cut_after: int | None = None
    """The connection drops after that many events, or in the middle of a whole body."""
    error_event_after: int | None = None
    """The stream fails with an error event after that many events."""
    hang: bool = False
    """Nothing is answered until the server stops."""
    times: int | None = None
    key: str | None = None


_NAMES = frozenset(f.name for f in fields(Directives))
_FAULTS = {
    "status": 200,
    "delay_ms": 0,
    "pause_ms": 0,
    "cut_after": None,
    "error_event_after": None,
    "hang": False,
}
NOTHING = Directives()
"""What a request without the header dictates."""


def header(**directives: Any) -> dict[str, str]:
    """The header that dictates this, for an SDK's `extra_headers`. Raises `TypeError`."""
    if unknown := directives.keys() - _NAMES:
        raise TypeError(f"unknown directives: {', '.join(sorted(unknown))}")
    return {HEADER: json.dumps(directives, separators=(",", ":"))}


def parse(text: str) -> dict[str, Any]:
    """The directives in a header. Raises `ValueError` if they are none."""
    said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError(f"{HEADER} must hold a JSON object")
    if unknown := said.keys() - _NAMES:
        raise ValueError(f"{HEADER} does not know: {', '.join(sorted(unknown))}")
    return said


def effective(said: Mapping[str, Any], attempt: int) -> Directives:
    """The directives for one attempt (0 is the first): without faults once `times` is over."""
    times = said.get("times")
    if times is not None and attempt >= times:
        said = {**said, **_FAULTS}
    return Directives(**said)
