"""SDK clients that talk to the local providers."""

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from openai import OpenAI

from otel_cost.demo.providers import LocalProviders


@pytest.fixture
def chat_client(fresh_providers: LocalProviders) -> Iterator[OpenAI]:
    with OpenAI(base_url=fresh_providers.openai_url, api_key="demo", max_retries=1) as client:
        yield client


@pytest.fixture
def claude_client(fresh_providers: LocalProviders) -> Iterator[Anthropic]:
    url = fresh_providers.anthropic_url
    with Anthropic(base_url=url, api_key="demo", max_retries=1) as client:
        yield client
