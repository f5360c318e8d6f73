"""Shows whom the propagator believes, and what it makes of the baggage of a request."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    TextMapPropagator,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_cost
from otel_cost import faults
from otel_cost.attribution.context import received
from otel_cost.attribution.propagation import (
    AttributionPropagator,
)
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from tests import wiring
from tests.propagation.hops import (
    ALLOWED,
    KEY,
    PARENT,
    SAYS,
    TEXT,
    TRACE_ID,
    WHO,
    came,
    of_sister,
    remote,
    sent,
    teller,
    trusting,
    within,
)


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", ALLOWED)
        yield


def test_what_one_service_signs_the_next_believes(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(monkeypatch)
    carrier: dict[str, str] = {}
    both = CompositePropagator([TraceContextTextMapPropagator(), AttributionPropagator()])
    with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
        both.inject(carrier)
    assert received(both.extract(carrier)) == SAYS
    first = CompositePropagator([AttributionPropagator(), TraceContextTextMapPropagator()])
    assert received(first.extract(carrier)) == SAYS
    assert came({**carrier, "traceparent": PARENT}) is UNATTRIBUTED
    assert dict(faults.counts) == {"propagation_forged": 1}


def test_keys_can_be_changed_one_service_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    new = "the key that comes after it"
    for sender, receiver in [(KEY, f"{KEY},{new}"), (f"{new},{KEY}", f"{KEY},{new}"), (new, new)]:
        trusting(monkeypatch, keys=sender)
        carrier: dict[str, str] = {}
        with otel_cost.attribution(**WHO), within(server_address="orders.corp"):
            TraceContextTextMapPropagator().inject(carrier)
            sent(carrier)
        trusting(monkeypatch, keys=receiver)
        assert came(carrier) == SAYS
    trusting(monkeypatch, keys=KEY)
    assert came(carrier) is UNATTRIBUTED


def test_without_a_trace_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(monkeypatch)
    with otel_cost.attribution(**WHO):
        assert sent({"host": "orders.corp"})["otel-cost"] == TEXT


def test_the_trace_is_the_one_that_the_request_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(monkeypatch)
    header = {"otel-cost": of_sister()}
    assert came({**header, "traceparent": PARENT}) == SAYS
    assert came({**header, "traceparent": PARENT}, remote(TRACE_ID)) == SAYS
    assert came(header, remote(TRACE_ID)) == SAYS, "extracted by another propagator"
    assert came(header, remote(TRACE_ID, is_remote=False)) is UNATTRIBUTED
    assert came(header) is UNATTRIBUTED
    assert came({**header, "traceparent": "00-junk"}) is UNATTRIBUTED
    # Two propagators that disagree: the request would be in one trace and the signature in another.
    assert came({**header, "traceparent": PARENT}, remote(TRACE_ID + 1)) is UNATTRIBUTED
    other = {"otel-cost": of_sister(TRACE_ID + 1), "traceparent": PARENT}
    assert came(other, remote(TRACE_ID + 1)) is UNATTRIBUTED
    token = otel_context.attach(remote(TRACE_ID, is_remote=False))
    try:
        assert came(header, otel_context.get_current()) is UNATTRIBUTED
        assert came({**header, "traceparent": PARENT}, otel_context.get_current()) == SAYS
    finally:
        otel_context.detach(token)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"otel-cost": TEXT}, "unsigned"),
        ({"otel-cost": of_sister(key="some other secret")}, "forged"),
        ({"otel-cost": of_sister(ttl=-60)}, "expired"),
        ({"otel-cost": of_sister(ttl=10**6)}, "forged"),
        ({"otel-cost": of_sister(), "traceparent": ""}, "no_trace"),
        ({"otel-cost": [of_sister(), of_sister()]}, "duplicated"),
        ({"otel-cost": of_sister() + "," + of_sister()}, "malformed"),
        ({"otel-cost": of_sister()[:-1]}, "malformed"),
        ({"otel-cost": "feature=" + "secret" * 10_000}, "oversized"),
        ({"otel-cost": "secret"}, "malformed"),
    ],
)
def test_what_is_not_believed_is_counted_and_said_once(
    headers: dict[str, Any],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trusting(monkeypatch)
    for _ in range(50):
        assert came({"traceparent": PARENT, **headers}) is UNATTRIBUTED
    assert dict(faults.counts) == {f"propagation_{kind}": 50}
    (line,) = wiring.said(caplog)
    assert "otel-cost of a request is not believed" in line
    assert len(line) < 300
    assert not any(text in line for text in ("secret", "search", "core", "s="))


def test_believing_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_COST_TRUST_INBOUND", "true")
    assert came({"otel-cost": TEXT}) == SAYS
    assert came({"otel-cost": [TEXT.encode()]}) == SAYS, "as messages have them"
    assert came({"otel-cost": TEXT + ";e=1;s=" + "A" * 43}) == SAYS
    assert came({"otel-cost": "feature=a,feature=b"}) is UNATTRIBUTED


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("trusts", [True, False])
def test_baggage_of_a_request_is_told_from_our_own(
    ours_first: bool,
    trusts: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTEL_COST_TRUST_INBOUND", str(trusts))
    monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "team=app.team")
    members: list[TextMapPropagator] = [TraceContextTextMapPropagator(), W3CBaggagePropagator()]
    members.insert(0 if ours_first else 2, AttributionPropagator())
    header = "otel_cost.feature=evil,app.team=e+v%C3%AFl ,otel_cost.tag.x=1;p=2,bad,other=1"
    context = CompositePropagator(members).extract({"baggage": header, "traceparent": PARENT})

    who = teller()
    assert baggage.get_baggage("app.team", context) == "e vïl"
    expected = Attribution("evil", "e vïl", tags=(("x", "1;p=2"),)) if trusts else UNATTRIBUTED
    assert who(context) == expected
    context = baggage.set_baggage("otel_cost.user_id", "u1", context)
    context = baggage.set_baggage("app.team", "core", context)
    assert who(context).user_id == "u1"
    assert who(context).team == "core"


def test_baggage_that_is_there_is_not_read_again(caplog: pytest.LogCaptureFixture) -> None:
    both = CompositePropagator([W3CBaggagePropagator(), AttributionPropagator()])
    both.extract({"baggage": "a=1,b=%C3%BC+x"}, Context())
    assert not caplog.records
    both.extract({"baggage": ",".join(f"k{n}=v" for n in range(10_000))}, Context())
    assert len(caplog.records) == 1, "what the W3C propagator itself says"


def test_a_request_without_anything_of_ours_is_one_without_baggage() -> None:
    context = AttributionPropagator().extract({"traceparent": PARENT}, remote(TRACE_ID))
    context = baggage.set_baggage("otel_cost.feature", "own", context)
    assert teller()(context) == Attribution("own")
