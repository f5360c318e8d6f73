"""Plays every recording to a real provider: one charge per call, none worth more than the call."""

from pathlib import Path

import pytest

from tests.replay import recording, table, verdicts
from tests.replay.judge import WORDS
from tests.replay.prices import COMPLETE

LIBRARIES = recording.libraries()
BY_THE_BOOK = [
    library for library in LIBRARIES if "@app" not in library and "-only-" not in library
]
"""Recorded elsewhere too: what the place changes does not depend on prices."""
needs_recordings = pytest.mark.skipif(not LIBRARIES, reason="OTEL_COST_TEST_DATA is not set")


TOLD_TOO_LATE = {("openllmetry+native", "beta_messages_stream_helper_sync")}
"""The span without usage is over before the one that says it starts: nothing tells of more."""


def parts_of(stack: str) -> list[str]:
    """The recordings of parts of a stack alone, in the same place."""
    place = "@app" if stack.endswith("@app") else ""
    alone = [f"{part}{place}" for part in stack.removesuffix(place).split("+")]
    parts = [*alone, f"lc-only-{stack}"] if len(alone) > 1 else [f"lc-only-{stack}"]
    return [each for each in parts if each in LIBRARIES]


def wrong(library: str, price_file: Path | None) -> str:
    """The recordings of a library that are charged wrong, and why."""
    found = verdicts.of_library(library, price_file).items()
    return "\n".join(
        f"{library}/{case}: {'; '.join(each.reasons)}"
        for case, each in found
        if each.word == "wrong"
    )


@needs_recordings
@pytest.mark.parametrize("library", LIBRARIES)
def test_no_call_is_charged_wrong(library: str) -> None:
    assert not wrong(library, COMPLETE)


@needs_recordings
@pytest.mark.parametrize("library", BY_THE_BOOK)
def test_nor_is_it_where_the_book_lacks_prices(library: str) -> None:
    assert not wrong(library, None)


@needs_recordings
def test_every_recording_is_judged() -> None:
    assert sum(len(list(recording.of_library(each))) for each in LIBRARIES) >= 978


@needs_recordings
@pytest.mark.parametrize("stack", [each for each in LIBRARIES if parts_of(each)])
def test_libraries_at_once_know_what_one_of_them_knows(stack: str) -> None:
    known = [verdicts.of_library(part, COMPLETE) for part in parts_of(stack)]
    lost = {}
    for case, found in verdicts.of_library(stack, COMPLETE).items():
        best = min((WORDS.index(each[case].word) for each in known if case in each), default=None)
        if (
            best is not None
            and WORDS.index(found.word) > best
            and (stack, case) not in TOLD_TOO_LATE
        ):
            lost[case] = f"{found.word}, not {WORDS[best]}: {'; '.join(found.reasons)}"
    assert not lost, "\n".join(f"{stack}/{case}: {why}" for case, why in lost.items())


@needs_recordings
def test_the_page_says_what_was_found() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    expected = table.written(page, verdicts.of_all(COMPLETE))
    assert page == expected, "run python tools/instrumentors_table.py"
