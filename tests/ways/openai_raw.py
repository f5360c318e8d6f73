"""Chat completions whose HTTP response the application reads itself."""

import asyncio
from dataclasses import replace
from importlib import import_module
from typing import Any

import openai

from tests.ways.line import library
from tests.ways.openai_chat import (
    CUT,
    LEFT,
    REFUSED,
    STREAMED,
    UNREAD,
    WHOLE,
    Answer,
    asking,
    chats,
    streaming,
)
from tests.ways.scene import Scene
from tests.ways.table import Case, Need, provides


def raw(client: Any) -> Any:
    """The chat completions that give raw responses."""
    return client.chat.completions.with_raw_response


def streamed(client: Any) -> Any:
    """The chat completions that give responses whose body is still to be read."""
    return client.chat.completions.with_streaming_response


def parsed(scene: Scene) -> None:
    response = raw(scene.openai()).create(**asking())
    scene.see(response, response.parse(), response.parse() is response.parse(), response.text)


async def async_parsed(scene: Scene) -> None:
    response = await raw(scene.async_openai()).create(**asking())
    scene.see(response, response.parse(), response.parse() is response.parse(), response.text)


def never_parsed(scene: Scene) -> None:
    scene.see(raw(scene.openai()).create(**asking()))


async def async_never_parsed(scene: Scene) -> None:
    scene.see(await raw(scene.async_openai()).create(**asking()))


def raw_gzip(scene: Scene) -> None:
    scene.see(raw(scene.openai()).create(**asking(gzip=True)).content)


def raw_stream(scene: Scene) -> None:
    response = raw(scene.openai()).create(**streaming())
    scene.see(response)
    stream = response.parse()
    scene.see(stream, stream is response.parse())
    scene.items(stream)


async def async_raw_stream(scene: Scene) -> None:
    response = await raw(scene.async_openai()).create(**streaming())
    scene.see(response)
    await scene.async_items(response.parse())


def raw_stream_broken(scene: Scene) -> None:
    stream = raw(scene.openai()).create(**streaming(chunks=9)).parse()
    scene.see(next(stream), next(stream))
    stream.close()


def raw_stream_never_parsed(scene: Scene) -> None:
    response = raw(scene.openai()).create(**streaming())
    scene.see(response)
    del response
    scene.drop()


def raw_stream_cut(scene: Scene) -> None:
    stream = raw(scene.openai()).create(**streaming(cut_after=3, chunks=9)).parse()
    with scene.raises(*CUT):
        scene.items(stream)


def raw_parse(scene: Scene) -> None:
    response = chats(scene.openai()).with_raw_response.parse(
        **asking(text='{"number": 7}'), response_format=Answer
    )
    scene.see(response, response.parse())


def raw_refused(scene: Scene) -> None:
    with scene.raises(openai.BadRequestError):
        raw(scene.openai()).create(**asking(status=400))


def streaming_parse(scene: Scene) -> None:
    with streamed(scene.openai()).create(**asking()) as response:
        scene.see(response, response.parse())


async def async_streaming_parse(scene: Scene) -> None:
    async with streamed(scene.async_openai()).create(**asking()) as response:
        scene.see(response, await response.parse())


def streaming_lines(scene: Scene) -> None:
    with streamed(scene.openai()).create(**asking()) as response:
        scene.items(response.iter_lines())


async def async_streaming_lines(scene: Scene) -> None:
    async with streamed(scene.async_openai()).create(**asking()) as response:
        await scene.async_items(response.iter_lines())


def streaming_json(scene: Scene) -> None:
    with streamed(scene.openai()).create(**asking()) as response:
        scene.see(response.json())


async def async_streaming_json(scene: Scene) -> None:
    async with streamed(scene.async_openai()).create(**asking()) as response:
        scene.see(await response.json())


def streaming_sse(scene: Scene) -> None:
    with streamed(scene.openai()).create(**streaming()) as response:
        scene.items(response.iter_lines())


async def async_streaming_sse(scene: Scene) -> None:
    async with streamed(scene.async_openai()).create(**streaming()) as response:
        await scene.async_items(response.iter_lines())


def streaming_sse_parsed(scene: Scene) -> None:
    with streamed(scene.openai()).create(**streaming()) as response:
        scene.items(response.parse())


def streaming_sse_left(scene: Scene) -> None:
    with streamed(scene.openai()).create(**streaming(chunks=9)) as response:
        lines = response.iter_lines()
        scene.see(*(next(lines) for _ in range(5)))


def streaming_sse_cut(scene: Scene) -> None:
    made = streamed(scene.openai()).create(**streaming(cut_after=3, chunks=9))
    with made as response, scene.raises(library("openai").RemoteProtocolError):
        scene.items(response.iter_bytes())


def streaming_unread(scene: Scene) -> None:
    with streamed(scene.openai()).create(**asking()) as response:
        scene.see(response)


