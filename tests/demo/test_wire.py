"""What the local providers answer, as the real SDKs see it."""

import asyncio
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.demo.calls import (
    CHAT_USAGE,
    MESSAGE_USAGE,
    QUESTION,
    RESPONSE_USAGE,
    chat,
    chat_chunks,
    message,
    message_events,
    plain,
)


def test_chat_usage_is_as_dictated(chat_client: OpenAI) -> None:
    answer = chat(chat_client, usage=CHAT_USAGE, id="", service_tier="priority", text="hello")
    assert plain(answer.usage) == CHAT_USAGE
    assert (answer.id, answer.service_tier, answer.model) == ("", "priority", "gpt-4o-2024-08-06")
    assert answer.choices[0].message.content == "hello"


def test_chat_usage_follows_from_the_request(chat_client: OpenAI) -> None:
    usage = [
        chat_client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "word " * words}]
        ).usage
        for model, words in (("gpt-4o", 4), ("gpt-4o", 2048), ("o4-mini", 4))
    ]
    short, long, reasoning = map(plain, usage)
    assert (short["prompt_tokens"], short["completion_tokens"]) == (4, 9)
    assert short["prompt_tokens_details"]["cached_tokens"] == 0
    assert long["prompt_tokens"] == 2048
    assert long["prompt_tokens_details"]["cached_tokens"] == 1024
    assert reasoning["completion_tokens_details"]["reasoning_tokens"] == 64
    assert reasoning["completion_tokens"] == 73


def test_a_chat_stream_ends_with_a_usage_chunk_only_if_asked(chat_client: OpenAI) -> None:
    counted = list(chat_chunks(chat_client, usage=CHAT_USAGE, chunks=5, text="a b c d e"))
    *others, last = counted
    assert "".join(c.choices[0].delta.content or "" for c in others) == "a b c d e"
    assert all("usage" in c.model_fields_set and c.usage is None for c in others)
    assert last.choices == []
    assert plain(last.usage) == CHAT_USAGE
    assert others[-1].choices[0].finish_reason == "stop"

    uncounted = list(chat_chunks(chat_client, counted=False, chunks=5))
    assert len(uncounted) == len(counted) - 1
    assert not any("usage" in c.model_fields_set for c in uncounted)


def test_a_response_carries_its_usage(chat_client: OpenAI) -> None:
    tools = {"image_gen": {"input_tokens": 1}, "web_search": {"num_requests": 2}}
    answer = chat_client.responses.create(
        model="gpt-5-mini",
        input="one two",
        extra_headers=header(usage=RESPONSE_USAGE, text="hi", body={"tool_usage": tools}),
    )
    assert plain(answer.usage) == RESPONSE_USAGE
    assert answer.output_text == "hi"
    assert answer.model == "gpt-5-mini-2025-08-07"
    assert plain(answer)["tool_usage"]["web_search"] == {"num_requests": 2}


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_response_stream_is_the_real_sequence(chat_client: OpenAI, status: str) -> None:
    stream = chat_client.responses.create(
        model="gpt-5-mini",
        input="one two",
        stream=True,
        extra_headers=header(usage=RESPONSE_USAGE, chunks=2, body={"status": status}),
    )
    events = list(stream)
    assert [e.type for e in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        f"response.{status}",
    ]
    first, last = plain(events[0]), plain(events[-1])
    assert first["response"]["usage"] is None
    assert last["response"]["usage"] == RESPONSE_USAGE
    assert [plain(e)["sequence_number"] for e in events] == list(range(10))


def test_the_sdk_helpers_accept_the_streams(chat_client: OpenAI, claude_client: Anthropic) -> None:
    with chat_client.responses.stream(model="gpt-5", input="one two") as response:
        response.until_done()
    assert response.get_final_response().output_text.startswith("word")
    with chat_client.chat.completions.stream(model="gpt-4o", messages=QUESTION) as completion:
        assert completion.get_final_completion().choices[0].message.content
    with claude_client.messages.stream(
        model="claude-haiku-4-5", max_tokens=9, messages=QUESTION
    ) as messages:
        assert messages.get_final_message().usage.output_tokens == 9


