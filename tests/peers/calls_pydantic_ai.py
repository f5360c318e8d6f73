"""Calls that an application makes through Pydantic AI."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.peers.calls_sdk import ANTHROPIC_MODEL, EMBEDDING_MODEL, OPENAI_MODEL, client
from tests.peers.libraries import module
from tests.peers.stage import Scene

Call = Callable[[Scene], Any]


def _provider(scene: Scene) -> Any:
    return module("pydantic_ai.providers.openai").OpenAIProvider(
        openai_client=client(scene, "openai", "Async")
    )


def _chat(scene: Scene) -> Any:
    return module("pydantic_ai.models.openai").OpenAIChatModel(
        OPENAI_MODEL, provider=_provider(scene)
    )


def _responses(scene: Scene) -> Any:
    return module("pydantic_ai.models.openai").OpenAIResponsesModel(
        OPENAI_MODEL, provider=_provider(scene)
    )


def _messages(scene: Scene) -> Any:
    made = client(scene, "anthropic", "Async")
    return module("pydantic_ai.models.anthropic").AnthropicModel(
        ANTHROPIC_MODEL,
        provider=module("pydantic_ai.providers.anthropic").AnthropicProvider(anthropic_client=made),
    )


def _agent(model: Any) -> Any:
    return module("pydantic_ai").Agent(model, model_settings={"max_tokens": 99})


def _running(maker: Callable[[Scene], Any]) -> Call:
    def call(scene: Scene) -> None:
        result = _agent(maker(scene)).run_sync("hello there")
        scene.see(result.output)

    return call


def _running_async(maker: Callable[[Scene], Any]) -> Call:
    async def call(scene: Scene) -> None:
        result = await _agent(maker(scene)).run("hello there")
        scene.see(result.output)

    return call


def _streaming(maker: Callable[[Scene], Any]) -> Call:
    async def call(scene: Scene) -> None:
        async with _agent(maker(scene)).run_stream("hello there") as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                scene.see(text)

    return call


async def _embeddings(scene: Scene) -> None:
    model = module("pydantic_ai.embeddings.openai").OpenAIEmbeddingModel(
        EMBEDDING_MODEL, provider=_provider(scene)
    )
    result = await module("pydantic_ai").Embedder(model).embed_query("hello there")
    scene.see([list(vector) for vector in result.embeddings])


def _calls() -> dict[str, Call]:
    found: dict[str, Call] = {"pai_embeddings/async": _embeddings}
    makers = {"chat": _chat, "responses": _responses, "messages": _messages}
    for name, maker in makers.items():
        found[f"pai_{name}/sync"] = _running(maker)
        found[f"pai_{name}/async"] = _running_async(maker)
        found[f"pai_{name}_stream/async"] = _streaming(maker)
    return found


CALLS: Mapping[str, Call] = _calls()
