"""A case run without otel_cost and with it, and all that can be told of both."""

import asyncio
import inspect
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from opentelemetry.sdk.trace import ReadableSpan

import otel_cost
from otel_cost import faults
from otel_cost.charge import Charge
from tests.recording import recording
from tests.ways.scene import Scene
from tests.ways.server import WatchedProviders, Wired
from tests.ways.table import Case


@dataclass(slots=True)
class Run:
    """All that a run of a case shows."""

    seen: list[Any] = field(default_factory=list)
    wire: list[Wired] = field(default_factory=list)
    warned: list[tuple[type, str, str, int]] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    spans: list[ReadableSpan] = field(default_factory=list)
    faults: Mapping[str, int] = field(default_factory=dict)


def plain(case: Case, providers: WatchedProviders) -> Run:
    """The case without otel_cost."""
    run = Run()
    with _scene(case, providers, run) as scene:
        held = _held(case, scene)
        _play(case, scene, held, run)
    return run


def watched(case: Case, providers: WatchedProviders) -> Run:
    """The case with otel_cost on."""
    run = Run()
    with mock.patch.dict(os.environ, case.settings), _scene(case, providers, run) as scene:
        held = _held(case, scene)
        with recording() as recorded:
            otel_cost.instrument(recorded.provider)
            before = dict(faults.counts)
            with otel_cost.attribution(feature=case.name):
                _play(case, scene, held, run)
            run.charges, run.spans = recorded.charges, recorded.spans
            run.faults = {
                kind: count - before.get(kind, 0)
                for kind, count in faults.counts.items()
                if count != before.get(kind, 0) and kind != "charges"
            }
    return run


@contextmanager
def _scene(case: Case, providers: WatchedProviders, run: Run) -> Iterator[Scene]:
    providers.begin()
    scene = Scene(providers)
    yield scene
    run.seen = scene.seen
    run.wire = sorted(providers.wire, key=repr) if case.in_any_order else providers.wire


def _held(case: Case, scene: Scene) -> tuple[Any, ...]:
    return () if case.before is None else (case.before(scene),)


def _play(case: Case, scene: Scene, held: tuple[Any, ...], run: Run) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if inspect.iscoroutinefunction(case.run):
            asyncio.run(_play_async(case, scene, held, run))
        else:
            case.run(scene, *held)
            run.pools = scene.pools()
            scene.close()
    run.warned = [(w.category, str(w.message), w.filename, w.lineno) for w in caught]


async def _play_async(case: Case, scene: Scene, held: tuple[Any, ...], run: Run) -> None:
    made = case.run(scene, *held)
    assert made is not None
    await made
    run.pools = scene.pools()
    await scene.aclose()
