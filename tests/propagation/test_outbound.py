"""Shows to whom the propagator tells whom a request is for."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    Setter,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_cost
from otel_cost import faults
from otel_cost.attribution import wire
from otel_cost.attribution.in_force import IN_FORCE
from otel_cost.attribution.propagation import (
    AttributionPropagator,
)
from otel_cost.attribution.values import Attribution
from otel_cost.attribution.who import Who
from tests import wiring
from tests.propagation.hops import ALLOWED, TEXT, WHO, sent, within


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", ALLOWED)
        yield


def test_a_host_on_the_list_is_told() -> None:
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        assert sent() == {"otel-cost": TEXT}
    assert AttributionPropagator().fields == {"otel-cost"}


@pytest.mark.parametrize(
    ("kind", "attributes", "carrier", "told"),
    [
        (SpanKind.CLIENT, {"url_full": "https://a.svc.corp:8443/x"}, {}, True),
        (SpanKind.CLIENT, {"http_url": "http://10.1.2.3/x"}, {}, True),
        (SpanKind.CLIENT, {"net_peer_name": "orders.corp"}, {}, True),
        (SpanKind.CLIENT, {"http_host": "orders.corp:80"}, {}, True),
        (SpanKind.CLIENT, {}, {"Host": "orders.corp"}, True),
        (SpanKind.CLIENT, {}, {}, False),
        (SpanKind.CLIENT, {"server_address": "evil.example"}, {"host": "orders.corp"}, False),
        (SpanKind.CLIENT, {"server_address": "orders.corp"}, {"host": "evil.example"}, False),
        (
            SpanKind.CLIENT,
            {"server_address": "orders.corp", "url_full": "http://evil.example/"},
            {},
            False,
        ),
        (SpanKind.CLIENT, {"http_url": "http://orders.corp@evil.example/"}, {}, False),
        (SpanKind.SERVER, {"server_address": "orders.corp"}, {}, False),
        (SpanKind.SERVER, {"server_address": "orders.corp"}, {"host": "evil.example"}, False),
        (SpanKind.SERVER, {"server_address": "evil.example"}, {"host": "orders.corp"}, True),
        (SpanKind.INTERNAL, {"server_address": "orders.corp"}, {}, False),
        (SpanKind.INTERNAL, {}, {"HOST": "orders.corp"}, True),
        (SpanKind.PRODUCER, {"messaging_destination_name": "reports"}, {}, True),
        (SpanKind.PRODUCER, {"messaging_destination": "reports"}, {}, True),
        (SpanKind.PRODUCER, {"messaging_destination_name": "other"}, {}, False),
        (SpanKind.PRODUCER, {"server_address": "orders.corp"}, {"host": "orders.corp"}, False),
        (SpanKind.CONSUMER, {"messaging_destination_name": "reports"}, {}, False),
    ],
)
def test_who_is_told(
    kind: SpanKind, attributes: dict[str, Any], carrier: dict[str, str], told: bool
) -> None:
    with otel_cost.attribution(**WHO), within(kind, **attributes):
        assert ("otel-cost" in sent(dict(carrier))) is told


def test_both_names_of_a_queue_must_be_on_the_list() -> None:
    both: dict[str, Any] = {
        "messaging_destination_name": "reports",
        "messaging_destination": "other",
    }
    with otel_cost.attribution(**WHO), within(SpanKind.PRODUCER, **both):
        assert sent() == {}


@pytest.mark.parametrize("sampled", [True, False])
def test_without_a_recorded_client_span_the_host_header_tells(sampled: bool) -> None:
    with otel_cost.attribution(**WHO):
        kind = SpanKind.INTERNAL if sampled else SpanKind.CLIENT
        with within(kind, sampled=sampled, server_address="orders.corp"):
            assert sent() == {}
            assert sent({"Host": "orders.corp"})["otel-cost"] == TEXT
            assert "otel-cost" not in sent({"Host": "evil.example"})
            assert sent([("host", "orders.corp")]) == [("host", "orders.corp")]


class PairSetter(Setter[list[tuple[str, Any]]]):
    """As for messages and gRPC metadata."""

    def set(self, carrier: list[tuple[str, Any]], key: str, value: str) -> None:
        carrier.append((key, value.encode()))


def test_a_list_of_pairs_can_say_its_host() -> None:
    with otel_cost.attribution(**WHO):
        carrier: list[tuple[Any, Any]] = [(b"Host", b"orders.corp")]
        AttributionPropagator().inject(carrier, setter=PairSetter())
        assert carrier[1:] == [("otel-cost", TEXT.encode())]
        carrier = [("host", ["orders.corp", "evil.example"])]
        AttributionPropagator().inject(carrier, setter=PairSetter())
        assert len(carrier) == 1


def test_a_carrier_that_goes_elsewhere_next_says_nothing_there() -> None:
    carrier = {"x": "1", "Otel-Cost": "feature=old"}
    with otel_cost.attribution(**WHO):
        with within(server_address="orders.corp"):
            sent(carrier)
            assert carrier.pop("otel-cost") == TEXT
        with within(server_address="evil.example"):
            assert sent(carrier) == {"x": "1"}
        pairs = [("otel-cost", "feature=old"), ("x", "1")]
        assert sent(pairs) == [("x", "1")]
    with within(server_address="orders.corp"):
        assert sent({"otel-cost": "feature=of the request before"}) == {}


def test_everything_but_the_defaults_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_COST_FEATURE", "default")
    monkeypatch.setenv("OTEL_COST_TEAM", "default")
    monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "team=app.team")
    context = baggage.set_baggage("app.team", "core", Context())
    context = baggage.set_baggage("otel_cost.user_id", "u1", context)
    token = otel_context.attach(context)
    try:
        with within(server_address="orders.corp"):
            assert sent() == {"otel-cost": "team=core,user_id=u1"}
    finally:
        otel_context.detach(token)
    with within(server_address="orders.corp"):
        assert sent() == {}


def test_what_is_installed_tells_whom_it_is_for() -> None:
    class Places:
        def fill(self, who: Attribution, context: Context) -> Attribution:
            return who.over(Attribution(feature="by rule"))

        def team_of(self, who: Attribution) -> Attribution:
            return who

    provider = TracerProvider(shutdown_on_exit=False)
    otel_cost.configure(provider)

    assert IN_FORCE.installed is not None
    known: Who = IN_FORCE.installed.who
    known.places = Places()
    with otel_cost.attribution(team="core"), within(server_address="orders.corp"):
        assert sent() == {"otel-cost": "feature=by%20rule,team=core"}
        otel_cost.shutdown()
        assert sent() == {"otel-cost": "team=core"}


def test_what_came_is_told_on_and_nothing_is_without_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_COST_TRUST_INBOUND", "1")
    context = AttributionPropagator().extract({"otel-cost": TEXT}, Context())
    carrier: dict[str, str] = {"host": "orders.corp"}
    AttributionPropagator().inject(carrier, context)
    assert carrier["otel-cost"] == TEXT
    monkeypatch.delenv("OTEL_COST_PROPAGATE_TO")
    carrier = {"host": "orders.corp"}
    AttributionPropagator().inject(carrier, context)
    assert carrier == {"host": "orders.corp"}


def test_too_much_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tags = {f"t{n}": "secret" * 20 for n in range(12)}
    with (
        otel_cost.attribution(feature="search", **tags),
        within(server_address="orders.corp"),
    ):
        assert len(sent()["otel-cost"]) <= wire.MAX_BYTES
        sent()
    assert faults.counts["propagation_left_out"] >= 4
    (line,) = wiring.said(caplog)
    assert "no tag is sent on" in line
    assert "secret" not in line
