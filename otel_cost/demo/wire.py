"""What both providers' wire formats share: one call, its derived usage, its events as SSE."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from otel_cost.demo.directives import NOTHING, Directives
from otel_cost.demo.server import Answer

Json: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str | None, Any]
"""A server-sent event: its name, if it has one, and its data."""

CREATED = 1_767_225_600
"""The instant every answer claims to be made at (seconds since the epoch)."""

_LONGEST_ANSWER = 48
_SNAPSHOTS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o1": "o1-2024-12-17",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
}


@dataclass(frozen=True)
class Ask:
    """One call: what was asked, what is dictated about the answer, and its serial number."""

    body: Json
    number: int
    said: Directives = NOTHING
    path: str = ""

    @cached_property
    def model(self) -> str:
        """The model that answers: an alias is answered by its dated snapshot."""
        asked = str(self.body.get("model", ""))
        return self.said.model or _SNAPSHOTS.get(asked, asked)

    def id(self, prefix: str) -> str:
        """The answer's id, unless dictated the prefix and the serial number."""
        return f"{prefix}demo{self.number:08d}" if self.said.id is None else self.said.id

    @cached_property
    def input_words(self) -> int:
        """How many words the request holds, at least 1: the tokens of its input."""
        asked = (self.body.get(key) for key in ("system", "instructions", "messages", "input"))
        return max(1, sum(map(_words, asked)))

    @cached_property
    def output_words(self) -> int:
        """How many words the answer has: the tokens of its visible output."""
        limits = ("max_tokens", "max_completion_tokens", "max_output_tokens")
        asked = [v for name in limits if isinstance(v := self.body.get(name), int)]
        return min([8 + self.input_words // 4, _LONGEST_ANSWER, *asked])

    @cached_property
    def text(self) -> str:
        """The answer's text."""
        return " ".join(["word"] * self.output_words) if self.said.text is None else self.said.text

    @property
    def pieces(self) -> Iterator[str]:
        """The answer's text in the pieces that a stream brings it in."""
        count, text = max(1, self.said.chunks), self.text
        return (text[len(text) * i // count : len(text) * (i + 1) // count] for i in range(count))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table of endpoints: how a call is checked, answered and streamed."""

    answer: Callable[[Ask], Json | Answer]
    """A JSON object, or what is sent as it is."""
    events: Callable[[Ask], Iterator[Event]] | None
    """`None` where the endpoint does not stream."""
    refusal: Callable[[Ask], str | None]
    """What is wrong with the request, or `None`."""
    error: Callable[[int, Mapping[str, Any]], Json]
    """The body of an error, by HTTP status and dictated fields."""
    error_event: Callable[[Mapping[str, Any]], Event]


def sse(event: Event) -> bytes:
    """An event as it goes over the wire."""
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n").encode()


def encode(data: Json) -> bytes:
    """JSON without blanks."""
    return json.dumps(data, separators=(",", ":")).encode()


def refusal(ask: Ask) -> str | None:
    """The checks that every endpoint of both providers makes."""
    if not ask.body.get("model"):
        return "you must provide a model parameter"
    temperature = ask.body.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        return f"Invalid 'temperature': expected a value between 0 and 2, got {temperature}."
    return None


def _words(value: object) -> int:
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, list):
        return sum(map(_words, value))
    if isinstance(value, dict):
        return sum(_words(value.get(key)) for key in ("content", "text", "input"))
    return 0
