"""Shows that everything inside an attribution belongs to it, and nothing outside does."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import otel_cost
from otel_cost import config, faults
from otel_cost.attribution.context import attribution
from otel_cost.attribution.functions import attributed
from otel_cost.attribution.values import MAX_LENGTH, UNATTRIBUTED, Attribution, make
from otel_cost.demo.providers import LocalProviders
from otel_cost.install import current
from tests import wiring
from tests.demo.calls import chat
from tests.wiring import Charges, Provider


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield
    assert current() is UNATTRIBUTED, "an attribution was left behind"


@pytest.mark.parametrize(
    ("levels", "merged"),
    [
        ([{"feature": "a"}], Attribution("a")),
        ([{"feature": "a"}, {"feature": "b"}], Attribution("b")),
        ([{"feature": "a", "team": "t"}, {"feature": "b"}], Attribution("b", "t")),
        ([{"feature": "a"}, {"team": "t"}, {"user_id": "u"}], Attribution("a", "t", "u")),
        ([{"session_id": "s"}, {"customer": "c"}], Attribution(session_id="s", customer="c")),
        ([{"feature": "a"}, {"feature": None}], Attribution("a")),
        ([{"feature": "a"}, {"feature": ""}], Attribution("a")),
        (
            [{"plan": "free", "x": "1"}, {"plan": "pro", "a": "2"}],
            Attribution(tags=(("a", "2"), ("plan", "pro"), ("x", "1"))),
        ),
        ([{}], UNATTRIBUTED),
    ],
)
def test_nested_attributions_merge_and_the_inner_value_wins(
    levels: list[dict[str, Any]], merged: Attribution
) -> None:
    with ExitStack() as stack:
        for level in levels:
            entered = stack.enter_context(attribution(**level))
        assert entered == current() == merged


def test_leaving_restores_what_was_before_also_on_an_error() -> None:
    with attribution(feature="outer"):
        with pytest.raises(KeyError), attribution(feature="inner"):
            raise KeyError
        assert current().feature == "outer"
    assert current() is UNATTRIBUTED


def test_one_attribution_may_be_used_again_and_again() -> None:
    search = attribution(feature="search")
    for _ in range(2):
        with search:
            assert current().feature == "search"
        assert current() is UNATTRIBUTED


def test_one_attribution_may_be_used_within_itself() -> None:
    search = attribution(feature="search")

    def nest() -> Attribution:
        with search:
            with search:
                assert current().feature == "search"
            assert current().feature == "search"
        return current()

    # In a context of its own: what it might leave behind must not reach other tests.
    assert contextvars.copy_context().run(nest) is UNATTRIBUTED


def test_one_attribution_may_be_used_by_several_threads_at_once() -> None:
    search = attribution(feature="search")
    both_in = threading.Barrier(2)
    after: list[Attribution] = []

    def work() -> None:
        with search:
            both_in.wait(wiring.ENOUGH)
        after.append(current())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert after == [UNATTRIBUTED] * 2


def test_tasks_that_run_at_once_do_not_mix() -> None:
    async def work(feature: str, turn: asyncio.Barrier) -> list[str | None]:
        seen = []
        with attribution(feature=feature):
            for _ in range(3):
                await turn.wait()
                seen.append(current().feature)
        return seen

    async def main() -> tuple[list[str | None], list[str | None]]:
        turn = asyncio.Barrier(2)
        one, two = await asyncio.gather(work("a", turn), work("b", turn))
        return one, two

    assert asyncio.run(main()) == (["a"] * 3, ["b"] * 3)


def test_a_manager_that_ends_in_another_task_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        manager = attribution(feature="search")

        async def enter() -> None:
            manager.__enter__()

        await asyncio.create_task(enter())
        manager.__exit__(None, None, None)

    asyncio.run(main())
    assert caplog.records == []


@attributed(feature="decorated", plan="pro")
def decorated(value: int) -> tuple[int, Attribution]:
    """The docstring."""
    return value, current()


@attributed(feature="decorated", plan="pro")
async def decorated_async(value: int) -> tuple[int, Attribution]:
    """The docstring."""
    await asyncio.sleep(0)
    return value, current()


@pytest.mark.parametrize(
    "call", [lambda: decorated(value=3), lambda: asyncio.run(decorated_async(value=3))]
)
def test_a_decorated_function_runs_within_the_attribution(
    call: Callable[[], tuple[int, Attribution]],
) -> None:
    with attribution(team="core", feature="outer"):
        value, who = call()
    assert value == 3
    assert who == Attribution("decorated", "core", tags=(("plan", "pro"),))


def test_a_decorated_function_keeps_its_name_and_kind() -> None:
    assert (decorated.__name__, decorated.__doc__) == ("decorated", "The docstring.")
    assert decorated_async.__name__ == "decorated_async"
    assert asyncio.iscoroutinefunction(decorated_async)
    assert not asyncio.iscoroutinefunction(decorated)


def test_a_decorated_function_may_call_itself_and_may_raise() -> None:
    @attributed(feature="deep")
    def down(levels: int) -> None:
        assert current().feature == "deep"
        if not levels:
            raise KeyError
        down(levels - 1)

    with pytest.raises(KeyError):
        down(3)


class Unspeakable:
    """A value that cannot be made text of."""

    def __str__(self) -> str:
        raise ConnectionError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x" * (MAX_LENGTH + 1), "x" * MAX_LENGTH),
        ("a\nb\x00c\x1bd\x7fe", "abcde"),
        ("a\ud800b", "ab"),
        ("\n", None),
        (42, "42"),
        (b"raw", "b'raw'"),
        (Unspeakable(), None),
    ],
)
@pytest.mark.parametrize("name", ["feature", "team", "user_id", "session_id", "customer", "tag"])
def test_a_value_is_kept_as_far_as_it_is_text_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture, name: str, value: Any, kept: str | None
) -> None:
    for _ in range(3):
        who = make(tags={"tag": value}) if name == "tag" else make(**{name: value})
        found = dict(who.tags).get("tag") if name == "tag" else getattr(who, name)
        assert found == kept
    assert faults.counts["attribution_changed"] == 3
    (message,) = wiring.said(caplog)
    assert name in message
    assert "200 characters" in message


def test_tags_whose_names_become_one_are_one() -> None:
    odd: dict[Any, str] = {"a": "first", "a\n": "second", 7: "number"}
    assert make(tags=odd).tags == (("7", "number"), ("a", "first"))


@pytest.mark.parametrize("value", ["x" * MAX_LENGTH, "Zürich 検索 🔎", "", None])
def test_a_good_value_is_kept_as_it_is(caplog: pytest.LogCaptureFixture, value: str | None) -> None:
    assert make(feature=value).feature == (value or None)
    assert caplog.records == []


def test_a_value_that_cannot_be_text_does_not_stop_the_application() -> None:
    unspeakable: Any = Unspeakable()
    with attribution(user_id=unspeakable, feature="search"):
        assert current() == Attribution("search")


def test_defaults_of_the_environment_stand_below_the_context(
    providers: LocalProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_FEATURE", "default")
    monkeypatch.setenv("OTEL_COST_TEAM", "core")
    monkeypatch.setenv("OTEL_COST_TAGS", "plan=free,region=eu")
    defaults = config.read().attribution
    provider = Provider.exporting(otel_cost.CostSpanProcessor())
    charges = Charges()
    tracer = provider.tracing.get_tracer("another library")
    with wiring.clients(providers) as (gpt, _):
        chat(gpt)
        with attribution(feature="search", plan="pro"):
            chat(gpt)
            tracer.start_span("tool", attributes={"gen_ai.operation.name": "execute_tool"}).end()
    merged = Attribution("search", "core", tags=(("plan", "pro"), ("region", "eu")))
    assert [charge.attribution for charge in charges.settled()] == [defaults, merged]
    *_, ours, theirs = provider.exporter.get_finished_spans()
    for span in (ours, theirs):
        assert span.attributes is not None
        for name in ("feature", "team", "plan", "region"):
            expected = {"feature": "search", "team": "core", **dict(merged.tags)}[name]
            assert span.attributes[f"langfuse.trace.metadata.{name}"] == expected
