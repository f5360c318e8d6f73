"""The calls that the provider tests make, and the usage that they dictate."""

from collections.abc import Iterator
from typing import Any

from anthropic import Anthropic
from openai import OpenAI

from otel_cost.demo.directives import header

QUESTION: list[Any] = [{"role": "user", "content": "one two three four"}]
CHAT_USAGE = {
    "prompt_tokens": 4808,
    "completion_tokens": 10,
    "total_tokens": 4818,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 7},
}
RESPONSE_USAGE = {
    "input_tokens": 900,
    "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 0},
    "output_tokens": 70,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 970,
}
MESSAGE_USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 40,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 50,
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "priority",
}


def chat(client: OpenAI, **directives: Any) -> Any:
    return client.chat.completions.create(
        model="gpt-4o", messages=QUESTION, extra_headers=header(**directives)
    )


def chat_chunks(client: OpenAI, counted: bool = True, **directives: Any) -> Iterator[Any]:
    return client.chat.completions.create(
        model="gpt-4o",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": counted},
        extra_headers=header(**directives),
    )


def message(client: Anthropic, **directives: Any) -> Any:
    return client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=64,
        messages=QUESTION,
        extra_headers=header(**directives),
    )


def message_events(client: Anthropic, **directives: Any) -> Iterator[Any]:
    return client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=64,
        messages=QUESTION,
        stream=True,
        extra_headers=header(**directives),
    )


def plain(model: Any) -> Any:
    return model.model_dump(exclude_unset=True, mode="json")
