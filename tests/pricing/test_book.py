"""The bundled book: what it matches, how it is built, and that it agrees with its source."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from otel_cost.pricing.book import BUNDLED, Book
from otel_cost.pricing.engine import Engine
from tests.pricing.support import TODAY, price

BOOK = Book()
ENGINE = Engine(BOOK)
ROOT = Path(__file__).parents[2]


def _needs_the_source() -> None:
    pinned = re.search(
        r'^genai_prices = "(.*)"', (ROOT / "tools/price_overlay.toml").read_text(), re.MULTILINE
    )
    assert pinned is not None
    try:
        installed = importlib.metadata.version("genai-prices")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("genai-prices is not installed")
    if installed != pinned[1]:
        pytest.skip(f"the book is built from genai-prices {pinned[1]}, {installed} is installed")


@pytest.mark.parametrize(
    ("provider", "model", "entry"),
    [
        ("openai", "gpt-4o", "openai/gpt-4o"),
        ("OpenAI", " GPT-4o ", "openai/gpt-4o"),
        ("openai", "gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("openai", "openai/gpt-4o", "openai/gpt-4o"),
        ("openai", "gpt-5.2-20251211", "openai/gpt-5.2"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc", "openai/ft:gpt-4o"),
        ("anthropic", "anthropic/claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-20260601", "anthropic/claude-opus-5"),
        ("litellm", "anthropic/claude-opus-5", "anthropic/claude-opus-5"),
        ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        (
            "aws.bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "aws",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_a_model_is_found_by_what_providers_call_it(provider: str, model: str, entry: str) -> None:
    found = BOOK.find(provider, model)
    assert found is not None
    assert found.price_id == f"bundled:{entry}"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "anthropic/claude-opus-5"),
        ("openai", "xgpt-4o"),
        ("openai", "gpt-4o-2099-01-01"),
        ("openai", "ft:gpt-4.1:acme::abc"),
        ("anthropic", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("litellm", "gpt-4o"),
        ("my-openai-proxy", "gpt-4o"),
        ("../openai", "gpt-4o"),
        ("index", "gpt-4o"),
    ],
)
def test_nothing_is_matched_that_the_book_does_not_name(provider: str, model: str) -> None:
    assert BOOK.find(provider, model) is None


def test_the_book_names_itself() -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}\+[0-9a-f]{12}", ENGINE.book_version)


def test_the_book_is_small_and_knows_many_models() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.glob("*.json")) < 1_000_000
    assert len(BOOK.providers) >= 30
    assert sum(len(BOOK.models(provider)) for provider in BOOK.providers) >= 2000


def test_a_first_call_reads_one_provider_only() -> None:
    book = Book()
    price(Engine(book), "anthropic", "claude-opus-5", {"input": 1})
    assert list(book._parts) == ["anthropic"]


def test_building_the_book_again_gives_the_same_bytes(tmp_path: Path) -> None:
    _needs_the_source()
    command = [sys.executable, "tools/build_price_book.py", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, timeout=100)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in BUNDLED.glob("*.json")}


def test_every_model_costs_what_the_source_says() -> None:
    _needs_the_source()
    from datetime import datetime

    from genai_prices import Usage as SourceUsage
    from genai_prices.data_snapshot import get_snapshot

    usage = SourceUsage(input_tokens=1_000_001, output_tokens=1_003)
    when = datetime.fromisoformat(TODAY)
    compared = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            ours = price(ENGINE, provider.id, model.id, {"input": 1_000_001, "output": 1_003})
            found = provider.find_model(model.id, all_providers=get_snapshot().providers)
            if found is None or ours.status != "exact":
                continue
            theirs = found.calc_price(usage, provider, genai_request_timestamp=when)
            assert ours.effective_usd == theirs.total_price, (provider.id, model.id)
            compared += 1
    assert compared > 2000
