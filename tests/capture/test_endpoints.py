"""OpenAI's endpoints beside chat, responses and embeddings: one charge, with what the wire said."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any, Literal

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.capture.openai import ENDPOINTS
from otel_cost.charge import Charge
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from otel_cost.measured import Measured
from tests.capture.endpoint_cases import (
    CASES,
    IMAGE_METERS,
    IMAGE_USAGE,
    Case,
    drawing,
    speech,
)
from tests.capture.ways import async_client, client
from tests.recording import Recording, recording
from tests.wire.openai_rows import ROWS, SPOKEN

Mode = Literal["sync", "async", "raw", "async raw", "bytes", "async bytes"]
MODES: tuple[Mode, ...] = ("sync", "async", "raw", "async raw", "bytes", "async bytes")
"""How a call is made: plainly, with `with_raw_response`, with `with_streaming_response`."""


class Since:
    """What has been recorded since: switching otel_cost on takes longer than many calls."""

    def __init__(self, whole: Recording) -> None:
        self._whole = whole
        self._charges, self._spans = len(whole.charges), len(whole.spans)

    @property
    def charges(self) -> list[Charge]:
        return self._whole.charges[self._charges :]

    @property
    def charge(self) -> Charge:
        [charge] = self.charges
        return charge

    @property
    def span(self) -> ReadableSpan:
        [span] = self._whole.spans[self._spans :]
        return span


@pytest.fixture(scope="module")
def whole() -> Iterator[Recording]:
    with recording() as made:
        yield made


@pytest.fixture
def recorded(whole: Recording) -> Since:
    return Since(whole)


@pytest.fixture(scope="module")
def providers() -> Iterator[LocalProviders]:
    with LocalProviders(further=ROWS) as running:
        yield running


def sync_client(providers: LocalProviders) -> Any:
    return client("openai", providers, http_client=openai.DefaultHttpxClient(verify=False))


def call(providers: LocalProviders, case: Case, mode: Mode) -> Any:
    """Make the call, read all of it, and give back what the application was given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK says so of some endpoints
        if mode.startswith("async"):
            return asyncio.run(_call_async(providers, case, mode))
        return _call(providers, case, mode)


def _call(providers: LocalProviders, case: Case, mode: Mode) -> Any:
    arguments = {**case.arguments, "extra_headers": header(**case.said)}
    with sync_client(providers) as made:
        if mode == "bytes":
            with _method(made, case.path, "with_streaming_response")(**arguments) as response:
                return b"".join(response.iter_bytes())
        if mode == "raw":
            result = _method(made, case.path, "with_raw_response")(**arguments).parse()
        else:
            result = _method(made, case.path)(**arguments)
        return list(result) if isinstance(result, openai.Stream) else result


async def _call_async(providers: LocalProviders, case: Case, mode: Mode) -> Any:
    arguments = {**case.arguments, "extra_headers": header(**case.said)}
    # Reading the certificates takes longer than a call.
    http = openai.DefaultAsyncHttpxClient(verify=False)
    async with async_client("openai", providers, http_client=http) as made:
        if mode == "async bytes":
            method = _method(made, case.path, "with_streaming_response")
            async with method(**arguments) as response:
                return b"".join([data async for data in response.iter_bytes()])
        if mode == "async raw":
            response = await _method(made, case.path, "with_raw_response")(**arguments)
            result = response.parse()
        else:
            result = await _method(made, case.path)(**arguments)
        return [e async for e in result] if isinstance(result, AsyncIterator) else result


def _method(made: Any, path: str, around: str | None = None) -> Callable[..., Any]:
    *resources, name = path.split(".")
    for resource in resources:
        made = getattr(made, resource)
    found: Callable[..., Any] = getattr(made if around is None else getattr(made, around), name)
    return found


