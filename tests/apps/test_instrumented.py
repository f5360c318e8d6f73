"""Shows whom calls are for beneath instrumented frameworks, by middleware and by rules."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import flask
import httpx2
import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path, resolve
from fastapi import APIRouter, FastAPI
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind

import otel_cost
from otel_cost import Rule
from otel_cost.attribution.values import UNATTRIBUTED
from tests import wiring
from tests.apps.django_site import site
from tests.apps.servers import asgi, wsgi

HEADERS = {"x-team": "team"}
RULES = [
    Rule(route="/items/{id}", feature="items"),
    Rule(route="/admin/*", feature="admin"),
]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    with wiring.clean_slate(monkeypatch):
        made = TracerProvider(shutdown_on_exit=False)
        otel_cost.configure(made, rules=RULES)
        yield made


def get(url: str) -> str:
    response = httpx2.get(url, headers={"x-team": "core"}, trust_env=False)
    assert response.status_code == 200, response.text
    return response.text


def inside() -> str:
    """Who a request is for, and that a message which is handled in it is for nobody."""
    token = otel_context.attach(propagate.extract({}))
    try:
        assert otel_cost.current() is UNATTRIBUTED
    finally:
        otel_context.detach(token)
    who = otel_cost.current()
    return f"{who.feature} {who.team}"


class Opening:
    """Opens the span of a request as OpenTelemetry's instrumentations of Flask and Django do.

    They do it behind all WSGI middleware, in a context made of the headers alone.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("web")
        self._open: list[tuple[Span, list[Any]]] = []

    def begin(self, environ: dict[str, Any], route: str) -> None:
        tokens = [otel_context.attach(propagate.extract(environ))]
        said = {"http.route": route, "url.path": environ["PATH_INFO"]}
        span = self._tracer.start_span("GET", kind=SpanKind.SERVER, attributes=said)
        tokens.append(otel_context.attach(trace.set_span_in_context(span)))
        self._open.append((span, tokens))

    def end(self, *_: object) -> None:
        span, tokens = self._open.pop()
        span.end()
        for token in reversed(tokens):
            otel_context.detach(token)


def by_fastapi(provider: TracerProvider) -> Any:
    """It opens its span itself, behind what is around the application."""
    app, router = FastAPI(telemetry={"tracer_provider": provider}), APIRouter()

    @router.get("/{number}")
    def item(number: int) -> str:
        return inside()

    @app.get("/{tenant}/chat")
    async def chat(tenant: str) -> str:
        return inside()

    app.include_router(router, prefix="/items")
    return asgi(otel_cost.AttributionMiddleware(app, headers=HEADERS))


def by_flask(provider: TracerProvider) -> Any:
    app, opening = flask.Flask(__name__), Opening(provider)

    @app.before_request
    def begin() -> None:
        opening.begin(flask.request.environ, str(flask.request.url_rule))

    app.teardown_request(opening.end)
    app.add_url_rule("/items/<int:id>", "item", lambda **_: inside())
    app.add_url_rule("/<tenant>/chat", "chat", lambda **_: inside())
    return wsgi(otel_cost.AttributionWSGIMiddleware(app.wsgi_app, headers=HEADERS))


def opened(get_response: Any) -> Any:
    """Django's middleware."""

    def respond(request: HttpRequest) -> Any:
        opening.begin(request.META, resolve(request.path_info).route)
        try:
            return get_response(request)
        finally:
            opening.end()

    opening = Opening(_PROVIDERS[-1])
    return respond


_PROVIDERS: list[TracerProvider] = []
"""That of the test last, for what Django makes."""


def by_django(provider: TracerProvider) -> Any:
    _PROVIDERS.append(provider)

    def view(_: HttpRequest, **named: str) -> HttpResponse:
        return HttpResponse(inside())

    urls = [
        path("items/", include([re_path(r"^(?P<id>[0-9]+)/?$", view)])),
        path("<str:tenant>/chat", view),
    ]
    application = site(urls, [f"{__name__}.opened"])
    return wsgi(otel_cost.AttributionWSGIMiddleware(application, headers=HEADERS))


@pytest.mark.parametrize("served", [by_fastapi, by_flask, by_django])
def test_middleware_and_rules_hold_beneath_the_span_of_an_instrumentation(
    provider: TracerProvider, served: Callable[[TracerProvider], AbstractContextManager[str]]
) -> None:
    with served(provider) as url:
        assert get(f"{url}/items/7").strip('"') == "items core"
        # The route has a parameter there: a client that has chosen its value changes nothing.
        assert get(f"{url}/admin/chat").strip('"') == "None core"


def test_django_by_asgi(provider: TracerProvider) -> None:
    def view(_: HttpRequest) -> HttpResponse:
        otel_cost.set(customer="acme")
        return HttpResponse(inside())

    async def view_async(request: HttpRequest) -> HttpResponse:
        return await asyncio.to_thread(view, request)

    def parts(_: HttpRequest) -> StreamingHttpResponse:
        otel_cost.set(feature="streamed")

        async def body() -> AsyncIterator[str]:
            yield inside()

        return StreamingHttpResponse(body())

    urls = [path("items/1", view), path("items/2", view_async), path("parts", parts)]
    application = otel_cost.AttributionMiddleware(site(urls, asgi=True), headers=HEADERS)
    with asgi(application) as url:
        found = [get(f"{url}/{each}") for each in ("items/1", "items/2", "parts")]
    assert found == ["items core", "items core", "streamed core"]
