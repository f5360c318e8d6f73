"""Response bodies as providers send them: framed, encoded, cut."""

import base64
import gzip
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

brotli: Any = import_module("brotli")
zstandard: Any = import_module("zstandard")

SSE = "text/event-stream; charset=utf-8"
AWS = "application/vnd.amazon.eventstream"

EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 7}}},
    {"type": "content_block_delta", "delta": {"text": 'said "usage": {1}\r\n\n héllo 你好'}},
    {"type": "content_block_delta", "delta": {"text": "\\"}},
    {"type": "message_delta", "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def server_sent(events: Iterable[Mapping[str, Any]], end: str = "\n") -> bytes:
    """As `text/event-stream`, with comments, names, data of many lines and OpenAI's `[DONE]`."""
    lines = [": hello", ""]
    for number, event in enumerate(events):
        text = json.dumps(event, ensure_ascii=False, indent=number or None)
        lines += [f"event: {event['type']}", *(f"data: {line}" for line in text.split("\n")), ""]
    return end.join([*lines, "data: [DONE]", "", ""]).encode()


def prelude(length: int, in_headers: int) -> bytes:
    """What a frame begins with."""
    lengths = struct.pack("!II", length, in_headers)
    return lengths + struct.pack("!I", zlib.crc32(lengths))


def summed(begun: bytes) -> bytes:
    """With its checksum, which is what a frame ends with."""
    return begun + struct.pack("!I", zlib.crc32(begun))


def frame(payload: bytes, **headers: str) -> bytes:
    """A frame of an AWS event stream; `_` in the name of a header stands for `-`."""
    packed = b"\x01d\x08" + b"\xff" * 8 + b"\x01b\x06\x00\x02xy" + b"\x01t\x00"
    for name, value in headers.items():
        said = b":" + name.replace("_", "-").encode()
        packed += struct.pack("!B", len(said)) + said
        packed += struct.pack("!BH", 7, len(value)) + value.encode()
    return summed(prelude(len(packed) + len(payload) + 16, len(packed)) + packed + payload)


def chunk(event: Any) -> bytes:
    """An event as Bedrock frames it."""
    packed = base64.b64encode(json.dumps(event, separators=(",", ":")).encode()).decode()
    payload = json.dumps({"bytes": packed, "p": "abcdef"}).encode()
    return frame(payload, event_type="chunk", message_type="event")


def framed(events: Iterable[Any]) -> bytes:
    """A whole AWS event stream."""
    return b"".join(map(chunk, events))


def pieces(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """The same bytes, cut at these places."""
    at = 0
    for cut in sorted(cuts):
        yield data[at:cut]
        at = cut
    yield data[at:]


def _raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _halves(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


def _zstd(data: bytes) -> bytes:
    packed: bytes = zstandard.ZstdCompressor().compress(data)
    return packed


ENCODINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "identity": ("Identity", bytes),
    "unknown": ("utf-8", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip members": ("gzip", _halves(gzip.compress)),
    "gzip and padding": ("gzip", lambda data: gzip.compress(data) + bytes(64)),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", _raw_deflate),
    "deflate and more": ("deflate", lambda data: _raw_deflate(data) + b"more"),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", _zstd),
    "zstd frames": ("zstd", _halves(_zstd)),
    "several": ("gzip, identity,BR", lambda data: brotli.compress(gzip.compress(data))),
}
"""Name to header and encoder."""


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
