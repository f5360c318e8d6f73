"""A newer book is taken whole and sound, or not at all."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_cost.pricing import transport, updates
from otel_cost.pricing.book import BUNDLED, Book
from otel_cost.pricing.engine import Engine
from otel_cost.pricing.transport import BookError
from tests.pricing.support import price

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def book(date: str, change: Change | None = None, *, sealed: bool = True) -> bytes:
    """The bundled book as of `date`; `change` gets its index and OpenAI's part."""
    files = {path.name: path.read_text(encoding="utf-8") for path in BUNDLED.glob("*.json")}
    index, part = json.loads(files["index.json"]), json.loads(files["openai.json"])
    if change is not None:
        change(index, part)
    files["openai.json"] = json.dumps(part)
    digest = transport.digest(index, files)
    if sealed:
        index["sha256"], index["version"] = digest, f"{date}+{digest[:12]}"
    files["index.json"] = json.dumps(index)
    return transport.pack(files).encode()


def model(part: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in part["models"] if each["id"] == name)
    return found


def set_input(usd: str) -> Change:
    def change(_: dict[str, Any], part: dict[str, Any]) -> None:
        model(part, "gpt-4o")["prices"][-1]["rates"]["input"] = usd

    return change


def test_a_newer_book_is_used_from_then_on(tmp_path: Path) -> None:
    assert updates.current(tmp_path) is None
    version = updates.install(gzip.compress(book("2027-01-01", set_input("3"))), tmp_path)
    newer = updates.current(tmp_path)
    assert newer is not None
    assert newer.version == version
    line = price(Engine(updated=newer), "openai", "gpt-4o", {"input": 1}).lines[0]
    assert (line.rate_usd, line.price_id) == (Decimal(3), "updated:openai/gpt-4o@undated")


def test_the_bundled_book_survives_the_way_there_and_back() -> None:
    files = transport.unpack(book("2026-11-21"))
    assert json.loads(files["index.json"])["version"][:10] == Book().version[:10]


def broken_json(raw: bytes) -> bytes:
    return raw[:-100]


def flipped(raw: bytes) -> bytes:
    return raw.replace(b'\\"2.5\\"', b'\\"2.4\\"', 1)


def other_format(raw: bytes) -> bytes:
    return raw.replace(b"otel-cost price book", b"recipe book")


def newer_schema(raw: bytes) -> bytes:
    return raw.replace(b'"schema": 1\n', b'"schema": 2\n')


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (broken_json, "it is not JSON"),
        (flipped, "does not match its SHA-256"),
        (other_format, "not a price book"),
        (newer_schema, "upgrade otel-cost"),
        (lambda raw: b"\x1f\x8b" + raw, "cannot be unpacked"),
    ],
)
def test_a_book_that_was_damaged_is_refused(
    tmp_path: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    raw = book("2027-01-01")
    assert spoil(raw) != raw
    with pytest.raises(BookError, match=said):
        updates.install(spoil(raw), tmp_path)
    assert list(tmp_path.iterdir()) == []


def no_rules(index: dict[str, Any], _: dict[str, Any]) -> None:
    del index["rules"]["per"]


def a_number(_: dict[str, Any], part: dict[str, Any]) -> None:
    model(part, "gpt-4o")["prices"][-1]["rates"]["input"] = 2.5


def a_bad_pattern(_: dict[str, Any], part: dict[str, Any]) -> None:
    model(part, "gpt-4o")["match"]["regex"] = ["("]


def no_match(_: dict[str, Any], part: dict[str, Any]) -> None:
    del model(part, "gpt-4o")["match"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (no_rules, "no rules.per"),
        (set_input("cheap"), "openai/gpt-4o input is 'cheap'"),
        (set_input("-1"), "openai/gpt-4o input is '-1'"),
        (a_number, "structure is not that of schema 1"),
        (a_bad_pattern, "no regular expression"),
        (no_match, "structure is not that of schema 1"),
    ],
)
def test_a_book_that_is_unsound_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    with pytest.raises(BookError, match=said):
        updates.install(book("2027-01-01", change), tmp_path, accept_changes=True)


def without_a_model(_: dict[str, Any], part: dict[str, Any]) -> None:
    part["models"].remove(model(part, "gpt-4o"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_input("25.1"), "openai/gpt-4o input goes from 2.5 to 25.1"),
        (set_input("0.24"), "openai/gpt-4o input goes from 2.5 to 0.24"),
        (without_a_model, "openai/gpt-4o is gone"),
    ],
)
def test_a_suspicious_book_is_taken_only_when_told_so(
    tmp_path: Path, change: Change, said: str
) -> None:
    raw = book("2027-01-01", change)
    with pytest.raises(BookError, match=said):
        updates.install(raw, tmp_path)
    assert updates.current(tmp_path) is None
    assert updates.install(raw, tmp_path, accept_changes=True)[:10] == "2027-01-01"


def test_an_older_book_is_refused_and_the_last_good_one_stays(tmp_path: Path) -> None:
    kept = updates.install(book("2027-02-01"), tmp_path)
    with pytest.raises(BookError, match=r"2027-01-01.*, older than 2027-02-01"):
        updates.install(book("2027-01-01"), tmp_path)
    with pytest.raises(BookError, match="SHA-256"):
        updates.install(flipped(book("2027-03-01")), tmp_path)
    current = updates.current(tmp_path)
    assert current is not None
    assert current.version == kept
    updates.install(book("2027-03-01"), tmp_path)
    assert sorted(path.name[:7] for path in tmp_path.iterdir()) == ["2027-02", "2027-03", "current"]


def test_a_book_that_is_not_newer_than_the_bundled_one_is_not_used(tmp_path: Path) -> None:
    updates.install(book(Book().version[:10]), tmp_path)
    assert updates.current(tmp_path) is None


@pytest.mark.parametrize("pointer", ["", "nonsense\n", "../../etc\n"])
def test_a_broken_pointer_means_the_bundled_book(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "current").write_text(pointer)
    assert updates.current(tmp_path) is None
