"""Streamed chat completions of the OpenAI SDK, read wholly, in part, or not at all."""

import asyncio
import contextlib
from dataclasses import replace

import openai
from openai.types.chat import ChatCompletionChunk

from tests.ways.openai_chat import (
    BUSY,
    COUNTED,
    CUT,
    LEFT,
    STREAMED,
    UNREAD,
    cancelled,
    chats,
    helped,
    streaming,
    told,
)
from tests.ways.scene import Scene
from tests.ways.table import Case, provides

_HELPS = (provides("openai", "beta.chat.completions.parse"),)


def post_stream(scene: Scene) -> None:
    stream = scene.openai().post(
        "/chat/completions",
        cast_to=ChatCompletionChunk,
        body=COUNTED,
        options={"headers": told()},
        stream=True,
        stream_cls=openai.Stream[ChatCompletionChunk],
    )
    scene.items(stream)


def stream_full(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming())
    scene.see(stream, isinstance(stream, openai.Stream))
    scene.items(stream)
    scene.see(list(stream), stream.response)


async def async_stream_full(scene: Scene) -> None:
    stream = await scene.async_openai().chat.completions.create(**streaming())
    scene.see(stream, isinstance(stream, openai.AsyncStream))
    await scene.async_items(stream)
    scene.see(stream.response)


def stream_uncounted(scene: Scene) -> None:
    arguments = {**streaming(), "stream_options": None}
    del arguments["stream_options"]
    scene.items(scene.openai().chat.completions.create(**arguments))


def stream_gzip(scene: Scene) -> None:
    scene.items(scene.openai().chat.completions.create(**streaming(gzip=True)))


def stream_next(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming())
    with contextlib.suppress(StopIteration):
        while True:
            scene.see(next(stream))
    with scene.raises(StopIteration):
        next(stream)


def stream_closed(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming(chunks=9))
    scene.see(next(stream), next(stream))
    stream.close()
    scene.see(stream.response)


async def async_stream_closed(scene: Scene) -> None:
    stream = await scene.async_openai().chat.completions.create(**streaming(chunks=9))
    scene.see(await stream.__anext__(), await stream.__anext__())
    await stream.close()
    scene.see(stream.response)


def with_full(scene: Scene) -> None:
    with scene.openai().chat.completions.create(**streaming()) as stream:
        scene.items(stream)


def with_broken(scene: Scene) -> None:
    with (
        scene.raises(ZeroDivisionError),
        scene.openai().chat.completions.create(**streaming(chunks=9)) as stream,
    ):
        scene.see(next(stream), next(stream))
        raise ZeroDivisionError


def stream_broken(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming(chunks=9))
    for number, chunk in enumerate(stream):
        scene.see(chunk)
        if number == 2:
            break
    del stream, chunk
    scene.drop()


async def async_stream_broken(scene: Scene) -> None:
    stream = await scene.async_openai().chat.completions.create(**streaming(chunks=9))
    number = 0
    async for chunk in stream:
        scene.see(chunk)
        number += 1
        if number == 3:
            break
    del stream, chunk
    scene.drop()
    await asyncio.sleep(0)


def never_iterated(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming())
    scene.see(stream)
    del stream
    scene.drop()


async def async_never_iterated(scene: Scene) -> None:
    stream = await scene.async_openai().chat.completions.create(**streaming())
    scene.see(stream)
    del stream
    scene.drop()


async def stream_cancelled(scene: Scene) -> None:
    stream = await scene.async_openai().chat.completions.create(**streaming(pause_ms=60_000))
    scene.see(await stream.__anext__())
    await cancelled(scene, stream.__anext__())


def stream_cut(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming(cut_after=3, chunks=9))
    with scene.raises(*CUT):
        scene.items(stream)


async def async_stream_cut(scene: Scene) -> None:
    arguments = streaming(cut_after=3, chunks=9)
    stream = await scene.async_openai().chat.completions.create(**arguments)
    with scene.raises(*CUT):
        await scene.async_items(stream)


def error_event(scene: Scene) -> None:
    stream = scene.openai().chat.completions.create(**streaming(error_event_after=3, chunks=9))
    with scene.raises(openai.APIError):
        scene.items(stream)


def helper_final(scene: Scene) -> None:
    with chats(scene.openai()).stream(**helped()) as stream:
        scene.see(stream)
        scene.items(stream)
        scene.see(stream.get_final_completion())


async def async_helper_final(scene: Scene) -> None:
    async with chats(scene.async_openai()).stream(**helped()) as stream:
        scene.see(await stream.get_final_completion())


def helper_broken(scene: Scene) -> None:
    with chats(scene.openai()).stream(**helped(chunks=9)) as stream:
        scene.see(next(stream), next(stream), next(stream))


async def async_helper_broken(scene: Scene) -> None:
    async with chats(scene.async_openai()).stream(**helped(chunks=9)) as stream:
        for _ in range(3):
            scene.see(await stream.__anext__())


def helper_never_entered(scene: Scene) -> None:
    manager = chats(scene.openai()).stream(**helped())
    scene.see(manager)
    del manager
    scene.drop()


async def async_helper_never_entered(scene: Scene) -> None:
    manager = chats(scene.async_openai()).stream(**helped())
    scene.see(manager)
    del manager
    scene.drop()


def stream_retried(scene: Scene) -> None:
    scene.items(scene.openai(max_retries=2).chat.completions.create(**streaming(**BUSY)))


CASES = [
    Case("client.post of a stream", post_stream, (STREAMED,)),
    Case("stream full", stream_full, (STREAMED,)),
    Case("async stream full", async_stream_full, (STREAMED,)),
    Case(
        "stream whose usage nobody asked for",
        stream_uncounted,
        (replace(STREAMED, meters=None, status="unmetered", source="not_requested"),),
    ),
    Case("stream gzip", stream_gzip, (STREAMED,)),
    Case("stream next() to the end", stream_next, (STREAMED,)),
    Case("stream close() early", stream_closed, (LEFT,)),
    Case("async stream close() early", async_stream_closed, (LEFT,)),
    Case("stream with-block full", with_full, (STREAMED,)),
    Case("stream with-block broken", with_broken, (LEFT,)),
    Case("stream break and drop", stream_broken, (LEFT,)),
    Case("async stream break and drop", async_stream_broken, (LEFT,)),
    Case("stream never iterated", never_iterated, (UNREAD,)),
    Case("async stream never iterated", async_never_iterated, (UNREAD,)),
    Case("stream cancelled", stream_cancelled, (replace(LEFT, first_token=False),)),
    Case("stream cut by the server", stream_cut, (replace(LEFT, outcome="incomplete"),)),
    Case(
        "async stream cut by the server", async_stream_cut, (replace(LEFT, outcome="incomplete"),)
    ),
    Case("stream SSE error event", error_event, (replace(LEFT, outcome="error"),)),
    Case(".stream() helper final", helper_final, (STREAMED,), _HELPS),
    Case("async .stream() helper final", async_helper_final, (STREAMED,), _HELPS),
    Case(".stream() helper broken", helper_broken, (LEFT,), _HELPS),
    Case("async .stream() helper broken", async_helper_broken, (LEFT,), _HELPS),
    Case(".stream() helper never entered", helper_never_entered, (), _HELPS),
    Case("async .stream() helper never entered", async_helper_never_entered, (), _HELPS),
    Case("429 then ok, stream", stream_retried, (STREAMED,)),
]
