"""What is read of a body whose bytes go by: the same however they are framed, packed and cut."""

import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import anthropic._streaming
import openai
import openai._streaming
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_cost.capture import inflate
from otel_cost.capture.body import BodyReader, read_whole
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests.capture.bodies import (
    AWS,
    ENCODINGS,
    EVENTS,
    SSE,
    brotli,
    framed,
    pieces,
    server_sent,
    zstandard,
)

ANSWER = {"id": "x", "model": "m", "choices": [{"text": 'a "usage": b'}], "usage": {"tokens": 1}}
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nhéllo [Music]\n"

BODIES: Mapping[str, tuple[str, bytes, Sequence[Any], Any]] = {
    "sse": (SSE, server_sent(EVENTS), EVENTS, None),
    "sse crlf": (SSE, server_sent(EVENTS, "\r\n"), EVENTS, None),
    "sse cr": ("text/event-stream", server_sent(EVENTS, "\r"), EVENTS, None),
    "sse bom": (SSE, b'\xef\xbb\xbfdata: {"type": "message_stop"}\n\n' * 2, EVENTS[4:], None),
    "sse unended": (SSE, server_sent(EVENTS).partition(b"\n\ndata: [D")[0], EVENTS, None),
    "sse as json": ("application/json", server_sent(EVENTS), EVENTS, None),
    "sse as text": ("text/plain", server_sent(EVENTS)[9:], EVENTS, None),
    "sse as nothing": ("", b"\r\n\r\ndata:" + json.dumps(EVENTS[0]).encode(), EVENTS[:1], None),
    "aws": (AWS, framed(EVENTS), EVENTS, None),
    "json": ("application/json; charset=utf-8", json.dumps(ANSWER).encode(), (), ANSWER),
    "json bom": ("application/json", b"\xef\xbb\xbf" + json.dumps(ANSWER).encode(), (), ANSWER),
    "json kind": ("application/problem+json", json.dumps([1]).encode(), (), [1]),
    "json as nothing": ("", b" \n" + json.dumps(ANSWER).encode(), (), ANSWER),
    "json as bytes": ("application/octet-stream", json.dumps(ANSWER).encode(), (), ANSWER),
    "json as text": ("text/plain", json.dumps(ANSWER).encode(), (), ANSWER),
    "text": ("text/vtt", SUBTITLES.encode(), (), SUBTITLES),
    "text like json": ("text/plain", b"[Music] da", (), "[Music] da"),
    "text like sse": ("text/plain", b"\nevents", (), "\nevents"),
    "text in doubt": ("text/plain", b"even", (), "even"),
    "text like a comment": ("text/plain", b":-) data", (), ":-) data"),
    "text not in utf-8": ("text/plain", b"a\xffb", (), "a\ufffdb"),
    "audio": ("audio/mpeg", b"ID3\x00{data: 1}", (), None),
    "video like json": ("video/mp4", b'{"a": 1}', (), None),
    "bytes": ("application/octet-stream", b"\x00data: {}\n\n", (), None),
    "bytes like json": ("application/octet-stream", b"{\x00\xff\xfe", (), None),
    "json scalar": ("application/json", b'"usage"', (), None),
    "text bom": ("text/plain", b"\xef\xbb\xbfa", (), "a"),
    "empty": ("application/json", b"", (), None),
    "no json": ("application/json", b"<html>", (), None),
    "json cut off": ("application/json", json.dumps(ANSWER).encode()[:-1], (), None),
    "too deep": ("application/json", b"[" * 200_000, (), None),
}
"""Content type, bytes, and the events and the result that they hold."""


