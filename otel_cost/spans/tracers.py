"""Which tracer makes the spans of hooked calls."""

import gc
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer

from otel_cost.__about__ import __version__

SCOPE = "otel_cost"
"""The instrumentation scope of the spans we make."""


def is_ours(span: object) -> bool:
    """Whether we have made a span, for a hooked call."""
    scope = getattr(span, "instrumentation_scope", None)
    return scope is not None and scope.name == SCOPE


class Tracers:
    """The provider that was given, else that of the first processor, else the global one."""

    def __init__(self) -> None:
        self._given: trace.TracerProvider | None = None
        self._processors: list[SpanProcessor] = []
        self._tracer: Tracer | None = None

    def use(self, provider: trace.TracerProvider) -> None:
        """Make spans with `provider` from now on."""
        self._given = provider
        self._tracer = None

    def follow(self, processor: SpanProcessor) -> None:
        """Make spans with the provider that `processor` is added to, unless one was given."""
        self._processors.append(processor)
        self._tracer = None

    def look_again(self) -> None:
        """Forget which provider was found: a processor has turned out to be in use."""
        self._tracer = None

    def __call__(self) -> Tracer:
        """The tracer for the next span."""
        tracer = self._tracer
        if tracer is None:
            provider = self._given or self._followed() or trace.get_tracer_provider()
            tracer = self._tracer = provider.get_tracer(SCOPE, __version__)
        return tracer

    def _followed(self) -> trace.TracerProvider | None:
        """The provider of the first processor that is in use.

        The SDK tells neither a processor its provider nor anyone what providers there are. The
        global one is nearly always right; else what refers to the processor is looked for, once.
        """
        for processor in self._processors:
            if processor in processors_of(trace.get_tracer_provider()):
                return trace.get_tracer_provider()
            if (owner := _owner(processor)) is not None:
                return owner
        return None


def _owner(processor: SpanProcessor) -> trace.TracerProvider | None:
    # Never by gc.get_objects: it lays hands on what other threads are just building, tuples among
    # them, which then raises in those threads. What is asked for here refers to our processor.
    chains = [o for o in gc.get_referrers(processor) if type(o) is tuple]
    for active in _having(chains, SpanProcessor):
        for provider in _having([active], TracerProvider):
            if processor in processors_of(provider):
                return provider  # type: ignore[no-any-return]
    return None


def _having(values: list[Any], kind: type) -> list[Any]:
    """The objects of a kind that have one of `values` as an attribute."""
    holders = gc.get_referrers(*values) if values else []
    # Not isinstance: it asks lazy stand-ins for their class, which loads them.
    found = [o for o in holders if issubclass(type(o), kind)]
    if not found and (dicts := [o for o in holders if type(o) is dict]):
        found = [o for o in gc.get_referrers(*dicts) if issubclass(type(o), kind)]
    return found


def processors_of(provider: object) -> Sequence[SpanProcessor]:
    """The processors that were added to a provider, in order."""
    active = getattr(provider, "_active_span_processor", None)
    return getattr(active, "_span_processors", ())
