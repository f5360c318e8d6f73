"""Content encodings: the bytes that a response's body was packed from, piece by piece."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

Unpack: TypeAlias = Callable[[bytes], Iterator[bytes]]

_PIECE = 1 << 20
"""No more is unpacked at a time, however little it was packed into (bytes)."""
_MOST_STEPS = 5
_ZLIB, _GZIP, _RAW = zlib.MAX_WBITS, zlib.MAX_WBITS | 16, -zlib.MAX_WBITS


class UnreadableError(Exception):
    """The bytes are not what they are said to be, or nobody here can unpack them."""


def unpacker(content_encoding: str) -> Unpack | None:
    """What unpacks a body by its header; `None` where there is nothing to unpack.

    Names that no HTTP client knows are passed over, as those do.

    Raises: `UnreadableError`, also out of the unpacker, which is of no use then.
    """
    names = [name.strip() for name in content_encoding.lower().split(",")]
    steps = [_STEPS[name] for name in reversed(names) if name in _STEPS]
    if len(steps) > _MOST_STEPS:
        raise UnreadableError(content_encoding)
    unpack: Unpack | None = None
    for step in steps:
        unpack = step() if unpack is None else _chain(unpack, step())
    return unpack


def _chain(first: Unpack, second: Unpack) -> Unpack:
    def unpack(data: bytes) -> Iterator[bytes]:
        for piece in first(data):
            yield from second(piece)

    return unpack


class _Members:
    """Unpacks one or more packed members, one after the other, as gzip and zstd may have them."""

    __slots__ = ("_current", "_following", "_start")

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._current = start()
        self._following = False

    def __call__(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._current.eof:
                self._current, self._following = self._start(), True
            try:
                yield from _drain(self._current, data)
            except Exception as error:  # every library has exceptions of its own
                if not self._following:
                    raise UnreadableError("corrupt") from error
                return  # what follows the last member is padding
            data = self._current.unused_data if self._current.eof else b""


def _drain(decompressor: Any, data: bytes) -> Iterator[bytes]:
    while True:
        piece = decompressor.decompress(data, _PIECE)
        if piece:
            yield piece
        if decompressor.eof:
            return
        data = getattr(decompressor, "unconsumed_tail", b"")
        if not data and len(piece) < _PIECE:
            return


class _Deflate:
    """A decompressor for `deflate`, by which servers mean zlib's format or the raw one in it."""

    __slots__ = ("_begun", "_inner")

    eof = False
    """There is but one member, and what follows it is nothing."""

    def __init__(self) -> None:
        self._begun = b""
        self._inner: Any = None

    def decompress(self, data: bytes, limit: int) -> bytes:
        if self._inner is None:
            self._begun += data
            if len(self._begun) < 2:
                return b""
            data, self._begun = self._begun, b""
            # Raw data would begin so only with a stored block whose padding is not zeros.
            is_zlib = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._inner = zlib.decompressobj(_ZLIB if is_zlib else _RAW)
        unpacked: bytes = b"" if self._inner.eof else self._inner.decompress(data, limit)
        return unpacked

    @property
    def unconsumed_tail(self) -> bytes:
        return b"" if self._inner is None else self._inner.unconsumed_tail


class _Brotli:
    """A decompressor for `br`, over any of the libraries."""

    __slots__ = ("_decoder", "_process")

    eof = False

    def __init__(self, library: Any) -> None:
        self._decoder = library.Decompressor()
        self._process = getattr(self._decoder, "process", None) or self._decoder.decompress

    def decompress(self, data: bytes, limit: int) -> bytes:
        unpacked: bytes
        try:
            unpacked = self._process(data, output_buffer_limit=limit)
        except TypeError:  # it knows no limit before 1.2
            unpacked = self._process(data)
        return unpacked


class _Zstandard:
    """A decompressor for `zstd`, over the `zstandard` library, which knows no limit."""

    __slots__ = ("_decoder",)

    def __init__(self, library: Any) -> None:
        self._decoder = library.ZstdDecompressor().decompressobj()

    def decompress(self, data: bytes, limit: int) -> bytes:  # noqa: ARG002 - as the others have it
        unpacked: bytes = self._decoder.decompress(data)
        return unpacked

    @property
    def eof(self) -> bool:
        ended: bool = self._decoder.eof
        return ended

    @property
    def unused_data(self) -> bytes:
        rest: bytes = self._decoder.unused_data
        return rest


def _brotli() -> Unpack:
    library = _installed("brotli") or _installed("brotlicffi")
    if library is None:
        raise UnreadableError("br")
    return _Members(lambda: _Brotli(library))


def _zstd() -> Unpack:
    library = _installed("compression.zstd") or _installed("backports.zstd")
    if library is not None:
        return _Members(library.ZstdDecompressor)
    library = _installed("zstandard")
    if library is None:
        raise UnreadableError("zstd")
    return _Members(lambda: _Zstandard(library))


@cache
def _installed(name: str) -> Any:
    """A module, loaded only when there is something for it to unpack; `None` without it."""
    try:
        return import_module(name)
    except ImportError:
        return None


def _gzip() -> Unpack:
    return _Members(lambda: zlib.decompressobj(_GZIP))


_STEPS: Mapping[str, Callable[[], Unpack]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": lambda: _Members(_Deflate),
    "br": _brotli,
    "zstd": _zstd,
}
