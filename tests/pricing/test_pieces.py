"""Images, seconds and characters, by size and quality; cached tokens by what they encode."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_cost.attributes import BUCKETS
from otel_cost.cli import price_text
from otel_cost.cli.priced_calls import read_call
from otel_cost.pricing.book import Book
from otel_cost.pricing.definitions import USAGE_KEYS
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.layers import Layers
from otel_cost.pricing.organisation import parse_organisation
from otel_cost.pricing.own import METERS, Price
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, UNIT_METERS, Usage
from tests.pricing.support import price, small_book

MILLION = 1_000_000
ENGINE = Engine()
TALL = {"when": ["size=1024x1792"], "rates": {"images": "0.08"}}
FINE = {"when": ["quality=hd"], "rates": {"images": "0.08"}}
BOTH = {"when": ["quality=hd", "size=1024x1792"], "rates": {"images": "0.12"}}


@pytest.mark.parametrize(
    ("model", "usage", "said", "usd"),
    [
        ("sora-2", {"seconds": 8}, {"size": "720x1280"}, "0.8"),
        ("sora-2-2025-12-08", {"seconds": 12}, {}, "1.2"),
        ("sora-2-pro", {"seconds": 8}, {"size": "1280x720"}, "2.4"),
        ("sora-2-pro", {"seconds": 8}, {"size": "1024x1792"}, "4"),
        ("sora-2-pro-2025-10-06", {"seconds": 4}, {"size": "1792x1024"}, "2"),
        ("sora-2-pro", {"seconds": 8}, {"size": "1080x1920"}, None),
        ("sora-2-pro", {"seconds": 8}, {}, None),
        ("tts-1", {"characters": 1000}, {}, "0.015"),
        ("tts-1-hd-1106", {"characters": 1000}, {}, "0.03"),
        ("whisper-1", {"seconds": Decimal("9.5")}, {}, "0.00095"),
        ("gpt-image-2", {"input": 100, "output_image": 1000}, {}, "0.0305"),
        ("gpt-image-2", {"output_image": 1000}, {"batch": True}, "0.015"),
        ("gpt-4o-mini-tts", {"input": MILLION, "output_audio": MILLION}, {}, "12.6"),
        ("gpt-4o-mini-tts-2025-12-15", {"output_audio": MILLION}, {}, "12"),
    ],
)
def test_what_the_book_lists_by_the_piece(
    model: str, usage: dict[str, Any], said: dict[str, Any], usd: str | None
) -> None:
    cost = price(ENGINE, "openai", model, usage, **said)
    assert (cost.status, cost.effective_usd) == (
        ("unpriced", Decimal(0)) if usd is None else ("exact", Decimal(usd))
    )


@pytest.mark.parametrize(
    ("said", "usd"),
    [
        ({}, "0.04"),
        ({"size": "512x512", "quality": "standard"}, "0.04"),
        ({"size": "1024x1792"}, "0.08"),
        ({"size": "1024x1792", "quality": "standard"}, "0.08"),
        ({"quality": "hd"}, "0.08"),
        ({"size": "1024x1792", "quality": "hd"}, "0.12"),
        ({"size": "512x512", "tier": "gold"}, None),
    ],
)
@pytest.mark.parametrize("layer", ["book", "file"])
def test_a_look_counts_where_a_price_names_it(
    tmp_path: Path, layer: str, said: dict[str, Any], usd: str | None
) -> None:
    plain, variants = {"rates": {"images": "0.04"}}, [TALL, FINE, BOTH]
    if layer == "book":
        engine = Engine(small_book(tmp_path, [plain], variants))
    else:
        engine = Engine(organisation=parse_organisation(_file([plain, *variants])))
    cost = price(engine, "acme", "m", {"images": 2}, **said)
    assert (cost.status, cost.effective_usd) == (
        ("unpriced", Decimal(0)) if usd is None else ("exact", 2 * Decimal(usd))
    )


def test_show_says_on_what_the_price_of_a_video_depends() -> None:
    shown = price_text.model(Layers((Book(),)), "openai", "sora-2-pro", date(2026, 11, 21))
    assert shown is not None
    assert "no rate holds for every call" in shown
    assert "size=1024x1792: seconds 1800" in shown


def test_a_call_that_is_written_down_may_say_its_size() -> None:
    said = {"provider": "openai", "model": "sora-2-pro", "usage": {"seconds": 8}}
    call = read_call(json.dumps({**said, "ctx": {"size": "1792x1024", "quality": "high"}}))
    assert (call.context.size, call.context.quality) == ("1792x1024", "high")
    assert ENGINE.price(call.provider, call.parts, call.context).effective_usd == 4


def _file(prices: list[dict[str, Any]]) -> str:
    head = '[[model]]\nprovider = "acme"\nmodel = "m"\n'
    return "".join(
        f'{head}when = {p.get("when", [])}\nrates = {{ images = "{p["rates"]["images"]}" }}\n'
        for p in prices
    )


def test_two_looks_that_have_no_price_together_are_unpriced(tmp_path: Path) -> None:
    plain = {"rates": {"images": "0.04"}}
    both = {"size": "1024x1792", "quality": "hd"}
    listed = Engine(small_book(tmp_path, [plain], [TALL, FINE]))
    assert price(listed, "acme", "m", {"images": 1}, **both).status == "unpriced"
    own = Engine(organisation=parse_organisation(_file([plain, TALL, FINE])))
    assert price(own, "acme", "m", {"images": 1}, **both).status == "unpriced"


def test_a_price_of_one_s_own_holds_for_every_size_that_only_the_book_names() -> None:
    engine = Engine(overrides=[Price("sora-2-pro", {"seconds": "900"})])
    for size in ("720x1280", "1024x1792", "1080x1920"):
        cost = price(engine, "openai", "sora-2-pro", {"seconds": 4}, size=size)
        assert (cost.status, cost.effective_usd) == ("exact", Decimal(1))


@pytest.mark.parametrize(
    ("model", "meter", "rate"),
    [
        ("gpt-realtime-mini", "cache_read", "0.06"),
        ("gpt-realtime-mini", "cache_read_audio", "0.3"),
        ("gpt-realtime-mini", "cache_read_image", "0.08"),
        ("gpt-image-2", "cache_read_image", "2"),
        ("gpt-4o-realtime-preview", "cache_read_image", "2.5"),
        ("gpt-4o", "cache_read_audio", "1.25"),
    ],
)
def test_cached_tokens_cost_what_they_encode_or_else_what_text_does(
    model: str, meter: str, rate: str
) -> None:
    cost = price(ENGINE, "openai", model, {meter: MILLION})
    assert (cost.status, cost.effective_usd) == ("exact", Decimal(rate))


@pytest.mark.parametrize(
    ("rates", "meter", "usd"),
    [
        ({"input": "2"}, "cache_read", "0.2"),
        ({"input": "2"}, "cache_read_image", "0.25"),
        ({"input_image": "10"}, "cache_read_image", "1"),
        ({"input_image": "10"}, "cache_read", "0.4"),
        ({"input_audio": "16"}, "cache_read_audio", "0.2"),
        ({"input": "2"}, "cache_read_audio", "0.4"),
        ({"cache_read": "1"}, "cache_read_audio", "0.4"),
    ],
)
def test_what_derives_from_a_price_of_one_s_own(
    rates: dict[str, str], meter: str, usd: str
) -> None:
    engine = Engine(overrides=[Price("gpt-realtime", rates)])
    cost = price(engine, "openai", "gpt-realtime", {meter: MILLION})
    assert cost.effective_usd == Decimal(usd)


@pytest.mark.parametrize(
    ("rates", "usd"),
    [({"input": "5"}, "2.5"), ({"cache_read": "1"}, "1"), ({"output": "1"}, "1.25")],
)
def test_a_rate_that_is_another_one_moves_with_it(rates: dict[str, str], usd: str) -> None:
    engine = Engine(overrides=[Price("gpt-4o", rates)])
    cost = price(engine, "openai", "gpt-4o", {"cache_read_audio": MILLION})
    assert cost.effective_usd == Decimal(usd)


def test_training_tokens_are_priced_by_the_million_and_are_no_tokens_of_a_call() -> None:
    engine = Engine(overrides=[Price("gpt-4.1-mini", {"training_tokens": "5"})])
    cost = price(engine, "openai", "gpt-4.1-mini", {"training_tokens": 2 * MILLION})
    assert (cost.effective_usd, cost.lines[0].per) == (Decimal(10), MILLION)
    assert Usage({"training_tokens": 7}).total_tokens == 0


def test_every_meter_can_have_a_price_and_every_bucket_is_read_back() -> None:
    assert {*INPUT_METERS, *OUTPUT_METERS, *UNIT_METERS} < METERS
    for meter, bucket in BUCKETS.items():
        assert USAGE_KEYS.get(bucket, bucket) == meter