def served(case: Case) -> str:
    return case.model or case.arguments["model"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_one_charge_with_what_the_wire_said(
    name: str, mode: Mode, recorded: Since, providers: LocalProviders
) -> None:
    case = CASES[name]
    call(providers, case, mode)
    charge = recorded.charge
    assert charge.usage.quantities == case.meters
    assert (charge.operation, charge.model) == (case.operation, served(case))
    assert (charge.outcome, charge.usage_source) == ("ok", case.source)
    assert (charge.context.size, charge.context.quality) == case.look
    assert (charge.cost.status, charge.cost.effective_usd) == (case.status, Decimal(case.usd or 0))
    assert recorded.span.name == " ".join(filter(None, (case.operation, charge.request_model)))


@pytest.mark.parametrize("mode", ["sync", "async", "raw", "bytes"])
def test_the_tokens_of_a_speech_are_those_that_its_last_event_says(
    mode: Mode, recorded: Since, providers: LocalProviders
) -> None:
    spoken = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    case = Case(
        "audio.speech.create",
        speech("gpt-4o-mini-tts", stream_format="sse"),
        {"input": 14, "output_audio": 101},
        "0.0012204",
        said={"usage": spoken},
    )
    call(providers, case, mode)
    charge = recorded.charge
    assert (charge.usage.quantities, charge.usage_source) == (case.meters, "provider")
    assert charge.cost.effective_usd == Decimal("0.0012204")


def test_the_application_is_given_the_sound_itself(
    recorded: Since, providers: LocalProviders
) -> None:
    assert call(providers, CASES["speech"], "bytes") == SPOKEN
    assert call(providers, CASES["speech"], "sync").content == SPOKEN
    assert len(recorded.charges) == 2


@pytest.mark.parametrize("mode", ["sync", "async", "raw", "bytes"])
def test_the_author_of_an_svg_is_charged_beside_the_one_who_draws(
    mode: Mode, recorded: Since, providers: LocalProviders
) -> None:
    author = {
        "model": "gpt-5",
        "input_tokens": 9,
        "output_tokens": 7,
        "reasoning_tokens": 3,
        "total_tokens": 16,
    }
    case = Case(
        "images.generate",
        drawing("gpt-image-2", output_format="svg", svg={"model": "gpt-5"}),
        {},
        None,
        said={"usage": IMAGE_USAGE, "body": {"svg_usage": author, "output_format": "svg"}},
    )
    call(providers, case, mode)
    parts = [(part.model, dict(part.usage.quantities)) for part in recorded.charge.parts]
    assert parts == [
        ("gpt-image-2", IMAGE_METERS),
        ("gpt-5", {"input": 9, "output": 4, "reasoning": 3}),
    ]
    assert recorded.charge.cost.status == "exact"


@pytest.mark.parametrize("name", ["images by the piece", "speech", "videos"])
def test_what_was_asked_for_and_refused_costs_nothing(
    name: str, recorded: Since, providers: LocalProviders
) -> None:
    case = CASES[name]
    refused = Case(case.path, case.arguments, {}, None, said={"status": 400})
    with pytest.raises(openai.BadRequestError):
        call(providers, refused, "sync")
    charge = recorded.charge
    assert (charge.outcome, charge.usage.quantities) == ("error", {})
    assert (charge.cost.status, charge.cost.effective_usd) == ("exact", Decimal(0))


def test_a_video_that_failed_says_nothing_of_what_it_cost(
    recorded: Since, providers: LocalProviders
) -> None:
    case = CASES["videos"]
    failed = Case(case.path, case.arguments, {}, None, said={"body": {"status": "failed"}})
    call(providers, failed, "sync")
    charge = recorded.charge
    assert (charge.outcome, charge.cost.status) == ("error", "unmetered")


def test_a_stream_of_images_that_is_left_has_no_usage(
    recorded: Since, providers: LocalProviders
) -> None:
    with sync_client(providers) as made:
        stream = made.images.generate(**drawing("gpt-image-2", stream=True, partial_images=2))
        assert next(stream).type == "image_generation.partial_image"
        stream.close()
    charge = recorded.charge
    assert charge.first_token_at is not None
    assert (charge.outcome, charge.cost.status) == ("aborted", "unmetered")


def test_the_window_of_a_background_response_is_that_of_the_request(
    recorded: Since, providers: LocalProviders
) -> None:
    with sync_client(providers) as made:
        made.responses.create(
            model="gpt-6.2-sol",
            input="hello",
            background=True,
            background_options={"completion_window": "8h"},
            extra_headers=header(usage={"input_tokens": 1_000_000, "output_tokens": 0}),
        )
    cost = recorded.charge.cost
    assert recorded.charge.context.window == "8h"
    assert (cost.status, cost.effective_usd) == ("exact", Decimal("2.4"))


def test_what_is_free_is_no_charge(recorded: Since, providers: LocalProviders) -> None:
    with sync_client(providers) as made:
        made.moderations.create(model="omni-moderation-latest", input="hello")
    assert recorded.charges == []


@pytest.mark.parametrize("body", [None, "text", b"\xff", [], {}, {"usage": None}, {"usage": "?"}])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_no_body_makes_a_reader_raise(path: str, body: Any) -> None:
    endpoint: Endpoint = ENDPOINTS[path]
    read = Measured("", "openai", "chat", 0)
    endpoint.read_body(read, body)
    endpoint.read_event(read, StreamState(), body)
    endpoint.is_content(body)
    if endpoint.read_request is not None:
        endpoint.read_request(read, body if isinstance(body, dict) else {})
    assert read.usage is None


def test_a_charge_of_every_kind_is_json(recorded: Since, providers: LocalProviders) -> None:
    for name in ("images by the piece", "transcription of a length"):
        call(providers, CASES[name], "sync")
    first, second = (Charge.as_dict(charge) for charge in recorded.charges)
    assert first["context"]["size"] == "1024x1792"
    assert second["usage"] == {"seconds": "9.5"}
