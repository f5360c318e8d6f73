"""What an endpoint is to us, and how fields of provider objects are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from otel_cost.inference.conversation import Conversation
from otel_cost.measured import Measured

ReadBody: TypeAlias = Callable[[Measured, Any], None]
"""Reads a whole answer: a model, a decoded body, its text, or `None` for bytes that are neither."""
ReadRequest: TypeAlias = Callable[[Measured, Mapping[str, Any]], None]
"""Reads of a request's fields what the price depends on and no answer repeats."""


class StreamState:
    """What a stream's reader remembers from event to event."""

    __slots__ = ("choices", "ended", "usage")

    def __init__(self) -> None:
        self.ended = False
        """Whether an event has said that the answer is whole."""
        self.choices: Sequence[Any] = ()
        """The last choices of a chat: looked at in the end, and not chunk by chunk."""
        self.usage: dict[str, Any] = {}
        """The provider's own usage fields, the last word on each."""

    @property
    def finished(self) -> bool:
        """Whether the provider has said that its answer is whole."""
        return self.ended or any(fields(c).get("finish_reason") for c in self.choices)


ReadEvent: TypeAlias = Callable[[Measured, StreamState, Any], None]


def _no_event(call: Measured, state: StreamState, event: Any) -> None:
    """Read nothing."""


def _nothing_asked(call: Measured, body: Mapping[str, Any]) -> None:
    """Read nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One billable endpoint. A new one is a new row in its SDK's table, never a new hook."""

    operation: str
    """The OpenTelemetry `gen_ai.operation.name`."""
    read_body: ReadBody
    read_event: ReadEvent = _no_event
    """Nothing to read where the endpoint does not stream."""
    is_content: Callable[[Any], bool] = bool
    """Whether an event of a stream carries part of the answer itself."""
    listen: Callable[[Mapping[str, Any]], Conversation] | None = None
    """The text of a request's body; `None` where usage cannot be estimated from text."""
    read_request: ReadRequest = _nothing_asked


@dataclass(frozen=True, slots=True)
class Platform:
    """Who answers at a client's address, and where."""

    provider: str
    host: str | None
    port: int | None
    region: str | None = None


_NOTHING: Mapping[str, Any] = {}


def fields(source: Any) -> Mapping[str, Any]:
    """The fields of a provider object, a model or a decoded body; none where there is no object.

    `getattr` of a field that a pydantic model lacks costs more than all the rest of reading it, and
    fields that an older SDK does not declare are kept apart from those it does.
    """
    try:
        declared: Mapping[str, Any] = source.__dict__
    except AttributeError:
        return source if isinstance(source, dict) else _NOTHING
    extra = getattr(source, "__pydantic_extra__", None)
    return {**extra, **declared} if extra else declared


def count(source: Mapping[str, Any], name: str) -> int:
    """The positive whole number in field `name`, else 0."""
    value = source.get(name)
    return value if type(value) is int and value > 0 else 0


def text(source: Mapping[str, Any], name: str) -> str | None:
    """The non-empty text in field `name`, else `None`."""
    value = source.get(name)
    return value if type(value) is str and value else None


def host_and_port(url: Any) -> tuple[str | None, int | None]:
    """Host and port of a client's base URL, of whichever HTTP library's type."""
    host, port = getattr(url, "host", None), getattr(url, "port", None)
    default = 443 if getattr(url, "scheme", "https") == "https" else 80
    return (str(host) if host else None), (port if isinstance(port, int) else default)
