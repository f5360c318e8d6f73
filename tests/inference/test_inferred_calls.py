"""With `OTEL_COST_INFER_USAGE`, calls without usage are estimated; charge and span say the same."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from otel_cost import attributes
from otel_cost.demo.providers import LocalProviders
from otel_cost.inference import counting
from otel_cost.measured import Measured
from tests.capture.ways import APIS, WAYS, Way, client, method
from tests.recording import Recording, recording

pytestmark = pytest.mark.usefixtures("_tiny_encodings")

STREAM = Way("chat", asynchronous=False, streamed=True)
WHOLE = Way("chat", asynchronous=False, streamed=False)


@pytest.fixture
def inferring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    monkeypatch.setenv("OTEL_COST_INFER_USAGE", "true")
    with recording() as made:
        yield made


EXPECTED: dict[str, dict[str, int]] = {
    "chat": {"input": 3 + 1 + 1 + 3, "output": 3},
    "responses": {"input": 3 + 1 + 1 + 3, "output": 3},
    "messages": {"input": 3 + 1 + 2 + 3, "output": 3},
    "embeddings": {"input": 1},
}
"""For `hello`, answered with `hello world`: by the tiny encoding, or a token for four bytes."""


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_call_without_usage_is_estimated(
    way: Way, inferring: Recording, providers: LocalProviders
) -> None:
    way.call(providers, no_usage=True, text="hello world")
    charge = inferring.charge
    assert charge.usage.quantities == EXPECTED[way.api]
    assert (charge.usage_source, charge.outcome) == ("inferred", "ok")
    assert charge.cost.status == "estimated"
    assert charge.cost.effective_usd > 0
    said: Any = inferring.span.attributes
    assert said[attributes.CHARGE_ID_KEY] == charge.charge_id
    assert said[attributes.STATUS_KEY] == "estimated"
    assert json.loads(said[attributes.USAGE_DETAILS])["total"] == charge.usage.total_tokens
    assert inferring.span.end_time == charge.ended_at


@pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
def test_reported_usage_wins(way: Way, inferring: Recording, providers: LocalProviders) -> None:
    way.call(providers, usage=APIS["chat"].usage)
    assert inferring.charge.usage.quantities == APIS["chat"].meters
    assert inferring.charge.usage_source == "provider"


@pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
def test_nothing_is_estimated_unless_asked_for(way: Way, providers: LocalProviders) -> None:
    with recording() as plain:
        way.call(providers, no_usage=True)
        assert (plain.charge.cost.status, plain.charge.usage_source) == ("unmetered", "none")


def test_a_stream_that_is_left_is_a_lower_bound(
    inferring: Recording, providers: LocalProviders
) -> None:
    with client("openai", providers) as made:
        arguments = STREAM.arguments(no_usage=True, text="hello world", chunks=50)
        with method(made, "chat")(**arguments) as stream:
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
    charge = inferring.charge
    assert (charge.outcome, charge.cost.status) == ("aborted", "partial")
    assert charge.cost.unpriced == ("output",)
    assert charge.usage.quantities["input"] == 8


def test_a_call_that_failed_is_not_estimated(
    inferring: Recording, providers: LocalProviders
) -> None:
    import openai

    with pytest.raises(openai.InternalServerError):
        WHOLE.call(providers, status=500)
    assert (inferring.charge.cost.status, inferring.charge.parts) == ("exact", ())


@pytest.mark.usefixtures("_no_tables")
def test_where_the_tables_cannot_be_had_a_call_stays_unmetered(
    inferring: Recording, providers: LocalProviders
) -> None:
    WHOLE.call(providers, no_usage=True)
    assert (inferring.charge.cost.status, inferring.charge.usage_source) == ("unmetered", "none")
    assert inferring.span.attributes is not None
    assert inferring.span.attributes[attributes.STATUS_KEY] == "unmetered"


def test_nothing_is_counted_on_the_threads_of_the_application(
    inferring: Recording, providers: LocalProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    original = counting.Inference.estimate

    def estimate(inference: counting.Inference, call: Measured) -> None:
        threads.append(threading.current_thread().name)
        original(inference, call)

    monkeypatch.setattr(counting.Inference, "estimate", estimate)
    WHOLE.call(providers, no_usage=True)
    assert inferring.charge.usage_source == "inferred"
    assert threads == ["otel_cost estimates of usage"]
