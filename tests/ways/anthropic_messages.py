"""Messages and beta messages of the Anthropic SDK."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import anthropic
import pydantic
from anthropic.types import Message

from otel_cost.demo.directives import header
from tests.ways.line import library
from tests.ways.openai_chat import Answer
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, Meters, provides

ASKED: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 800,
    "cache_read_input_tokens": 5000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 300},
    "output_tokens": 250,
    "output_tokens_details": {"thinking_tokens": 90},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
    "inference_geo": "global",
    "speed": "standard",
}
SENT: Meters = {"input": 100, "cache_read": 5000, "cache_write_5m": 500, "cache_write_1h": 300}
METERS: Meters = {**SENT, "output": 160, "reasoning": 90, "web_search": 2}
MODEL = "claude-haiku-4-5-20251001"

WHOLE = Charged(
    "anthropic",
    MODEL,
    METERS,
    response_id="msg-1",
    tier="standard",
    geo="global",
    speed="standard",
)
STREAMED = replace(WHOLE, first_token=True)
LEFT = replace(
    STREAMED, meters=SENT, outcome="aborted", status="partial", unpriced=("output",)
)  # fmt: skip
"""A stream the application left: what was sent is known, what came is not."""
UNREAD = Charged(
    "anthropic",
    "claude-haiku-4-5",
    None,
    outcome="aborted",
    status="unmetered",
    source="none",
)
REFUSED = replace(UNREAD, outcome="error", status="exact")


def told(**directives: Any) -> dict[str, Any]:
    """The header that dictates the answer."""
    return header(**{"id": "msg-1", "usage": USAGE, **directives})


def asking(**directives: Any) -> dict[str, Any]:
    """The arguments of a call."""
    return {**ASKED, "extra_headers": told(**directives)}


def streaming(**directives: Any) -> dict[str, Any]:
    """The arguments of a streamed call."""
    return {**asking(**directives), "stream": True}


class OwnAnthropic(anthropic.Anthropic):
    """A client class of the application's."""


def create(scene: Scene) -> None:
    scene.see(scene.anthropic().messages.create(**asking()))


def gzip(scene: Scene) -> None:
    scene.see(scene.anthropic().messages.create(**asking(gzip=True)))


async def async_create(scene: Scene) -> None:
    scene.see(await scene.async_anthropic().messages.create(**asking()))


def held(scene: Scene, create: Any) -> None:
    scene.see(create(**asking()))


async def async_held(scene: Scene, create: Any) -> None:
    scene.see(await create(**asking()))


def held_raw(scene: Scene, raw: Any) -> None:
    scene.see(raw.create(**asking()).parse())


def subclassed(scene: Scene) -> None:
    client = scene.anthropic(OwnAnthropic, base_url=scene.url)
    scene.see(client.messages.create(**asking()))


def with_options(scene: Scene) -> None:
    copied = scene.anthropic().with_options(max_retries=1)
    scene.see(copied.messages.create(**asking(status=529, times=1)))


def post(scene: Scene) -> None:
    options = {"headers": told()}
    made = scene.anthropic()
    scene.see(made.post("/v1/messages", cast_to=Message, body=ASKED, options=options))
    cast_to = library("anthropic").Response
    scene.see(made.post("/v1/messages", cast_to=cast_to, body=ASKED, options=options))


def deprecated_model(scene: Scene) -> None:
    said = {**asking(usage=PLAIN), "model": "claude-3-opus-20240229"}
    scene.see(scene.anthropic().messages.create(**said))


def fast_in_the_us(scene: Scene) -> None:
    usage = {**USAGE, "inference_geo": "us", "speed": "fast"}
    said = {**asking(usage=usage), "model": "claude-opus-4-8"}
    scene.see(scene.anthropic().messages.create(**said))


def refused(scene: Scene) -> None:
    with scene.raises(anthropic.BadRequestError):
        scene.anthropic().messages.create(**asking(status=400))


def retried(scene: Scene) -> None:
    scene.see(scene.anthropic(max_retries=2).messages.create(**asking(status=429, times=1)))


def timed_out(scene: Scene) -> None:
    with scene.raises(anthropic.APITimeoutError):
        scene.anthropic().messages.create(**asking(hang=True), timeout=0.3)
    while not scene.sent():
        time.sleep(0.002)


async def create_cancelled(scene: Scene) -> None:
    waiting = scene.async_anthropic().messages.create(**asking(hang=True))
    task = asyncio.ensure_future(waiting)
    while not scene.sent():
        await asyncio.sleep(0.002)
    task.cancel()
    with scene.raises(asyncio.CancelledError):
        await task


def parse(scene: Scene) -> None:
    said = asking(text='{"number": 7}')
    scene.see(scene.anthropic().messages.parse(**said, output_format=Answer))


def parse_failing(scene: Scene) -> None:
    with scene.raises(pydantic.ValidationError):
        scene.anthropic().messages.parse(**asking(text="not json"), output_format=Answer)


def strict(scene: Scene) -> None:
    client = scene.anthropic(_strict_response_validation=True)
    with scene.raises(anthropic.APIResponseValidationError):
        client.messages.create(**asking(body={"content": "none"}))


