"""Every way of making a call that the tests go through: provider, API, sync or async, streamed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders

CHAT_USAGE: Mapping[str, Any] = {
    "prompt_tokens": 2000,
    "completion_tokens": 300,
    "total_tokens": 2300,
    "prompt_tokens_details": {"cached_tokens": 1200, "audio_tokens": 30, "image_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 20},
}
RESPONSES_USAGE: Mapping[str, Any] = {
    "input_tokens": 3000,
    "input_tokens_details": {"cached_tokens": 1600},
    "output_tokens": 400,
    "output_tokens_details": {"reasoning_tokens": 256},
    "total_tokens": 3400,
}
EMBEDDINGS_USAGE: Mapping[str, Any] = {"prompt_tokens": 17, "total_tokens": 17}
MESSAGES_USAGE: Mapping[str, Any] = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 800,
    "cache_read_input_tokens": 5000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 300},
    "output_tokens": 250,
    "output_tokens_details": {"thinking_tokens": 90},
    "service_tier": "standard",
}

HELLO = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True, slots=True)
class Api:
    """One API of one provider: how it is called, what it is told to report, what that means."""

    sdk: str
    model: str
    path: tuple[str, ...]
    arguments: Mapping[str, Any]
    usage: Mapping[str, Any]
    meters: Mapping[str, int]
    streams: bool = True


APIS: Mapping[str, Api] = {
    "chat": Api(
        "openai",
        "gpt-4o",
        ("chat", "completions", "create"),
        {"messages": HELLO},
        CHAT_USAGE,
        {
            "input": 730,
            "cache_read": 1200,
            "input_audio": 30,
            "input_image": 40,
            "output": 152,
            "reasoning": 128,
            "output_audio": 20,
        },
    ),
    "responses": Api(
        "openai",
        "gpt-5",
        ("responses", "create"),
        {"input": "hello"},
        RESPONSES_USAGE,
        {"input": 1400, "cache_read": 1600, "output": 144, "reasoning": 256},
    ),
    "embeddings": Api(
        "openai",
        "text-embedding-3-small",
        ("embeddings", "create"),
        {"input": "hello"},
        EMBEDDINGS_USAGE,
        {"input": 17},
        streams=False,
    ),
    "messages": Api(
        "anthropic",
        "claude-haiku-4-5",
        ("messages", "create"),
        {"messages": HELLO, "max_tokens": 100},
        MESSAGES_USAGE,
        {
            "input": 100,
            "cache_read": 5000,
            "cache_write_5m": 500,
            "cache_write_1h": 300,
            "output": 160,
            "reasoning": 90,
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way of calling one API."""

    api: str
    asynchronous: bool
    streamed: bool

    def __str__(self) -> str:
        mode = "async" if self.asynchronous else "sync"
        return f"{self.api}-{mode}{'-stream' if self.streamed else ''}"

    def arguments(self, **directives: Any) -> dict[str, Any]:
        """The keyword arguments of the SDK method."""
        api = APIS[self.api]
        found = {"model": api.model, **api.arguments, "extra_headers": header(**directives)}
        if self.streamed:
            found["stream"] = True
            if self.api == "chat":
                found["stream_options"] = {"include_usage": True}
        return found

    def call(self, providers: LocalProviders, **directives: Any) -> Any:
        """Make the call and read all of it; what the application was given last."""
        if self.asynchronous:
            return asyncio.run(self._call_async(providers, directives))
        with client(APIS[self.api].sdk, providers) as made:
            result = method(made, self.api)(**self.arguments(**directives))
            return list(result) if self.streamed else result

    async def _call_async(self, providers: LocalProviders, directives: Mapping[str, Any]) -> Any:
        async with async_client(APIS[self.api].sdk, providers) as made:
            result = await method(made, self.api)(**self.arguments(**directives))
            return [item async for item in result] if self.streamed else result


WAYS = [
    Way(api, asynchronous, streamed)
    for api in APIS
    for asynchronous in (False, True)
    for streamed in (False, True)
    if APIS[api].streams or not streamed
]


def client(sdk: str, providers: LocalProviders, **options: Any) -> Any:
    """A synchronous client of the real SDK."""
    options = {"api_key": "local", "max_retries": 0, **options}
    if sdk == "openai":
        return openai.OpenAI(base_url=providers.openai_url, **options)
    return anthropic.Anthropic(base_url=providers.anthropic_url, **options)


def async_client(sdk: str, providers: LocalProviders, **options: Any) -> Any:
    """An asynchronous client of the real SDK."""
    options = {"api_key": "local", "max_retries": 0, **options}
    if sdk == "openai":
        return openai.AsyncOpenAI(base_url=providers.openai_url, **options)
    return anthropic.AsyncAnthropic(base_url=providers.anthropic_url, **options)


def method(made: Any, api: str) -> Callable[..., Any]:
    """The method of a client that calls an API."""
    found = made
    for name in APIS[api].path:
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]
