"""Shows how rules tell feature and team by where a call is made, and team by feature."""

import sys
import time
import types
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_cost
from otel_cost import Rule
from otel_cost.attribution.place import one_form
from otel_cost.attribution.values import Attribution
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.capture.ways import HELLO
from tests.wiring import Charges

SUMMARIES = Rule(route="/summarize/*", feature="summarization")
SEARCH = Rule(when_feature=["summar*", "search"], team="search")


@pytest.fixture
def gpt(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    with wiring.clean_slate(monkeypatch), wiring.clients(providers) as (gpt, _):
        yield gpt


def tracing(*rules: Rule) -> trace.Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    otel_cost.configure(provider, rules=rules)
    return provider.get_tracer("app")


def ask(gpt: openai.OpenAI) -> None:
    gpt.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("route", "form"),
    [
        ("/items/{id}", "/items/{id}"),
        ("/files/{path:path}", "/files/{path}"),
        ("/items/<int:id>/<name>", "/items/{id}/{name}"),
        ("v2/search/<str:q>/", "/v2/search/{q}"),
        (r"^articles/(?P<year>[0-9]{4})/$", "/articles/{year}"),
        (r"^a/(?P<slug>(x|y)+)/b$", "/a/{slug}/b"),
        (r"^a/b/?$", "/a/b"),
        (r"a/b/\Z", "/a/b"),
        ("/", "/"),
        ("", "/"),
    ],
)
def test_routes_of_all_frameworks_have_one_form(route: str, form: str) -> None:
    assert one_form(route) == form


@pytest.mark.parametrize(
    ("said", "feature"),
    [
        ({"http.route": "/summarize/{id}"}, "summarization"),
        ({"http.route": "/summarize/<int:id>/parts/"}, "summarization"),
        ({"http.route": "summarize/<str:id>"}, "summarization"),
        ({"url.path": "/summarize/7"}, "summarization"),
        ({"http.target": "/summarize/7?x=1"}, "summarization"),
        ({"http.route": "/other", "url.path": "/other"}, None),
        ({"http.route": "/summarize"}, None),
        ({}, None),
    ],
)
def test_a_feature_by_route(gpt: openai.OpenAI, said: dict[str, str], feature: str | None) -> None:
    tracer = tracing(SUMMARIES)
    charges = Charges()
    with (
        tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=said),
        tracer.start_as_current_span("a step"),
        tracer.start_as_current_span("another"),
    ):
        ask(gpt)
    assert charges.only().attribution.feature == feature


def test_a_route_that_becomes_known_later_counts_from_then_on(gpt: openai.OpenAI) -> None:
    tracer = tracing(SUMMARIES)
    charges = Charges()
    with tracer.start_as_current_span("GET", kind=SpanKind.SERVER) as server:
        ask(gpt)
        server.set_attribute("http.route", "/summarize/{id}")
        ask(gpt)
    features = [charge.attribution.feature for charge in charges.settled()]
    assert features == [None, "summarization"]


@pytest.mark.parametrize(
    ("route", "path", "feature"),
    [
        ("/items/{item_id}", "/items/7", "item"),
        ("/items/<int:number>", "/items/7", "item"),
        (None, "/items/7", "item"),
        (None, "/items/7/", "item"),
        (None, "/items/7/parts", None),
        ("/{tenant}/chat", "/admin/chat", None),
        ("/{tenant}/chat", "/shop/chat", None),
        ("/admin/{path}", "/admin/users/7", "admin"),
        ("/{path:path}", "/admin/users/7", "admin"),
        (None, "/a/x/b/x/c", "between"),
        (None, "/a/x/c", None),
        ("/a/{b}/x/c", "/a/7/x/c", None),
    ],
)
def test_a_path_counts_as_far_as_the_route_leaves_it_open(
    gpt: openai.OpenAI, route: str | None, path: str, feature: str | None
) -> None:
    tracer = tracing(
        Rule(route="/items/{id}", feature="item"),
        Rule(route="/admin/*", feature="admin"),
        Rule(route="/a/*/b/*/c", feature="between"),
    )
    said = {"url.path": path} | ({} if route is None else {"http.route": route})
    with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=said):
        assert otel_cost.current().feature == feature


def test_a_path_that_somebody_has_made_long_takes_no_time(gpt: openai.OpenAI) -> None:
    tracer = tracing(Rule(route="/*/x/*/x/*/x/*/x/*/y", feature="x"))
    said = {"url.path": "/x" * 100_000}
    started = time.process_time()
    with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=said):
        assert otel_cost.current().feature is None
    assert time.process_time() - started < 5


def test_work_that_outlives_its_request_is_still_for_its_route(gpt: openai.OpenAI) -> None:
    tracer = tracing(SUMMARIES)
    said = {"http.route": "/summarize/{id}"}
    server = tracer.start_span("GET", kind=SpanKind.SERVER, attributes=said)
    server.end()
    with trace.use_span(server), tracer.start_as_current_span("step"):
        assert otel_cost.current().feature == "summarization"