def beta_create(scene: Scene) -> None:
    scene.see(scene.anthropic().beta.messages.create(**asking()))


async def async_beta_create(scene: Scene) -> None:
    scene.see(await scene.async_anthropic().beta.messages.create(**asking()))


def iterations(scene: Scene) -> None:
    scene.see(scene.anthropic().beta.messages.create(**asking(usage=ITERATED)))


def raw(scene: Scene) -> None:
    response = scene.anthropic().messages.with_raw_response.create(**asking())
    scene.see(response, response.parse(), response.parse() is response.parse())


def raw_never_parsed(scene: Scene) -> None:
    scene.see(scene.anthropic().messages.with_raw_response.create(**asking()))


def streaming_parse(scene: Scene) -> None:
    made = scene.anthropic().messages.with_streaming_response
    with made.create(**asking()) as response:
        scene.see(response, response.parse())


def streaming_lines(scene: Scene) -> None:
    made = scene.anthropic().messages.with_streaming_response
    with made.create(**asking()) as response:
        scene.items(response.iter_lines())


async def async_streaming_lines(scene: Scene) -> None:
    made = scene.async_anthropic().messages.with_streaming_response
    async with made.create(**asking()) as response:
        await scene.async_items(response.iter_lines())


def streaming_unread(scene: Scene) -> None:
    made = scene.anthropic().messages.with_streaming_response
    with made.create(**asking()) as response:
        scene.see(response)


def count_tokens(scene: Scene) -> None:
    asked = {"model": "claude-haiku-4-5", "messages": ASKED["messages"]}
    scene.see(scene.anthropic().messages.count_tokens(**asked))


PLAIN = {"input_tokens": 10, "output_tokens": 5, "service_tier": "standard"}
ITERATED = {
    **PLAIN,
    "iterations": [
        {"type": "compaction", "input_tokens": 900, "output_tokens": 70},
        {"type": "message", "input_tokens": 10, "output_tokens": 5},
    ],
}
ITERATED_CHARGE = Charged(
    "anthropic",
    MODEL,
    {"input": 10, "output": 5},
    ((MODEL, {"input": 900, "output": 70}),),
    response_id="msg-1",
    tier="standard",
)
_PARSES = (provides("anthropic", "messages.parse"),)

CASES = [
    Case("Anthropic create", create, (WHOLE,)),
    Case("Anthropic gzip", gzip, (WHOLE,)),
    Case("Anthropic async", async_create, (WHOLE,)),
    Case(
        "Anthropic held",
        held,
        (WHOLE,),
        before=lambda scene: scene.anthropic().messages.create,
    ),
    Case(
        "Anthropic async held",
        async_held,
        (WHOLE,),
        before=lambda scene: scene.async_anthropic().messages.create,
    ),
    Case(
        "Anthropic held with_raw_response",
        held_raw,
        (WHOLE,),
        before=lambda scene: scene.anthropic().messages.with_raw_response,
    ),
    Case("Anthropic subclassed", subclassed, (WHOLE,)),
    Case("Anthropic with_options copy", with_options, (WHOLE,)),
    Case("Anthropic client.post", post, (WHOLE, WHOLE)),
    Case(
        "Anthropic deprecated model",
        deprecated_model,
        (
            Charged(
                "anthropic",
                "claude-3-opus-20240229",
                {"input": 10, "output": 5},
                response_id="msg-1",
                tier="standard",
            ),
        ),
    ),
    Case(
        "Anthropic fast in the US",
        fast_in_the_us,
        (replace(WHOLE, model="claude-opus-4-8", geo="us", speed="fast"),),
    ),
    Case("Anthropic 400", refused, (REFUSED,)),
    Case("Anthropic 429 then ok", retried, (WHOLE,)),
    Case("Anthropic timeout", timed_out, (replace(REFUSED, status="unmetered"),)),
    Case("Anthropic create cancelled", create_cancelled, (UNREAD,)),
    Case("messages.parse", parse, (WHOLE,), _PARSES),
    Case("messages.parse failing", parse_failing, (WHOLE,), _PARSES),
    Case("Anthropic strict validation error", strict, (WHOLE,)),
    Case("beta create", beta_create, (WHOLE,)),
    Case("async beta create", async_beta_create, (WHOLE,)),
    Case("beta iterations", iterations, (ITERATED_CHARGE,)),
    Case("Anthropic raw", raw, (WHOLE,)),
    Case("Anthropic raw never parsed", raw_never_parsed, (WHOLE,)),
    Case("Anthropic streaming response parse", streaming_parse, (WHOLE,)),
    Case("Anthropic streaming response iter_lines", streaming_lines, (WHOLE,)),
    Case("Anthropic async streaming response iter_lines", async_streaming_lines, (WHOLE,)),
    Case("Anthropic streaming response unread", streaming_unread, (UNREAD,)),
    Case(
        "count_tokens is free", count_tokens, (), (provides("anthropic", "messages.count_tokens"),)
    ),
]
