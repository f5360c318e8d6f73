"""One process with a library in it: makes every call of a stack and prints all that came of it.

    python -m tests.peers.stage STACK with|without

The global tracer provider can be set once in a process, and libraries patch what they patch for
good; so each stack has a process of its own.
"""

import asyncio
import gc
import inspect
import json
import sys
import warnings
from collections import Counter
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace

import otel_cost
from otel_cost import faults
from otel_cost.charge import Charge
from tests.peers.exported import Exports
from tests.peers.seen import shown
from tests.peers.wire import Wire

_TURNS = 20
"""Turns of the event loop in which what was dropped is cleared away."""
PLACES = ("alone", "in_app")
"""Without a span around the call, and within one of the application."""


@dataclass(slots=True)
class Scene:
    """What a call finds: where the providers are, and where to show what it got."""

    openai_url: str
    anthropic_url: str
    _seen: list[Any] = field(default_factory=list)

    def see(self, *values: Any) -> None:
        """The application is shown these."""
        self._seen += map(shown, values)

    def take(self) -> list[Any]:
        """What was seen since the last time."""
        taken, self._seen = self._seen, []
        return taken


@dataclass(slots=True)
class Tracing:
    """The exporters of a process: before our processor, after it, and that of the Langfuse SDK."""

    first: Exports = field(default_factory=Exports)
    last: Exports = field(default_factory=Exports)
    library: Exports = field(default_factory=Exports)


def _play(stack: Any, wire: Wire, tracing: Tracing, measured: bool) -> dict[str, Any]:
    scene, charges = Scene(wire.openai_url, wire.anthropic_url), list[Charge]()
    if measured:
        otel_cost.add_sink(charges.append)
    found = {}
    # One loop for all: LangChain keeps its connections, and they belong to a loop.
    with asyncio.Runner() as runner:
        for place in PLACES:
            for name, call in stack.calls().items():
                wire.begin()
                before = Counter(faults.counts)
                gc.freeze()  # what is here already is not looked through again
                _make(stack, scene, call, place, runner)
                gc.collect()
                stack.settle()
                assert otel_cost.flush()
                trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
                found[f"{name}/{place}"] = {
                    "sent": [sent.as_dict() for sent in wire.sent],
                    "seen": scene.take(),
                    "charges": [charge.as_dict() for charge in charges],
                    "first": tracing.first.take(),
                    "last": tracing.last.take(),
                    "library": tracing.library.take(),
                    "faults": dict(faults.counts - before),
                }
                charges.clear()
    return found


def _make(stack: Any, scene: Scene, call: Any, place: str, runner: asyncio.Runner) -> None:
    tracer = trace.get_tracer("app")
    around = tracer.start_as_current_span("POST /answer") if place == "in_app" else nullcontext()
    with around:
        try:
            if inspect.iscoroutinefunction(call):
                runner.run(_awaited(stack, scene, call), context=copy_context())
            else:
                call(scene)
        except Exception as error:  # noqa: BLE001 - what the application sees is what is asked
            scene.see(error)
        # What LiteLLM writes on the application's span comes too late once that has ended.
        stack.settle()


async def _awaited(stack: Any, scene: Scene, call: Any) -> None:
    try:
        await call(scene)
    finally:
        gc.collect()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await stack.settle_async()


def main(name: str, measured: bool) -> None:
    """Set the stack up as its documentation says, and make its calls."""
    from tests.peers.stacks import STACKS

    warnings.simplefilter("ignore")
    stack, tracing = STACKS[name], Tracing()
    with Wire() as wire:
        stack.set_up(tracing, measured)
        found = _play(stack, wire, tracing, measured)
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "with")