def read(reader: BodyReader, blocks: Iterator[bytes]) -> tuple[list[Any], Any]:
    events: list[Any] = []
    for block in blocks:
        events += reader.feed(block)
    events += reader.last_events()
    return events, reader.finish()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_read_in_one_piece_and_byte_by_byte(name: str, encoding: str) -> None:
    kind, data, events, result = BODIES[name]
    said, pack = ENCODINGS[encoding]
    packed = pack(data)
    for step in (len(packed) or 1, max(len(packed) // 2000, 1)):
        reader = BodyReader(kind, said)
        cuts = range(step, len(packed), step)
        assert read(reader, pieces(packed, cuts)) == (list(events), result)
        assert reader.is_event_stream is (name.startswith(("sse", "aws")))
        assert (list(reader.last_events()), reader.finish()) == ([], result)


@given(
    st.data(), st.sampled_from(sorted(BODIES)), st.sampled_from(sorted(ENCODINGS)), st.booleans()
)
def test_it_does_not_matter_where_a_body_is_cut(
    data: st.DataObject, name: str, encoding: str, skim: bool
) -> None:
    kind, body, events, result = BODIES[name]
    said, pack = ENCODINGS[encoding]
    packed = pack(body)
    reader = BodyReader(kind, said)
    reader.skim = skim
    cuts = data.draw(st.lists(st.integers(0, len(packed)), max_size=12))
    wanted = [e for e in events if not skim or e["type"] != "content_block_delta"]
    assert read(reader, pieces(packed, cuts)) == (wanted, result)


@pytest.mark.parametrize("name", BODIES)
def test_a_whole_body_is_read_as_its_pieces_are(name: str) -> None:
    kind, data, _, result = BODIES[name]
    assert read_whole(data, kind) == result


LINES = st.sampled_from(
    [
        'data: {"type": "a", "n": 1}',
        'data:{"type": "b"}',
        'data:  {"type": "c",',
        'data: "n": 2}',
        "data: [DONE]",
        "data: 7",
        "data",
        "data:",
        "datum: {}",
        "event: named",
        ": comment",
        "id: 5",
        "retry: 10",
        "no field",
        "",
        "",
    ]
)


@pytest.mark.parametrize("sdk", [openai._streaming, anthropic._streaming])
@example([('data: {"type": "in', "\n"), ('data: two"}', "\n"), ("", "\n")])
@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"]))))
def test_events_are_told_apart_as_the_sdks_do_it(sdk: Any, lines: list[tuple[str, str]]) -> None:
    body = "".join(line + end for line, end in lines).encode() + b"\n\n"
    decoded = [_decoded(event.data) for event in sdk.SSEDecoder().iter_bytes(iter([body]))]
    assert list(BodyReader(SSE, "").feed(body)) == [e for e in decoded if isinstance(e, dict)]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


@pytest.mark.parametrize("zipped", [False, True])
def test_the_bytes_of_a_stream_hold_what_the_sdk_reads(
    providers: LocalProviders, zipped: bool
) -> None:
    asked: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_headers": header(id="same", gzip=zipped),
    }
    with openai.OpenAI(base_url=providers.openai_url, api_key="key") as client:
        sent = [chunk.to_dict() for chunk in client.chat.completions.create(**asked)]
        with client.chat.completions.with_streaming_response.create(**asked) as streamed:
            response = streamed.http_response
            said = response.headers
            reader = BodyReader(said["content-type"], said.get("content-encoding", ""))
            assert read(reader, response.iter_raw()) == (sent, None)


def test_an_event_without_a_type_is_of_the_type_that_names_it() -> None:
    (event,) = BodyReader(SSE, "").feed(b'event: error\ndata: {"message": "no"}\n\n')
    assert event == {"type": "error", "message": "no"}


@pytest.mark.parametrize("name", ["sse", "sse crlf", "sse cr", "aws"])
@pytest.mark.parametrize("encoding", ["none", "gzip", "br", "zstd"])
def test_a_stream_that_is_cut_holds_what_came(name: str, encoding: str) -> None:
    kind, data, events, _ = BODIES[name]
    said, pack = ENCODINGS[encoding]
    packed = pack(data)
    for end in range(len(packed)):
        came, result = read(BodyReader(kind, said), iter([packed[:end]]))
        assert came == events[: len(came)]
        assert result is None


@given(
    st.lists(st.binary(max_size=60), max_size=8),
    st.sampled_from(sorted({kind for kind, *_ in BODIES.values()})),
    st.sampled_from(sorted({said for said, _ in ENCODINGS.values()})),
    st.sampled_from([b"", gzip.compress(server_sent(EVENTS))[:-60], framed(EVENTS), b"data: {"]),
)
def test_garbage_does_no_harm(blocks: list[bytes], kind: str, said: str, begun: bytes) -> None:
    events, _ = read(BodyReader(kind, said), iter([begun, *blocks]))
    assert all(isinstance(event, dict) for event in events)


@pytest.mark.parametrize("said", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_a_corrupt_body_is_read_no_further(said: str) -> None:
    reader = BodyReader("application/json", said)
    assert read(reader, iter([b"{}", b"\xff" * 50, b"[]"])) == ([], None)


def test_what_came_before_the_corruption_is_read() -> None:
    squeeze = zlib.compressobj(wbits=31)
    good = squeeze.compress(server_sent(EVENTS[:2])) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    reader = BodyReader(SSE, "gzip")
    assert list(reader.feed(good)) == EVENTS[:2]
    assert not reader.feed(b"\xff" * 50)
    assert not reader.feed(gzip.compress(server_sent(EVENTS)))


def test_of_a_corrupt_text_nothing_is_read() -> None:
    squeeze = zlib.compressobj(wbits=31)
    good = squeeze.compress(SUBTITLES.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    assert read(BodyReader("text/vtt", "gzip"), iter([good])) == ([], SUBTITLES)
    assert read(BodyReader("text/vtt", "gzip"), iter([good, b"\xff" * 50])) == ([], None)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make all but some decoders look as if they were not installed."""

    def keep(*kept: str) -> None:
        for name in ("brotli", "brotlicffi", "compression.zstd", "backports.zstd", "zstandard"):
            if name not in kept:
                monkeypatch.setitem(sys.modules, name, None)

    inflate._installed.cache_clear()
    yield keep
    inflate._installed.cache_clear()


@pytest.mark.parametrize("said", ["br", "zstd", "gzip, br"])
@pytest.mark.parametrize("name", ["sse", "json", "text"])
def test_a_body_without_a_decoder_for_it_is_not_read(only: Any, said: str, name: str) -> None:
    only()
    kind, data, _, _ = BODIES[name]
    packed = brotli.compress(data) if "br" in said else zstandard.compress(data)
    assert read(BodyReader(kind, said), iter([packed, b"more"])) == ([], None)


@pytest.mark.parametrize("library", ["compression.zstd", "backports.zstd", "zstandard"])
@pytest.mark.parametrize("encoding", ["zstd", "zstd frames"])
def test_any_zstd_decoder_will_do(only: Any, library: str, encoding: str) -> None:
    pytest.importorskip(library)
    only(library)
    kind, data, events, _ = BODIES["sse"]
    said, pack = ENCODINGS[encoding]
    packed = pack(data)
    assert read(BodyReader(kind, said), pieces(packed, [40, 41, 90])) == (list(events), None)


@pytest.mark.parametrize("said", ["gzip,gzip,gzip,gzip,gzip,gzip"])
def test_encodings_are_not_unpacked_without_end(said: str) -> None:
    packed = b"{}"
    for _ in said.split(","):
        packed = gzip.compress(packed)
    assert read(BodyReader("application/json", said), iter([packed])) == ([], None)
