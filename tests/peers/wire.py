"""Local providers that give every call numbers of its own, and keep what they sent."""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from otel_cost.demo.directives import HEADER
from otel_cost.demo.providers import LocalProviders
from otel_cost.demo.server import Request

REFUSED = "please refuse"
"""A request with these words in it is answered with HTTP 400."""

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """One answer as it went over the wire."""

    api: str
    id: str
    streamed: bool
    refused: bool
    meters: Numbers | None
    """What it said was used; `None` if it said nothing of it."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


class Wire(LocalProviders):
    """The providers; `sent` holds every answer since the last `begin`."""

    def __init__(self) -> None:
        super().__init__(record=False, arriving=self._arrive)
        self._serial = itertools.count(1)
        self._sent_lock = threading.Lock()
        self._sent: list[Sent] = []

    @property
    def sent(self) -> list[Sent]:
        """Every billable or refused answer since the last `begin`."""
        with self._sent_lock:
            return list(self._sent)

    def begin(self) -> None:
        """Forget the answers so far; numbers and ids go on."""
        with self._sent_lock:
            self._sent.clear()

    def _arrive(self, request: Request) -> Request:
        api = request.path.removeprefix("/v1/")
        if api not in _ANSWERS:
            return request
        body = json.loads(request.body)
        number = next(self._serial)
        streamed = body.get("stream") is True
        refused = REFUSED in request.body.decode()
        told, meters = _ANSWERS[api](number)
        told |= {"id": f"{api.replace('/', '_')}_{number:04d}", "chunks": 20}
        if refused:
            told = {"status": 400}
        sent = Sent(api, told.get("id", ""), streamed, refused, meters)
        if refused or not _is_said(api, body):
            sent = replace(sent, meters=None)
        with self._sent_lock:
            self._sent.append(sent)
        return replace(request, headers={**request.headers, HEADER: json.dumps(told)})


def _is_said(api: str, body: Mapping[str, Any]) -> bool:
    """Whether the answer says what was used: a streamed chat does if it is asked to."""
    asked = body.get("stream_options") or {}
    return api != "chat/completions" or not body.get("stream") or bool(asked.get("include_usage"))


def _chat(number: int) -> tuple[dict[str, Any], Numbers]:
    usage = {
        "prompt_tokens": 2000 + number,
        "completion_tokens": 300 + number,
        "total_tokens": 2300 + 2 * number,
        "prompt_tokens_details": {"cached_tokens": 1200, "cache_write_tokens": 500},
        "completion_tokens_details": {"reasoning_tokens": 128},
    }
    return {"usage": usage}, {
        "input": 300 + number,
        "cache_read": 1200,
        "cache_write_30m": 500,
        "output": 172 + number,
        "reasoning": 128,
    }


def _responses(number: int) -> tuple[dict[str, Any], Numbers]:
    usage = {
        "input_tokens": 3000 + number,
        "input_tokens_details": {
            "cached_tokens": 1600,
            "cache_write_tokens": 700,
            "cache_write_tokens_details": {"ttl_30m_tokens": 600, "ttl_12h_tokens": 100},
        },
        "output_tokens": 400 + number,
        "output_tokens_details": {"reasoning_tokens": 256},
        "total_tokens": 3400 + 2 * number,
    }
    searches = {"tool_usage": {"web_search": {"num_requests": 2}}}
    return {"usage": usage, "body": searches}, {
        "input": 700 + number,
        "cache_read": 1600,
        "cache_write_30m": 600,
        "cache_write_12h": 100,
        "output": 144 + number,
        "reasoning": 256,
        "web_search": 2,
    }


def _embeddings(number: int) -> tuple[dict[str, Any], Numbers]:
    usage = {"prompt_tokens": 17 + number, "total_tokens": 17 + number}
    return {"usage": usage}, {"input": 17 + number}


def _messages(number: int) -> tuple[dict[str, Any], Numbers]:
    usage = {
        "input_tokens": 100 + number,
        "cache_creation_input_tokens": 800,
        "cache_read_input_tokens": 5000,
        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 300},
        "output_tokens": 250 + number,
        "output_tokens_details": {"thinking_tokens": 90},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "service_tier": "standard",
        "inference_geo": "us",
    }
    return {"usage": usage}, {
        "input": 100 + number,
        "cache_read": 5000,
        "cache_write_5m": 500,
        "cache_write_1h": 300,
        "output": 160 + number,
        "reasoning": 90,
        "web_search": 2,
    }


_ANSWERS: Mapping[str, Callable[[int], tuple[dict[str, Any], Numbers]]] = {
    "chat/completions": _chat,
    "responses": _responses,
    "embeddings": _embeddings,
    "messages": _messages,
}
