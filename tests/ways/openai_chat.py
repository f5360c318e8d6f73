"""Chat completions of the OpenAI SDK, called in every way that gives models or streams."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import openai
import pydantic
from openai.types.chat import ChatCompletion

import otel_cost
from otel_cost.demo.directives import header
from tests.ways import line
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, Meters, exports, provides

ASKED: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
COUNTED: dict[str, Any] = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
USAGE = {
    "prompt_tokens": 2000,
    "completion_tokens": 300,
    "total_tokens": 2300,
    "prompt_tokens_details": {"cached_tokens": 1200, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 0},
}
METERS: Meters = {"input": 800, "cache_read": 1200, "output": 172, "reasoning": 128}
MODEL = "gpt-4o-2024-08-06"

WHOLE = Charged("openai", MODEL, METERS, response_id="chat-1", tier="default")
STREAMED = replace(WHOLE, first_token=True)
LEFT = replace(
    STREAMED, meters=None, source="none", outcome="aborted", status="unmetered"
)  # fmt: skip
"""A stream the application left after the first token."""
UNREAD = replace(LEFT, model="gpt-4o", response_id=None, tier=None, first_token=False)
"""A stream, or a call, of which nothing was read."""
REFUSED = replace(UNREAD, outcome="error", status="exact")


def told(**directives: Any) -> dict[str, Any]:
    """The header that dictates the answer."""
    return header(**{"id": "chat-1", "usage": USAGE, **directives})


def asking(**directives: Any) -> dict[str, Any]:
    """The arguments of a call."""
    return {**ASKED, "extra_headers": told(**directives)}


def streaming(**directives: Any) -> dict[str, Any]:
    """The arguments of a streamed call."""
    return {**COUNTED, "extra_headers": told(**directives)}


def chats(client: Any) -> Any:
    """The chat completions that can parse and help, where this SDK has them."""
    plain = client.chat.completions
    return plain if hasattr(plain, "parse") else client.beta.chat.completions


class Answer(pydantic.BaseModel):
    number: int


class OwnOpenAI(openai.OpenAI):
    """A client class of the application's."""


def create(scene: Scene) -> None:
    scene.see(scene.openai().chat.completions.create(**asking()))


def gzip(scene: Scene) -> None:
    scene.see(scene.openai().chat.completions.create(**asking(gzip=True)))


async def async_create(scene: Scene) -> None:
    scene.see(await scene.async_openai().chat.completions.create(**asking()))


def call_held(scene: Scene, held: Any) -> None:
    scene.see(held(**asking()))


async def async_call_held(scene: Scene, held: Any) -> None:
    scene.see(await held(**asking()))


def held_raw(scene: Scene, held: Any) -> None:
    scene.see(held.create(**asking()).parse())


def subclassed(scene: Scene) -> None:
    client = scene.openai(OwnOpenAI, base_url=f"{scene.url}/v1")
    scene.see(client.chat.completions.create(**asking()))


def module_level(scene: Scene) -> None:
    usual = (openai.api_key, openai.base_url, openai.http_client)
    openai.api_key, openai.base_url = "local", f"{scene.url}/v1/"
    openai.http_client = scene.http_client("openai")
    openai._reset_client()  # type: ignore[no-untyped-call,unused-ignore]
    try:
        scene.see(openai.chat.completions.create(**asking()))
    finally:
        openai.api_key, openai.base_url, openai.http_client = usual
        openai._reset_client()  # type: ignore[no-untyped-call,unused-ignore]


def with_options(scene: Scene) -> None:
    copied = scene.openai().with_options(max_retries=1)
    scene.see(copied.chat.completions.create(**asking(status=500, times=1)))


def post_model(scene: Scene) -> None:
    options = {"headers": told()}
    post = scene.openai().post
    scene.see(post("/chat/completions", cast_to=ChatCompletion, body=ASKED, options=options))


def post_response(scene: Scene) -> None:
    cast_to = line.library("openai").Response
    post = scene.openai().post
    scene.see(post("/chat/completions", cast_to=cast_to, body=ASKED, options={"headers": told()}))


async def async_post_response(scene: Scene) -> None:
    cast_to = line.library("openai").Response
    post, options = scene.async_openai().post, {"headers": told()}
    scene.see(await post("/chat/completions", cast_to=cast_to, body=ASKED, options=options))


async def cancelled(scene: Scene, pulling: Any) -> None:
    """The application gives up on what it waits for: an item that never comes."""
    task = asyncio.ensure_future(pulling)
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with scene.raises(asyncio.CancelledError):
        await task


async def create_cancelled(scene: Scene) -> None:
    waiting = scene.async_openai().chat.completions.create(**asking(hang=True))
    task = asyncio.ensure_future(waiting)
    while not scene.sent():
        await asyncio.sleep(0.002)
    task.cancel()
    with scene.raises(asyncio.CancelledError):
        await task


