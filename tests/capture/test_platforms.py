"""Who answers a client's calls, and where: by the host, and by the kind of client."""

from typing import Any

import anthropic
import openai
import pytest

from otel_cost.capture import anthropic as ours_anthropic
from otel_cost.capture import openai as ours_openai
from otel_cost.capture.endpoint import Platform

GATEWAY = "https://gateway.example/v1"


class OwnAzure(openai.AzureOpenAI):
    """An application's own client."""


class OwnBedrock(anthropic.AnthropicBedrock):
    """An application's own client."""


def at(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key="x")


def azure(endpoint: str, kind: type[openai.AzureOpenAI] = openai.AzureOpenAI) -> Any:
    return kind(azure_endpoint=endpoint, api_version="2024-10-21", api_key="x")


@pytest.mark.parametrize(
    ("client", "provider", "region"),
    [
        (at("https://api.openai.com/v1"), "openai", None),
        (at("https://eu.api.openai.com/v1"), "openai", "eu"),
        (at("https://notapi.openai.com.example/v1"), "openai", None),
        (at("https://us.notapi.openai.com/v1"), "openai", None),
        (at("https://openrouter.ai/api/v1"), "openrouter", None),
        (at("https://api.groq.com/openai/v1"), "groq", None),
        (at("https://bedrock-mantle.us-east-1.api.aws/v1"), "aws", None),
        (at("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"), "aws", None),
        (at("https://us-east5-aiplatform.googleapis.com/v1"), "google", None),
        (at(GATEWAY), "openai", None),
        (azure("https://shop.openai.azure.com"), "azure", None),
        (azure("https://gateway.example"), "azure", None),
        (azure("https://gateway.example", OwnAzure), "azure", None),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{value.base_url}" if hasattr(value, "base_url") else ""
    ),
)
def test_of_openai_clients(client: Any, provider: str, region: str | None) -> None:
    found = ours_openai.platform(client)
    assert found == Platform(provider, client.base_url.host, 443, region)


@pytest.mark.parametrize(
    ("client", "provider"),
    [
        (anthropic.Anthropic(api_key="x"), "anthropic"),
        (anthropic.Anthropic(api_key="x", base_url=GATEWAY), "anthropic"),
        (anthropic.AnthropicBedrock(aws_region="us-east-1", base_url=GATEWAY), "aws"),
        (OwnBedrock(aws_region="us-east-1", base_url=GATEWAY), "aws"),
        (anthropic.AnthropicVertex(region="eu", project_id="p", base_url=GATEWAY), "google"),
        (anthropic.AnthropicFoundry(api_key="x", resource="shop"), "azure"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "base_url") else "",
)
def test_of_anthropic_clients(client: Any, provider: str) -> None:
    found = ours_anthropic.platform(client)
    assert found == Platform(provider, client.base_url.host, 443)
