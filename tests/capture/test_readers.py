"""What providers report, as disjoint meters: nothing counted twice, nothing lost."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_cost.capture import anthropic, openai
from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.measured import Measured

CHAT = openai.ENDPOINTS["/chat/completions"]
RESPONSES = openai.ENDPOINTS["/responses"]
EMBEDDINGS = openai.ENDPOINTS["/embeddings"]
MESSAGES = anthropic.ENDPOINTS["/v1/messages"]

SPLIT = {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 300}


def measured() -> Measured:
    return Measured("id", "provider", "chat", 0)


def read(endpoint: Endpoint, usage: Any, **fields: Any) -> Measured:
    call = measured()
    endpoint.read_body(call, {"usage": usage, **fields})
    return call


def stream(endpoint: Endpoint, *events: Mapping[str, Any]) -> Measured:
    call, state = measured(), StreamState()
    for event in events:
        endpoint.read_event(call, state, event)
    return call


def chat(prompt: int, completion: int, sent: Any = None, received: Any = None) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": sent,
        "completion_tokens_details": received,
    }


@pytest.mark.parametrize(
    ("endpoint", "usage", "meters"),
    [
        (CHAT, chat(10, 5), {"input": 10, "output": 5}),
        (CHAT, chat(10, 0), {"input": 10, "output": 0}),
        (CHAT, chat(10, 5, {"cached_tokens": 8}), {"input": 2, "cache_read": 8, "output": 5}),
        (
            CHAT,
            chat(2000, 300, {"cached_tokens": 1200, "cache_write_tokens": 500}),
            {"input": 300, "cache_read": 1200, "cache_write_30m": 500, "output": 300},
        ),
        # Cached audio stands in both details; it is billed as cached.
        (
            CHAT,
            chat(100, 1, {"cached_tokens": 80, "audio_tokens": 50}),
            {"input": 0, "cache_read": 80, "input_audio": 20, "output": 1},
        ),
        # Rejected predictions are billed as output: they stay in it.
        (
            CHAT,
            chat(10, 50, None, {"rejected_prediction_tokens": 20, "reasoning_tokens": 10}),
            {"input": 10, "output": 40, "reasoning": 10},
        ),
        (EMBEDDINGS, {"prompt_tokens": 17, "total_tokens": 17}, {"input": 17}),
        (
            RESPONSES,
            {
                "input_tokens": 3000,
                "input_tokens_details": {
                    "cached_tokens": 1600,
                    "cache_write_tokens": 700,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 600, "ttl_12h_tokens": 100},
                },
                "output_tokens": 400,
                "output_tokens_details": {"reasoning_tokens": 256},
            },
            {
                "input": 700,
                "cache_read": 1600,
                "cache_write_30m": 600,
                "cache_write_12h": 100,
                "output": 144,
                "reasoning": 256,
            },
        ),
        (MESSAGES, {"input_tokens": 5, "output_tokens": 7}, {"input": 5, "output": 7}),
        (
            MESSAGES,
            {
                "input_tokens": 100,
                "cache_read_input_tokens": 5000,
                "cache_creation_input_tokens": 800,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 500,
                    "ephemeral_1h_input_tokens": 300,
                },
                "output_tokens": 250,
                "output_tokens_details": {"thinking_tokens": 90},
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
            },
            {
                "input": 100,
                "cache_read": 5000,
                "cache_write_5m": 500,
                "cache_write_1h": 300,
                "output": 160,
                "reasoning": 90,
                "web_search": 2,
            },
        ),
        # Without a split all that was written is for five minutes.
        (
            MESSAGES,
            {"input_tokens": 1, "cache_creation_input_tokens": 9, "output_tokens": 1},
            {"input": 1, "cache_write_5m": 9, "output": 1},
        ),
    ],
)
def test_meters_are_disjoint(
    endpoint: Endpoint, usage: Mapping[str, Any], meters: Mapping[str, int]
) -> None:
    call = read(endpoint, usage)
    assert call.usage is not None
    assert call.usage.quantities == meters
    assert call.usage_source == "provider"


@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES, EMBEDDINGS, MESSAGES])
@pytest.mark.parametrize(
    "usage", [None, {}, [], "many", {"total_tokens": 4}, {"prompt_tokens": None}]
)
def test_what_is_no_usage_is_not_taken_for_zero(endpoint: Endpoint, usage: Any) -> None:
    call = read(endpoint, usage)
    assert call.usage is None
    assert call.usage_source == "none"


@pytest.mark.parametrize("odd", [-5, 1.5, "7", True, None, {"n": 1}])
def test_a_count_that_is_none_counts_nothing(odd: Any) -> None:
    call = read(CHAT, chat(10, 5, {"cached_tokens": odd}, {"reasoning_tokens": odd}))
    assert call.usage is not None
    assert call.usage.quantities == {"input": 10, "output": 5}


def test_what_the_bill_depends_on_is_taken_from_the_answer() -> None:
    call = read(CHAT, chat(1, 1), model="gpt-4o-2024-08-06", id="r1", service_tier="priority")
    assert (call.model, call.response_id, call.tier) == ("gpt-4o-2024-08-06", "r1", "priority")
    usage = {"input_tokens": 1, "output_tokens": 1, "inference_geo": "us", "speed": "fast"}
    call = read(MESSAGES, {**usage, "service_tier": "batch"}, model="claude-opus-5", id="m1")
    assert (call.model, call.response_id) == ("claude-opus-5", "m1")
    assert (call.tier, call.batch, call.geo, call.speed) == ("batch", True, "us", "fast")


def test_counts_of_an_anthropic_stream_overwrite_and_never_add() -> None:
    start = {
        "input_tokens": 60,
        "cache_read_input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
        "cache_creation_input_tokens": 3,
        "output_tokens": 3,
        "service_tier": "standard",
        "inference_geo": "us",
    }
    begun = {"type": "message_start", "message": {"model": "m", "id": "i", "usage": start}}
    call = stream(MESSAGES, begun)
    assert call.usage is not None
    assert "output" not in call.usage.quantities, "the placeholder is not the answer"
    assert call.unknown == ("output",)
    grown = {"input_tokens": 100, "output_tokens": 250, "cache_read_input_tokens": None}
    call = stream(MESSAGES, begun, {"type": "message_delta", "usage": grown})
    assert call.usage is not None
    assert call.usage.quantities == {
        "input": 100,
        "cache_read": 10,
        "cache_write_5m": 1,
        "cache_write_1h": 2,
        "output": 250,
    }
    assert (call.unknown, call.tier, call.geo) == ((), "standard", "us")


def test_the_last_usage_of_a_chat_stream_counts() -> None:
    first = {"choices": [], "usage": chat(10, 1), "id": "c"}
    last = {"choices": [], "usage": chat(10, 9), "id": "c"}
    call = stream(CHAT, first, {"choices": [], "usage": None}, last)
    assert call.usage is not None
    assert call.usage.quantities == {"input": 10, "output": 9}


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ({"type": "response.completed", "response": {"status": "completed"}}, "ok"),
        ({"type": "response.incomplete", "response": {"status": "incomplete"}}, "incomplete"),
        ({"type": "response.failed", "response": {"status": "failed"}}, "error"),
    ],
)
def test_the_last_event_of_a_response_says_how_it_ended(event: Any, outcome: str) -> None:
    assert stream(RESPONSES, event).outcome == outcome


tokens = st.integers(min_value=0, max_value=10**7)


@given(prompt=tokens, cached=tokens, written=tokens, audio=tokens, image=tokens)
def test_no_token_is_counted_twice_whatever_the_details_say(
    prompt: int, cached: int, written: int, audio: int, image: int
) -> None:
    sent = {
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "audio_tokens": audio,
        "image_tokens": image,
    }
    call = read(CHAT, chat(prompt, 0, sent))
    assert call.usage is not None
    assert all(quantity >= 0 for quantity in call.usage.quantities.values())
    assert call.usage.input_tokens == max(prompt, cached + written)
