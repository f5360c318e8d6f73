"""Asking chat streams for usage: where, where not, and that the application sees none of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import openai
import pytest

from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.capture.rerouted import async_openai_at, azure, openai_at
from tests.capture.ways import CHAT_USAGE, HELLO
from tests.recording import Recording, recording

OFFICIAL = "api.openai.com"
ASKED = {"include_usage": True}

Make = Callable[[LocalProviders], openai.OpenAI]


def arguments(**more: Any) -> dict[str, Any]:
    """Those of a chat stream."""
    said = header(usage=CHAT_USAGE, id="same")
    return {"model": "gpt-4o", "messages": HELLO, "stream": True, "extra_headers": said, **more}


def stream(client: openai.OpenAI, **more: Any) -> list[Any]:
    """A chat stream, read to its end."""
    return list(client.chat.completions.create(**arguments(**more)))


def sent(providers: LocalProviders) -> Mapping[str, Any]:
    """The body of the one request that arrived."""
    [request] = providers.requests
    body: Mapping[str, Any] = request.body
    return body


@pytest.mark.parametrize(
    ("make", "asks"),
    [
        pytest.param(lambda p: openai_at(OFFICIAL, p), True, id="official"),
        pytest.param(lambda p: openai_at("eu.api.openai.com", p), True, id="regional"),
        pytest.param(lambda p: azure("2024-10-21", p), True, id="azure"),
        pytest.param(lambda p: azure("2024-09-01-preview", p), True, id="azure-preview"),
        pytest.param(lambda p: azure("2024-06-01", p), False, id="azure-old"),
        pytest.param(
            lambda p: openai_at("shop.openai.azure.com/openai/v1", p), True, id="azure-v1"
        ),
        pytest.param(lambda p: openai_at("api.mistral.ai", p), False, id="mistral"),
        pytest.param(lambda p: openai_at("gateway.example", p), False, id="unknown"),
        pytest.param(lambda p: openai_at("notapi.openai.com", p), False, id="lookalike"),
    ],
)
def test_only_servers_that_are_known_to_understand_are_asked(
    make: Make, asks: bool, recorded: Recording, fresh_providers: LocalProviders
) -> None:
    with make(fresh_providers) as client:
        chunks = stream(client)
    assert (sent(fresh_providers).get("stream_options") == ASKED) is asks
    assert all(chunk.choices for chunk in chunks)
    charge = recorded.charge
    assert charge.outcome == "ok"
    if asks:
        assert (charge.usage_source, charge.usage.input_tokens) == ("provider", 2000)
    else:
        assert (charge.usage_source, charge.cost.status) == ("not_requested", "unmetered")


def test_where_usage_was_not_asked_for_charge_and_span_say_so(
    recorded: Recording, providers: LocalProviders
) -> None:
    with openai_at("gateway.example", providers) as client:
        stream(client)
    assert recorded.charge.as_dict()["usage_source"] == "not_requested"
    said = recorded.span.attributes or {}
    assert "stream_options.include_usage" in str(said["langfuse.observation.status_message"])
    assert said["langfuse.observation.level"] == "WARNING"


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({"stream_options": ASKED}, ASKED),
        ({"stream_options": {"include_usage": False}}, {"include_usage": False}),
        ({"stream_options": {"include_obfuscation": False}}, {"include_obfuscation": False}),
        ({"extra_body": {"stream_options": {"include_usage": False}}}, {"include_usage": False}),
        ({"extra_body": {"data_sources": []}}, None),
        ({"stream": False}, None),
    ],
    ids=["asked", "declined", "other-option", "extra-body", "own-data", "no-stream"],
)
@pytest.mark.parametrize("policy", ["auto", "always"])
def test_never_against_what_the_application_says_itself(
    more: dict[str, Any],
    options: Any,
    policy: str,
    fresh_providers: LocalProviders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_COST_INCLUDE_USAGE", policy)
    with recording(), openai_at(OFFICIAL, fresh_providers) as client:
        list(client.chat.completions.create(**arguments(**more)))
    assert sent(fresh_providers).get("stream_options") == options


@pytest.mark.parametrize("policy", ["auto", "always"])
@pytest.mark.parametrize("mode", ["with_raw_response", "with_streaming_response"])
def test_never_where_the_application_reads_the_bytes(
    mode: str, policy: str, fresh_providers: LocalProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_INCLUDE_USAGE", policy)
    with recording() as recorded, openai_at(OFFICIAL, fresh_providers) as client:
        create = getattr(client.chat.completions, mode).create
        if mode == "with_raw_response":
            list(create(**arguments()).parse())
        else:
            with create(**arguments()) as response:
                response.read()
        assert "stream_options" not in sent(fresh_providers)
        charge = recorded.charge
        assert (charge.outcome, charge.usage_source) == ("ok", "not_requested")


@pytest.mark.parametrize(
    ("policy", "host", "asks"),
    [("never", OFFICIAL, False), ("always", "gateway.example", True)],
)
def test_a_setting_decides_for_all_hosts(
    policy: str,
    host: str,
    asks: bool,
    fresh_providers: LocalProviders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_COST_INCLUDE_USAGE", policy)
    with recording(), openai_at(host, fresh_providers) as client:
        stream(client)
    assert ("stream_options" in sent(fresh_providers)) is asks


def seen(client: openai.OpenAI) -> list[Any]:
    """All that an application can see of the chunks of a stream."""
    return [(c.to_dict(), c.to_json(), repr(c), sorted(c.model_fields_set)) for c in stream(client)]


def test_the_application_sees_what_it_would_have_seen(providers: LocalProviders) -> None:
    with openai_at(OFFICIAL, providers) as client:
        plain = seen(client)
        with recording():
            assert seen(client) == plain


def test_an_asynchronous_application_does_too(
    recorded: Recording, fresh_providers: LocalProviders
) -> None:
    async def read() -> list[Any]:
        async with async_openai_at(OFFICIAL, fresh_providers) as client:
            return [chunk async for chunk in await client.chat.completions.create(**arguments())]

    chunks = asyncio.run(read())
    assert sent(fresh_providers)["stream_options"] == ASKED
    assert all(chunk.choices and "usage" not in chunk.model_fields_set for chunk in chunks)
    assert recorded.charge.usage.input_tokens == 2000


def test_the_helper_s_final_completion_is_as_before(
    recorded: Recording, fresh_providers: LocalProviders
) -> None:
    said = {k: v for k, v in arguments().items() if k != "stream"}
    with (
        openai_at(OFFICIAL, fresh_providers) as client,
        client.chat.completions.stream(**said) as helper,
    ):
        assert helper.get_final_completion().usage is None
    assert recorded.charge.usage.input_tokens == 2000


def test_the_application_s_own_arguments_stay_as_they_are(
    recorded: Recording, fresh_providers: LocalProviders
) -> None:
    said = arguments()
    before = {**said}
    with openai_at(OFFICIAL, fresh_providers) as client:
        list(client.chat.completions.create(**said))
        list(client.chat.completions.create(**said))
    assert said == before
    assert [r.body["stream_options"] for r in fresh_providers.requests] == [ASKED, ASKED]


def test_only_the_chunk_that_asking_brought_is_hidden(
    recorded: Recording, providers: LocalProviders
) -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    said = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}
    events = [
        {**chunk, "choices": [], "prompt_filter_results": [], "usage": None},
        {**chunk, "choices": [said], "usage": CHAT_USAGE},
        {**chunk, "choices": [], "usage": CHAT_USAGE},
        "[DONE]",
    ]
    with openai_at(OFFICIAL, providers) as client:
        chunks = stream(client, extra_headers=header(events=events))
    assert [bool(c.choices) for c in chunks] == [False, True]
    assert chunks[0].model_extra == {"prompt_filter_results": []}
