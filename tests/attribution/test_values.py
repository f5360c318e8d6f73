"""Shows that whatever is said becomes short printable text, and costs nobody anything."""

import enum
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import otel_cost
from otel_cost import faults
from otel_cost.attribution.values import MAX_LENGTH, UNATTRIBUTED, clean, make
from tests import wiring


@pytest.fixture(autouse=True)
def clean_slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


class Broken:
    def __str__(self) -> str:
        raise RuntimeError


class Feature(enum.StrEnum):
    SEARCH = "search"


class Shade(str, enum.Enum):  # noqa: UP042 - many are older than StrEnum
    RED = "red"


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self.upper() + "\x00"

    def isprintable(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1


HIDDEN = (
    "\u200b\u200d\u2060\ufeff\u202a\u202e\u2066\u2069\u061c\u2028\u2029\x00\x1b\x7f\x85\ud800\udfff"
)
"""What is not seen, or changes how the rest is read: bidirectional marks, halves of surrogates."""

TEXTS = st.text(st.characters() | st.sampled_from(HIDDEN), max_size=3 * MAX_LENGTH)
VALUES = st.one_of(
    TEXTS,
    TEXTS.map(Loud),
    st.binary(max_size=50),
    st.integers(),
    st.floats(),
    st.lists(TEXTS, max_size=3),
    st.builds(Broken),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(VALUES, st.dictionaries(TEXTS, VALUES, max_size=3))
@example("e\u0301" * MAX_LENGTH, {"": "x", "a\u202eb": "y"})
@example(Loud("x\x00"), {})
def test_whatever_is_said_becomes_printable_text(value: Any, tags: dict[str, Any]) -> None:
    who = make(value, value, value, value, value, tags)
    texts = [getattr(who, name) for name in ("feature", "team", "user_id")]
    texts += [text for pair in who.tags for text in pair]
    for text in texts:
        if text is None:
            continue
        assert type(text) is str
        assert 0 < len(text) <= MAX_LENGTH
        text.encode()
        assert not set(text) & set(HIDDEN)
        assert not any(unicodedata.category(c).startswith("C") for c in text)
        assert clean("again", text) == text
    if who == UNATTRIBUTED:
        assert who is UNATTRIBUTED


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TEXTS.map(lambda text: "".join(filter(str.isprintable, text))[:MAX_LENGTH]))
@example("Zürich 検索 🔎")
def test_printable_text_stays_as_it_is_and_nobody_is_warned(text: str) -> None:
    faults.counts.clear()
    assert clean("feature", text) == (text or None)
    assert not faults.counts


@pytest.mark.parametrize(
    ("value", "kept"),
    [(Feature.SEARCH, "search"), (Shade.RED, "red"), (Loud("a b"), "a b"), (Loud(""), None)],
)
def test_kinds_of_text_say_what_they_hold(
    caplog: pytest.LogCaptureFixture, value: str, kept: str | None
) -> None:
    with otel_cost.attribution(feature=value) as who:
        assert who.feature == kept
        assert kept is None or type(who.feature) is str
    assert caplog.records == []


def test_a_document_is_not_read_to_its_end() -> None:
    for document in ("x" * 100_000_000, "\n" * 100_000_000):
        start = time.thread_time()
        assert len(clean("feature", document) or "") in {0, MAX_LENGTH}
        # A walk takes seconds.
        assert time.thread_time() - start < 0.1
    assert faults.counts["attribution_changed"] == 2
