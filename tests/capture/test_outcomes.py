"""Calls that do not end well: each says so, and none gets an invented cost."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.capture.ways import (
    APIS,
    HELLO,
    MESSAGES_USAGE,
    Way,
    async_client,
    client,
    method,
)
from tests.recording import Recording

CHAT = Way("chat", asynchronous=False, streamed=False)
CHAT_STREAM = Way("chat", asynchronous=False, streamed=True)
MESSAGES = Way("messages", asynchronous=False, streamed=False)
MESSAGES_STREAM = Way("messages", asynchronous=False, streamed=True)
RESPONSES_STREAM = Way("responses", asynchronous=False, streamed=True)

ZERO_USAGE = '{"input":0,"output":0,"total":0}'
ZERO_COST = '{"total":0}'


@pytest.fixture
def openai_client(providers: LocalProviders) -> Iterator[openai.OpenAI]:
    with client("openai", providers) as made:
        yield made


@pytest.fixture
def anthropic_client(providers: LocalProviders) -> Iterator[anthropic.Anthropic]:
    with client("anthropic", providers) as made:
        yield made


@pytest.mark.parametrize("way", [CHAT, CHAT_STREAM, MESSAGES, MESSAGES_STREAM], ids=str)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_refused_call_costs_nothing_and_says_so(
    way: Way, status: int, recorded: Recording, providers: LocalProviders
) -> None:
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as raised:
        way.call(providers, status=status)
    assert f"Error code: {status}" in str(raised.value)
    charge, span = recorded.charge, recorded.span
    assert (charge.outcome, charge.cost.status) == ("error", "exact")
    assert charge.cost.effective_usd == 0
    assert not charge.parts
    said: Any = span.attributes
    assert said["langfuse.observation.usage_details"] == ZERO_USAGE
    assert said["langfuse.observation.cost_details"] == ZERO_COST
    assert said["langfuse.observation.level"] == "ERROR"
    assert said["error.type"] == type(raised.value).__name__
    assert "gen_ai.usage.cost" not in said
    assert not span.status.is_ok


def test_a_call_that_never_left_costs_nothing(recorded: Recording) -> None:
    with (
        openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="x", max_retries=0) as made,
        pytest.raises(openai.APIConnectionError),
    ):
        method(made, "chat")(model="gpt-4o", messages=HELLO)
    assert (recorded.charge.outcome, recorded.charge.cost.status) == ("error", "exact")


def test_a_call_that_timed_out_has_an_unknown_cost(
    recorded: Recording, openai_client: openai.OpenAI
) -> None:
    with pytest.raises(openai.APITimeoutError):
        method(openai_client, "chat")(**CHAT.arguments(hang=True), timeout=0.2)
    charge, said = recorded.charge, recorded.span.attributes
    assert said is not None
    assert (charge.outcome, charge.cost.status) == ("error", "unmetered")
    assert said["langfuse.observation.level"] == "WARNING"
    assert said["langfuse.observation.cost_details"] == ZERO_COST


def _leave_alone(stream: Any) -> None:
    pass


def _break(stream: Any) -> None:
    for _ in stream:
        break


def _close(stream: Any) -> None:
    next(iter(stream))
    stream.close()


def _leave_block(stream: Any) -> None:
    with stream:
        next(iter(stream))


LEAVINGS: list[Callable[[Any], None]] = [_leave_alone, _break, _close, _leave_block]


@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", [CHAT_STREAM, RESPONSES_STREAM, MESSAGES_STREAM], ids=str)
def test_an_abandoned_stream_is_named_as_such(
    way: Way, leave: Callable[[Any], None], recorded: Recording, providers: LocalProviders
) -> None:
    api = APIS[way.api]
    with client(api.sdk, providers) as made:
        stream = method(made, way.api)(**way.arguments(usage=api.usage, chunks=50))
        leave(stream)
        del stream
        gc.collect()
        charge = recorded.charge
    assert charge.outcome == "aborted"
    if way.api == "messages" and leave is not _leave_alone:
        # message_start said what was sent; the output it names is a placeholder.
        assert charge.cost.status == "partial"
        assert charge.cost.unpriced == ("output",)
        assert "output" not in charge.usage.quantities
        assert charge.usage.input_tokens == 5900
    else:
        assert charge.cost.status == "unmetered"
    said: Any = recorded.span.attributes
    assert said["langfuse.observation.level"] == "WARNING"
    assert "gen_ai.usage.output_tokens" not in said
    cost = json.loads(said["langfuse.observation.cost_details"], parse_float=Decimal)
    assert cost["total"] == charge.cost.effective_usd


def test_a_stream_left_after_its_last_event_is_whole(
    recorded: Recording, openai_client: openai.OpenAI
) -> None:
    stream = method(openai_client, "responses")(**RESPONSES_STREAM.arguments())
    for event in stream:
        if event.type == "response.completed":
            break
    stream.close()
    assert (recorded.charge.outcome, recorded.charge.cost.status) == ("ok", "exact")


def test_a_chat_stream_without_usage_is_unmetered(
    recorded: Recording, openai_client: openai.OpenAI
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=HELLO,  # type: ignore[arg-type]
        stream=True,
    )
    assert list(stream)
    charge = recorded.charge
    assert (charge.outcome, charge.cost.status, charge.usage_source) == (
        "ok",
        "unmetered",
        "not_requested",
    )


@pytest.mark.parametrize("way", [CHAT_STREAM, MESSAGES_STREAM], ids=str)
def test_a_stream_the_server_cuts_is_incomplete(
    way: Way, recorded: Recording, providers: LocalProviders
) -> None:
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection"):
        way.call(providers, cut_after=2, chunks=10)
    charge = recorded.charge
    assert charge.outcome == "incomplete"
    assert charge.cost.status in {"unmetered", "partial"}


@pytest.mark.parametrize("way", [CHAT_STREAM, MESSAGES_STREAM], ids=str)
def test_a_stream_that_fails_half_way_is_an_error(
    way: Way, recorded: Recording, providers: LocalProviders
) -> None:
    with pytest.raises((openai.APIError, anthropic.APIError)):
        way.call(providers, error_event_after=2, chunks=10)
    charge = recorded.charge
    assert charge.outcome == "error"
    assert charge.cost.status in {"unmetered", "partial"}


@pytest.mark.parametrize("way", [CHAT, MESSAGES], ids=str)
def test_retries_are_one_charge(way: Way, recorded: Recording, providers: LocalProviders) -> None:
    api = APIS[way.api]
    with client(api.sdk, providers, max_retries=2) as made:
        method(made, way.api)(**way.arguments(status=429, times=1, headers={"retry-after-ms": "1"}))
    assert (recorded.charge.outcome, recorded.charge.cost.status) == ("ok", "exact")
    assert len(recorded.spans) == 1


@pytest.mark.parametrize("way", [CHAT, MESSAGES], ids=str)
def test_a_model_without_a_price_is_unpriced(
    way: Way, recorded: Recording, providers: LocalProviders
) -> None:
    way.call(providers, model="brand-new-model-9", usage=APIS[way.api].usage)
    charge, said = recorded.charge, recorded.span.attributes
    assert said is not None
    assert charge.cost.status == "unpriced"
    assert charge.cost.effective_usd == 0
    assert set(charge.cost.unpriced) == set(APIS[way.api].meters)
    assert charge.usage.quantities == APIS[way.api].meters
    assert said["langfuse.observation.cost_details"] == ZERO_COST
    assert said["langfuse.observation.level"] == "WARNING"
    assert "gen_ai.usage.cost" not in said


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_cancelled_call_is_aborted(
    api: str, recorded: Recording, providers: LocalProviders
) -> None:
    arguments = Way(api, asynchronous=True, streamed=False).arguments(hang=True)

    async def cancel() -> None:
        async with async_client(APIS[api].sdk, providers) as made:
            task = asyncio.ensure_future(method(made, api)(**arguments))
            while not any("hang" in r.headers.get("x-demo-reply", "") for r in providers.requests):
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    providers.clear()
    asyncio.run(cancel())
    assert (recorded.charge.outcome, recorded.charge.cost.status) == ("aborted", "unmetered")


def test_a_parser_that_raises_does_not_hide_what_was_billed(
    recorded: Recording, openai_client: openai.OpenAI
) -> None:
    import pydantic

    class Answer(pydantic.BaseModel):
        number: int

    with pytest.raises(pydantic.ValidationError):
        openai_client.chat.completions.parse(
            model="gpt-4o",
            messages=HELLO,  # type: ignore[arg-type]
            response_format=Answer,
            extra_headers=header(text="not json", usage=APIS["chat"].usage),
        )
    charge = recorded.charge
    assert charge.outcome == "ok"
    assert charge.usage.quantities == APIS["chat"].meters


def test_the_placeholder_of_message_start_is_never_the_answer(
    recorded: Recording, providers: LocalProviders
) -> None:
    started = {**MESSAGES_USAGE, "output_tokens": 3}
    MESSAGES_STREAM.call(providers, usage=MESSAGES_USAGE, start_usage=started)
    assert recorded.charge.usage.quantities == APIS["messages"].meters


def test_an_answer_that_is_no_json_is_still_a_charge(recorded: Recording) -> None:
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, text="<html>a gateway</html>"))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=answer)) as made:
        raw = made.chat.completions.with_raw_response.create(**CHAT.arguments())
    assert raw.text == "<html>a gateway</html>"
    assert (recorded.charge.outcome, recorded.charge.cost.status) == ("ok", "unmetered")
    assert len(recorded.spans) == 1
