"""Worked cases: usage as meters, and the US dollars that the provider's price list makes of it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_cost.charge import Part
from otel_cost.pricing.engine import Engine
from otel_cost.usage import Usage
from tests.pricing.support import context

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("cases.json").read_text())
ENGINE = Engine()


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_a_worked_case_costs_what_the_price_list_says(case: dict[str, Any]) -> None:
    parts = [Part(part["model"], Usage(part["usage"])) for part in case["parts"]]
    cost = ENGINE.price(case["provider"], parts, context(case["at"], **case["context"]))
    assert cost.effective_usd == Decimal(case["usd"])
    assert cost.list_usd == sum(line.list_usd for line in cost.lines)
    assert cost.status == case["status"]
    assert cost.unpriced == ()


def test_only_what_the_price_lists_leave_open_is_estimated() -> None:
    estimated = {case["id"] for case in CASES if case["status"] == "estimated"}
    assert estimated == {case["id"] for case in CASES if case["grade"] == "C"}
