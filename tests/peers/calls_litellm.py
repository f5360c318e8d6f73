"""Calls that an application makes through LiteLLM, whose callbacks work after the call."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.peers.calls_sdk import ANTHROPIC_MODEL, EMBEDDING_MODEL, HELLO, OPENAI_MODEL
from tests.peers.libraries import module
from tests.peers.stage import Scene

Call = Callable[[Scene], Any]
_WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}
_LONGEST = 10


def settle() -> None:
    """Wait until every task its worker threads have been given is done."""
    executor = module("litellm.litellm_core_utils.thread_pool_executor").executor

    # A worker that waits here is done with all it had; when all wait, nothing is left.
    workers = executor._max_workers
    together = threading.Barrier(workers + 1)
    for _ in range(workers):
        executor.submit(together.wait, _LONGEST)
    together.wait(_LONGEST)


async def settle_async() -> None:
    """The same for its worker within the event loop."""

    await module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER.flush()


def _chat(scene: Scene) -> dict[str, Any]:
    return {
        "model": f"openai/{OPENAI_MODEL}",
        "messages": HELLO,
        "api_base": scene.openai_url,
        "api_key": "local",
    }


def _messages(scene: Scene) -> dict[str, Any]:
    return {
        "model": f"anthropic/{ANTHROPIC_MODEL}",
        "messages": HELLO,
        "api_base": scene.anthropic_url,
        "api_key": "local",
        "max_tokens": 99,
    }


def _responses(scene: Scene) -> dict[str, Any]:
    return {
        "model": f"openai/{OPENAI_MODEL}",
        "input": "hello there",
        "api_base": scene.openai_url,
        "api_key": "local",
    }


def _embeddings(scene: Scene) -> dict[str, Any]:
    return {**_responses(scene), "model": f"openai/{EMBEDDING_MODEL}", "input": ["hello there"]}


def _see(scene: Scene, result: Any) -> None:
    scene.see(type(result).__name__, getattr(result, "usage", None))


def _whole(function: str, arguments: Callable[[Scene], dict[str, Any]]) -> Call:
    def call(scene: Scene) -> None:
        litellm = module("litellm")

        _see(scene, getattr(litellm, function)(**arguments(scene)))

    return call


def _whole_async(function: str, arguments: Callable[[Scene], dict[str, Any]]) -> Call:
    async def call(scene: Scene) -> None:
        litellm = module("litellm")

        _see(scene, await getattr(litellm, function)(**arguments(scene)))

    return call


def _stream(
    function: str, arguments: Callable[[Scene], dict[str, Any]], more: Mapping[str, Any]
) -> Call:
    def call(scene: Scene) -> None:
        litellm = module("litellm")

        for chunk in getattr(litellm, function)(**arguments(scene), **more):
            _see(scene, chunk)

    return call


def _stream_async(
    function: str, arguments: Callable[[Scene], dict[str, Any]], more: Mapping[str, Any]
) -> Call:
    async def call(scene: Scene) -> None:
        litellm = module("litellm")

        async for chunk in await getattr(litellm, function)(**arguments(scene), **more):
            _see(scene, chunk)

    return call


def _twice(scene: Scene) -> None:
    litellm = module("litellm")

    _see(scene, litellm.completion(**_chat(scene)))
    _see(scene, litellm.completion(**_chat(scene)))


CALLS: Mapping[str, Call] = {
    "lite_chat/sync": _whole("completion", _chat),
    "lite_chat/async": _whole_async("acompletion", _chat),
    "lite_chat_stream/sync": _stream("completion", _chat, _WITH_USAGE),
    "lite_chat_stream/async": _stream_async("acompletion", _chat, _WITH_USAGE),
    "lite_chat_stream_silent/sync": _stream("completion", _chat, {"stream": True}),
    "lite_chat_twice/sync": _twice,
    "lite_responses/sync": _whole("responses", _responses),
    "lite_responses/async": _whole_async("aresponses", _responses),
    "lite_responses_stream/sync": _stream("responses", _responses, {"stream": True}),
    "lite_responses_stream/async": _stream_async("aresponses", _responses, {"stream": True}),
    "lite_embeddings/sync": _whole("embedding", _embeddings),
    "lite_embeddings/async": _whole_async("aembedding", _embeddings),
    "lite_messages/sync": _whole("completion", _messages),
    "lite_messages/async": _whole_async("acompletion", _messages),
    "lite_messages_stream/sync": _stream("completion", _messages, _WITH_USAGE),
    "lite_messages_stream/async": _stream_async("acompletion", _messages, _WITH_USAGE),
}
