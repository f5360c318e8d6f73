"""Shows that the propagator harms no request, and how it gets into the global one and out again."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    DefaultGetter,
    DefaultSetter,
    Setter,
)
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost import faults
from otel_cost.attribution.context import receiving
from otel_cost.attribution.propagation import (
    AttributionPropagator,
    install_beside,
    remove_beside,
)
from otel_cost.attribution.values import Attribution
from tests import wiring
from tests.propagation.hops import ALLOWED, TEXT, TRACE_ID, WHO, remote, sent, trusting, within


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", ALLOWED)
        yield


class Opaque:
    """A carrier that nobody can look into."""

    def __init__(self) -> None:
        self.got: dict[str, str] = {}


class OpaqueSetter(Setter[Opaque]):
    def set(self, carrier: Opaque, key: str, value: str) -> None:
        carrier.got[key] = value


def test_carriers_that_cannot_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Opaque()
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        AttributionPropagator().inject(carrier, setter=OpaqueSetter())
        assert carrier.got == {"otel-cost": TEXT}
        monkeypatch.setenv("OTEL_COST_WIRE", "baggage")
        AttributionPropagator().inject(carrier, setter=OpaqueSetter())
    assert carrier.got == {"otel-cost": TEXT}
    assert faults.counts["propagation_unseen"] == 1


class Broken(DefaultSetter, DefaultGetter):
    """A setter and getter with a fault of its own."""

    def set(self, *_: Any) -> None:
        raise RuntimeError("broken")

    def get(self, *_: Any) -> list[str] | None:
        raise RuntimeError("broken")


@pytest.mark.parametrize("carrier", [None, 7, "text", object(), MappingProxyType({}), [1, (2,)]])
@pytest.mark.parametrize("by", ["header", "baggage"])
def test_no_request_suffers(carrier: Any, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(monkeypatch, OTEL_COST_WIRE=by)
    propagator = AttributionPropagator()
    broken: Any = Broken()
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        propagator.inject(carrier)
        propagator.inject(carrier, setter=broken)
    assert propagator.extract(carrier, remote(TRACE_ID)) is not None
    given = remote(TRACE_ID)
    assert propagator.extract({}, given, broken) is given
    assert propagator.extract(carrier) is not None
    assert faults.counts["internal_error"]


def test_lone_surrogates_reach_nobody() -> None:
    propagator = AttributionPropagator()
    carrier: dict[str, str] = {}
    for who in (Attribution("\udcff"), Attribution(user_id="x\ud800")):
        propagator.inject(carrier, receiving(Context(), who))
        propagator.inject({"host": "orders.corp"}, receiving(Context(), who))
    assert carrier == {}


def test_switched_off_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(monkeypatch, OTEL_COST_TRUST_INBOUND="1", OTEL_COST_DISABLED="1")
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        assert sent() == {}
    given = Context()
    assert AttributionPropagator().extract({"otel-cost": TEXT}, given) is given


@pytest.fixture
def _global() -> Iterator[None]:
    before = propagate.get_global_textmap()
    yield
    assert propagate.get_global_textmap() is before


@pytest.mark.usefixtures("_global")
def test_configure_adds_it_once_and_shutdown_takes_it_away() -> None:
    before = propagate.get_global_textmap()
    provider = TracerProvider(shutdown_on_exit=False)
    otel_cost.configure(provider)
    added = propagate.get_global_textmap()
    assert added.fields == before.fields | {"otel-cost"}
    otel_cost.configure(provider)
    install_beside()
    assert propagate.get_global_textmap() is added
    carrier: dict[str, str] = {}
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        propagate.inject(carrier)
    assert sorted(carrier) == ["otel-cost", "traceparent"]
    otel_cost.shutdown()
    otel_cost.shutdown()
    remove_beside()
    assert propagate.get_global_textmap() is before


@pytest.mark.usefixtures("_global")
def test_one_that_is_there_already_is_enough() -> None:
    before = propagate.get_global_textmap()
    listed = CompositePropagator([CompositePropagator((before, AttributionPropagator()))])
    propagate.set_global_textmap(listed)
    otel_cost.configure(TracerProvider(shutdown_on_exit=False))
    assert propagate.get_global_textmap() is listed
    otel_cost.shutdown()
    assert propagate.get_global_textmap() is listed
    propagate.set_global_textmap(before)


@pytest.mark.usefixtures("_global")
def test_what_was_put_around_ours_since_stays() -> None:
    before = propagate.get_global_textmap()
    otel_cost.configure(TracerProvider(shutdown_on_exit=False))
    around = CompositePropagator([propagate.get_global_textmap()])
    propagate.set_global_textmap(around)
    otel_cost.shutdown()
    assert propagate.get_global_textmap() is around
    propagate.set_global_textmap(before)
