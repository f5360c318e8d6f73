"""Every price file in the documentation does what the text around it says."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from otel_cost.charge import Part
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import parse_organisation
from otel_cost.usage import Usage
from tests.pricing.support import context, price

TEXT = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text(encoding="utf-8")
FILES = {
    section.partition("\n")[0]: block[1]
    for section in re.split(r"^#{2,3} ", TEXT, flags=re.MULTILINE)
    if (block := re.search(r"^```toml\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL))
}
MILLION = 1_000_000
OCTOBER, NOVEMBER = "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"

OPUS, TUNED = "claude-opus-5", "ft:gpt-4.1-mini-2025-04-14:acme::abc"

Case: TypeAlias = tuple[str, str, str, str, dict[str, Any], str, str]
"""Provider, model, meters of which a million each were used, instant, context, list and effective
cost."""

EXPECTED: dict[str, list[Case]] = {
    "Discount": [
        ("openai", "gpt-4o", "input", NOVEMBER, {}, "2.5", "2.25"),
        ("azure.ai.openai", "gpt-4o", "input", NOVEMBER, {}, "2.5", "2.375"),
        ("openai", "gpt-4o", "input", "2027-01-01T00:00:00Z", {}, "2.5", "2.375"),
    ],
    "Contract": [
        ("anthropic", OPUS, "input", OCTOBER, {}, "5", "5"),
        ("anthropic", OPUS, "input", NOVEMBER, {}, "5", "4.25"),
        ("anthropic", f"{OPUS}-20260601", "output", NOVEMBER, {}, "25", "21.25"),
        ("anthropic", OPUS, "cache_read", NOVEMBER, {}, "0.5", "0.425"),
        ("anthropic", OPUS, "input", NOVEMBER, {"geo": "us"}, "5.5", "4.675"),
        ("anthropic", OPUS, "input", NOVEMBER, {"batch": True}, "2.5", "2"),
        ("anthropic", OPUS, "output", NOVEMBER, {"batch": True}, "12.5", "10.625"),
    ],
    "Deployment map": [("azure", "prod-chat", "input", NOVEMBER, {}, "2.5", "2.5")],
    "Fine-tune": [
        ("openai", TUNED, "input", NOVEMBER, {}, "0.4", "0.8"),
        ("openai", TUNED, "cache_read", NOVEMBER, {}, "0.1", "0.2"),
    ],
    "A model of your own": [
        ("vllm", "acme-70b-awq", "input reasoning", NOVEMBER, {}, "1.2", "1.2"),
        ("openai", "acme-draw", "images", NOVEMBER, {"size": "512x512"}, "40000", "40000"),
        ("openai", "acme-draw", "images", NOVEMBER, {"size": "1024x1792"}, "80000", "80000"),
    ],
    "Regular expressions": [
        ("vllm", "Acme-Agent-v2", "input", OCTOBER, {}, "1", "1"),
        ("vllm", "acme-chat", "input cache_read", NOVEMBER, {}, "0.88", "0.88"),
    ],
}
CASES = [(section, case) for section, cases in EXPECTED.items() for case in cases]


@pytest.mark.parametrize(("section", "case"), CASES)
def test_a_documented_price_file(section: str, case: Case) -> None:
    provider, model, meters, at, said, listed, effective = case
    engine = Engine(organisation=parse_organisation(FILES[section]))
    cost = price(engine, provider, model, dict.fromkeys(meters.split(), MILLION), at, **said)
    assert (cost.status, cost.list_usd, cost.effective_usd) == (
        "exact",
        Decimal(listed),
        Decimal(effective),
    )


def test_every_documented_price_file_is_tested() -> None:
    assert FILES.keys() == EXPECTED.keys() | {"Trusted statements"}


def test_a_definition_holds_only_where_its_pattern_matches() -> None:
    engine = Engine(organisation=parse_organisation(FILES["Regular expressions"]))
    assert price(engine, "vllm", "my-acme-chat", {"input": 1}).status == "unpriced"
    before = price(engine, "vllm", "acme-chat", {"input": 1}, "2025-12-31T23:59:59Z")
    assert before.status == "unpriced"


def test_a_trusted_statement_is_the_cost_and_the_list_price_stays() -> None:
    engine = Engine(organisation=parse_organisation(FILES["Trusted statements"]))
    parts = [Part("openai/gpt-4o", Usage({"input": MILLION}))]
    cost = engine.price("openrouter", parts, context(), Decimal("1.75"))
    assert (cost.list_usd, cost.effective_usd) == (Decimal("2.5"), Decimal("1.75"))
    assert [line.price_id for line in cost.lines] == ["provider:openrouter"]
    untrusted = engine.price("openai", [Part("gpt-4o", Usage({"input": 1}))], context(), Decimal(9))
    assert untrusted.effective_usd == Decimal("0.0000025")


def test_the_example_in_code_works() -> None:
    example = re.search(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)
    engine = Engine(overrides=[names["price"]])
    assert price(engine, "openai", "gpt-4o", {"input": MILLION}).effective_usd == 2
    assert price(engine, "openai", "gpt-4o", {"input": MILLION}, OCTOBER).effective_usd == Decimal(
        "2.5"
    )
    assert engine.book_version.startswith("2026-11-21+")
    assert " code:" in engine.book_version
