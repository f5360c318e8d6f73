"""Who makes the calls: the SDKs, LangChain, LiteLLM, an agent framework, Langfuse by hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.peers import (
    calls_agents,
    calls_langchain,
    calls_langfuse,
    calls_litellm,
    calls_pydantic_ai,
    calls_sdk,
)
from tests.peers.stage import Scene


def _nothing() -> None:
    """Most libraries are done when the call is."""


async def _nothing_async() -> None:
    """Most libraries are done when the call is."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A way of making calls."""

    name: str
    modules: tuple[str, ...]
    """What must be installed."""
    calls: Callable[[Sequence[str]], Mapping[str, Callable[[Scene], Any]]]
    """Its calls by name, under these libraries."""
    settle: Callable[[], None] = _nothing
    settle_async: Callable[[], Awaitable[None]] = _nothing_async


def _langchain(libraries: Sequence[str]) -> Mapping[str, Callable[[Scene], Any]]:
    def callbacks() -> list[Any]:
        if not any(name.startswith("langfuse") for name in libraries):
            return []
        from langfuse.langchain import CallbackHandler

        return [CallbackHandler()]

    return calls_langchain.calls(callbacks)


SDK = Caller(
    "sdk",
    ("openai", "anthropic"),
    lambda _: calls_sdk.calls({**calls_sdk.OPENAI, **calls_sdk.ANTHROPIC}),
)
LANGCHAIN = Caller("langchain", ("langchain_openai", "langchain_anthropic"), _langchain)
LANGFUSE = Caller("by-hand", ("langfuse", "openai", "anthropic"), lambda _: calls_langfuse.CALLS)
PYDANTIC_AI = Caller("pydantic-ai", ("pydantic_ai",), lambda _: calls_pydantic_ai.CALLS)
LITELLM = Caller(
    "litellm",
    ("litellm",),
    lambda _: calls_litellm.CALLS,
    calls_litellm.settle,
    calls_litellm.settle_async,
)
AGENTS = Caller("agents", ("agents",), lambda _: calls_agents.CALLS)
