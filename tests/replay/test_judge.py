"""Shows that the judge of the replay finds what is wrong: each thing a charge may not say."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_cost.charge import Charge, Cost, Part, PricingContext
from otel_cost.usage import Meter, Usage
from tests.charges import START, make_charge
from tests.replay import recording, stage, worth
from tests.replay.judge import of_charge
from tests.replay.prices import COMPLETE, engine
from tests.replay.truth import Truth, truth
from tests.wiring import clean_slate

ENGINE = engine(COMPLETE)
(CHAT,) = truth("otel-genai", "chat_sync")
(CUT,) = truth("otel-genai", "messages_stream_cut_sync")
(UNSAID,) = truth("otel-genai", "chat_nousage_sync")
(REFUSED,) = truth("otel-genai", "chat_error_sync")
ALL: dict[Meter, Any] = dict(CHAT.parts[0].usage.quantities)
LESS: dict[Meter, Any] = {"input": 300, "cache_read": 1200, "output": 300}


def charged(what: Truth, usage: dict[Meter, Any], **said: Any) -> Charge:
    """A charge of a call at what `usage` costs, with any field said otherwise."""
    parts = (Part(what.model, Usage(usage)),) if usage else ()
    context = PricingContext(START, tier=what.tier, geo=what.geo)
    cost = ENGINE.price(what.provider, parts, context)
    made = make_charge(
        provider=what.provider, model=what.model, parts=parts, cost=cost, started_at=START
    )
    if {"status", "unpriced", "effective_usd"} & said.keys():
        said = {"cost": cost._replace(**said)}
    return replace(made, **said)


@pytest.mark.parametrize(
    ("what", "charge", "word"),
    [
        (CHAT, charged(CHAT, ALL), "right"),
        (CHAT, charged(CHAT, LESS), "wrong"),
        (CHAT, charged(CHAT, LESS, status="partial", unpriced=("input_audio",)), "partial"),
        (CHAT, charged(CHAT, LESS, status="partial"), "wrong"),
        (CHAT, charged(CHAT, {}), "unmetered"),
        (CHAT, charged(CHAT, {}, effective_usd=Decimal("0.1")), "wrong"),
        (CHAT, charged(CHAT, {"input": 2001}, status="partial", unpriced=("output",)), "wrong"),
        (CHAT, charged(CHAT, {"output": 301}, status="partial", unpriced=("input",)), "wrong"),
        (CHAT, charged(CHAT, {"web_search": 1}, status="partial", unpriced=("input",)), "wrong"),
        (CHAT, charged(CHAT, {"output": 300, "input": 2000}, status="estimated"), "wrong"),
        (CHAT, charged(CHAT, ALL, provider="azure"), "wrong"),
        (CHAT, charged(CHAT, ALL, model="gpt-4o"), "wrong"),
        (CUT, charged(CUT, {"input": 100}, status="partial", unpriced=("output",)), "partial"),
        (CUT, charged(CUT, {"input": 100}, status="partial", unpriced=("cache_read",)), "wrong"),
        (CUT, charged(CUT, dict(CUT.parts[0].usage.quantities)), "wrong"),
        (UNSAID, charged(UNSAID, {}), "unmetered"),
        (UNSAID, charged(UNSAID, {"input": 1}), "wrong"),
        (REFUSED, charged(REFUSED, {}), "unmetered"),
        (REFUSED, charged(REFUSED, {}, status="exact"), "right"),
        (REFUSED, charged(REFUSED, {"input": 1}), "wrong"),
    ],
)
def test_a_charge_is_held_against_the_truth(what: Truth, charge: Charge, word: str) -> None:
    told = "The provider reported no usage." if charge.cost.status == "unmetered" else ""
    found = of_charge(what, charge, ENGINE, told)
    assert found.word == word, found.reasons


def test_a_charge_that_says_its_price_is_not_known_is_partial() -> None:
    unknown = Cost("unpriced", Decimal(0), Decimal(0), ("input",))
    charge = charged(CHAT, {"input": 200}, cost=unknown, model="unknown")
    assert of_charge(CHAT, charge, ENGINE, "").word == "partial"


FOLDER = recording.folder()


@pytest.mark.skipif(FOLDER is None, reason="OTEL_COST_TEST_DATA is not set")
def test_a_span_too_many_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FOLDER is not None
    recorded = recording.read(FOLDER / "otel-genai" / "chat_sync.json")
    with clean_slate(monkeypatch):
        charges, spans = stage.play(recorded)
    assert not [*worth.problems(charges, spans)]
    (span,) = spans
    (charge,) = charges
    bare = ReadableSpan(
        span.name, span.context, attributes=recorded.spans[0].attributes, kind=span.kind
    )
    dearer = replace(charge, cost=charge.cost._replace(effective_usd=Decimal(1)))
    elsewhere = replace(charge, span_id="0" * 16)
    for problem, some_charges, some_spans in (
        ("counted as GENERATION without a charge", [charge], [span, bare]),
        ("Langfuse would make up cost", [charge], [span, bare]),
        ("1 charges, but 2 spans that carry one", [charge], [span, span]),
        ("1 charges, but 0 spans that carry one", [charge], []),
        ("the charges $1.000000000000", [dearer], [span]),
        ("names another span", [elsewhere], [span]),
    ):
        found = "\n".join(worth.problems(some_charges, some_spans))
        assert problem in found, found
