"""Generations that an application records by hand with the Langfuse SDK, around calls it makes."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from tests.peers.calls_sdk import ANTHROPIC_MODEL, HELLO, OPENAI_MODEL, client
from tests.peers.stage import Scene

_CHAT: Mapping[str, Any] = {"model": OPENAI_MODEL, "messages": HELLO}
_STREAM: Mapping[str, Any] = {
    **_CHAT,
    "stream": True,
    "stream_options": {"include_usage": True},
}
_MESSAGES: Mapping[str, Any] = {"model": ANTHROPIC_MODEL, "max_tokens": 99, "messages": HELLO}
_OWN_USAGE = {"input": 11, "output": 22, "total": 33}
_OWN_COST = {"input": 0.25, "output": 0.5, "total": 0.75}


def _generation(model: str = OPENAI_MODEL, **said: Any) -> Any:
    from langfuse import get_client

    return get_client().start_as_current_observation(
        as_type="generation", name="answer", model=model, **said
    )


def _chat(scene: Scene, **arguments: Any) -> Any:
    with client(scene, "openai") as made:
        return made.chat.completions.create(**{**_CHAT, **arguments})


def _around(scene: Scene) -> None:
    with _generation(input=HELLO) as generation:
        answer = _chat(scene)
        generation.update(output=answer.choices[0].message.content)
        scene.see(answer)


def _own_usage(scene: Scene) -> None:
    with _generation() as generation:
        scene.see(_chat(scene))
        generation.update(usage_details=_OWN_USAGE)


def _openai_usage(scene: Scene) -> None:
    with _generation() as generation:
        answer = _chat(scene)
        said = answer.usage
        generation.update(
            usage_details={
                "prompt_tokens": said.prompt_tokens,
                "completion_tokens": said.completion_tokens,
                "total_tokens": said.total_tokens,
            }
        )
        scene.see(answer)


def _own_cost(scene: Scene) -> None:
    with _generation() as generation:
        scene.see(_chat(scene))
        generation.update(usage_details=_OWN_USAGE, cost_details=_OWN_COST)


def _two_calls(scene: Scene) -> None:
    with _generation() as generation:
        scene.see(_chat(scene), _chat(scene))
        generation.update(usage_details=_OWN_USAGE)


def _two_providers(scene: Scene) -> None:
    with _generation(), client(scene, "anthropic") as made:
        scene.see(_chat(scene), made.messages.create(**_MESSAGES))


def _nested(scene: Scene) -> None:
    from langfuse import get_client

    with get_client().start_as_current_observation(as_type="agent", name="agent"):
        with _generation():
            scene.see(_chat(scene))
        with _generation():
            scene.see(_chat(scene))


def _stream(scene: Scene) -> None:
    with _generation() as generation, client(scene, "openai") as made:
        for chunk in made.chat.completions.create(**_STREAM):
            scene.see(chunk)
        generation.update(output="done")


def _stream_outlives(scene: Scene) -> None:
    with client(scene, "openai") as made:
        with _generation():
            stream = made.chat.completions.create(**_STREAM)
        for chunk in stream:
            scene.see(chunk)


def _ended_by_hand(scene: Scene) -> None:
    from langfuse import get_client

    generation = get_client().start_observation(
        as_type="generation", name="answer", model=OPENAI_MODEL
    )
    scene.see(_chat(scene))
    generation.update(usage_details=_OWN_USAGE)
    generation.end()


def _messages(scene: Scene) -> None:
    with _generation(ANTHROPIC_MODEL) as generation, client(scene, "anthropic") as made:
        scene.see(made.messages.create(**_MESSAGES))
        generation.update(usage_details=_OWN_USAGE)


def _messages_stream(scene: Scene) -> None:
    with (
        _generation(ANTHROPIC_MODEL),
        client(scene, "anthropic") as made,
        made.messages.stream(**_MESSAGES) as stream,
    ):
        for event in stream:
            scene.see(event)


def _responses(scene: Scene) -> None:
    with _generation(), client(scene, "openai") as made:
        scene.see(made.responses.create(model=OPENAI_MODEL, input="hello there"))


def _embeddings(scene: Scene) -> None:
    from langfuse import get_client

    with (
        get_client().start_as_current_observation(as_type="embedding", name="embed"),
        client(scene, "openai") as made,
    ):
        scene.see(made.embeddings.create(model="text-embedding-3-small", input="hello there"))


def _observed(scene: Scene) -> None:
    from langfuse import observe

    @observe(as_type="generation")
    def answer(question: str) -> str:
        return str(_chat(scene).choices[0].message.content)

    scene.see(answer("hello there"))


def _observed_stream(scene: Scene) -> None:
    from langfuse import observe

    @observe(as_type="generation")
    def answer(question: str) -> Iterator[Any]:
        with client(scene, "openai") as made:
            yield from made.chat.completions.create(**_STREAM)

    for chunk in answer("hello there"):
        scene.see(chunk)


def _observed_usage(scene: Scene) -> None:
    from langfuse import get_client, observe

    @observe(as_type="generation")
    def answer(question: str) -> str:
        found = _chat(scene)
        get_client().update_current_generation(model=OPENAI_MODEL, usage_details=_OWN_USAGE)
        return str(found.choices[0].message.content)

    scene.see(answer("hello there"))


async def _around_async(scene: Scene) -> None:
    with _generation() as generation:
        async with client(scene, "openai", "Async") as made:
            scene.see(await made.chat.completions.create(**_CHAT))
        generation.update(output="done")


async def _stream_async(scene: Scene) -> None:
    with _generation():
        async with client(scene, "openai", "Async") as made:
            async for chunk in await made.chat.completions.create(**_STREAM):
                scene.see(chunk)


async def _observed_async(scene: Scene) -> None:
    from langfuse import observe

    @observe(as_type="generation")
    async def answer(question: str) -> Any:
        async with client(scene, "openai", "Async") as made:
            return await made.chat.completions.create(**_CHAT)

    scene.see(await answer("hello there"))


async def _observed_stream_async(scene: Scene) -> None:
    from langfuse import observe

    @observe(as_type="generation")
    async def answer(question: str) -> AsyncIterator[Any]:
        async with client(scene, "openai", "Async") as made:
            async for chunk in await made.chat.completions.create(**_STREAM):
                yield chunk

    async for chunk in answer("hello there"):
        scene.see(chunk)


async def _at_once(scene: Scene) -> None:
    import asyncio

    async def one() -> None:
        with _generation() as generation:
            async with client(scene, "openai", "Async") as made:
                await made.chat.completions.create(**_CHAT)
            generation.update(usage_details=_OWN_USAGE)

    await asyncio.gather(one(), one(), one())
    scene.see("done")


CALLS: Mapping[str, Callable[[Scene], Any]] = {
    "hand_around/sync": _around,
    "hand_around/async": _around_async,
    "hand_own_usage/sync": _own_usage,
    "hand_openai_usage/sync": _openai_usage,
    "hand_own_cost/sync": _own_cost,
    "hand_two_calls/sync": _two_calls,
    "hand_two_providers/sync": _two_providers,
    "hand_nested/sync": _nested,
    "hand_stream/sync": _stream,
    "hand_stream/async": _stream_async,
    "hand_stream_outlives/sync": _stream_outlives,
    "hand_ended/sync": _ended_by_hand,
    "hand_messages/sync": _messages,
    "hand_messages_stream/sync": _messages_stream,
    "hand_responses/sync": _responses,
    "hand_embeddings/sync": _embeddings,
    "hand_at_once/async": _at_once,
    "observe/sync": _observed,
    "observe/async": _observed_async,
    "observe_stream/sync": _observed_stream,
    "observe_stream/async": _observed_stream_async,
    "observe_usage/sync": _observed_usage,
}
