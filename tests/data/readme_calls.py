"""Nine calls: both providers, sync and async, streamed and not; prints the response ids."""

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import openai

import otel_cost

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me a story."}]}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": CHAT["messages"]}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def one_after_the_other() -> Iterator[str]:
    """The ids of five calls."""
    gpt: Any = openai.OpenAI()
    claude: Any = anthropic.Anthropic()
    with gpt, claude:
        yield gpt.chat.completions.create(**CHAT).id
        yield [chunk.id for chunk in gpt.chat.completions.create(**CHAT, **STREAM)][-1]
        yield gpt.responses.create(model="gpt-4o", input="Hello").id
        yield claude.messages.create(**MESSAGE).id
        events = list(claude.messages.create(**MESSAGE, stream=True))
        yield events[0].message.id


async def at_once() -> list[str]:
    """The ids of four calls."""
    gpt: Any = openai.AsyncOpenAI()
    claude: Any = anthropic.AsyncAnthropic()
    async with gpt, claude:
        chat, message = await asyncio.gather(
            gpt.chat.completions.create(**CHAT), claude.messages.create(**MESSAGE)
        )
        chunks = [chunk async for chunk in await gpt.chat.completions.create(**CHAT, **STREAM)]
        events = [event async for event in await claude.messages.create(**MESSAGE, stream=True)]
    return [chat.id, message.id, chunks[-1].id, events[0].message.id]


with otel_cost.attribution(
    feature="summarization",
    team="search",
    user_id="u-42",
    session_id="s-7",
    customer="acme",
    experiment="b",
):
    for response_id in one_after_the_other():
        print(response_id)
    print(*asyncio.run(at_once()), sep="\n")
