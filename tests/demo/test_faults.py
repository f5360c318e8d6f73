"""The faults that the local providers have when told so, as the real SDKs see them."""

import contextlib
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.demo.calls import (
    CHAT_USAGE,
    QUESTION,
    chat,
    chat_chunks,
    message,
    message_events,
    plain,
)


def test_requests_are_on_record(fresh_providers: LocalProviders, chat_client: OpenAI) -> None:
    chat(chat_client)
    [request] = fresh_providers.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer demo"
    assert request.body["messages"] == QUESTION
    fresh_providers.clear()
    assert fresh_providers.requests == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_openai_errors(
    chat_client: OpenAI, status: int, expected: type[openai.APIStatusError]
) -> None:
    with pytest.raises(expected) as failure:
        chat(chat_client, status=status, error={"code": "dictated"})
    assert (failure.value.status_code, failure.value.code) == (status, "dictated")


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_anthropic_errors(
    claude_client: Anthropic, status: int, expected: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(expected) as failure:
        message(claude_client, status=status)
    assert isinstance(failure.value.body, dict)
    assert failure.value.body["error"]["type"] == kind


def test_requests_that_cannot_be_answered_are_refused(
    chat_client: OpenAI, claude_client: Anthropic
) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature"):
        chat_client.chat.completions.create(model="gpt-4o", messages=QUESTION, temperature=3)
    with pytest.raises(openai.BadRequestError, match="model"):
        chat_client.chat.completions.create(model="", messages=QUESTION)
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        chat_client.models.list()
    with pytest.raises(anthropic.NotFoundError) as failure:
        claude_client.models.list()
    assert isinstance(failure.value.body, dict)
    assert failure.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        claude_client.post("/v1/messages", cast_to=object, body={"model": "m"})
    for wrong in ("{", "[]", '{"colour": "red"}'):
        with pytest.raises(openai.BadRequestError):
            chat_client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, extra_headers={"x-demo-reply": wrong}
            )


def test_a_misspelt_directive_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        header(colour="red")


@pytest.mark.parametrize("key", [None, "twice"])
def test_faults_end_after_the_given_number_of_attempts(
    fresh_providers: LocalProviders, chat_client: OpenAI, key: str | None
) -> None:
    answer = chat(chat_client, status=429, times=1, key=key, usage=CHAT_USAGE)
    assert plain(answer.usage) == CHAT_USAGE
    assert len(fresh_providers.requests) == 2
    if key:
        assert chat(chat_client, status=429, times=1, key=key).usage
        assert len(fresh_providers.requests) == 3


def seen_before_failure(stream: Iterator[Any]) -> tuple[int, Exception | None]:
    count = 0
    try:
        for _ in stream:
            count += 1
    except Exception as error:  # noqa: BLE001 - the SDKs differ in what they raise
        return count, error
    return count, None


@pytest.mark.parametrize("after", [0, 2])
def test_a_cut_stream_breaks_in_the_middle(
    chat_client: OpenAI, claude_client: Anthropic, after: int
) -> None:
    for stream in (
        chat_chunks(chat_client, cut_after=after),
        message_events(claude_client, cut_after=after),
    ):
        count, error = seen_before_failure(stream)
        assert count == after
        assert "peer closed connection" in f"{error} {error.__cause__ if error else None}"


def test_a_cut_whole_answer_never_arrives(chat_client: OpenAI) -> None:
    with pytest.raises(openai.APIConnectionError):
        chat(chat_client.with_options(max_retries=0), cut_after=0)


def test_an_error_event_fails_the_stream(chat_client: OpenAI, claude_client: Anthropic) -> None:
    with pytest.raises(openai.APIError, match="no more"):
        list(chat_chunks(chat_client, error_event_after=2, error={"message": "no more"}))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(message_events(claude_client, error_event_after=2))
    events = chat_client.responses.create(
        model="gpt-5", input="a", stream=True, extra_headers=header(error_event_after=1)
    )
    assert [e.type for e in events] == ["response.created", "error"]


@pytest.mark.parametrize("streamed", [False, True])
def test_usage_can_be_left_out(
    chat_client: OpenAI, claude_client: Anthropic, streamed: bool
) -> None:
    if streamed:
        assert all(c.choices for c in chat_chunks(chat_client, no_usage=True))
        assert "usage" not in plain(next(iter(message_events(claude_client, no_usage=True))))
    else:
        assert "usage" not in plain(chat(chat_client, no_usage=True))
        assert "usage" not in plain(message(claude_client, no_usage=True))


def test_answers_can_be_gzipped(chat_client: OpenAI, fresh_providers: LocalProviders) -> None:
    assert plain(chat(chat_client, gzip=True, usage=CHAT_USAGE).usage) == CHAT_USAGE
    assert len(list(chat_chunks(chat_client, gzip=True))) == 6
    wire = http.client.HTTPConnection(fresh_providers.anthropic_url.removeprefix("http://"))
    with contextlib.closing(wire):
        wire.request("POST", "/v1/embeddings", '{"model": "m"}', header(gzip=True))
        answer = wire.getresponse()
        assert answer.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(answer.read()))["model"] == "m"


def test_a_stream_can_be_dictated_event_by_event(chat_client: OpenAI) -> None:
    chunk = {"id": "", "object": "chat.completion.chunk", "model": "m", "choices": []}
    [seen] = chat_chunks(chat_client, events=[{**chunk, "usage": CHAT_USAGE}, "[DONE]"])
    assert plain(seen.usage) == CHAT_USAGE


def test_answers_can_be_held_back(chat_client: OpenAI) -> None:
    impatient = chat_client.with_options(max_retries=0, timeout=0.05)
    for held in ({"delay_ms": 60_000}, {"hang": True}):
        with pytest.raises(openai.APITimeoutError):
            chat(impatient, **held)
    stream = chat_chunks(impatient, pause_ms=60_000)
    assert next(stream)
    with pytest.raises((openai.APITimeoutError, openai.APIConnectionError)):
        next(stream)


def test_stopping_ends_every_thread_and_frees_who_waits() -> None:
    before = set(threading.enumerate())
    failures: list[Exception] = []
    with LocalProviders(record=False) as local:
        client = OpenAI(base_url=local.openai_url, api_key="demo", max_retries=0)
        with (
            client,
            client.chat.completions.create(
                model="gpt-4o",
                messages=QUESTION,
                stream=True,
                extra_headers=header(pause_ms=60_000),
            ) as stream,
        ):
            next(stream)

            def wait() -> None:
                try:
                    chat(client, hang=True)
                except openai.APIConnectionError as error:
                    failures.append(error)

            waiting = threading.Thread(target=wait)
            waiting.start()
            assert local.requests == []
            local.__exit__(None, None, None)
            waiting.join()
    assert len(failures) == 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="context manager"):
        _ = local.openai_url
