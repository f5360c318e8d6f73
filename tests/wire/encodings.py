"""Chat completions in every content encoding: `/br/v1/chat/completions` and so on."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import brotli  # type: ignore[import-untyped]
import zstandard

from otel_cost.demo.openai_wire import ENDPOINTS
from otel_cost.demo.server import Answer
from otel_cost.demo.wire import Ask, Endpoint, encode, sse

_CHAT = ENDPOINTS["/v1/chat/completions"]


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor()

    def block(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data) + self._compressor.flush())

    def end(self) -> bytes:
        return bytes(self._compressor.finish())


class _Zstandard:
    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor().compressobj()

    def block(self, data: bytes) -> bytes:
        begun = self._compressor.compress(data)
        return begun + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._compressor.flush()


class _Deflate:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj()

    def block(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._compressor.flush()


_ENCODINGS: Mapping[str, Callable[[], Any]] = {
    "br": _Brotli,
    "zstd": _Zstandard,
    "deflate": _Deflate,
}


def _encoded(encoding: str) -> Callable[[Ask], Answer]:
    def answer(ask: Ask) -> Answer:
        headers = {"content-encoding": encoding}
        if not ask.body.get("stream"):
            whole = [encode(_whole(ask))]
            return Answer(body=b"".join(_squeezed(encoding, whole)), headers=headers)
        assert _CHAT.events is not None
        blocks = (sse(event) for event in _CHAT.events(ask))
        return Answer(200, "text/event-stream", _squeezed(encoding, blocks), headers)

    return answer


def _whole(ask: Ask) -> dict[str, Any]:
    said = _CHAT.answer(ask)
    assert isinstance(said, dict)
    return said


def _squeezed(encoding: str, blocks: Any) -> Iterator[bytes]:
    compressor = _ENCODINGS[encoding]()
    for block in blocks:
        yield compressor.block(block)
    yield compressor.end()


ROWS: Mapping[str, Endpoint] = {
    f"/{encoding}/v1/chat/completions": replace(_CHAT, answer=_encoded(encoding), events=None)
    for encoding in _ENCODINGS
}
"""By path, as `LocalProviders` wants them."""