async def async_streaming_unread(scene: Scene) -> None:
    async with streamed(scene.async_openai()).create(**asking()) as response:
        scene.see(response)


def streaming_gzip(scene: Scene) -> None:
    with streamed(scene.openai()).create(**asking(gzip=True)) as response:
        scene.items(response.iter_bytes())


def streaming_gzip_sse(scene: Scene) -> None:
    with streamed(scene.openai()).create(**streaming(gzip=True)) as response:
        scene.items(response.iter_lines())


def encoded(encoding: str) -> Any:
    """A body in an encoding, read whole and as bytes."""

    def run(scene: Scene) -> None:
        client = scene.openai(base_url=f"{scene.url}/{encoding}/v1")
        scene.see(raw(client).create(**asking()).parse())
        with streamed(client).create(**asking()) as response:
            scene.items(response.iter_bytes())

    return run


def encoded_sse(encoding: str) -> Any:
    """A stream in an encoding, read as events and as lines."""

    def run(scene: Scene) -> None:
        client = scene.openai(base_url=f"{scene.url}/{encoding}/v1")
        scene.items(client.chat.completions.create(**streaming()))
        with streamed(client).create(**streaming()) as response:
            scene.items(response.iter_lines())

    return run


async def streaming_cancelled(scene: Scene) -> None:
    arguments = streaming(pause_ms=60_000)
    async with streamed(scene.async_openai()).create(**arguments) as response:
        blocks = response.iter_bytes()
        scene.see(await blocks.__anext__())
        task = asyncio.ensure_future(blocks.__anext__())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with scene.raises(asyncio.CancelledError):
            await task


_PARSES_RAW = provides("openai", "chat.completions.with_raw_response.parse")


def _decodes(encoding: str) -> tuple[Need, ...]:
    """The SDK's HTTP library can decode it, of those whose decoders may be missing."""

    def decodes() -> bool:
        http: str = library("openai").__name__
        return encoding in import_module(f"{http}._decoders").SUPPORTED_DECODERS

    return (Need(f"{encoding} in the HTTP library", decodes),)


CASES = [
    Case("with_raw_response parsed", parsed, (WHOLE,)),
    Case("async with_raw_response parsed", async_parsed, (WHOLE,)),
    Case("with_raw_response never parsed", never_parsed, (WHOLE,)),
    Case("async with_raw_response never parsed", async_never_parsed, (WHOLE,)),
    Case("with_raw_response gzip", raw_gzip, (WHOLE,)),
    Case("with_raw_response streamed", raw_stream, (STREAMED,)),
    Case("async with_raw_response streamed", async_raw_stream, (STREAMED,)),
    Case("with_raw_response streamed and broken", raw_stream_broken, (LEFT,)),
    Case("with_raw_response streamed and never parsed", raw_stream_never_parsed, (UNREAD,)),
    Case(
        "with_raw_response streamed and cut", raw_stream_cut, (replace(LEFT, outcome="incomplete"),)
    ),
    Case("with_raw_response of parse", raw_parse, (WHOLE,), (_PARSES_RAW,)),
    Case("400 raw", raw_refused, (REFUSED,)),
    Case("with_streaming_response parse", streaming_parse, (WHOLE,)),
    Case("async with_streaming_response parse", async_streaming_parse, (WHOLE,)),
    Case("with_streaming_response iter_lines", streaming_lines, (WHOLE,)),
    Case("async with_streaming_response iter_lines", async_streaming_lines, (WHOLE,)),
    Case("with_streaming_response json", streaming_json, (WHOLE,)),
    Case("async with_streaming_response json", async_streaming_json, (WHOLE,)),
    Case("with_streaming_response SSE", streaming_sse, (STREAMED,)),
    Case("async with_streaming_response SSE", async_streaming_sse, (STREAMED,)),
    Case("with_streaming_response SSE parsed", streaming_sse_parsed, (STREAMED,)),
    Case("with_streaming_response SSE left", streaming_sse_left, (LEFT,)),
    Case(
        "with_streaming_response SSE cut", streaming_sse_cut, (replace(LEFT, outcome="incomplete"),)
    ),
    Case(
        "with_streaming_response cancelled",
        streaming_cancelled,
        (replace(LEFT, first_token=False),),
    ),
    Case("with_streaming_response unread", streaming_unread, (UNREAD,)),
    Case("async with_streaming_response unread", async_streaming_unread, (UNREAD,)),
    Case("with_streaming_response gzip", streaming_gzip, (WHOLE,)),
    Case("with_streaming_response gzip SSE", streaming_gzip_sse, (STREAMED,)),
    *(
        Case(f"{name} body", encoded(name), (WHOLE, WHOLE), _decodes(name))
        for name in ("br", "zstd", "deflate")
    ),
    *(
        Case(f"{name} stream", encoded_sse(name), (STREAMED, STREAMED), _decodes(name))
        for name in ("br", "zstd", "deflate")
    ),
]
