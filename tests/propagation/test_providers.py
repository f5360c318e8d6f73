"""Shows that no provider gets to know whom a call is for, whatever else is on.

The provider is on the allow-list here, by a mistake of whoever made it: so nothing but the hooks
stands between it and the names. What arrives is looked at as it came, byte by byte.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import unquote_plus

import anthropic
import httpx2
import openai
import pytest
from langfuse import propagate_attributes
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

import otel_cost
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from otel_cost.demo.server import Request
from tests import wiring
from tests.capture.ways import HELLO, WAYS, async_client, client
from tests.websocket_server import WebsocketServer

BY_MISTAKE = "127.0.0.1,localhost,0.0.0.0/0,::/0,*.com,queue:*"
NAMES = ("zebra", "giraffe", "okapi", "quokka", "axolotl", "pangolin", "ünder")
"""Everything that anybody says here has one of these in it."""
OURS = ("otel-cost", "otel_cost", "langfuse", "app.feature")


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", BY_MISTAKE)
        monkeypatch.setenv("OTEL_COST_PROPAGATION_KEY", "a key that somebody has set")
        monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "feature=app.feature,tag.x=x-okapi")
        yield


class Heads(list[bytes]):
    """First line and headers of every request, as they came."""

    def arriving(self, request: Request) -> Request:
        self.append(request.head)
        return request

    def tell(self) -> list[str]:
        """What of all this says whom a call is for."""
        texts = [unquote_plus(head.decode("latin-1")).lower() for head in self]
        secrets = (*NAMES, *OURS, "ünder".encode().decode("latin-1"))
        return [f"{secret} in {text}" for text in texts for secret in secrets if secret in text]


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads()


@pytest.fixture(scope="module")
def watched(heads: Heads) -> Iterator[LocalProviders]:
    with LocalProviders(arriving=heads.arriving) as running:
        yield running


@contextmanager
def everything_said() -> Iterator[None]:
    """Attribution by every way there is."""
    with ExitStack() as stack:
        context = otel_context.get_current()
        for key, value in {
            "otel_cost.team": "giraffe",
            "otel_cost.tag.animal": "ünder & quokka",
            "app.feature": "zebra",
            "x-okapi": "okapi",
            "harmless": "1",
        }.items():
            context = baggage.set_baggage(key, value, context)
        stack.callback(otel_context.detach, otel_context.attach(context))
        stack.enter_context(
            propagate_attributes(user_id="axolotl", metadata={"team": "pangolin"}, as_baggage=True)
        )
        stack.enter_context(otel_cost.attribution(feature="zebra", user_id="ünder", x="quokka"))
        yield


Around = Callable[[], Any]
SUPPRESSED: dict[str, Around | None] = {
    "none": None,
    "httpx2": nullcontext,
    "httpx2-http-suppressed": suppress_http_instrumentation,
    "httpx2-suppressed": suppress_instrumentation,
}


@contextmanager
def scene(http: str, *, sampled: bool) -> Iterator[TracerProvider]:
    """HTTP instrumentation, if any, and a server span, sampled or not."""
    provider = TracerProvider(shutdown_on_exit=False, sampler=ALWAYS_ON if sampled else ALWAYS_OFF)
    around = SUPPRESSED[http]
    instrumentor = HTTPX2ClientInstrumentor()
    if around is not None:
        instrumentor.instrument(tracer_provider=provider)
    try:
        with (
            provider.get_tracer("web").start_as_current_span("GET /"),
            nullcontext() if around is None else around(),
        ):
            yield provider
    finally:
        if around is not None:
            instrumentor.uninstrument()


MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": HELLO}
CHAT = {"model": "gpt-4o", "messages": HELLO}
RETRIED = header(status=429, times=1)


def unverified(kind: type[Any]) -> dict[str, Any]:
    """An HTTP client that need not load the certificates of the world."""
    return {"max_retries": 1, "http_client": kind(verify=False)}


def calls_of(providers: LocalProviders, **claude: Any) -> None:
    """Calls of every kind: billed and not, streamed, raw, retried, refused."""
    with client("openai", providers, **unverified(httpx2.Client)) as gpt:
        gpt.chat.completions.create(**CHAT)
        list(gpt.chat.completions.create(**CHAT, stream=True))
        gpt.chat.completions.create(**CHAT, extra_headers=RETRIED)
        gpt.responses.create(model="gpt-5", input="hello")
        gpt.chat.completions.with_raw_response.create(**CHAT)
        with gpt.chat.completions.with_streaming_response.create(**CHAT) as response:
            response.read()
        for unbilled in (gpt.models.list, gpt.files.list, gpt.batches.list):
            with suppress(openai.NotFoundError):
                unbilled()
    with client("anthropic", providers, **unverified(httpx2.Client), **claude) as made:
        made.messages.create(**MESSAGE)
        list(made.messages.create(**MESSAGE, stream=True))
        made.messages.create(**MESSAGE, extra_headers=RETRIED)
        with made.messages.stream(**MESSAGE) as stream:
            stream.get_final_message()
        with suppress(anthropic.NotFoundError):
            made.messages.count_tokens(model="claude-haiku-4-5", messages=HELLO)
        for unbilled in (made.models.list, made.messages.batches.list, made.beta.files.list):
            with suppress(anthropic.NotFoundError):
                unbilled()


async def async_calls_of(providers: LocalProviders, **claude: Any) -> None:
    """Some of them asynchronously."""
    async with async_client("openai", providers, **unverified(httpx2.AsyncClient)) as gpt:
        await gpt.chat.completions.create(**CHAT, extra_headers=RETRIED)
        async for _ in await gpt.chat.completions.create(**CHAT, stream=True):
            pass
        with suppress(openai.NotFoundError):
            await gpt.models.list()
    async with async_client(
        "anthropic", providers, **unverified(httpx2.AsyncClient), **claude
    ) as made:
        await made.messages.create(**MESSAGE, extra_headers=RETRIED)
        async for _ in await made.messages.create(**MESSAGE, stream=True):
            pass
        with suppress(anthropic.NotFoundError):
            await made.messages.count_tokens(model="claude-haiku-4-5", messages=HELLO)


NOT_OURS = "no propagator of ours"
REQUESTS = 27
"""How many requests those are, retries included."""
OF_ANTHROPIC = 13


def make_all(providers: LocalProviders, provider: TracerProvider) -> None:
    with everything_said():
        native = {"open_telemetry": {"tracer_provider": provider}}
        calls_of(providers, **native)
        asyncio.run(async_calls_of(providers, **native))


@pytest.mark.parametrize(
    ("by", "http"),
    [
        *(("header", http) for http in SUPPRESSED),
        *((by, http) for by in ("baggage", NOT_OURS) for http in ("none", "httpx2")),
    ],
)
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "unsampled"])
def test_no_provider_is_told(
    by: str,
    http: str,
    sampled: bool,
    watched: LocalProviders,
    heads: Heads,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = by != NOT_OURS
    if ours:
        monkeypatch.setenv("OTEL_COST_WIRE", by)
    with scene(http, sampled=sampled) as provider:
        (otel_cost.configure if ours else otel_cost.instrument)(provider)
        heads.clear()
        make_all(watched, provider)
        told: dict[str, str] = {"host": "127.0.0.1"}
        with everything_said():
            propagate.inject(told)
    assert len(heads) == REQUESTS
    assert heads.tell() == []
    assert any(b"harmless" in head for head in heads), "baggage is sent, but for the names"
    assert "zebra" in told["otel-cost" if by == "header" else "baggage"], "others are told"


@pytest.mark.parametrize("http", ["none", "httpx2"])
def test_the_provider_would_be_told_by_the_same_calls_without_hooks(
    http: str, watched: LocalProviders, heads: Heads
) -> None:
    with scene(http, sampled=True) as provider:
        otel_cost.configure(provider)
        otel_cost.uninstrument()
        heads.clear()
        make_all(watched, provider)
    assert len(heads) == REQUESTS
    told = sum(b"otel-cost: feature=zebra" in head for head in heads)
    assert told == (REQUESTS if http == "httpx2" else OF_ANTHROPIC)
    assert {name for name in NAMES if any(name in line for line in heads.tell())} == {*NAMES}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_way_of_calling_tells_nothing(way: Any, watched: LocalProviders, heads: Heads) -> None:
    with scene("httpx2", sampled=True) as provider:
        otel_cost.configure(provider)
        heads.clear()
        with everything_said():
            way.call(watched)
    assert len(heads) == 1
    assert heads.tell() == []


def test_other_services_are_told_while_an_answer_is_read(providers: LocalProviders) -> None:
    def told() -> bool:
        carrier = {"host": "127.0.0.1"}
        propagate.inject(carrier)
        return "otel-cost" in carrier

    with scene("none", sampled=True) as provider, client("openai", providers) as gpt:
        otel_cost.configure(provider)
        with everything_said():
            seen = [told() for _ in gpt.chat.completions.create(**CHAT, stream=True)]
            with gpt.chat.completions.with_streaming_response.create(**CHAT):
                seen.append(told())
            with suppress(openai.NotFoundError):
                gpt.models.list()
            seen.append(told())
    assert len(seen) > 3
    assert all(seen)


def test_websockets_tell_nothing() -> None:
    with WebsocketServer() as server, scene("httpx2", sampled=True) as provider:
        otel_cost.configure(provider)
        server.plays({"type": "session.created"})
        gpt = openai.OpenAI(api_key="x", websocket_base_url=server.url)
        with everything_said(), gpt.realtime.connect(model="gpt-realtime") as connection:
            connection.recv()  # it has read what the connection came with
        heads = Heads(server.heads)
    assert len(heads) == 1
    assert heads.tell() == []
