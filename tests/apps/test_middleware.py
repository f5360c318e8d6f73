"""Shows what the middleware takes from a request, and that nothing in it stops one."""

import asyncio
import http.client
import io
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import otel_cost
from otel_cost import Rule, faults
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from tests import wiring
from tests.apps.servers import asgi

HEADERS = {"X-Team": "team", "x-user": "user_id", "x-plan": "tag.plan"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        before = otel_context.get_current()
        yield
        assert otel_context.get_current() == before


def by_asgi(said: list[tuple[str, str]], kind: str = "http", **options: Any) -> Attribution:
    """Whom a request is for, by ASGI."""
    seen: list[Attribution] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(otel_cost.current())

    headers = [(name.encode(), value.encode("latin-1")) for name, value in said]
    scope = {"type": kind, "headers": headers, "path": "/summarize/7", "root_path": ""}
    made: Any = otel_cost.AttributionMiddleware(app, **options)
    asyncio.run(made(scope, None, None))
    return seen[0]


def by_wsgi(said: list[tuple[str, str]], **options: Any) -> Attribution:
    """The same by WSGI, where the server joins headers of one name."""
    seen: list[Attribution] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(otel_cost.current())
        return [b"whole"]

    named = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in said}
    environ = {"SCRIPT_NAME": "", "PATH_INFO": "/summarize/7", **named}
    assert otel_cost.AttributionWSGIMiddleware(app, **options)(environ, None) == [b"whole"]
    return seen[0]


WAYS = pytest.mark.parametrize("request_by", [by_asgi, by_wsgi])


@WAYS
def test_headers_that_are_named_are_believed_and_no_others(request_by: Any) -> None:
    said = [("x-team", "core"), ("x-plan", "pro"), ("x-feature", "x"), ("x-user", "u\n1")]
    assert request_by(said, headers=HEADERS) == Attribution(
        team="core", user_id="u1", tags=(("plan", "pro"),)
    )
    assert request_by(said) is UNATTRIBUTED


def test_a_header_that_came_twice_says_nothing() -> None:
    said = [("x-team", "gateway"), ("X-Team", "client"), ("x-user", "u1")]
    assert by_asgi(said, headers=HEADERS) == Attribution(user_id="u1")


@WAYS
@pytest.mark.parametrize(
    "answer",
    [
        Attribution("search", tags=(("plan", "pro"),)),
        {"feature": "search", "plan": "pro"},
        {"feature": "search", "tag.plan": "pro", "team": None},
    ],
)
def test_a_callable_says_it_before_headers(request_by: Any, answer: Any) -> None:
    who = request_by(
        [("x-team", "core"), ("x-plan", "free")], attribute=lambda _: answer, headers=HEADERS
    )
    assert who == Attribution("search", "core", tags=(("plan", "pro"),))
    assert request_by([], attribute=lambda _: None) is UNATTRIBUTED


