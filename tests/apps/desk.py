"""Calls to both providers from an application, each remembered with whom it was meant for."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import otel_cost
from otel_cost.attribution.values import Attribution
from otel_cost.charge import Charge
from otel_cost.demo.providers import LocalProviders
from tests.capture.ways import HELLO

CHAT: Mapping[str, Any] = {"model": "gpt-4o", "messages": HELLO}
MESSAGE: Mapping[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": HELLO}


class Desk:
    """Makes calls, and knows afterwards whom each charge must be for."""

    def __init__(self, providers: LocalProviders) -> None:
        where: dict[str, Any] = {"base_url": providers.openai_url, "api_key": "t", "max_retries": 0}
        there: dict[str, Any] = {
            "base_url": providers.anthropic_url,
            "api_key": "t",
            "max_retries": 0,
        }
        self._gpt, self._claude = OpenAI(**where), Anthropic(**there)
        self._async_gpt = AsyncOpenAI(**where)
        self._async_claude = AsyncAnthropic(**there)
        self.meant: dict[str, Attribution] = {}
        self.charges: list[Charge] = []
        otel_cost.add_sink(self.charges.append)

    def close(self) -> None:
        """Close the connections; those of the asynchronous clients end with their loop."""
        self._gpt.close()
        self._claude.close()

    def ask(self, who: Attribution) -> None:
        """A call to each provider, in the current context, that is meant for `who`."""
        chat = self._gpt.chat.completions.create(**CHAT)
        message = self._claude.messages.create(**MESSAGE)
        self.meant |= {chat.id: who, message.id: who}

    async def ask_async(self, who: Attribution) -> None:
        """The same with the asynchronous clients, which one loop alone may use."""
        chat = await self._async_gpt.chat.completions.create(**CHAT)
        message = await self._async_claude.messages.create(**MESSAGE)
        self.meant |= {chat.id: who, message.id: who}

    def streamed(self, who: Attribution) -> Iterator[str]:
        """A body that calls both providers twice while it is sent."""
        for _ in range(2):
            self.ask(who)
            yield "."

    async def streamed_async(self, who: Attribution) -> AsyncIterator[str]:
        """The same, asynchronous."""
        for _ in range(2):
            await self.ask_async(who)
            yield "."

    def settle(self, calls: int) -> None:
        """All that was asked is charged, each call once, for whom it was meant."""
        assert otel_cost.flush(20)
        found = {charge.response_id: charge.attribution for charge in self.charges}
        assert len(found) == len(self.charges) == len(self.meant) == calls
        assert found == self.meant


def who_of(name: str) -> Attribution:
    """Whom the request of that name is for."""
    return Attribution(f"feature {name}", f"team {name}", f"user {name}", f"session {name}")


def headers_of(who: Attribution) -> dict[str, str]:
    """What a gateway says of it; the feature is the application's own to say."""
    return {
        "x-team": str(who.team),
        "x-user": str(who.user_id),
        "x-session": str(who.session_id),
    }


HEADERS = {"x-team": "team", "x-user": "user_id", "x-session": "session_id"}
"""The headers that the applications believe."""


def requests_by(way: str, url: str, count: int) -> list[tuple[str, dict[str, str]]]:
    """Requests for as many names, with their headers where the gateway is to say it."""
    names = [f"{way} {number}" for number in range(count)]
    return [
        (f"{url}/{way}/{name}", headers_of(who_of(name)) if way == "said" else {}) for name in names
    ]
