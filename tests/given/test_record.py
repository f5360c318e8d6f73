"""`record()`: one charge and one span for a call that no hook sees."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import otel_cost
from otel_cost import attributes
from otel_cost.charge import Charge
from tests import ledgers
from tests.recording import Recording
from tests.recording import recording as otel_cost_on

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def record(usage: Any = None, **more: Any) -> Charge:
    said = {"provider": "openai", "model": "gpt-4o", "usage": usage, **more}
    return otel_cost.record(**said)


def test_one_charge_and_one_span(recorded: Recording) -> None:
    with otel_cost.attribution(feature="search", team="growth", plan="pro"):
        made = record(
            {"prompt_tokens": 1000, "completion_tokens": 500},
            team="core",
            tags={"night": "yes"},
            response_id="r-1",
            request_model="gpt-4o-latest",
            started_at=NOON,
            ended_at=NOON + timedelta(seconds=2),
        )
    assert recorded.charge == made
    who = made.attribution
    assert (who.feature, who.team, who.tags) == (
        "search",
        "core",
        (("night", "yes"), ("plan", "pro")),
    )
    assert (made.usage_source, made.outcome, made.response_id) == ("given", "ok", "r-1")
    assert (made.cost.status, made.cost.effective_usd) == ("exact", Decimal("0.0075"))
    assert made.ended_at - made.started_at == 2 * 10**9
    span = recorded.span
    assert (span.start_time, span.end_time) == (made.started_at, made.ended_at)
    assert span.context is not None
    assert f"{span.context.span_id:016x}" == made.span_id
    said: Any = span.attributes
    assert said[attributes.CHARGE_ID_KEY] == made.charge_id
    assert json.loads(said[attributes.USAGE_DETAILS])["total"] == 1500
    assert json.loads(said[attributes.COST_DETAILS])["total"] == 0.0075
    assert said[attributes.REQUEST_MODEL] == "gpt-4o-latest"


def test_its_span_stands_in_the_trace_that_is_open(recorded: Recording) -> None:
    tracer = recorded.provider.get_tracer("test")
    with tracer.start_as_current_span("job") as job:
        made = record({"input": 1})
    assert made.trace_id == f"{job.get_span_context().trace_id:032x}"


def test_it_reaches_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    try:
        otel_cost.instrument(ledger=ledgers.url(path))
        made = record({"input": 1})
        assert otel_cost.flush(10)
        (document,) = ledgers.documents(path)
        assert document["charge_id"] == made.charge_id
    finally:
        otel_cost.shutdown()


def test_unknown_usage_is_unmetered_and_a_failed_call_says_so(recorded: Recording) -> None:
    made = record(outcome="error")
    assert (made.cost.status, made.usage_source) == ("unmetered", "none")
    assert not recorded.span.status.is_ok
    assert recorded.span.attributes is not None
    assert recorded.span.attributes[attributes.ERROR_TYPE] == "error"


@pytest.mark.parametrize(
    ("more", "usd"),
    [
        ({"tier": "priority"}, "0.00425"),
        ({"batch": True}, "0.00125"),
        ({}, "0.0025"),
    ],
)
def test_the_price_depends_on_what_is_said_of_the_call(more: Any, usd: str) -> None:
    with otel_cost_on():
        made = record({"input": 1000}, **more)
    assert (made.cost.status, made.cost.effective_usd) == ("exact", Decimal(usd))


@pytest.mark.parametrize("cost", [Decimal("0.1"), "0.1", 0.1])
def test_a_cost_given_by_hand_holds_to_the_digit(recorded: Recording, cost: Any) -> None:
    made = record({"input": 1000}, cost=cost)
    assert (made.cost.status, made.cost.effective_usd) == ("exact", Decimal("0.1"))
    assert made.cost.list_usd == Decimal("0.0025")
    (line,) = made.cost.lines
    assert (line.price_id, line.effective_usd) == ("given", Decimal("0.1"))
    assert recorded.span.attributes is not None
    details = json.loads(str(recorded.span.attributes[attributes.COST_DETAILS]))
    assert details == {"stated": 0.1, "total": 0.1}


def test_a_cost_holds_where_neither_usage_nor_price_is_known(recorded: Recording) -> None:
    without = record(cost=2)
    assert (without.cost.status, without.cost.effective_usd) == ("exact", Decimal(2))
    unknown = record({"input": 5}, model="nobody-knows-it", cost="0")
    assert (unknown.cost.status, unknown.cost.list_usd) == ("exact", Decimal(0))


def test_langfuse_s_costs_are_lines_of_their_own(recorded: Recording) -> None:
    usage = {"input": 1000, "output": 100, "inputCost": 0.1, "outputCost": "0.2"}
    made = record(usage, cost="0.3")
    assert made.cost.effective_usd == Decimal("0.3")
    assert [(line.meter, line.effective_usd, line.list_usd) for line in made.cost.lines] == [
        ("input", Decimal("0.1"), Decimal("0.0025")),
        ("output", Decimal("0.2"), Decimal("0.001")),
    ]
    for line in made.cost.lines:
        assert line.quantity * line.rate_usd / line.per == line.effective_usd
    assert made.cost.list_usd == Decimal("0.0035")
    with pytest.raises(ValueError, match=r"cost is 0\.4, but usage\.totalCost is 0\.3"):
        record(usage, cost="0.4")


@pytest.mark.parametrize(
    ("more", "error", "named"),
    [
        ({"provider": ""}, ValueError, "provider is empty"),
        ({"model": None}, TypeError, "model must be text"),
        ({"tier": 5}, TypeError, "tier must be text"),
        ({"batch": "yes"}, TypeError, "batch must be true or false"),
        ({"outcome": "fine"}, ValueError, "outcome is 'fine'; choose from ok, error"),
        ({"cost": -1}, ValueError, "cost is -1"),
        ({"cost": float("inf")}, ValueError, "cost is inf"),
        ({"cost": "much"}, ValueError, "cost is 'much'"),
        ({"cost": True}, ValueError, "cost is True"),
        ({"started_at": 5}, TypeError, "started_at must be a datetime"),
        ({"ended_at": datetime(2026, 1, 1)}, ValueError, "ended_at .* without a time zone"),  # noqa: DTZ001
        (
            {"started_at": NOON, "ended_at": NOON - timedelta(seconds=1)},
            ValueError,
            "ended_at .* before started_at",
        ),
    ],
)
def test_a_bad_argument_is_refused_and_named(
    recorded: Recording, more: Any, error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        record({"input": 1}, **more)
    assert recorded.charges == []
    assert recorded.spans == []


def test_switched_off_the_charge_is_returned_and_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_COST_DISABLED", "true")
    monkeypatch.setenv("OTEL_COST_LEDGER", ledgers.url(tmp_path / "ledger.db"))
    seen: list[Charge] = []
    otel_cost.add_sink(seen.append)
    made = record({"input": 1000})
    assert (made.cost.effective_usd, made.span_id) == (Decimal("0.0025"), None)
    assert otel_cost.flush(10)
    assert seen == []
    assert list(tmp_path.iterdir()) == []


def test_the_documented_call_is_recorded(
    recorded: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text(encoding="utf-8")
    section = page.partition("## Calls that no hook sees")[2]
    exec(section.partition("```python\n")[2].partition("```")[0], {})
    assert capsys.readouterr().out == "exact 0.0060000\n"
    assert recorded.charge.attribution.feature == "nightly-import"
