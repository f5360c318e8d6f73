"""Shows that no stranger's request changes whom a call is for, and that a sister service's does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest
from openai import OpenAI
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_cost
from otel_cost import faults
from otel_cost.attribution import wire
from otel_cost.attribution.propagation import AttributionPropagator
from otel_cost.attribution.values import Attribution
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.demo.calls import chat
from tests.propagation.services import Headers, Service, request, serving
from tests.wiring import Charges

KEY = "a key that the services share"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")
OTHER = ("traceparent", f"00-{TRACE[::-1]}-b7ad6b7169203331-01")
NOBODY = Attribution(team="edge")
"""The service's own default, and nothing else."""
EVIL = "feature=evil,team=evil,user_id=evil,session_id=evil,customer=evil,tag.env=evil"
BAGGAGE = (
    "otel_cost.feature=evil,otel_cost.team=evil,otel_cost.tag.env=evil,app.feature=evil,"
    "app.user=evil,langfuse_user_id=evil,langfuse_metadata_team=evil,langfuse_session_id=evil"
)


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATION_KEY", f"{KEY},the key before that one")
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", "127.0.0.1")
        monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "feature=app.feature,user_id=app.user")
        monkeypatch.setenv("OTEL_COST_TEAM", "edge")
        before = propagate.get_global_textmap()
        yield
        otel_cost.shutdown(5)
        propagate.set_global_textmap(before)


def signed(key: str = KEY, trace: str = TRACE, ttl: int = 60, text: str = EVIL) -> str:
    return wire.sealed(text, key, trace, int(time.time()) + ttl)


def attacks() -> Iterator[tuple[str, Headers]]:
    """What a stranger may try, who has seen headers of other traces but has no key."""
    yield "unsigned", [PARENT, ("otel-cost", EVIL)]
    yield "unsigned, no trace", [("otel-cost", EVIL)]
    yield "own key", [PARENT, ("otel-cost", signed("a key of the attacker's"))]
    yield "no key at all", [PARENT, ("otel-cost", f"{EVIL};e=1790000000;s={'A' * 43}")]
    yield "of another trace", [PARENT, ("otel-cost", signed(trace=TRACE[::-1]))]
    yield "replayed in another trace", [OTHER, ("otel-cost", signed())]
    yield "replayed without a trace", [("otel-cost", signed())]
    yield (
        "replayed in no valid trace",
        [
            ("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01"),
            ("otel-cost", signed()),
        ],
    )
    yield "two traces", [PARENT, OTHER, ("otel-cost", signed())]
    yield "expired", [PARENT, ("otel-cost", signed(ttl=-30))]
    yield "expires too late", [PARENT, ("otel-cost", signed(ttl=10**7))]
    later = signed(ttl=-30).replace(";e=1", ";e=2")
    yield "expiry changed", [PARENT, ("otel-cost", later)]
    yield (
        "entries changed",
        [PARENT, ("otel-cost", signed(text="feature=a").replace("=a", "=evil"))],
    )
    yield "entries added", [PARENT, ("otel-cost", "user_id=evil," + signed())]
    yield "truncated", [PARENT, ("otel-cost", signed()[:-1])]
    yield "without its signature", [PARENT, ("otel-cost", signed().partition(";")[0])]
    yield "twice", [PARENT, ("otel-cost", signed()), ("otel-cost", signed())]
    yield "signed and not", [PARENT, ("otel-cost", signed()), ("otel-cost", EVIL)]
    yield "invalid UTF-8", [PARENT, ("otel-cost", b"feature=evil\xff\xfe")]
    yield "invalid UTF-8, encoded", [PARENT, ("otel-cost", "feature=evil%ff%fe")]
    yield "huge", [PARENT, ("otel-cost", "feature=" + "evil" * 10_000)]
    yield "10,000 entries", [PARENT, ("otel-cost", "a=b," * 10_000 + "feature=evil")]
    yield "baggage", [PARENT, ("baggage", BAGGAGE)]
    yield "baggage, no trace", [("baggage", BAGGAGE)]
    yield "baggage, not sampled", [(PARENT[0], PARENT[1][:-1] + "0"), ("baggage", BAGGAGE)]
    yield (
        "baggage, invalid UTF-8",
        [PARENT, ("baggage", b"otel_cost.feature=evil\xff,app.user=%ff")],
    )
    yield (
        "baggage, spelled oddly",
        [
            PARENT,
            ("baggage", "otel%5Fcost.feature = evil ,\totel_cost.team=%65vil;p=1, app.user=e+vil"),
        ],
    )
    yield "baggage, twice the same", [PARENT, ("baggage", f"{BAGGAGE},{BAGGAGE}")]
    yield "baggage, twice", [PARENT, ("baggage", "a=b"), ("baggage", BAGGAGE)]
    yield "baggage of 10,000 entries", [PARENT, ("baggage", BAGGAGE + ",a=b" * 10_000)]
    yield "baggage of 170 entries", [PARENT, ("baggage", BAGGAGE + ",a=b" * 160)]


ATTACKS = dict(attacks())
PLACES = {"listed first": 0, "listed last": 2}
ORDERS = ("by configure", *PLACES)


@pytest.fixture(scope="module")
def gpt(providers: LocalProviders) -> Iterator[OpenAI]:
    with wiring.clients(providers) as (made, _):
        yield made


