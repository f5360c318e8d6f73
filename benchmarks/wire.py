"""Providers without a network: answers for the real SDKs, given inside the process."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import anthropic
import httpx2
import openai

CHUNKS = 1000
"""How many pieces of text a stream holds."""

_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream; charset=utf-8"}
_TEXT = "The quick brown fox jumps over the lazy dog. " * 8
_CHAT_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 0},
}
_MESSAGE_USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 500,
    "cache_read_input_tokens": 5000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 250,
    "service_tier": "standard",
}


def openai_client() -> openai.OpenAI:
    """A client whose requests are answered in the process."""
    transport = httpx2.MockTransport(_openai)
    return openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport))


def anthropic_client() -> anthropic.Anthropic:
    """A client whose requests are answered in the process."""
    transport = httpx2.MockTransport(_anthropic)
    return anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport))


class _Pieces(httpx2.SyncByteStream):
    """A body that arrives in one piece per event, as from a network."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def _openai(request: httpx2.Request) -> httpx2.Response:
    path = request.url.path.removeprefix("/v1")
    if b'"stream":true' in request.content:
        return httpx2.Response(200, headers=_SSE, stream=_Pieces(_CHAT_EVENTS))
    return httpx2.Response(200, headers=_JSON, content=_OPENAI_ANSWERS[path])


def _anthropic(request: httpx2.Request) -> httpx2.Response:
    if b'"stream":true' in request.content:
        return httpx2.Response(200, headers=_SSE, stream=_Pieces(_MESSAGE_EVENTS))
    return httpx2.Response(200, headers=_JSON, content=_MESSAGE)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def _chat_head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "gpt-4o-2024-08-06"}


_OPENAI_ANSWERS = {
    "/chat/completions": _encoded(
        _chat_head("chat.completion")
        | {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _TEXT},
                    "finish_reason": "stop",
                }
            ],
            "usage": _CHAT_USAGE,
            "service_tier": "default",
        }
    ),
    "/responses": _encoded(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "gpt-4o-2024-08-06",
            "output": [
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": _TEXT, "annotations": []}],
                }
            ],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 1200,
                "input_tokens_details": {"cached_tokens": 1024},
                "output_tokens": 300,
                "output_tokens_details": {"reasoning_tokens": 128},
                "total_tokens": 1500,
            },
        }
    ),
    "/embeddings": _encoded(
        {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5] * 64}],
            "usage": {"prompt_tokens": 17, "total_tokens": 17},
        }
    ),
}


def _chat_events() -> list[bytes]:
    head = _chat_head("chat.completion.chunk")
    piece = [{"index": 0, "delta": {"content": "fox "}, "finish_reason": None}]
    chunks = [head | {"choices": piece, "usage": None}] * CHUNKS
    last = head | {"choices": [], "usage": _CHAT_USAGE}
    events = [b"data: " + _encoded(chunk) + b"\n\n" for chunk in [*chunks, last]]
    return [*events, b"data: [DONE]\n\n"]


def _message_body(**changed: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": _TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _MESSAGE_USAGE,
        **changed,
    }


def _message_events() -> list[bytes]:
    start = _message_body(
        content=[], stop_reason=None, usage={**_MESSAGE_USAGE, "output_tokens": 3}
    )
    delta = {"type": "text_delta", "text": "fox "}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[{"type": "content_block_delta", "index": 0, "delta": delta}] * CHUNKS,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 250},
        },
        {"type": "message_stop"},
    ]
    return [b"event: %s\ndata: %s\n\n" % (e["type"].encode(), _encoded(e)) for e in events]


_MESSAGE = _encoded(_message_body())
_CHAT_EVENTS = _chat_events()
_MESSAGE_EVENTS = _message_events()

Call = Callable[[], object]
Stream = Callable[[], Iterable[object]]


def calls() -> dict[str, Call]:
    """One whole, non-streaming call per endpoint, by name."""
    gpt, claude = openai_client(), anthropic_client()
    return {
        "OpenAI chat": lambda: gpt.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": _TEXT}]
        ),
        "OpenAI responses": lambda: gpt.responses.create(model="gpt-4o", input=_TEXT),
        "OpenAI embeddings": lambda: gpt.embeddings.create(
            model="text-embedding-3-small", input=_TEXT, encoding_format="float"
        ),
        "Anthropic messages": lambda: claude.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=100,
            messages=[{"role": "user", "content": _TEXT}],
        ),
    }


def streams() -> dict[str, Stream]:
    """One call per endpoint that streams `CHUNKS` pieces of text."""
    gpt, claude = openai_client(), anthropic_client()
    return {
        "OpenAI chat stream": lambda: gpt.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": _TEXT}],
            stream=True,
            stream_options={"include_usage": True},
        ),
        "Anthropic messages stream": lambda: claude.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=100,
            messages=[{"role": "user", "content": _TEXT}],
            stream=True,
        ),
    }
