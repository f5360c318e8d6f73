"""OpenAI clients of other hosts: clouds, compatible servers, and OpenAI's own, which is asked."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai

from tests.ways.openai_chat import (
    ASKED,
    LEFT,
    STREAMED,
    WHOLE,
    asking,
    chats,
    helped,
    streaming,
    told,
)
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, exports, provides

AZURE: dict[str, Any] = {
    "azure_endpoint": "https://shop.openai.azure.com",
    "api_version": "2024-10-21",
    "api_key": "local",
}
UNCACHED = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
OFFICIAL = "https://api.openai.com/v1"


def uncounted(**directives: Any) -> dict[str, Any]:
    """The arguments of a streamed call that does not ask for its usage."""
    return {**ASKED, "stream": True, "extra_headers": told(**directives)}


def azure(scene: Scene) -> None:
    client = scene.openai(openai.AzureOpenAI, **AZURE)
    scene.see(client.chat.completions.create(**{**asking(model=SERVED), "model": "our-deployment"}))


async def async_azure(scene: Scene) -> None:
    client = scene.async_openai(openai.AsyncAzureOpenAI, **AZURE)
    said = {**asking(model=SERVED), "model": "our-deployment"}
    scene.see(await client.chat.completions.create(**said))


def azure_stream(scene: Scene) -> None:
    client = scene.openai(openai.AzureOpenAI, **AZURE)
    said = {**streaming(model=SERVED), "model": "our-deployment"}
    scene.items(client.chat.completions.create(**said))


def azure_asked(scene: Scene) -> None:
    client = scene.openai(openai.AzureOpenAI, **AZURE)
    said = {**uncounted(model=SERVED), "model": "our-deployment"}
    scene.items(client.chat.completions.create(**said))
    scene.see("the end")


def bedrock(scene: Scene) -> None:
    client = scene.openai(openai.BedrockOpenAI, api_key="local", aws_region="us-east-1")
    model = "openai.gpt-oss-120b-1:0"
    said = {**asking(model=model, usage=UNCACHED), "model": model}
    scene.see(client.chat.completions.create(**said))


def at(host: str, model: str = "gpt-4o", **directives: Any) -> Any:
    """A call of a compatible server."""

    def run(scene: Scene) -> None:
        said = {**asking(**{"model": model, **directives}), "model": model}
        scene.see(scene.openai(base_url=host).chat.completions.create(**said))

    return run


def asked(scene: Scene) -> None:
    chunks = scene.openai(base_url=OFFICIAL).chat.completions.create(**uncounted())
    scene.see(chunks)
    scene.items(chunks)
    scene.see("the end")


async def async_asked(scene: Scene) -> None:
    client = scene.async_openai(base_url=OFFICIAL)
    await scene.async_items(await client.chat.completions.create(**uncounted()))
    scene.see("the end")


def asked_with_block(scene: Scene) -> None:
    client = scene.openai(base_url=OFFICIAL)
    with client.chat.completions.create(**uncounted()) as chunks:
        scene.see([chunk.to_json() for chunk in chunks])


def asked_helper(scene: Scene) -> None:
    said = helped()
    del said["stream_options"]
    with chats(scene.openai(base_url=OFFICIAL)).stream(**said) as events:
        scene.see([*[str(type(event)) for event in events], events.get_final_completion()])


def asked_broken(scene: Scene) -> None:
    client = scene.openai(base_url=OFFICIAL)
    with client.chat.completions.create(**uncounted(chunks=9)) as chunks:
        scene.see(next(chunks), next(chunks))
        scene.see("the end")


def official_raw(scene: Scene) -> None:
    client = scene.openai(base_url=OFFICIAL)
    scene.items(client.chat.completions.with_raw_response.create(**uncounted()).parse())


def official_declined(scene: Scene) -> None:
    client = scene.openai(base_url=OFFICIAL)
    said = {**uncounted(), "stream_options": {"include_usage": False}}
    scene.items(client.chat.completions.create(**said))


def mistral_stream(scene: Scene) -> None:
    client = scene.openai(base_url="https://api.mistral.ai/v1")
    scene.items(client.chat.completions.create(**uncounted()))


def own_gateway(scene: Scene) -> None:
    client = scene.openai(base_url="https://gateway.example/v1")
    scene.items(client.chat.completions.create(**uncounted()))
    scene.see("the end")


SERVED = "gpt-4o-2024-11-20"
_AZURE = replace(WHOLE, provider="azure", model=SERVED)
_UNCOUNTED = replace(STREAMED, meters=None, status="unmetered", source="not_requested")
_COSTS = {**UNCACHED, "cost": 0.00042}
_BEDROCK = exports("openai", "BedrockOpenAI")

CASES = [
    Case("AzureOpenAI", azure, (_AZURE,)),
    Case("async AzureOpenAI", async_azure, (_AZURE,)),
    Case("AzureOpenAI stream", azure_stream, (replace(_AZURE, first_token=True),)),
    Case(
        "AzureOpenAI stream whose usage we ask for",
        azure_asked,
        (replace(_AZURE, first_token=True),),
        asks_usage=True,
    ),
    Case(
        "BedrockOpenAI",
        bedrock,
        (
            replace(
                WHOLE,
                provider="aws",
                model="openai.gpt-oss-120b-1:0",
                meters={"input": 30, "output": 5},
            ),
        ),
        (_BEDROCK,),
    ),
    Case(
        "OpenRouter's own cost",
        at("https://openrouter.ai/api/v1", "openai/gpt-4o", usage=_COSTS),
        (
            Charged(
                "openrouter",
                "openai/gpt-4o",
                {"input": 30, "output": 5},
                response_id="chat-1",
                tier="default",
                usd=Decimal("0.00042"),
            ),
        ),
        settings={"OTEL_COST_PRICES": str(Path(__file__).with_name("trusted.toml"))},
    ),
    Case(
        "Groq by its host",
        at("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", usage=_COSTS),
        (
            Charged(
                "groq",
                "llama-3.3-70b-versatile",
                {"input": 30, "output": 5},
                response_id="chat-1",
                tier="default",
            ),
        ),
    ),
    Case(
        "regional host",
        at("https://eu.api.openai.com/v1"),
        (replace(WHOLE, model="gpt-4o", region="eu"),),
    ),
    Case("include_usage: stream", asked, (STREAMED,), asks_usage=True),
    Case("include_usage: async stream", async_asked, (STREAMED,), asks_usage=True),
    Case("include_usage: with-block", asked_with_block, (STREAMED,), asks_usage=True),
    Case(
        "include_usage: .stream() helper",
        asked_helper,
        (STREAMED,),
        (provides("openai", "beta.chat.completions.parse"),),
        asks_usage=True,
    ),
    Case("include_usage: broken", asked_broken, (LEFT,), asks_usage=True),
    Case("include_usage: never for raw responses", official_raw, (_UNCOUNTED,)),
    Case("include_usage: never against the application", official_declined, (_UNCOUNTED,)),
    Case(
        "include_usage: never where it is refused",
        mistral_stream,
        (replace(_UNCOUNTED, provider="mistral"),),
    ),
    Case("include_usage: never at an unknown host", own_gateway, (_UNCOUNTED,)),
    Case(
        "include_usage: always",
        own_gateway,
        (STREAMED,),
        settings={"OTEL_COST_INCLUDE_USAGE": "always"},
        asks_usage=True,
    ),
    Case(
        "include_usage: never",
        asked,
        (_UNCOUNTED,),
        settings={"OTEL_COST_INCLUDE_USAGE": "never"},
    ),
]