@pytest.mark.parametrize(("asked", "count"), [("a b", 1), (["a", "b c"], 2), ([1, 2, 3], 1)])
def test_embeddings(chat_client: OpenAI, asked: Any, count: int) -> None:
    answer = chat_client.embeddings.create(model="text-embedding-3-small", input=asked)
    assert [list(e.embedding) for e in answer.data] == [[0.25, -0.5, 0.75, 1.0]] * count
    usage = {"prompt_tokens": 11, "total_tokens": 11}
    answer = chat_client.embeddings.create(
        model="e", input=asked, encoding_format="float", extra_headers=header(usage=usage)
    )
    assert plain(answer.usage) == usage
    assert answer.data[0].embedding == [0.25, -0.5, 0.75, 1.0]


def test_a_message_carries_its_usage(claude_client: Anthropic) -> None:
    answer = message(claude_client, usage=MESSAGE_USAGE)
    assert plain(answer.usage) == MESSAGE_USAGE
    assert answer.model == "claude-haiku-4-5-20251001"


def test_message_usage_follows_from_the_request(claude_client: Anthropic) -> None:
    answer = claude_client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=2048,
        thinking={"type": "enabled", "budget_tokens": 1024},
        system=[{"type": "text", "text": "word " * 400, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "word " * 400}]}],
    )
    usage = plain(answer.usage)
    assert usage["cache_read_input_tokens"] == 400
    assert usage["cache_creation_input_tokens"] == 200
    assert usage["input_tokens"] == 200
    assert usage["output_tokens"] == 48 + 64
    assert usage["output_tokens_details"] == {"thinking_tokens": 64}


def test_a_message_stream_is_the_real_sequence(
    claude_client: Anthropic, fresh_providers: LocalProviders
) -> None:
    start, *_, delta, stop = events = list(
        message_events(claude_client, usage=MESSAGE_USAGE, chunks=2)
    )
    assert [e.type for e in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    known = {k: v for k, v in MESSAGE_USAGE.items() if k != "server_tool_use"}
    assert plain(start)["message"]["usage"] == {**known, "output_tokens": 3}
    only_at_start = ("cache_creation", "service_tier")
    assert plain(delta)["usage"] == {
        k: v for k, v in MESSAGE_USAGE.items() if k not in only_at_start
    }
    assert stop.type == "message_stop"
    with claude_client.messages.with_streaming_response.create(
        model="m", max_tokens=9, messages=QUESTION, stream=True
    ) as raw:
        assert 'event: ping\ndata: {"type":"ping"}\n\n' in raw.read().decode()


def test_the_async_clients_see_the_same(fresh_providers: LocalProviders) -> None:
    async def run() -> tuple[Any, Any, Any, Any]:
        openai_url, url = fresh_providers.openai_url, fresh_providers.anthropic_url
        async with (
            AsyncOpenAI(base_url=openai_url, api_key="demo") as chats,
            AsyncAnthropic(base_url=url, api_key="demo") as claudes,
        ):
            dictated = header(usage=CHAT_USAGE)
            answer = await chats.chat.completions.create(
                model="gpt-4o", messages=QUESTION, extra_headers=dictated
            )
            chunks = await chats.chat.completions.create(
                model="gpt-4o",
                messages=QUESTION,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers=dictated,
            )
            last_chunk = [c async for c in chunks][-1]
            dictated = header(usage=MESSAGE_USAGE)
            reply = await claudes.messages.create(
                model="claude-haiku-4-5", max_tokens=9, messages=QUESTION, extra_headers=dictated
            )
            events = await claudes.messages.create(
                model="claude-haiku-4-5",
                max_tokens=9,
                messages=QUESTION,
                stream=True,
                extra_headers=dictated,
            )
            delta = [e async for e in events][-2]
            return answer, last_chunk, reply, delta

    answer, last_chunk, reply, delta = asyncio.run(run())
    assert plain(answer.usage) == plain(last_chunk.usage) == CHAT_USAGE
    assert plain(reply.usage) == MESSAGE_USAGE
    assert delta.usage.output_tokens == 50
