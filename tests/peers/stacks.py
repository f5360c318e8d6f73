"""The table of stacks: who makes the calls, which libraries make spans of them, and how."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

import otel_cost
from tests.peers import callers
from tests.peers.callers import Caller
from tests.peers.instrumentors import INSTRUMENTORS
from tests.peers.libraries import is_here, module
from tests.peers.stage import Scene, Tracing

NATIVE = "com.anthropic.sdk.python"
_SAMPLED = 0.01


@dataclass(frozen=True, slots=True)
class Stack:
    """One process: a caller, the libraries that make spans, the settings."""

    caller: Caller
    libraries: tuple[str, ...] = ()
    native: bool = True
    """Whether the Anthropic SDK makes spans of its own, as it does unless told not to."""
    sampled: bool = False
    """Whether a hundredth of the traces is recorded."""
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tells it from the others."""
        marks = [*(k for k in self.environ), *(["sampled"] if self.sampled else [])]
        parts = [*self.libraries, *marks, *([] if self.native else ["no-native"])]
        return "+".join([self.caller.name, *parts])

    @property
    def is_installed(self) -> bool:
        """Whether all of it is here."""
        modules = [m for name in self.libraries for m in INSTRUMENTORS[name].modules]
        return all(map(is_here, (*self.caller.modules, *modules)))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of its libraries' spans."""
        return tuple(s for name in self.libraries for s in INSTRUMENTORS[name].scopes)

    def calls(self) -> Mapping[str, Callable[[Scene], Any]]:
        """Its calls by name, each ending in `/sync` or `/async`."""
        return self.caller.calls(self.libraries)

    def set_up(self, tracing: Tracing, measured: bool) -> None:
        """The provider, the libraries, and otel_cost if it is to measure."""
        os.environ |= self.environ
        if not self.native:
            os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"
        ours = [otel_cost.CostSpanProcessor()] if measured else []
        first, last = SimpleSpanProcessor(tracing.first), SimpleSpanProcessor(tracing.last)
        if "logfire" in self.libraries:
            logfire = module("logfire")

            logfire.configure(
                send_to_logfire=False,
                console=False,
                additional_span_processors=[first, *ours, last],
            )
        else:
            sampler = ParentBased(TraceIdRatioBased(_SAMPLED)) if self.sampled else None
            provider = TracerProvider(sampler=sampler)
            for processor in (first, *ours, last):
                provider.add_span_processor(processor)
            trace.set_tracer_provider(provider)
        for name in self.libraries:
            INSTRUMENTORS[name].start(tracing.library)

    def settle(self) -> None:
        """Wait for what the libraries still do."""
        self.caller.settle()

    async def settle_async(self) -> None:
        """The same within an event loop."""
        await self.caller.settle_async()


_GENAI = ("genai-openai", "genai-anthropic")
_OPENLLMETRY = ("openllmetry-openai", "openllmetry-anthropic")
_OPENINFERENCE = ("openinference-openai", "openinference-anthropic")
_SETS: Sequence[tuple[str, ...]] = (
    (),
    _GENAI,
    _OPENLLMETRY,
    _OPENINFERENCE,
    ("langfuse-openai",),
    ("openlit",),
    ("logfire",),
    ("openai-v2",),
)
"""Libraries that make spans of the SDKs' calls."""
_PAIRS: Sequence[tuple[str, ...]] = (
    (*_GENAI, *_OPENINFERENCE),
    (*_OPENINFERENCE, *_GENAI),
    (*_OPENLLMETRY, *_OPENINFERENCE),
    ("langfuse-openai", *_GENAI),
    ("langfuse-openai", *_OPENINFERENCE),
)
_LANGCHAIN: Sequence[tuple[str, ...]] = (
    (),
    ("genai-langchain",),
    ("genai-langchain", *_GENAI),
    ("openllmetry-langchain",),
    ("openllmetry-langchain", *_OPENLLMETRY),
    ("openinference-langchain",),
    ("openinference-langchain", *_OPENINFERENCE),
    ("langfuse",),
    ("langfuse-openai",),
    ("openlit",),
    ("logfire",),
)


def _table() -> Iterator[Stack]:
    for libraries in _SETS:
        yield Stack(callers.SDK, libraries)
        if libraries not in (("openlit",), ("openai-v2",)):
            yield Stack(callers.SDK, libraries, native=False)
    for libraries in _PAIRS:
        yield Stack(callers.SDK, libraries)
    for libraries in ((), _GENAI, _OPENINFERENCE, ("langfuse-openai",)):
        yield Stack(callers.SDK, libraries, sampled=True)
    for libraries in _LANGCHAIN:
        yield Stack(callers.LANGCHAIN, libraries)
    for libraries in (("langfuse",), ("langfuse-openai",), ("langfuse", *_GENAI)):
        yield Stack(callers.LANGFUSE, libraries)
    yield Stack(callers.LANGFUSE, ("langfuse",), native=False)
    for libraries in (("pydantic-ai",), ("pydantic-ai", "logfire")):
        yield Stack(callers.PYDANTIC_AI, libraries)
    yield Stack(callers.PYDANTIC_AI, ("pydantic-ai",), native=False)
    for libraries in (("litellm",), ("litellm", "genai-openai"), ("openinference-litellm",)):
        yield Stack(callers.LITELLM, libraries)
    yield Stack(callers.LITELLM, ("openinference-litellm", "openinference-openai"))
    yield Stack(callers.LITELLM, ("litellm",), environ={"USE_OTEL_LITELLM_REQUEST_SPAN": "true"})
    yield Stack(callers.LITELLM, ("litellm-v2",), environ={"LITELLM_OTEL_V2": "true"})
    yield Stack(callers.LITELLM, ("litellm-langfuse",))
    for libraries in (
        ("agents-genai",),
        ("agents-genai", "genai-openai"),
        ("agents-openllmetry",),
        ("agents-openinference",),
        ("agents-openinference", "openinference-openai"),
    ):
        yield Stack(callers.AGENTS, libraries)


STACKS: Mapping[str, Stack] = {stack.name: stack for stack in _table()}