@WAYS
@pytest.mark.parametrize("answer", [7, {7: "x"}, KeyError("no session")])
def test_a_callable_that_fails_stops_no_request(
    request_by: Any, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def attribute(_: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    for _ in range(3):
        assert request_by([("x-team", "core")], attribute=attribute, headers=HEADERS).team == "core"
    if answer != {7: "x"}:
        (message,) = wiring.said(caplog)
        assert "attribute()" in message
        assert faults.counts["attribute_errors"] == 3


@WAYS
def test_rules_see_the_path_without_any_span(request_by: Any) -> None:
    otel_cost.instrument(rules=[Rule(route="/summarize/*", feature="summarization")])
    assert request_by([]).feature == "summarization"


@WAYS
def test_rules_see_a_route_in_the_path_without_any_span(request_by: Any) -> None:
    otel_cost.instrument(rules=[Rule(route="/summarize/{id}", feature="summarization")])
    assert request_by([]).feature == "summarization"


@WAYS
def test_headers_are_read_as_utf_8_and_else_as_latin_1(request_by: Any) -> None:
    as_a_server_gives = "équipe".encode().decode("latin-1")
    assert request_by([("x-team", as_a_server_gives)], headers=HEADERS).team == "équipe"
    assert request_by([("x-team", "équipe")], headers=HEADERS).team == "équipe"


def test_a_mounted_application_adds_to_what_the_one_around_it_says() -> None:
    seen: list[Attribution] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(otel_cost.current())

    inner: Any = otel_cost.AttributionMiddleware(app, headers={"x-user": "user_id"})
    outer: Any = otel_cost.AttributionMiddleware(inner, headers={"x-team": "team"})
    headers = [(b"x-team", b"core"), (b"x-user", b"u1")]
    asyncio.run(outer({"type": "http", "path": "/", "headers": headers}, None, None))
    assert seen == [Attribution(team="core", user_id="u1")]


def test_other_things_than_requests_pass_as_they_are() -> None:
    assert by_asgi([("x-team", "core")], "lifespan", headers=HEADERS) is UNATTRIBUTED
    assert by_asgi([("x-team", "core")], "websocket", headers=HEADERS).team == "core"


def test_a_context_made_of_its_own_headers_is_of_the_request_and_no_other() -> None:
    """Without a span nothing else tells the request from a message that is taken in within it."""
    otel_cost.configure(TracerProvider(shutdown_on_exit=False))
    seen: list[str | None] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for carrier in (environ, {}, {"traceparent": ""}, environ):
            token = otel_context.attach(propagate.extract(carrier))
            seen.append(otel_cost.current().feature)
            otel_context.detach(token)
        return []

    made: Any = otel_cost.AttributionWSGIMiddleware(app, attribute=lambda _: {"feature": "search"})
    made({}, None)
    assert seen == ["search", None, None, "search"]


def test_a_streamed_body_is_made_and_closed_within_the_request() -> None:
    seen: list[str | None] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        try:
            otel_cost.set(feature="search")
            yield str(otel_cost.current().feature).encode()
        finally:
            seen.append(otel_cost.current().feature)

    body: Any = otel_cost.AttributionWSGIMiddleware(app)({}, None)
    assert next(body) == b"search"
    assert otel_cost.current() is UNATTRIBUTED
    body.close()
    assert seen == ["search"]


def test_a_file_reaches_the_server_as_the_file_it_can_send() -> None:
    file = FileWrapper(io.BytesIO(b"whole"))
    made: Any = otel_cost.AttributionWSGIMiddleware(lambda environ, start_response: file)
    assert made({"wsgi.file_wrapper": FileWrapper}, None) is file
    assert list(made({"wsgi.file_wrapper": lambda file: file}, None)) == [b"whole"]


@WAYS
@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"attribute": 7}, TypeError, "attribute must be callable"),
        ({"headers": "x-team"}, TypeError, "headers must be a mapping"),
        ({"headers": {"x-team": 7}}, TypeError, "'x-team': 7"),
        ({"headers": {"x-team": "squad"}}, ValueError, "'squad', none of feature, team"),
        ({"headers": {"x-team": "tag."}}, ValueError, "'tag.'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    request_by: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        request_by([], **options)


async def ask(request: StarletteRequest) -> PlainTextResponse:
    """Say who it is for, if it has something to say, in every way there is."""
    if request.method == "POST":
        otel_cost.set(feature="first", plan="pro")
        otel_context.attach(baggage.set_baggage("otel_cost.customer", "first"))
    length = len(await request.body())
    return PlainTextResponse(f"{length} {otel_cost.current()}")


async def asked(scope: Any, receive: Any, send: Any) -> None:
    """The site, with a block around what has something to say."""
    site = Starlette(routes=[Route("/", ask, methods=["POST", "GET"])])
    who = {"session_id": "first"} if scope["method"] == "POST" else {}
    with otel_cost.attribution(**who):
        await site(scope, receive, send)


def test_a_later_request_of_a_connection_is_for_nobody_of_an_earlier_one() -> None:
    """After a large body uvicorn begins requests in the context of the one that had it."""
    otel_cost.instrument()
    with asgi(otel_cost.AttributionMiddleware(asked, headers=HEADERS)) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        try:
            connection.request("POST", "/", body=b"x" * 3_000_000, headers={"x-user": "alice"})
            first = connection.getresponse().read().decode()
            connection.request("GET", "/", headers={"x-team": "core"})
            second = connection.getresponse().read().decode()
        finally:
            connection.close()
    whole = Attribution("first", None, "alice", "first", "first", (("plan", "pro"),))
    assert first == f"3000000 {whole}"
    assert second == f"0 {Attribution(team='core')}"
