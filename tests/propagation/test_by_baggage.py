"""Shows what goes by W3C baggage, where that is asked for."""

from collections.abc import Iterator

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator

import otel_cost
from otel_cost import faults
from otel_cost.attribution.propagation import (
    AttributionPropagator,
)
from tests import wiring
from tests.propagation.hops import ALLOWED, WHO, sent, within


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", ALLOWED)
        monkeypatch.setenv("OTEL_COST_WIRE", "baggage")
        yield


BY_BAGGAGE = "otel_cost.feature=search,otel_cost.team=core,otel_cost.tag.env=eu"


def test_ours_goes_with_that_of_the_application() -> None:
    assert AttributionPropagator().fields == {"baggage"}
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        assert sent() == {"baggage": BY_BAGGAGE}
        assert sent({"baggage": "a=1, b=2"}) == {"baggage": f"a=1,b=2,{BY_BAGGAGE}"}
        assert sent({"Baggage": "a=1"}) == {"baggage": f"a=1,{BY_BAGGAGE}"}
        both = {"baggage": "otel_cost.feature=x,a=1,otel_cost%2Eteam=y,%6ftel_cost.user_id=z"}
        assert sent(both) == {"baggage": f"a=1,{BY_BAGGAGE}"}
        again = sent({"baggage": BY_BAGGAGE})
        assert again == {"baggage": BY_BAGGAGE}


def test_others_are_told_nothing() -> None:
    with otel_cost.attribution(**WHO), within(server_address="evil.example"):
        assert sent() == {}
        assert sent({"baggage": "a=1"}) == {"baggage": "a=1"}
        assert sent({"baggage": f"a=1,{BY_BAGGAGE}"}) == {"baggage": "a=1"}
        assert sent({"baggage": BY_BAGGAGE}) == {}


def test_the_application_keeps_all_of_its_own() -> None:
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        many = ",".join(f"k{n}=v" for n in range(179))
        assert sent({"baggage": many})["baggage"] == f"{many},otel_cost.feature=search"
        long = ",".join(f"k{n}={'v' * 2000}" for n in range(4)) + ",z=" + "z" * 130
        told = sent({"baggage": long})["baggage"]
        assert len(told) <= 8192
        assert told.startswith(f"{long},otel_cost.feature=search")
    assert faults.counts["propagation_left_out"] == 4


def test_the_next_service_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier: dict[str, str] = {}
    with (
        otel_cost.attribution(feature="ü & +", **{"a b": "c"}),
        within(server_address="orders.corp"),
    ):
        token = otel_context.attach(baggage.set_baggage("app", "1"))
        CompositePropagator([W3CBaggagePropagator(), AttributionPropagator()]).inject(carrier)
        otel_context.detach(token)
    entries = baggage.get_all(W3CBaggagePropagator().extract(carrier, Context()))
    assert dict(entries) == {
        "app": "1",
        "otel_cost.feature": "ü & +",
        "otel_cost.tag.a b": "c",
    }


def test_ours_is_lost_where_the_w3c_propagator_comes_after_it() -> None:
    carrier: dict[str, str] = {}
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        token = otel_context.attach(baggage.set_baggage("app", "1"))
        CompositePropagator([AttributionPropagator(), W3CBaggagePropagator()]).inject(carrier)
        otel_context.detach(token)
    assert carrier == {"baggage": "app=1"}, "docs/propagation.md says so"
