"""Every recording played and judged, once per process."""

import functools
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from otel_cost import faults
from otel_cost.spans.dialects import registry
from tests.replay import judge, prices, recording, stage
from tests.replay.judge import Verdict
from tests.wiring import clean_slate


@functools.cache
def of_library(library: str, price_file: Path | None) -> Mapping[str, Verdict]:
    """The verdict on each case of a library, priced by the book or by a price file."""
    recordings = list(recording.of_library(library))
    engine = prices.engine(price_file)
    found = {}
    with pytest.MonkeyPatch.context() as patch, clean_slate(patch):
        # Looking at what is installed takes longer than a replay, and finds the same each time.
        patch.setattr(registry, "entry_points", functools.cache(importlib.metadata.entry_points))
        if price_file is not None:
            patch.setenv("OTEL_COST_PRICES", os.fspath(price_file))
        for index, each in enumerate(recordings):
            played = stage.play(each, exporter_first=index % 2 == 1)
            assert not faults.counts["internal_error"], each.name
            found[each.case] = judge.judge(each, played, engine)
    return found


def of_all(price_file: Path | None) -> Mapping[str, Mapping[str, Verdict]]:
    """Those of every library that was recorded."""
    return {library: of_library(library, price_file) for library in libraries()}


def libraries() -> Sequence[str]:
    """The libraries that were recorded."""
    return recording.libraries()
