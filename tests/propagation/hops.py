"""One hop from a service to the next, by a carrier of headers."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from otel_cost import config
from otel_cost.attribution import wire
from otel_cost.attribution.baggage import Vocabulary
from otel_cost.attribution.context import received
from otel_cost.attribution.propagation import (
    AttributionPropagator,
)
from otel_cost.attribution.values import Attribution
from otel_cost.attribution.who import Who

KEY = "a key shared by two services"


ALLOWED = "orders.corp,*.svc.corp,10.0.0.0/8,queue:reports"


TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


PARENT = f"00-{TRACE_ID:032x}-b7ad6b7169203331-01"


WHO = {"feature": "search", "team": "core", "env": "eu"}


TEXT = "feature=search,team=core,tag.env=eu"


SAYS = Attribution("search", "core", tags=(("env", "eu"),))


@contextmanager
def within(
    kind: SpanKind = SpanKind.CLIENT, *, sampled: bool = True, **attributes: str
) -> Iterator[trace.Span]:
    """Inside a span of an HTTP client's, or another."""
    options: dict[str, Any] = {} if sampled else {"sampler": ALWAYS_OFF}
    tracer = TracerProvider(shutdown_on_exit=False, **options).get_tracer("http")
    said = {name.replace("_", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span("GET", kind=kind, attributes=said) as span:
        yield span


def sent(carrier: Any = None) -> Any:
    """What is in a carrier after `inject`, in the current context."""
    carrier = {} if carrier is None else carrier
    AttributionPropagator().inject(carrier)
    return carrier


def trusting(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    monkeypatch.setenv("OTEL_COST_PROPAGATION_KEY", more.pop("keys", KEY))
    for name, value in more.items():
        monkeypatch.setenv(name, value)


def came(carrier: Mapping[str, Any], context: Context | None = None) -> Attribution:
    """What our propagator alone believes of a request."""
    return received(AttributionPropagator().extract(carrier, context))


def of_sister(trace_id: int = TRACE_ID, key: str = KEY, ttl: int = 60, text: str = TEXT) -> str:

    return wire.sealed(text, key, f"{trace_id:032x}", int(time.time()) + ttl)


def remote(trace_id: int, *, is_remote: bool = True) -> Context:
    ids = SpanContext(trace_id, 0xB7AD6B7169203331, is_remote, TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(ids), Context())


def teller() -> Who:
    """Who tells whom a call is for, by the environment."""
    settings = config.read()
    return Who(Vocabulary(settings.baggage_keys), trust=settings.trust_inbound)
