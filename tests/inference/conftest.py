"""A tiny encoding in the place of tiktoken's own tables, so that nothing is fetched."""

from collections.abc import Iterator
from typing import Any

import pytest

tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")

WORDS = (b"user", b"system", b"assistant", b"hello", b"world", b"name")


def tiny(name: str) -> Any:
    """Each of a few words is one token, and of anything else every byte."""
    # A word is found by merging pairs, so its beginnings have to be tokens too.
    beginnings = [word[:end] for word in WORDS for end in range(2, len(word) + 1)]
    tokens = dict.fromkeys([*(bytes([number]) for number in range(256)), *beginnings])
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return tiktoken.Encoding(
        name, pat_str=r"\w+|\s+|[^\w\s]+", mergeable_ranks=ranks, special_tokens={}
    )


@pytest.fixture
def _tiny_encodings(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken import registry

    for name in ("o200k_base", "cl100k_base", "o200k_harmony"):
        monkeypatch.setitem(registry.ENCODINGS, name, tiny(name))


@pytest.fixture
def _no_tables(
    _tiny_encodings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> Iterator[None]:
    """tiktoken has nothing on disk and reaches nobody."""
    from tiktoken import registry

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    registry.ENCODINGS.clear()
    yield
    registry.ENCODINGS.clear()
