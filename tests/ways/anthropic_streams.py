"""Streamed messages of the Anthropic SDK, read wholly, in part, or not at all."""

import asyncio
from dataclasses import replace

import anthropic

from tests.ways.anthropic_messages import (
    ITERATED,
    ITERATED_CHARGE,
    LEFT,
    STREAMED,
    UNREAD,
    asking,
    streaming,
)
from tests.ways.line import library
from tests.ways.openai_chat import cancelled
from tests.ways.scene import Scene
from tests.ways.table import Case, provides

_BARELY = replace(LEFT, first_token=False)


def stream(scene: Scene) -> None:
    events = scene.anthropic().messages.create(**streaming())
    scene.see(events, isinstance(events, anthropic.Stream))
    scene.items(events)
    scene.see(events.response)


async def async_stream(scene: Scene) -> None:
    events = await scene.async_anthropic().messages.create(**streaming())
    scene.see(events)
    await scene.async_items(events)


def stream_gzip(scene: Scene) -> None:
    scene.items(scene.anthropic().messages.create(**streaming(gzip=True)))


def stream_closed(scene: Scene) -> None:
    events = scene.anthropic().messages.create(**streaming(chunks=9))
    scene.see(next(events), next(events), next(events))
    events.close()
    scene.see(events.response)


def stream_broken(scene: Scene) -> None:
    for event in scene.anthropic().messages.create(**streaming(chunks=9)):
        scene.see(event)
        if event.type == "content_block_delta":
            break
    del event
    scene.drop()


async def async_stream_broken(scene: Scene) -> None:
    async for event in await scene.async_anthropic().messages.create(**streaming(chunks=9)):
        scene.see(event)
        if event.type == "content_block_delta":
            break
    del event
    scene.drop()
    await asyncio.sleep(0)


def never_iterated(scene: Scene) -> None:
    events = scene.anthropic().messages.create(**streaming())
    scene.see(events)
    del events
    scene.drop()


def error_event(scene: Scene) -> None:
    events = scene.anthropic().messages.create(**streaming(error_event_after=4, chunks=9))
    with scene.raises(anthropic.APIStatusError):
        scene.items(events)


def stream_cut(scene: Scene) -> None:
    events = scene.anthropic().messages.create(**streaming(cut_after=5, chunks=9))
    with scene.raises(library("anthropic").RemoteProtocolError):
        scene.items(events)


def text_stream(scene: Scene) -> None:
    with scene.anthropic().messages.stream(**asking()) as events:
        scene.see(events)
        scene.items(events.text_stream)


async def async_text_stream(scene: Scene) -> None:
    async with scene.async_anthropic().messages.stream(**asking()) as events:
        await scene.async_items(events.text_stream)


def final_message(scene: Scene) -> None:
    with scene.anthropic().messages.stream(**asking()) as events:
        scene.see(events.get_final_message())


async def async_final_message(scene: Scene) -> None:
    async with scene.async_anthropic().messages.stream(**asking()) as events:
        scene.see(await events.get_final_message())


def helper_broken(scene: Scene) -> None:
    with scene.anthropic().messages.stream(**asking(chunks=9)) as events:
        for event in events:
            scene.see(event)
            if event.type == "content_block_delta":
                break


async def helper_cancelled(scene: Scene) -> None:
    manager = scene.async_anthropic().messages.stream(**asking(pause_ms=60_000))
    async with manager as events:
        scene.see(await events.__anext__())
        await cancelled(scene, events.__anext__())


def helper_never_entered(scene: Scene) -> None:
    manager = scene.anthropic().messages.stream(**asking())
    scene.see(manager)
    del manager
    scene.drop()


async def async_helper_never_entered(scene: Scene) -> None:
    manager = scene.async_anthropic().messages.stream(**asking())
    scene.see(manager)
    del manager
    scene.drop()


def beta_stream(scene: Scene) -> None:
    scene.items(scene.anthropic().beta.messages.create(**streaming()))


def beta_helper(scene: Scene) -> None:
    with scene.anthropic().beta.messages.stream(**asking()) as events:
        scene.items(events)


def iterations_stream(scene: Scene) -> None:
    scene.items(scene.anthropic().beta.messages.create(**streaming(usage=ITERATED)))


def raw_stream(scene: Scene) -> None:
    response = scene.anthropic().messages.with_raw_response.create(**streaming())
    scene.see(response)
    scene.items(response.parse())


async def async_raw_stream(scene: Scene) -> None:
    client = scene.async_anthropic()
    response = await client.messages.with_raw_response.create(**streaming())
    scene.see(response)
    parsed = response.parse()
    await scene.async_items(await parsed if asyncio.iscoroutine(parsed) else parsed)


def streaming_sse(scene: Scene) -> None:
    made = scene.anthropic().messages.with_streaming_response
    with made.create(**streaming()) as response:
        scene.items(response.iter_lines())


CASES = [
    Case("Anthropic stream", stream, (STREAMED,)),
    Case("Anthropic async stream", async_stream, (STREAMED,)),
    Case("Anthropic stream gzip", stream_gzip, (STREAMED,)),
    Case("Anthropic stream close() early", stream_closed, (LEFT,)),
    Case("Anthropic broken", stream_broken, (LEFT,)),
    Case("Anthropic async broken", async_stream_broken, (LEFT,)),
    Case("Anthropic never iterated", never_iterated, (UNREAD,)),
    Case("Anthropic error event", error_event, (replace(LEFT, outcome="error"),)),
    Case("Anthropic cut by the server", stream_cut, (replace(LEFT, outcome="incomplete"),)),
    Case("messages.stream text_stream", text_stream, (STREAMED,)),
    Case("async messages.stream text_stream", async_text_stream, (STREAMED,)),
    Case("messages.stream get_final_message", final_message, (STREAMED,)),
    Case("async messages.stream get_final_message", async_final_message, (STREAMED,)),
    Case("messages.stream broken", helper_broken, (LEFT,)),
    Case("messages.stream cancelled", helper_cancelled, (_BARELY,)),
    Case("messages.stream never entered", helper_never_entered, ()),
    Case("async messages.stream never entered", async_helper_never_entered, ()),
    Case("beta stream", beta_stream, (STREAMED,)),
    Case(
        "beta messages.stream",
        beta_helper,
        (STREAMED,),
        (provides("anthropic", "beta.messages.stream"),),
    ),
    Case(
        "beta iterations, stream", iterations_stream, (replace(ITERATED_CHARGE, first_token=True),)
    ),
    Case("Anthropic raw stream", raw_stream, (STREAMED,)),
    Case("Anthropic async raw stream", async_raw_stream, (STREAMED,)),
    Case("Anthropic streaming response SSE", streaming_sse, (STREAMED,)),
]
