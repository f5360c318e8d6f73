"""The real SDK clients, for the local providers or for the real ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anthropic import (
    Anthropic,
    AsyncAnthropic,
    DefaultAsyncHttpxClient,
)
from anthropic import DefaultHttpxClient as AnthropicHttpClient
from openai import DefaultHttpxClient as OpenAIHttpClient
from openai import OpenAI

from otel_cost.demo.providers import LocalProviders


@dataclass(frozen=True, slots=True)
class Clients:
    """One client of each SDK, and whether they heed the environment's proxies."""

    trust_env: bool
    openai: OpenAI
    anthropic: Anthropic

    def async_anthropic(self) -> AsyncAnthropic:
        """An asynchronous client of the same provider, to be closed by the caller."""
        return AsyncAnthropic(
            base_url=self.anthropic.base_url,
            api_key=self.anthropic.api_key,
            max_retries=self.anthropic.max_retries,
            http_client=DefaultAsyncHttpxClient(trust_env=self.trust_env),
        )


@contextmanager
def local_clients() -> Iterator[Clients]:
    """Clients of local providers that run as long as the context does."""
    # Nothing here is for a proxy, whatever the environment says.
    with (
        LocalProviders(record=False) as providers,
        OpenAI(
            base_url=providers.openai_url,
            api_key="demo",
            max_retries=0,
            http_client=OpenAIHttpClient(trust_env=False),
        ) as chats,
        Anthropic(
            base_url=providers.anthropic_url,
            api_key="demo",
            max_retries=0,
            http_client=AnthropicHttpClient(trust_env=False),
        ) as claudes,
    ):
        yield Clients(False, chats, claudes)


@contextmanager
def live_clients() -> Iterator[Clients]:
    """Clients of the real providers, with the keys of the environment."""
    with OpenAI() as chats, Anthropic() as claudes:
        yield Clients(True, chats, claudes)