def test_a_route_that_a_strangers_baggage_has_written_does_not_count(gpt: openai.OpenAI) -> None:
    tracer = tracing(SUMMARIES)
    charges = Charges()
    forged = {"http.route": "/summarize/x"}
    token = otel_context.attach(baggage.set_baggage("http.route", forged["http.route"]))
    try:
        with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=forged):
            ask(gpt)
    finally:
        otel_context.detach(token)
    assert charges.only().attribution.feature is None


def test_a_span_of_another_library_is_attributed_as_well(gpt: openai.OpenAI) -> None:
    tracer = tracing(SUMMARIES, SEARCH)
    charges = Charges()
    said: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 1,
    }
    route = {"http.route": "/summarize/{id}"}
    with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes=route):
        tracer.start_span("chat", attributes=said).end()
    assert charges.only().attribution == Attribution("summarization", "search")


def test_a_span_that_turns_out_to_be_a_call_is_for_the_route_that_is_known_then(
    gpt: openai.OpenAI,
) -> None:
    tracer = tracing(SUMMARIES)
    charges = Charges()
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gemini-2.5-pro"}
    with (
        tracer.start_as_current_span("GET", kind=SpanKind.SERVER) as server,
        tracer.start_as_current_span("work") as span,
    ):
        span.set_attributes({**said, "gen_ai.usage.input_tokens": 10})
        server.set_attribute("http.route", "/summarize/{id}")
    assert charges.only().attribution.feature == "summarization"


def test_by_the_name_of_any_span_around(gpt: openai.OpenAI) -> None:
    tracer = tracing(Rule(span="nightly *", feature="reports"))
    charges = Charges()
    with tracer.start_as_current_span("nightly run"), tracer.start_as_current_span("step"):
        ask(gpt)
    with tracer.start_as_current_span("daily run"):
        ask(gpt)
    features = [charge.attribution.feature for charge in charges.settled()]
    assert features == ["reports", None]


def test_by_the_task_that_an_instrumentation_tells(gpt: openai.OpenAI) -> None:
    """As opentelemetry-instrumentation-celery does: `run/NAME`, and the attribute in the end."""
    tracer = tracing(Rule(task="reports.*", feature="reports"))
    charges = Charges()
    with tracer.start_as_current_span("run/reports.daily", kind=SpanKind.CONSUMER):
        ask(gpt)
    said = {"celery.task_name": "reports.weekly"}
    with tracer.start_as_current_span("run", kind=SpanKind.CONSUMER, attributes=said):
        ask(gpt)
    with tracer.start_as_current_span("run/mail.send", kind=SpanKind.CONSUMER):
        ask(gpt)
    features = [charge.attribution.feature for charge in charges.settled()]
    assert features == ["reports", "reports", None]


def test_by_a_module_among_the_callers(gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    otel_cost.instrument(rules=[Rule(module="shop.search*", feature="search")])
    charges = Charges()
    module: Any = types.ModuleType("shop.search.ranking")
    exec("def rank(work): work()", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.rank(lambda: ask(gpt))
    ask(gpt)
    features = [charge.attribution.feature for charge in charges.settled()]
    assert features == ["search", None]


def test_the_first_rule_that_says_a_field_holds(gpt: openai.OpenAI) -> None:
    tracer = tracing(
        SEARCH,
        Rule(route="/summarize/*", span="GET", feature="both"),
        SUMMARIES,
        Rule(route="*", feature="other", team="other"),
    )
    charges = Charges()
    for name, route in (("GET", "/summarize/x"), ("PUT", "/summarize/x"), ("GET", "/x")):
        said = {"http.route": route}
        with tracer.start_as_current_span(name, kind=SpanKind.SERVER, attributes=said):
            ask(gpt)
    assert [charge.attribution for charge in charges.settled()] == [
        Attribution("both", "other"),
        Attribution("summarization", "search"),
        Attribution("other", "other"),
    ]


def test_what_is_said_holds_and_defaults_come_last(
    gpt: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_FEATURE", "search")
    tracer = tracing(Rule(route="*", feature="by rule"), SEARCH)
    charges = Charges()
    with tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes={"http.route": "/"}):
        with otel_cost.attribution(feature="said"):
            ask(gpt)
        ask(gpt)
    assert otel_cost.current() == Attribution("search", "search")
    ask(gpt)
    assert [charge.attribution for charge in charges.settled()] == [
        Attribution("said"),
        Attribution("by rule"),
        Attribution("search", "search"),
    ]


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"route": "/x"}, ValueError, "feature or a team"),
        ({"feature": "x"}, ValueError, "needs a condition"),
        ({"feature": "x", "when_feature": "y"}, ValueError, "only say the team"),
        ({"feature": "", "route": "/x"}, ValueError, "feature is no printable text"),
        ({"feature": "a\nb", "route": "/x"}, ValueError, "feature is no printable text"),
        ({"team": 7, "route": "/x"}, TypeError, "team must be text, not 7"),
        ({"team": "x", "route": 7}, TypeError, "route must be a pattern"),
        ({"team": "x", "route": [""]}, TypeError, "route must be a pattern"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    fields: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Rule(**fields)


def test_rules_that_are_none_are_refused(gpt: openai.OpenAI) -> None:
    with pytest.raises(TypeError, match="Rule objects, not 'x'"):
        otel_cost.instrument(rules=["x"])  # type: ignore[list-item]
