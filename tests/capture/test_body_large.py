"""Bodies too large to keep, and streams without end: bounded memory, and still the usage."""

import base64
import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_cost.capture import frames
from otel_cost.capture.body import END, WHOLE, BodyReader, read_whole
from tests.capture.bodies import AWS, EVENTS, SSE, brotli, chunk, frame, framed, pieces, server_sent
from tests.sizes import full_size, soak

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


@contextmanager
def growth(most: int) -> Iterator[None]:
    """No more memory than this (bytes) is taken at any time within."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


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
    assert read_whole(data + b" ", JSON) == {"a": 1, "c": 3}


def test_of_a_large_text_the_beginning_is_kept() -> None:
    assert read_whole(b"ab" * WHOLE, "text/plain") == "ab" * (WHOLE // 2)


def packed(events: bytes) -> Iterator[bytes]:
    squeeze = zlib.compressobj(wbits=31)
    while True:
        yield squeeze.compress(events) + squeeze.flush(zlib.Z_SYNC_FLUSH)


def repeated(events: bytes) -> Iterator[bytes]:
    while True:
        yield events


STREAMS: Mapping[str, tuple[str, str, Iterator[bytes]]] = {
    "sse": (SSE, "", repeated(server_sent(EVENTS[1:3] * 5))),
    "sse crlf": (SSE, "", repeated(server_sent(EVENTS[1:3] * 5, "\r\n"))),
    "sse in the middle": (SSE, "", repeated(b'\n\ndata: {"type":1}\n\n: 2' * 10)),
    "gzip": (SSE, "gzip", packed(server_sent(EVENTS[1:3] * 5))),
    "aws": (AWS, "", repeated(framed(EVENTS[1:3] * 5))),
    "aws in the middle": (AWS, "", repeated(framed(EVENTS[1:3] * 5))),
    "audio": ("audio/mpeg", "", repeated(bytes(2000))),
}


@soak
@pytest.mark.parametrize("skim", [True, False])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_takes_no_more_memory_the_longer_it_is(
    name: str, skim: bool, record_property: Callable[[str, object], None]
) -> None:
    kind, encoding, blocks = STREAMS[name]
    size = 1_000_000 if full_size else 200_000 if skim and name in {"sse", "gzip"} else 4_000
    reader = BodyReader(kind, encoding)
    reader.skim = skim
    begun = next(blocks)
    reader.feed(begun[7:] if name == "sse in the middle" else begun)
    if name == "aws in the middle":
        reader.feed(begun[: len(begun) // 2])
        blocks = repeated(begun[len(begun) // 2 :] + begun[: len(begun) // 2])
    with growth(64 << 10):
        for _ in range(size // 10):
            reader.feed(next(blocks))
    record_property("claim", f"{name}: {size:,} events in less than 64 KiB")


LONG = json.dumps({"type": "long", "text": "x" * frames.LONGEST})


LATE = 'data: {"type": "late"}'
OVERLONG: Mapping[str, tuple[str, bytes, bytes]] = {
    "one line": (SSE, f"data: {LONG}\n\n".encode(), server_sent(EVENTS)[len(": hello\n\n") :]),
    "two lines": (SSE, f": {LONG}\n{LATE}\n\n".encode(), server_sent(EVENTS)),
    "crlf": (SSE, f"event: a\r\n: {LONG}\r\n{LATE}\r\n\r\n".encode(), server_sent(EVENTS, "\r\n")),
    "aws": (AWS, frame(LONG.encode(), message_type="event"), framed(EVENTS)),
}


@pytest.mark.parametrize("name", OVERLONG)
def test_an_overlong_event_is_dropped_and_no_other(name: str) -> None:
    kind, overlong, other = OVERLONG[name]
    body = other + overlong + other
    end = len(other + overlong)
    late = [end - 30, end - 4, end - 3, end - 2, end - 1]
    for cuts in ([], [99], *([cut] for cut in late), late, range(999_983, len(body), 999_983)):
        reader = BodyReader(kind, "")
        events = [event for block in pieces(body, cuts) for event in reader.feed(block)]
        assert events == EVENTS * 2


@pytest.mark.parametrize("kind", [SSE, AWS, JSON, "text/plain"])
def test_a_body_without_any_end_is_kept_only_so_far(kind: str) -> None:
    reader = BodyReader(kind, "")
    begun = {SSE: b"data: {", AWS: frame(bytes(100 << 20))[:64], JSON: b"{"}.get(kind, b"")
    reader.feed(begun)
    block = b"x" * (1 << 20)
    with growth(2 * frames.LONGEST + (4 << 20)):
        for _ in range(64):
            assert not reader.feed(block)


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


TELLING = [
    b'{"choices": [], "usage": {"total_tokens": 1}}',
    b'{"choices": [{"usage": null}], "usage" : {"total_tokens": 1}}',
    b'{"choices": [{"finish_reason":"stop"}], "usage": null}',
    b'{"choices": [{"finish_reason": null}, {"finish_reason": "stop"}]}',
    b'{"error": {"message": "no"}}',
    b'{"type": "error", "message": "no"}',
    b'{"type":"message_stop"}',
    b'{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":3}}',
    b'{"type":"response.completed","response":{"usage":null}}',
    b'{"type":"response.incomplete"}',
    b'{"type":"response.failed"}',
    b'{"type":"image_generation.completed","usage":{"total_tokens":1}}',
    b'{"type":"transcript.text.done","text":"a"}',
]
SILENT = [
    b'{"choices": [{"delta": {"content": "a"}, "finish_reason":null}], "usage" : null}',
    b'{"choices": [{"delta": {"content": "\\"usage\\": {} \\"error\\""}}], "error": null}',
    b'{"type":"content_block_delta","delta":{"text":"a message_stop"}}',
    b'{"type":"response.output_text.delta","delta":"a"}',
    b"not even JSON",
]


def as_sse(data: bytes, end: bytes = b"\n") -> bytes:
    return b"event: some" + end + b"data: " + data + end + end


def as_aws(data: bytes) -> bytes:
    payload = json.dumps({"p": "ab", "bytes": base64.b64encode(data).decode()}).encode()
    return frame(payload, event_type="chunk", message_type="event")


FRAMINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "sse": (SSE, as_sse),
    "sse crlf": (SSE, lambda data: as_sse(data, b"\r\n")),
    "aws": (AWS, as_aws),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_skimming_leaves_out_only_what_tells_nothing(framing: str) -> None:
    kind, framed_as = FRAMINGS[framing]
    reader = BodyReader(kind, "")
    reader.skim = True
    for data in TELLING:
        (event,) = reader.feed(framed_as(data))
        assert event == {**event, **json.loads(data)}
    for data in SILENT:
        assert not reader.feed(framed_as(data))
    mixed = b"".join(map(framed_as, [SILENT[0], TELLING[0], SILENT[2], TELLING[6]]))
    assert len(reader.feed(mixed)) == 2


def test_skimming_sees_the_errors_of_bedrock() -> None:
    reader = BodyReader(AWS, "")
    reader.skim = True
    failed = frame(b'{"message": "m"}', exception_type="e", message_type="exception")
    assert list(reader.feed(chunk(EVENTS[1]) + failed)) == [
        {"type": "error", "error": {"type": "e", "message": "m"}}
    ]
