"""Events out of a body's bytes: every framing, streams without end, and what may be left out."""

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping

import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder

from otel_cost.capture import frames
from otel_cost.capture.body import BodyReader
from tests.capture.bodies import (
    AWS,
    EVENTS,
    SSE,
    chunk,
    frame,
    framed,
    growth,
    pieces,
    prelude,
    server_sent,
    summed,
)
from tests.sizes import full_size, soak

EXCEPTION = frame(
    b'{"message": "slow down"}', exception_type="throttlingException", message_type="exception"
)
ERROR = frame(b"", error_code="gone", error_message="it broke", message_type="error")


def test_aws_frames_are_read_as_the_sdk_reads_them() -> None:
    others = [frame(b"{}", event_type="other", message_type="event"), frame(b""), chunk([1])]
    body = framed(EVENTS[:2]) + b"".join(others) + framed(EVENTS[2:]) + EXCEPTION + ERROR
    sent = [json.loads(e.data) for e in AWSEventStreamDecoder().iter_bytes(iter([body]))]
    read = list(BodyReader(AWS, "").feed(body))
    assert read == [event for event in sent if isinstance(event, dict)]
    assert read[-2:] == [
        {"type": "error", "error": {"type": "throttlingException", "message": "slow down"}},
        {"type": "error", "error": {"type": "gone", "message": "it broke"}},
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 500 no frame at all",
        EXCEPTION[:-1] + b"\x00",
        EXCEPTION[:8] + b"\x00\x00\x00\x00" + EXCEPTION[12:],
        EXCEPTION[:20] + b"\x00" + EXCEPTION[21:],
        prelude(0, 0),
        summed(prelude(20, 50) + b"abcd"),
    ],
)
def test_nothing_is_read_after_a_broken_frame(broken: bytes) -> None:
    reader = BodyReader(AWS, "")
    assert list(reader.feed(chunk(EVENTS[0]) + broken + chunk(EVENTS[1]))) == EVENTS[:1]
    assert not reader.feed(chunk(EVENTS[1]))


@pytest.mark.parametrize(
    "headers",
    [b"\x05name", b"\x01n", b"\x01n\x63", b"\x01n\x07\x00\x01\xff", b"\x01\xff\x07\x00\x01n"],
)
def test_headers_that_nobody_understands_do_no_harm(headers: bytes) -> None:
    odd = summed(prelude(len(headers) + 16, len(headers)) + headers)
    assert list(BodyReader(AWS, "").feed(odd + chunk(EVENTS[0]))) == EVENTS[:1]


@pytest.mark.parametrize(
    "payload", [b"", b"no json", b'{"bytes": 5}', b'{"bytes": "%"}', b'{"bytes": "A"}', b"[]"]
)
def test_a_frame_that_holds_no_event_is_passed_over(payload: bytes) -> None:
    odd = frame(payload, event_type="chunk", message_type="event")
    assert list(BodyReader(AWS, "").feed(odd + chunk(EVENTS[0]))) == EVENTS[:1]


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


@pytest.mark.parametrize(
    ("kind", "begun"),
    [
        (SSE, b"data: {"),
        (AWS, prelude(frames.LONGEST, 0)),
        (AWS, prelude(100 << 20, 0)),
        ("application/json", b"{"),
        ("text/plain", b""),
    ],
)
def test_a_body_without_any_end_is_kept_only_so_far(kind: str, begun: bytes) -> None:
    reader = BodyReader(kind, "")
    reader.feed(begun)
    block = b"x" * (1 << 16)
    with growth(4 * frames.LONGEST):
        for _ in range(1024):
            assert not reader.feed(block)


def test_nothing_is_kept_for_a_frame_that_cannot_come() -> None:
    reader = BodyReader(AWS, "")
    reader.feed(prelude(8 << 20, 0)[:-4] + b"none")
    with growth(1 << 20):
        for _ in range(64):
            reader.feed(bytes(64 << 10))


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
