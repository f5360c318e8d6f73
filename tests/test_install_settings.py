"""Shows what settings and arguments switch on, and that bad ones are named and harm nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import openai._base_client
import pytest
from openai import OpenAI
from opentelemetry import trace

import otel_cost
from otel_cost.demo.providers import LocalProviders
from tests import ledgers, programs, wiring
from tests.demo.calls import chat
from tests.programs import CALLS
from tests.wiring import Charges, Provider

UNTOUCHED = openai._base_client.SyncAPIClient.__dict__["request"]


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


@pytest.fixture(scope="module")
def gpt(providers: LocalProviders) -> Iterator[OpenAI]:
    with wiring.clients(providers) as (client, _):
        yield client


ALL_ON = """
import threading
from opentelemetry import trace
original = openai._base_client.SyncAPIClient.request
otel_cost.configure()
otel_cost.instrument()
otel_cost.CostSpanProcessor()
otel_cost.add_sink(print)
chat()
print(otel_cost.flush(), openai._base_client.SyncAPIClient.request is original)
print(type(trace.get_tracer_provider()).__name__, signal.getsignal(signal.SIGTERM).name)
print(threading.active_count(), otel_cost.shutdown())
"""


@pytest.mark.parametrize("name", ["OTEL_COST_DISABLED", "OTEL_SDK_DISABLED"])
def test_disabled_means_nothing_at_all(
    providers: LocalProviders, tmp_path: Path, name: str
) -> None:
    environ = {name: "true", "OTEL_COST_LEDGER": ledgers.url(tmp_path / "ledger.db")}
    expected = ["True True", "ProxyTracerProvider SIG_DFL", "1 True"]
    assert programs.output(CALLS + ALL_ON, programs.towards(providers, **environ)) == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: otel_cost.instrument(5), TypeError, "tracer_provider .*5"),  # type: ignore[arg-type]
        (lambda: otel_cost.configure("no"), TypeError, "tracer_provider .*'no'"),  # type: ignore[arg-type]
        (
            lambda: otel_cost.configure(trace.NoOpTracerProvider()),  # type: ignore[arg-type]
            TypeError,
            "tracer_provider .*NoOpTracerProvider",
        ),
        (
            lambda: otel_cost.configure(trace.ProxyTracerProvider()),  # type: ignore[arg-type]
            TypeError,
            "tracer_provider .*ProxyTracerProvider",
        ),
        (lambda: otel_cost.instrument(ledger="nonsense"), ValueError, "'nonsense'"),
        (lambda: otel_cost.configure(ledger="redis://h/0"), ValueError, "'redis://h/0'"),
        (lambda: otel_cost.instrument(ledger=Path("a.db")), TypeError, "ledger .*a.db"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_argument_is_refused_and_named(
    call: Callable[[], None], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        call()
    assert openai._base_client.SyncAPIClient.__dict__["request"] is UNTOUCHED


def test_a_second_ledger_is_refused_and_the_first_one_stays(gpt: OpenAI, tmp_path: Path) -> None:
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    otel_cost.instrument(ledger=ledgers.url(one))
    otel_cost.instrument(ledger=ledgers.url(one))
    with pytest.raises(ValueError, match=r"one\.db.*two\.db"):
        otel_cost.instrument(ledger=ledgers.url(two))
    chat(gpt)
    assert otel_cost.flush(wiring.ENOUGH)
    assert len(ledgers.documents(one)) == 1
    assert not two.exists()


def test_the_ledger_of_an_argument_takes_the_place_of_the_environments(
    gpt: OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, unused = tmp_path / "asked.db", tmp_path / "unused.db"
    monkeypatch.setenv("OTEL_COST_LEDGER", ledgers.url(unused))
    otel_cost.instrument(ledger=ledgers.url(asked))
    chat(gpt)
    assert otel_cost.flush(wiring.ENOUGH)
    assert len(ledgers.documents(asked)) == 1
    assert not unused.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_COST_LEDGER", "nonsense"),
        ("OTEL_COST_TAGS", "broken"),
        ("OTEL_COST_UNPRICED", "x"),
        ("OTEL_COST_DISABLED", "perhaps"),
        ("LANGFUSE_BASE_URL", "cloud.langfuse.com"),
        ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
    ],
)
def test_a_bad_setting_is_said_once_and_stops_nothing(
    gpt: OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    provider = Provider.exporting()
    otel_cost.configure(provider.tracing)
    otel_cost.configure(provider.tracing)
    charges = Charges()
    chat(gpt)
    assert charges.only().cost.status == "exact"
    (message,) = wiring.said(caplog)
    assert name in message or name.replace("SECRET", "PUBLIC") in message
