"""Many calls at once, many streams dropped, one endless: all charged, none mixed up, no growth."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost.charge import Charge
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.capture.ways import HELLO, async_client, client
from tests.sizes import full_size

THREADS = 64
TASKS = 500 if full_size else 200
CALLS = 20 if full_size else 2
"""How many calls each thread makes; a task makes half as many."""
ABANDONED = 10_000 if full_size else 500
CHUNKS = 1_000_000 if full_size else 3_000
REMEMBERED = 600 if full_size else 100
"""Before this many calls, memory grows with what is remembered of the latest of them."""
SPARE = 4_000
"""Blocks of memory that may be taken meanwhile: what is kept of 256 clients' addresses at most is
3,000; a call that is kept is 15 at least, for each stream."""

CHAT = {"model": "gpt-4o", "messages": HELLO}
STREAM = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
MESSAGE = {"model": "claude-haiku-4-5", "messages": HELLO, "max_tokens": 9}
WAYS = ("chat", "chat stream", "messages", "messages stream")


@pytest.fixture
def charges() -> Iterator[list[Charge]]:
    """otel_cost on, with a processor on a provider that exports nothing."""
    with switched_on() as found:
        yield found


@contextmanager
def switched_on(keep: bool = True) -> Iterator[list[Charge]]:
    provider = TracerProvider()
    provider.add_span_processor(otel_cost.CostSpanProcessor())
    found: list[Charge] = []
    if keep:
        otel_cost.add_sink(found.append)
    try:
        yield found
    finally:
        otel_cost.shutdown()
        provider.shutdown()


def said(name: str, tokens: int) -> dict[str, str]:
    """An answer that only the call of that name gets, in the words of both providers."""
    chat = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
    return header(id=name, usage={**chat, "input_tokens": tokens, "output_tokens": 1}, delay_ms=20)


def asks_usage(way: str) -> dict[str, Any]:
    """What a chat stream has to ask for."""
    return {"stream_options": {"include_usage": True}} if "chat" in way else {}


def calls(worker: int, count: int) -> Iterator[tuple[str, str, int]]:
    """The calls that one worker makes: a way each, a name, and the tokens it is to be charged."""
    for number in range(count):
        yield WAYS[(worker + number) % 4], f"{worker}-{number}", 1000 + worker * 100 + number


def right(charges: list[Charge], workers: int, each: int) -> None:
    """Every call is charged once, with its own usage, to who made it."""
    expected = {
        name: (f"feature-{worker}", f"user-{name}", tokens)
        for worker in range(workers)
        for _, name, tokens in calls(worker, each)
    }
    assert otel_cost.flush(30)
    assert Counter(c.response_id for c in charges) == Counter(list(expected))
    for charge in charges:
        who = charge.attribution
        found = (who.feature, who.user_id, charge.usage.input_tokens)
        assert found == expected[str(charge.response_id)]
        assert charge.outcome == "ok"


def test_threads_get_a_charge_for_every_call_and_nobody_else_s(
    charges: list[Charge], providers: LocalProviders
) -> None:
    with (
        client("openai", providers, timeout=60) as chat,
        client("anthropic", providers, timeout=60) as messages,
    ):

        def call(way: str, answer: dict[str, str]) -> None:
            made = chat.chat.completions if "chat" in way else messages.messages
            arguments = CHAT if "chat" in way else MESSAGE
            if "stream" in way:
                list(made.create(**arguments, **asks_usage(way), stream=True, extra_headers=answer))
            else:
                made.create(**arguments, extra_headers=answer)

        def work(worker: int) -> None:
            with otel_cost.attribution(feature=f"feature-{worker}"):
                for way, name, tokens in calls(worker, CALLS):
                    with otel_cost.attribution(user_id=f"user-{name}"):
                        call(way, said(name, tokens))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
    right(charges, THREADS, CALLS)


def test_tasks_get_a_charge_for_every_call_and_nobody_else_s(
    charges: list[Charge], providers: LocalProviders
) -> None:
    asyncio.run(_tasks(providers))
    right(charges, TASKS, CALLS // 2)


async def _tasks(providers: LocalProviders) -> None:
    async with (
        async_client("openai", providers, timeout=60) as chat,
        async_client("anthropic", providers, timeout=60) as messages,
    ):

        async def call(way: str, answer: dict[str, str]) -> None:
            made = chat.chat.completions if "chat" in way else messages.messages
            arguments = CHAT if "chat" in way else MESSAGE
            if "stream" in way:
                more = asks_usage(way)
                async for _ in await made.create(
                    **arguments, **more, stream=True, extra_headers=answer
                ):
                    pass
            else:
                await made.create(**arguments, extra_headers=answer)

        async def work(worker: int) -> None:
            with otel_cost.attribution(feature=f"feature-{worker}"):
                for way, name, tokens in calls(worker, CALLS // 2):
                    with otel_cost.attribution(user_id=f"user-{name}"):
                        await call(way, said(name, tokens))

        await asyncio.gather(*map(work, range(TASKS)))


def growth(work: Callable[[], None]) -> int:
    """How many more blocks of memory there are after `work` than before."""
    gc.collect()
    before = sys.getallocatedblocks()
    work()
    gc.collect()  # the SDK leaves a few streams in cycles
    assert otel_cost.flush(30)
    gc.collect()
    return sys.getallocatedblocks() - before


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of sockets that the SDK leaves open
def test_abandoned_streams_leave_nothing_behind(
    record_property: Callable[[str, object], None],
) -> None:
    quiet = LocalProviders(record=False)
    with switched_on(keep=False), quiet:
        ended: Counter[str] = Counter()
        otel_cost.add_sink(lambda charge: ended.update([charge.outcome]))

        def abandon(streams: int) -> None:
            # The SDK keeps the connection of a stream that was never read as long as its client.
            for _ in range(streams // 50):
                with client("openai", quiet) as chat:
                    for number in range(50):
                        stream = chat.chat.completions.create(**STREAM)
                        if number % 2:
                            next(stream)
                        del stream

        abandon(REMEMBERED)
        grown = growth(lambda: abandon(ABANDONED))
    assert ended == {"aborted": ABANDONED + REMEMBERED}
    assert grown < SPARE
    record_property("claim", f"{ABANDONED:,} abandoned streams: {grown:+,} blocks of memory")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_memory_of_a_long_stream_is_flat(
    record_property: Callable[[str, object], None],
) -> None:
    quiet = LocalProviders(record=False)
    with switched_on() as charges, quiet, client("openai", quiet) as chat:
        stream = chat.chat.completions.create(**STREAM, extra_headers=header(chunks=CHUNKS))

        def read(chunks: int) -> None:
            for _ in range(chunks):
                next(stream)

        read(1_000)
        grown = growth(lambda: read(CHUNKS - 1_000))
        list(stream)
        assert otel_cost.flush(10)
    [charge] = charges
    assert (charge.outcome, charge.usage_source) == ("ok", "provider")
    assert grown < SPARE
    record_property("claim", f"{CHUNKS:,} chunks through one stream: {grown:+,} blocks of memory")