def helped(**directives: Any) -> dict[str, Any]:
    """The arguments of the stream helper, which knows by its name that it streams."""
    arguments = streaming(**directives)
    del arguments["stream"]
    return arguments


def parse(scene: Scene) -> None:
    said = asking(text='{"number": 7}')
    scene.see(chats(scene.openai()).parse(**said, response_format=Answer))


async def async_parse(scene: Scene) -> None:
    said = asking(text='{"number": 7}')
    scene.see(await chats(scene.async_openai()).parse(**said, response_format=Answer))


def parse_invalid(scene: Scene) -> None:
    with scene.raises(pydantic.ValidationError):
        chats(scene.openai()).parse(**asking(text="not json"), response_format=Answer)


async def async_parse_invalid(scene: Scene) -> None:
    with scene.raises(pydantic.ValidationError):
        await chats(scene.async_openai()).parse(**asking(text="not json"), response_format=Answer)


def parse_length(scene: Scene) -> None:
    message = {"role": "assistant", "content": '{"num', "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}
    with scene.raises(openai.LengthFinishReasonError):
        chats(scene.openai()).parse(**asking(body={"choices": [choice]}), response_format=Answer)


def strict(scene: Scene) -> None:
    client = scene.openai(_strict_response_validation=True)
    with scene.raises(openai.APIResponseValidationError):
        client.chat.completions.create(**asking(body={"choices": "none"}))


def retried(scene: Scene) -> None:
    scene.see(scene.openai(max_retries=2).chat.completions.create(**asking(**BUSY)))


async def async_retried(scene: Scene) -> None:
    client = scene.async_openai(max_retries=2)
    scene.see(await client.chat.completions.create(**asking(**BUSY)))


def bad_request(scene: Scene) -> None:
    with scene.raises(openai.BadRequestError):
        scene.openai().chat.completions.create(**asking(status=400))


def connection_error(scene: Scene) -> None:
    client = scene.openai(base_url="http://127.0.0.1:1/v1")
    with scene.raises(openai.APIConnectionError):
        client.chat.completions.create(**asking())


def timed_out(scene: Scene) -> None:
    with scene.raises(openai.APITimeoutError):
        scene.openai().chat.completions.create(**asking(hang=True), timeout=0.3)
    while not scene.sent():
        time.sleep(0.002)


def from_threads(scene: Scene) -> None:
    client = scene.openai()
    answers: list[Any] = [None] * 8

    def call(number: int) -> None:
        with otel_cost.attribution(feature="from threads"):
            answers[number] = client.chat.completions.create(**asking(id="chat-1", text="hi"))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scene.see(*answers)


BUSY = {"status": 429, "times": 1}
CUT = (openai.APIConnectionError, line.library("openai").RemoteProtocolError)
"""What a stream that is cut raises, in newer SDKs and in older ones."""
_PARSES = provides("openai", "beta.chat.completions.parse")
_HELPS = (_PARSES,)

CASES = [
    Case("sync create", create, (WHOLE,)),
    Case("gzip", gzip, (WHOLE,)),
    Case("async create", async_create, (WHOLE,)),
    Case(
        "held bound method",
        call_held,
        (WHOLE,),
        before=lambda scene: scene.openai().chat.completions.create,
    ),
    Case(
        "async held bound method",
        async_call_held,
        (WHOLE,),
        before=lambda scene: scene.async_openai().chat.completions.create,
    ),
    Case(
        "held with_raw_response object",
        held_raw,
        (WHOLE,),
        before=lambda scene: scene.openai().chat.completions.with_raw_response,
    ),
    Case("subclassed client", subclassed, (WHOLE,)),
    Case("module-level client", module_level, (WHOLE,)),
    Case("with_options copy, retried", with_options, (WHOLE,)),
    Case("client.post with model", post_model, (WHOLE,)),
    Case("client.post with raw Response as cast_to", post_response, (WHOLE,)),
    Case("async client.post with raw Response as cast_to", async_post_response, (WHOLE,)),
    Case("async create cancelled", create_cancelled, (UNREAD,)),
    Case("parse", parse, (WHOLE,), _HELPS),
    Case("async parse", async_parse, (WHOLE,), _HELPS),
    Case("parse with invalid JSON", parse_invalid, (WHOLE,), _HELPS),
    Case("async parse with invalid JSON", async_parse_invalid, (WHOLE,), _HELPS),
    Case(
        "parse with length finish",
        parse_length,
        (WHOLE,),
        (*_HELPS, exports("openai", "LengthFinishReasonError")),
    ),
    Case("strict validation error", strict, (WHOLE,)),
    Case("429 then ok", retried, (WHOLE,)),
    Case("429 then ok, async", async_retried, (WHOLE,)),
    Case("400", bad_request, (REFUSED,)),
    Case("connection error", connection_error, (REFUSED,)),
    Case("timeout", timed_out, (replace(REFUSED, status="unmetered"),)),
    Case("from threads", from_threads, (WHOLE,) * 8, in_any_order=True),
]
