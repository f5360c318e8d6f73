"""What pricing costs: per call, to load, in memory, and beside genai-prices in the same run.

python -m benchmarks.price_engine [--check]
"""

import argparse
import subprocess
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from genai_prices import Usage as SourceUsage
from genai_prices import calc_price, extract_usage

from otel_cost.capture import openai
from otel_cost.charge import Part, PricingContext
from otel_cost.measured import Measured
from otel_cost.pricing.book import Book
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.organisation import parse_organisation
from otel_cost.usage import Usage

MAX_PRICE = 10.0
"""Usage extraction and price of one call (microseconds)."""
MAX_LOAD = 3.0
"""Reading what a first call of a provider needs, and pricing it (milliseconds)."""
MAX_MEMORY = 15.0
"""What the engine and the whole book add to the process (MB)."""
MIN_RATIO = 6.0
"""How many times faster than `genai_prices.calc_price` alone."""
MIN_WHOLE_RATIO = 8.0
"""How many times faster than extraction and calculation by genai-prices."""

_CALLS = 20_000
_LOADS = 50
_ROUNDS = 7

_AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
_NS = int(_AT.timestamp()) * 1_000_000_000
_CONTEXT = PricingContext(priced_at=_NS, tier="default")
_MODEL = "gpt-5.6-terra"
_PART = Part(_MODEL, Usage({"input": 4000, "cache_read": 6000, "output": 800, "reasoning": 200}))
_SAME = SourceUsage(input_tokens=10_000, cache_read_tokens=6000, output_tokens=1000)
_BODY: dict[str, Any] = {
    "id": "chatcmpl-1",
    "model": _MODEL,
    "service_tier": "default",
    "usage": {
        "prompt_tokens": 10_000,
        "completion_tokens": 1000,
        "total_tokens": 11_000,
        "prompt_tokens_details": {"cached_tokens": 6000},
        "completion_tokens_details": {"reasoning_tokens": 200},
    },
}
_LAYERS = """
[[discount]]
x = "0.9"
[[contract]]
provider = "openai"
model = "gpt-5.6-terra"
rates = { input = "1.7" }
"""
_MEMORY = """
import re
from pathlib import Path
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = resident()
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.book import Book
book = Book()
engine = Engine(book)
for provider in book.providers:
    book.models(provider)
print((resident() - before) / 1024)
"""


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; with `--check` the exit status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a limit is missed")
    asked = parser.parse_args(arguments)
    engine, layered = Engine(), Engine(organisation=parse_organisation(_LAYERS))
    whole = _best(lambda: _extract_and_price(engine), _CALLS)
    alone = _best(lambda: engine.price("openai", (_PART,), _CONTEXT), _CALLS)
    over = _best(lambda: layered.price("openai", (_PART,), _CONTEXT), _CALLS)
    theirs = _best(
        lambda: calc_price(_SAME, _MODEL, provider_id="openai", genai_request_timestamp=_AT),
        _CALLS // 20,
    )
    theirs_whole = _best(_theirs, _CALLS // 20)
    rows: list[tuple[str, float, str, bool, str]] = [
        ("usage extraction and price", whole, "µs", whole <= MAX_PRICE, f"limit {MAX_PRICE:g}"),
        ("price alone, 4 meters", alone, "µs", True, ""),
        ("  with discount and contract", over, "µs", True, ""),
        ("genai_prices.calc_price", theirs, "µs", *_times(theirs / alone, MIN_RATIO)),
        (
            "genai_prices, extraction too",
            theirs_whole,
            "µs",
            *_times(theirs_whole / whole, MIN_WHOLE_RATIO),
        ),
    ]
    for provider, model in (("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5")):
        took = _best(partial(_first, provider, model), _LOADS) / 1000
        rows.append(
            (f"load, first {provider}", took, "ms", took <= MAX_LOAD, f"limit {MAX_LOAD:g}")
        )
    if not Path("/proc/self/status").exists():
        return _told(rows, check=asked.check)
    memory = float(
        subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, check=True).stdout
    )
    rows.append(("the whole book", memory, "MB", memory <= MAX_MEMORY, f"limit {MAX_MEMORY:g}"))
    return _told(rows, check=asked.check)


def _told(rows: list[tuple[str, float, str, bool, str]], *, check: bool) -> int:
    for name, figure, unit, kept, limit in rows:
        print(f"{name:<30}{figure:>9.2f} {unit}  {'' if kept else 'MISSED '}{limit}")
    return int(check and not all(kept for _, _, _, kept, _ in rows))


def _times(ratio: float, limit: float) -> tuple[bool, str]:
    return ratio >= limit, f"{ratio:.1f} times ours, limit {limit:g}"


def _extract_and_price(engine: Engine) -> None:
    call = Measured("", "openai", "chat", _NS)
    openai.ENDPOINTS["/chat/completions"].read_body(call, _BODY)
    assert call.usage is not None
    assert call.model is not None
    engine.price(
        call.provider, (Part(call.model, call.usage),), PricingContext(call.started_at, call.tier)
    )


def _theirs() -> None:
    used = extract_usage(_BODY, provider_id="openai", api_flavor="chat")
    used.calc_price(genai_request_timestamp=_AT)


def _first(provider: str, model: str) -> None:
    Engine(Book()).price(provider, (Part(model, _PART.usage),), _CONTEXT)


def _best(call: Callable[[], object], number: int) -> float:
    """The fastest of some rounds (microseconds per call)."""
    call()
    return min(timeit.repeat(call, number=number, repeat=_ROUNDS)) / number * 1e6


if __name__ == "__main__":
    sys.exit(main())
