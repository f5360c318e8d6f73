"""Calls that an application makes through LangChain."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.peers.calls_sdk import ANTHROPIC_MODEL, EMBEDDING_MODEL, OPENAI_MODEL
from tests.peers.libraries import module
from tests.peers.stage import Scene

Call = Callable[[Scene], Any]
Callbacks = Callable[[], list[Any]]
"""What a library hands to every invocation, if it works that way."""


def calls(callbacks: Callbacks) -> dict[str, Call]:
    """Every way, synchronous and asynchronous."""
    makers: Mapping[str, Callable[[Scene], Any]] = {
        "chat": _chat,
        "responses": _responses,
        "messages": _messages,
    }
    found: dict[str, Call] = {}
    for name, maker in makers.items():
        found[f"lc_{name}/sync"] = _invoking(maker, callbacks)
        found[f"lc_{name}/async"] = _ainvoking(maker, callbacks)
        found[f"lc_{name}_stream/sync"] = _streaming(maker, callbacks)
        found[f"lc_{name}_stream/async"] = _astreaming(maker, callbacks)
    found["lc_chain/sync"] = _invoking(_chain, callbacks)
    found["lc_chain/async"] = _ainvoking(_chain, callbacks)
    found["lc_embeddings/sync"] = _embed
    return found


def _chat(scene: Scene) -> Any:
    return module("langchain_openai").ChatOpenAI(
        model=OPENAI_MODEL,
        base_url=scene.openai_url,
        api_key="local",
        stream_usage=True,
        use_responses_api=False,
        max_retries=0,
    )


def _responses(scene: Scene) -> Any:
    return module("langchain_openai").ChatOpenAI(
        model=OPENAI_MODEL,
        base_url=scene.openai_url,
        api_key="local",
        use_responses_api=True,
        max_retries=0,
    )


def _messages(scene: Scene) -> Any:
    return module("langchain_anthropic").ChatAnthropic(
        model=ANTHROPIC_MODEL,
        base_url=scene.anthropic_url,
        api_key="local",
        max_tokens=99,
        max_retries=0,
    )


def _chain(scene: Scene) -> Any:
    return (
        module("langchain_core.prompts").ChatPromptTemplate.from_template("say {hello}")
        | _chat(scene)
        | module("langchain_core.output_parsers").StrOutputParser()
    )


def _asked(model: Any) -> Any:
    return {"hello": "hello"} if hasattr(model, "first") else "hello there"


def _invoking(maker: Callable[[Scene], Any], callbacks: Callbacks) -> Call:
    def call(scene: Scene) -> None:
        model = maker(scene)
        _see(scene, model.invoke(_asked(model), config={"callbacks": callbacks()}))

    return call


def _ainvoking(maker: Callable[[Scene], Any], callbacks: Callbacks) -> Call:
    async def call(scene: Scene) -> None:
        model = maker(scene)
        _see(scene, await model.ainvoke(_asked(model), config={"callbacks": callbacks()}))

    return call


def _streaming(maker: Callable[[Scene], Any], callbacks: Callbacks) -> Call:
    def call(scene: Scene) -> None:
        model = maker(scene)
        for chunk in model.stream(_asked(model), config={"callbacks": callbacks()}):
            _see(scene, chunk)

    return call


def _astreaming(maker: Callable[[Scene], Any], callbacks: Callbacks) -> Call:
    async def call(scene: Scene) -> None:
        model = maker(scene)
        async for chunk in model.astream(_asked(model), config={"callbacks": callbacks()}):
            _see(scene, chunk)

    return call


def _embed(scene: Scene) -> None:
    model = module("langchain_openai").OpenAIEmbeddings(
        model=EMBEDDING_MODEL,
        base_url=scene.openai_url,
        api_key="local",
        check_embedding_ctx_length=False,
        max_retries=0,
    )
    scene.see(model.embed_query("hello there"))


def _see(scene: Scene, message: Any) -> None:
    if isinstance(message, str):
        scene.see(message)
    else:
        scene.see(type(message).__name__, message.content, message.usage_metadata)
