"""What the calls of the hooked SDKs cost does not depend on how much is sampled."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased

import otel_cost
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.demo.calls import chat, chat_chunks, message, message_events
from tests.recording import RESOURCE
from tests.wiring import Charges

CALLS = 200


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


class EvenIds(IdGenerator):
    """Trace ids at even distances, so that a share of 1 % is exactly two of 200."""

    def __init__(self) -> None:
        self._traces, self._spans = itertools.count(), itertools.count(1)

    def generate_trace_id(self) -> int:
        number = next(self._traces)
        return (number + 1) << 64 | ((2 * (number % CALLS) + 1) * 2**63 // CALLS)

    def generate_span_id(self) -> int:
        return next(self._spans)


def one_call(number: int, gpt: OpenAI, claude: Anthropic) -> None:
    """The call of this number: each uses something else, in one of seven ways."""
    tokens = {"prompt_tokens": 100 + number, "completion_tokens": 7 * number}
    chat_usage = {**tokens, "total_tokens": sum(tokens.values())}
    message_usage = {"input_tokens": 50 + number, "output_tokens": 3 * number}
    match number % 7:
        case 0:
            chat(gpt, usage=chat_usage)
        case 1:
            list(chat_chunks(gpt, usage=chat_usage))
        case 2:
            message(claude, usage=message_usage)
        case 3:
            list(message_events(claude, usage=message_usage))
        case 4:
            gpt.embeddings.create(model="text-embedding-3-small", input="one two three four")
        case 5:
            list(chat_chunks(gpt, counted=False))
        case _:
            with pytest.raises(BadRequestError):
                message(claude, status=400)


def spent(sampler: Sampler, providers: LocalProviders) -> tuple[list[Any], int]:
    """What 200 calls, each in a trace of its own, are charged; and how many spans are exported."""
    tracing = TracerProvider(
        sampler=sampler, resource=RESOURCE, id_generator=EvenIds(), shutdown_on_exit=False
    )
    exported = InMemorySpanExporter()
    tracing.add_span_processor(SimpleSpanProcessor(exported))
    tracing.add_span_processor(otel_cost.CostSpanProcessor())
    charges = Charges()
    tracer = tracing.get_tracer("app")
    # The Anthropic SDK makes spans of its own, which are sampled too.
    own_spans: Any = {"open_telemetry": {"tracer_provider": tracing}}
    with (
        OpenAI(base_url=providers.openai_url, api_key="test", max_retries=0) as gpt,
        Anthropic(
            base_url=providers.anthropic_url, api_key="test", max_retries=0, **own_spans
        ) as claude,
    ):
        for number in range(CALLS):
            with (
                tracer.start_as_current_span("POST /answer"),
                otel_cost.attribution(feature=f"feature-{number % 3}"),
            ):
                one_call(number, gpt, claude)
    told = [
        (c.model, c.outcome, c.usage.quantities, c.cost.status, c.cost.effective_usd, c.attribution)
        for c in charges.settled()
    ]
    assert len({charge.charge_id for charge in charges}) == len(told)
    otel_cost.shutdown()
    tracing.shutdown()
    return told, len(exported.get_finished_spans())


def ratio(share: float) -> Sampler:
    return ParentBased(TraceIdRatioBased(share))


@pytest.fixture(scope="module")
def everything(providers: LocalProviders) -> list[Any]:
    """What the calls are charged where all of them are sampled."""
    with pytest.MonkeyPatch.context() as patch, wiring.clean_slate(patch):
        charged, exported = spent(ratio(1), providers)
    assert (len(charged), exported) == (CALLS, 2 * CALLS)
    assert {status for _, _, _, status, _, _ in charged} == {"exact", "unmetered"}
    return charged


def total(charged: list[Any]) -> Decimal:
    return sum((usd for _, _, _, _, usd, _ in charged), Decimal(0))


@pytest.mark.parametrize(
    ("share", "record", "exported"),
    [(0, None, 0), (0.01, None, 4), (0.01, "llm", 4), (0.01, "all", 4)],
)
def test_the_charges_are_the_same_whatever_is_sampled(
    share: float, record: Any, exported: int, providers: LocalProviders, everything: list[Any]
) -> None:
    sampler = ratio(share) if record is None else otel_cost.CostSampler(ratio(share), record)
    charged, sent = spent(sampler, providers)
    assert sent == exported
    assert charged == everything
    assert total(charged) == total(everything) > Decimal("0.1")


def told_by_spans(sampler: Sampler, *, late: bool) -> tuple[Decimal, int, int]:
    """What calls that only spans tell of are charged: dollars, calls, and spans exported.

    `late`: the spans start without a word, as those of some libraries do.
    """
    tracing = TracerProvider(sampler=sampler, id_generator=EvenIds(), shutdown_on_exit=False)
    exported = InMemorySpanExporter()
    tracing.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
    tracing.add_span_processor(SimpleSpanProcessor(exported))
    charges = Charges()
    tracer = tracing.get_tracer("opentelemetry.instrumentation.genai.openai", "1.3b0")
    first = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    for number in range(CALLS):
        last: dict[str, str | int] = {
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.id": f"chatcmpl-{number}",
            "gen_ai.usage.input_tokens": 1000 + number,
            "gen_ai.usage.output_tokens": number,
        }
        name, started = ("work", {}) if late else ("chat gpt-4o", first)
        with tracer.start_as_current_span(name, attributes=started) as span:
            span.set_attributes({**first, **last})
    dollars = sum((c.cost.effective_usd for c in charges.settled()), Decimal(0))
    otel_cost.shutdown()
    tracing.shutdown()
    return dollars, len(charges), len(exported.get_finished_spans())


def test_calls_that_only_spans_tell_of_are_charged_where_their_spans_are_recorded() -> None:
    whole, charged, sent = told_by_spans(ratio(1), late=False)
    assert (charged, sent) == (CALLS, CALLS)
    assert whole > Decimal("0.5")
    assert told_by_spans(ratio(0.01), late=False)[1:] == (2, 2)
    recording = otel_cost.CostSampler(ratio(0.01))
    assert told_by_spans(recording, late=False) == (whole, CALLS, 2)


def test_calls_whose_spans_start_without_a_word_need_all_of_them_recorded() -> None:
    whole, _, _ = told_by_spans(ratio(1), late=True)
    assert told_by_spans(otel_cost.CostSampler(ratio(0.01), "llm"), late=True)[1:] == (2, 2)
    recording = otel_cost.CostSampler(ratio(0.01), "all")
    assert told_by_spans(recording, late=True) == (whole, CALLS, 2)
