"""Shows whom calls are charged for in a FastAPI application, wherever in it they are made."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost.attribution.values import Attribution
from tests.apps.calling import call_service, second, set_baggage
from tests.apps.desk import HEADERS, Desk, requests_by, who_of
from tests.apps.servers import asgi, get_all
from tests.apps.tasks import Queue, telling
from tests.sizes import full_size, soak

REQUESTS = 200 if full_size else 8
PLACES = 10
"""From how many places a request makes calls, each to both providers."""


def set_feature(name: str) -> None:
    """A synchronous dependency: FastAPI runs it on another thread."""
    otel_cost.set(feature=f"feature {name}")


class ByBaggage:
    """Says it in baggage, around the endpoint: FastAPI's own span ends what is attached within."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        _, way, name = scope["path"].split("/")
        context = set_baggage(name) if way == "by-baggage" else otel_context.get_current()
        token = otel_context.attach(context)
        try:
            await self._app(scope, receive, send)
        finally:
            otel_context.detach(token)


def made(
    desk: Desk, provider: TracerProvider, other: str, pool: ThreadPoolExecutor, tasks: Queue
) -> Any:
    """The application, that makes calls from every place there is."""
    app = FastAPI(telemetry={"tracer_provider": provider})
    tasks.work = lambda name: desk.ask(who_of(name))

    async def everywhere(name: str, later: BackgroundTasks) -> StreamingResponse:
        who = who_of(name)
        loop = asyncio.get_running_loop()
        await desk.ask_async(who)
        await asyncio.gather(asyncio.create_task(desk.ask_async(who)), desk.ask_async(who))
        await asyncio.to_thread(desk.ask, who)
        await loop.run_in_executor(pool, otel_cost.wrap(desk.ask), who)
        await asyncio.to_thread(call_service, provider, f"{other}/{name}")
        await asyncio.to_thread(tasks.do, name)
        later.add_task(desk.ask, who)
        return StreamingResponse(desk.streamed_async(who))

    @app.get("/said/{name}")
    async def said(
        name: str, later: BackgroundTasks, _: Annotated[None, Depends(set_feature)]
    ) -> StreamingResponse:
        return await everywhere(name, later)

    @app.get("/by-baggage/{name}")
    async def by_baggage(name: str, later: BackgroundTasks) -> StreamingResponse:
        return await everywhere(name, later)

    app.add_middleware(ByBaggage)
    app.add_middleware(otel_cost.AttributionMiddleware, headers=HEADERS)
    return app


@soak
@pytest.mark.parametrize("way", ["said", "by-baggage"])
def test_every_call_is_for_whom_its_request_is(
    desk: Desk, tasks: Queue, way: str, record_property: Callable[[str, object], None]
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(otel_cost.CostSpanProcessor(hooks=False))
    with (
        ThreadPoolExecutor(8) as pool,
        asgi(second(desk, provider)) as other,
        telling(provider.get_tracer("tasks")),
        asgi(made(desk, provider, other, pool, tasks)) as url,
    ):
        assert get_all(requests_by(way, url, REQUESTS), REQUESTS) == [".."] * REQUESTS
    desk.settle(calls=REQUESTS * PLACES * 2)
    record_property("claim", f"FastAPI, {way}: {REQUESTS} requests at once, none mixed up")


def test_what_one_request_says_is_gone_with_it(desk: Desk) -> None:
    app = FastAPI()

    @app.get("/")
    async def answer(request: Request) -> str:
        if "x-say" in request.headers:
            otel_cost.set(feature="said")
        who = otel_cost.current()
        return f"{who.feature} {who.team}"

    app.add_middleware(otel_cost.AttributionMiddleware, headers=HEADERS)
    with asgi(app) as url:
        asked = [(url, {"x-say": "1", "x-team": "a"}), (url, {}), (url, {"x-team": "b"})]
        assert [get_all([each], 1) for each in asked] == [
            ['"said a"'],
            ['"None None"'],
            ['"None b"'],
        ]
    assert otel_cost.current() == Attribution()
