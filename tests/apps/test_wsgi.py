"""Shows whom calls are charged for in Flask and Django applications, wherever they are made."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost.attribution.values import Attribution
from tests.apps.calling import call_service, second, set_baggage
from tests.apps.desk import HEADERS, Desk, requests_by, who_of
from tests.apps.django_site import site
from tests.apps.servers import asgi, get_all, wsgi
from tests.apps.tasks import Queue, telling
from tests.sizes import full_size, soak

REQUESTS = 200 if full_size else 8
PLACES = 8
"""From how many places a request makes calls, each to both providers."""


class Handling:
    """What a request does, whatever framework it came by."""

    def __init__(
        self,
        desk: Desk,
        provider: TracerProvider,
        other: str,
        pool: ThreadPoolExecutor,
        tasks: Queue,
    ) -> None:
        self._desk, self._provider, self._other = desk, provider, other
        self._pool, self._tasks = pool, tasks
        tasks.work = lambda name: desk.ask(who_of(name))

    def __call__(self, way: str, name: str) -> Iterator[str]:
        """Make calls from everywhere; the last of them while the body is sent."""
        who = who_of(name)
        if way == "said":
            otel_cost.set(feature=who.feature)
        else:
            otel_context.attach(set_baggage(name))
        self._desk.ask(who)
        asyncio.run(self._tasks_of(who))
        self._pool.submit(otel_cost.wrap(self._desk.ask), who).result()
        self._tasks.do(name)
        call_service(self._provider, f"{self._other}/{name}")
        return self._desk.streamed(who)

    async def _tasks_of(self, who: Attribution) -> None:
        ask = self._desk.ask
        several = [asyncio.create_task(asyncio.to_thread(ask, who)) for _ in range(2)]
        await asyncio.gather(*several)


def by_flask(handle: Handling) -> Any:
    app = flask.Flask(__name__)

    @app.get("/<way>/<name>")
    def answer(way: str, name: str) -> flask.Response:
        return flask.Response(handle(way, name))

    app.wsgi_app = otel_cost.AttributionWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, headers=HEADERS
    )
    return app


def by_django(handle: Handling) -> Any:
    def answer(_: HttpRequest, way: str, name: str) -> StreamingHttpResponse:
        return StreamingHttpResponse(handle(way, name))

    application = site([path("<str:way>/<str:name>", answer)])
    return otel_cost.AttributionWSGIMiddleware(application, headers=HEADERS)


@soak
@pytest.mark.parametrize("way", ["said", "by-baggage"])
@pytest.mark.parametrize("application", [by_flask, by_django])
def test_every_call_is_for_whom_its_request_is(
    desk: Desk,
    tasks: Queue,
    application: Callable[[Handling], Any],
    way: str,
    record_property: Callable[[str, object], None],
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
    with (
        ThreadPoolExecutor(8) as pool,
        asgi(second(desk, provider)) as other,
        telling(provider.get_tracer("tasks")),
        wsgi(application(Handling(desk, provider, other, pool, tasks))) as url,
    ):
        assert get_all(requests_by(way, url, REQUESTS), REQUESTS) == [".."] * REQUESTS
    desk.settle(calls=REQUESTS * PLACES * 2)
    which = application.__name__.replace("_", " ")
    record_property("claim", f"{which}, {way}: {REQUESTS} requests at once, none mixed up")
