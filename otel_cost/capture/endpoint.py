"""What an endpoint is to us, and how fields of provider objects are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from otel_cost import attributes
from otel_cost.inference.conversation import Conversation
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text

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
    read_request: ReadRequest | None = None
    usage_on_request: bool = False
    """Whether a stream says its usage only if `stream_options.include_usage` asks for it."""
    settles: bool = False
    """Whether it tells of an earlier call, which it may settle, and is none itself."""


def endpoint_at(endpoints: Mapping[str, Endpoint], method: str, path: str) -> Endpoint | None:
    """The row for a request: by path for POST, else by method and path; `*` is one id."""
    if not path.startswith("/"):  # as in `client.post("chat/completions")`
        path = f"/{path}"
    key = path if method.lower() == "post" else f"{method.lower()} {path}"
    found = endpoints.get(key)
    if found is None and (parts := key.split("/", 3))[2:]:
        parts[2] = "*"
        found = endpoints.get("/".join(parts))
    return found


@dataclass(frozen=True, slots=True)
class Platform:
    """Who answers at a client's address, and where."""

    provider: str
    host: str | None
    port: int | None
    region: str | None = None


def served(call: Measured, said: Mapping[str, Any]) -> str | None:
    """The model that an answer names, by the name that has its price."""
    model, asked = text(said, "model"), call.request_model
    if model is None:
        return call.model
    # On Bedrock the geography before a model's name is part of its price, and no answer repeats it.
    return asked if call.provider == "aws" and asked is not None and model in asked else model


def host_and_port(url: Any) -> tuple[str | None, int | None]:
    """Host and port of a client's base URL, of whichever HTTP library's type."""
    host, port = getattr(url, "host", None), getattr(url, "port", None)
    default = 443 if getattr(url, "scheme", "https") == "https" else 80
    return (str(host) if host else None), (port if isinstance(port, int) else default)


def kinds_of(client: Any) -> str:
    """The names of a client's classes: an application's own subclass is known by what it is of."""
    return " ".join(kind.__name__ for kind in type(client).__mro__)


def where_of(platform: Platform) -> Mapping[str, str | int]:
    """Where a platform answers, as a span says it."""
    found: dict[str, str | int] = {}
    if platform.host is not None:
        found[attributes.SERVER_ADDRESS] = platform.host
        if platform.port is not None:
            found[attributes.SERVER_PORT] = platform.port
    return found
