"""Every way of calling: the application sees no difference, and each call is charged as it must."""

import json
import os
from collections.abc import Iterator, Sequence

import pytest

from tests.ways import watch
from tests.ways.families import CASES
from tests.ways.server import WatchedProviders, Wired
from tests.ways.table import Case, charged
from tests.ways.watch import Run

COMPAT = "OTEL_COST_COMPAT"
"""Set where older SDKs are at hand, which lack what some rows are about."""


@pytest.fixture(scope="module")
def server() -> Iterator[WatchedProviders]:
    with WatchedProviders() as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=str)
def test_way(case: Case, server: WatchedProviders) -> None:
    if case.missing:
        assert COMPAT in os.environ, f"not in this SDK: {case.missing}"
        pytest.skip(f"n/a: no {', '.join(case.missing)}")
    without = watch.plain(case, server)
    with_us = watch.watched(case, server)
    assert not with_us.faults
    _see_the_same(without, with_us, case)
    assert with_us.warned == without.warned
    assert with_us.pools == without.pools or case.in_any_order
    found = with_us.charges
    assert [charged(c, like) for c, like in zip(found, case.charges, strict=False)] == list(
        case.charges
    )
    assert len(found) == len(case.charges)
    assert {charge.attribution.feature for charge in found} <= {case.name}
    _have_a_span_each(with_us)
    for charge in found:
        first = charge.first_token_at or charge.started_at
        assert charge.started_at <= first <= charge.ended_at


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def _see_the_same(without: Run, with_us: Run, case: Case) -> None:
    if not case.asks_usage:
        assert with_us.seen == without.seen
        assert with_us.wire == without.wire
        return
    # The chunk that was asked for is read at the end of the stream, and never seen.
    assert [shown for _, shown in with_us.seen] == [shown for _, shown in without.seen]
    assert [r for r, _ in with_us.seen[:-1]] == [r for r, _ in without.seen[:-1]]
    _differ_by_the_asking(without.wire, with_us.wire)


def _differ_by_the_asking(without: Sequence[Wired], with_us: Sequence[Wired]) -> None:
    for asked, usual in zip(with_us, without, strict=True):
        body = json.loads(asked.body)
        assert body.pop("stream_options") == {"include_usage": True}
        assert list(body.items()) == list(json.loads(usual.body).items())
        assert asked.first == usual.first
        assert _apart_from_length(asked) == _apart_from_length(usual)


def _apart_from_length(wired: Wired) -> list[tuple[str, str]]:
    return [(name, value) for name, value in wired.headers if name.lower() != "content-length"]


def _have_a_span_each(run: Run) -> None:
    ids = sorted(f"{span.context.span_id:016x}" for span in run.spans if span.context)
    assert ids == sorted(str(charge.span_id) for charge in run.charges)