@dataclass
class Edge:
    """A service that strangers can reach; it calls a provider for every request."""

    port: int
    service: Service
    charges: Charges
    exported: InMemorySpanExporter

    def charged(self, headers: Headers, path: str = "/") -> Attribution:
        """Who the call is charged to that is made for a request."""
        before = len(self.charges.settled())
        request(self.port, headers, path=path)
        (charge,) = self.charges.settled()[before:]
        assert charge.cost.status == "exact"
        assert charge.cost.effective_usd > 0
        return charge.attribution


@contextmanager
def edge(gpt: OpenAI, order: str, *, sampled: bool = True, span: bool = True) -> Iterator[Edge]:
    """The edge service, with our propagator in one place or another."""
    root = ALWAYS_ON if sampled else ALWAYS_OFF
    provider = TracerProvider(shutdown_on_exit=False, sampler=ParentBased(root))
    exported = InMemorySpanExporter()
    listed: list[TextMapPropagator] = [TraceContextTextMapPropagator(), W3CBaggagePropagator()]
    if order in PLACES:
        listed.insert(PLACES[order], AttributionPropagator())
    propagate.set_global_textmap(CompositePropagator(listed))
    provider.add_span_processor(otel_cost.CostSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exported))
    (otel_cost.instrument if order == "absent" else otel_cost.configure)(provider)
    charges = Charges()
    service = Service(lambda: answer(gpt), provider, span=span)
    with serving(service) as port:
        yield Edge(port, service, charges, exported)


def answer(gpt: OpenAI) -> str:
    """Answer a request: by a call, for whom the baggage says that the application itself sets."""
    own = baggage.get_baggage("own")
    if own is None:
        return str(chat(gpt))
    token = otel_context.attach(baggage.set_baggage("otel_cost.user_id", own))
    try:
        return str(chat(gpt))
    finally:
        otel_context.detach(token)


def evil_on(spans: InMemorySpanExporter) -> list[str]:
    """What of an attack is on spans of calls."""
    return [
        f"{name}={value!r}"
        for span in spans.get_finished_spans()
        for name, value in (span.attributes or {}).items()
        if "evil" in str(value)
    ]


@pytest.mark.parametrize(
    ("order", "span"),
    # Without span and propagator nothing at all tells where a request begins.
    [*((order, span) for order in ORDERS for span in (True, False)), ("absent", True)],
)
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "unsampled"])
def test_no_stranger_changes_whom_a_call_is_for(
    order: str,
    sampled: bool,
    span: bool,
    gpt: OpenAI,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with edge(gpt, order, sampled=sampled, span=span) as at:
        charged = {name: at.charged(headers) for name, headers in ATTACKS.items()}
        assert {name: who for name, who in charged.items() if who != NOBODY} == {}
        assert evil_on(at.exported) == []
        refused = sum(n for kind, n in faults.counts.items() if kind.startswith("propagation_"))
        lines = wiring.said(caplog)
        assert refused == (0 if order == "absent" else 22)
        assert len(lines) <= 7, "each kind is said once"
        assert not any("evil" in line or len(line) > 400 for line in lines)
        for name in ("unsigned", "own key", "expired", "truncated", "twice", "huge"):
            assert at.charged(ATTACKS[name]) == NOBODY
        assert wiring.said(caplog) == lines
        assert faults.counts["internal_error"] == 0


SAID = {"feature": "Suche & mehr", "team": "core", "user_id": "ü1", "env": "eu,west"}
SISTERLY = Attribution("Suche & mehr", "core", "ü1", tags=(("env", "eu,west"),))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "unsampled"])
def test_a_sister_service_does(order: str, sampled: bool, gpt: OpenAI) -> None:
    with edge(gpt, order, sampled=sampled) as at:
        assert at.charged([PARENT, ("otel-cost", signed())]).feature == "evil"
        old = signed("the key before that one", text="feature=old")
        assert at.charged([PARENT, ("otel-cost", old)]) == Attribution("old", "edge")
        # Beside a stranger's baggage, and what the application itself sets, which holds before it.
        headers = [
            PARENT,
            ("baggage", f"{BAGGAGE},own=u9"),
            ("otel-cost", signed(text="team=core")),
        ]
        assert at.charged(headers) == Attribution(team="core", user_id="u9")


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "unsampled"])
def test_over_two_services(sampled: bool, gpt: OpenAI) -> None:
    provider = TracerProvider(
        shutdown_on_exit=False, sampler=ParentBased(ALWAYS_ON if sampled else ALWAYS_OFF)
    )
    instrumentor = HTTPX2ClientInstrumentor()
    with edge(gpt, "by configure", sampled=sampled) as at, httpx2.Client() as http:

        def call_on() -> str:
            with otel_cost.attribution(**SAID):
                return http.get(f"http://127.0.0.1:{at.port}/").text

        instrumentor.instrument(tracer_provider=provider)
        try:
            with serving(Service(call_on, provider)) as port:
                request(port, [OTHER, ("otel-cost", EVIL), ("baggage", BAGGAGE)])
        finally:
            instrumentor.uninstrument()
        assert at.charges.only().attribution == SISTERLY
        (got,) = at.service.received
        stolen = got["HTTP_OTEL_COST"]
        assert TRACE[::-1] in got["HTTP_TRACEPARENT"]
        # Whoever has seen that header can use it in the same trace, for a minute, and nowhere else.
        assert at.charged([PARENT, ("otel-cost", stolen)]) == NOBODY
        assert at.charged([OTHER, ("otel-cost", stolen)]) == SISTERLY
