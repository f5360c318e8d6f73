"""The second service, and how the first calls it and says in baggage whom a request is for."""

from typing import Any

import httpx2
from fastapi import FastAPI, Request
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from tests.apps.desk import Desk, who_of


def second(desk: Desk, provider: TracerProvider) -> Any:
    """The second service: it knows whom a request is for from the first alone."""
    app, tracer = FastAPI(), provider.get_tracer("second")

    @app.get("/{name}")
    def answer(name: str, request: Request) -> str:
        token = otel_context.attach(propagate.extract(request.headers))
        try:
            with tracer.start_as_current_span("GET /{name}", kind=SpanKind.SERVER):
                desk.ask(who_of(name))
        finally:
            otel_context.detach(token)
        return "ok"

    return app


def call_service(provider: TracerProvider, url: str) -> None:
    """As an instrumented HTTP client does."""
    with (
        provider.get_tracer("http").start_as_current_span(
            "GET", kind=SpanKind.CLIENT, attributes={"server.address": "127.0.0.1"}
        ),
        httpx2.Client(timeout=60, trust_env=False) as client,
    ):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        assert client.get(url, headers=headers).status_code == 200


def set_baggage(name: str) -> otel_context.Context:
    who, context = who_of(name), otel_context.get_current()
    for field in ("feature", "team", "user_id", "session_id"):
        context = baggage.set_baggage(f"otel_cost.{field}", getattr(who, field), context)
    return context
