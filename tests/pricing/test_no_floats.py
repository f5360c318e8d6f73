"""No float touches money between the usage object and the charge."""

import ast
import json
from collections.abc import Iterator
from decimal import Decimal, FloatOperation, localcontext
from pathlib import Path
from typing import Any

import pytest

import otel_cost.pricing
from otel_cost.cli.priced_calls import read_call
from otel_cost.pricing import sheet
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import parse_organisation

LINES = Path(__file__).with_name("calls.jsonl").read_text(encoding="utf-8").splitlines()
MODULES = sorted(Path(otel_cost.pricing.__file__).parent.glob("*.py"))
ENGINE = Engine(organisation=parse_organisation("[[discount]]\nx = 0.9\n"))


def leaves(value: Any) -> Iterator[Any]:
    """Everything that a record of ours holds, down to the last value."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        yield from leaves(list(value.items()))
    elif hasattr(value, "__slots__") and not isinstance(value, Decimal | str | int):
        yield from leaves([getattr(value, name) for name in value.__slots__])
    else:
        yield value


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(json.loads(line)["id"]))
def test_money_is_decimal_from_the_usage_to_the_cost(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trapping = sheet.ARITHMETIC.copy()
    trapping.traps[FloatOperation] = True
    monkeypatch.setattr(sheet, "ARITHMETIC", trapping)
    with localcontext() as current:
        current.traps[FloatOperation] = True
        call = read_call(line)
        cost = ENGINE.price(call.provider, call.parts, call.context)
    assert cost.lines
    assert {type(leaf) for leaf in leaves((call.parts, cost))} <= {str, int, Decimal}
    for found in cost.lines:
        money = (found.rate_usd, found.list_usd, found.effective_usd)
        assert {type(amount) for amount in money} == {Decimal}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_pricing_wing_has_no_floats(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.Name) and node.id == "float"), node.lineno
