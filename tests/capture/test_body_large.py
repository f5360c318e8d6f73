"""Bodies too large to keep, and streams without end: bounded memory, and still the usage."""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_cost.capture.body import END, WHOLE, BodyReader, read_whole
from tests.capture.bodies import brotli, growth

JSON = "application/json"
USAGE = {"prompt_tokens": 17, "total_tokens": 17, "details": {"cached": [1, {"a": "}"}]}}
NESTED = {"usage": {"prompt_tokens": 666}, "model": "wrong", "id": "wrong"}
SAID = '\\"usage": {"prompt_tokens": 666}, "model": "wrong"}]}\\\\" {[,"'


def vectors(count: int) -> list[Any]:
    """Embeddings, as numbers."""
    made = random.Random(count)
    return [{"index": i, "embedding": [made.random() for _ in range(256)]} for i in range(count)]


FILLERS: Mapping[str, Any] = {
    "numbers": vectors(400),
    "vectors": [{"embedding": base64.b64encode(bytes(3072)).decode()}] * 400,
    "image": [{"b64_json": "A" * 2 * WHOLE}],
    "objects with usage": [NESTED] * 20_000,
    "texts about usage": [SAID] * 40_000,
    "a text about usage": SAID * 40_000,
    "backslashes": "\\" * WHOLE,
    "an object": dict.fromkeys(map(str, range(80_000)), NESTED["usage"]),
}


def in_blocks(data: bytes, size: int, encoding: str = "") -> Any:
    reader = BodyReader(JSON, encoding)
    for at in range(0, len(data), size):
        assert not reader.feed(data[at : at + size])
    return reader.finish()


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"usage": USAGE, "model": "m"}, {}),
        ({}, {"model": "m", "usage": USAGE}),
        ({"id": "x", "output": [NESTED]}, {"service_tier": "flex", "usage": USAGE, "tools": [{}]}),
        ({"usage": None}, {"status": "completed"}),
        ({}, {}),
    ],
)
def test_of_a_large_answer_the_ends_are_read(
    before: dict[str, Any], after: dict[str, Any], filler: str
) -> None:
    data = json.dumps({**before, "data": FILLERS[filler], **after}).encode()
    assert len(data) > WHOLE
    assert read_whole(data, JSON) == {**before, **after}
    assert in_blocks(data, 9973) == {**before, **after}
    assert in_blocks(gzip.compress(data, 1), 997, "gzip") == {**before, **after}


NASTY = st.sampled_from([*'"\\{}[],: a', "é", '"usage":', "\\u0041", "\n"])
TEXTS = st.lists(NASTY, max_size=12).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(TEXTS, VALUES, max_size=5),
    st.dictionaries(TEXTS, VALUES, max_size=5),
    TEXTS,
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_the_ends_hold_all_members_but_the_large_one(
    before: dict[str, Any], after: dict[str, Any], text: str, indent: int | None, whole: bool
) -> None:
    name = "large"
    small = {k: v for k, v in {**before, **after}.items() if k != name}
    text += "y"
    large = {name: [text, "x" * WHOLE, text] if whole else text * (WHOLE // len(text) + 1)}
    ordered = {**{k: v for k, v in before.items() if k != name}, **large, **small}
    assert read_whole(json.dumps(ordered, indent=indent).encode(), JSON) == small


def test_a_large_answer_that_is_cut_off_is_not_read() -> None:
    data = json.dumps({"usage": USAGE, "data": FILLERS["numbers"]}).encode()
    assert read_whole(data[:-1], JSON) is None
    assert read_whole(b"[%b]" % data, JSON) is None
    assert read_whole(b"[%b" % data, JSON) is None


def test_what_is_no_json_after_all_is_not_read() -> None:
    assert read_whole(b'{"usage": {"a": 1}, ' + b"x" * WHOLE + b', "id": 7 7}', JSON) == {
        "usage": {"a": 1}
    }


def test_a_large_answer_costs_little() -> None:
    data = json.dumps({"data": FILLERS["vectors"] * 5, "usage": USAGE}).encode()
    with growth(16 * END):
        assert read_whole(data, JSON) == {"usage": USAGE}


def test_just_below_the_limit_all_is_read() -> None:
    body = {"a": 1, "b": ["x" * (WHOLE - 30)], "c": 3}
    data = json.dumps(body).encode()
    data += b" " * (WHOLE - len(data))
    assert read_whole(data, JSON) == in_blocks(data, 4096) == body
    assert read_whole(data + b" ", JSON) == in_blocks(data + b" ", 4096) == {"a": 1, "c": 3}


@pytest.mark.parametrize("sizes", [(WHOLE // 2, WHOLE // 2), (END, WHOLE), (2 * WHOLE, END)])
def test_what_stands_between_large_members_is_not_read(sizes: tuple[int, int]) -> None:
    first, second = ("x" * size for size in sizes)
    data = json.dumps({"a": 1, "b": first, "c": 3, "d": second, "e": 5}).encode()
    assert read_whole(data, JSON) == {"a": 1, "e": 5}
    for block in (4096, 9973, 60_000):
        assert in_blocks(data, block) == {"a": 1, "e": 5}


@pytest.mark.parametrize("said", [JSON, "", "application/octet-stream"])
def test_blank_lines_before_the_answer_are_not_kept(said: str) -> None:
    reader = BodyReader(said, "")
    with growth(16 << 10):
        for _ in range(100_000):
            reader.feed(b"\n ")
        reader.feed(b'{"a": 1}')
    assert reader.finish() == {"a": 1}


def test_of_a_large_text_the_beginning_is_kept() -> None:
    assert read_whole(b"ab" * WHOLE, "text/plain") == "ab" * (WHOLE // 2)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_follows_a_packed_body_is_not_kept(encoding: str) -> None:
    reader = BodyReader(JSON, encoding)
    reader.feed(PACKED_FAST[encoding](b'{"a": 1}'))
    with growth(1 << 20):
        for _ in range(64):
            reader.feed(bytes(64 << 10))
    assert reader.finish() == {"a": 1}


PACKED_FAST: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": lambda data: zlib.compress(data, 1),
    "br": lambda data: brotli.compress(data, quality=1),
}


@pytest.mark.parametrize("encoding", PACKED_FAST)
def test_what_was_packed_very_small_is_unpacked_little_by_little(encoding: str) -> None:
    body = b'{"a": 1, "b": "' + bytes(32 << 20) + b'", "c": 3}'
    small = PACKED_FAST[encoding](body)
    reader = BodyReader(JSON, encoding)
    with growth(8 << 20):
        assert not reader.feed(small)
        assert reader.finish() == {"a": 1, "c": 3}
