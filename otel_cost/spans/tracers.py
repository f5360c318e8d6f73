"""Which tracer makes the spans of hooked calls."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer

from otel_cost import faults
from otel_cost.__about__ import __version__
from otel_cost.processors import processors_of

SCOPE = "otel_cost"
"""The instrumentation scope of the spans we make."""


def is_ours(span: object) -> bool:
    """Whether we have made a span, for a hooked call."""
    scope = getattr(span, "instrumentation_scope", None)
    return scope is not None and scope.name == SCOPE


class Tracers:
    """The provider that was given, else that of a processor of ours, else the global one."""

    def __init__(self) -> None:
        self._given: trace.TracerProvider | None = None
        self._processors: list[weakref.ref[SpanProcessor]] = []
        self._providers: weakref.WeakKeyDictionary[
            SpanProcessor, weakref.ref[trace.TracerProvider]
        ] = weakref.WeakKeyDictionary()
        """The provider of a processor, where it is known."""
        self._tracer: Tracer | None = None
        self._global: trace.TracerProvider | None = None
        self._none_global: trace.TracerProvider | None = None
        self.otherwise: Callable[[], trace.TracerProvider | None] | None = None
        """Makes a provider where there is none that records spans."""
        self.last: trace.TracerProvider | None = None
        """What `otherwise` has made: any other comes before it."""

    def use(self, provider: trace.TracerProvider) -> None:
        """Make spans with `provider` from now on."""
        self._given = provider
        self._tracer = None

    def follow(
        self, processor: SpanProcessor, provider: trace.TracerProvider | None = None
    ) -> None:
        """Make spans with the provider that `processor` is added to, unless one was given."""
        if provider is not None:
            self._providers[processor] = weakref.ref(provider)
        self._processors = [known for known in self._processors if known() is not None]
        if not any(known() is processor for known in self._processors):
            self._processors.append(weakref.ref(processor))
        self._tracer = None

    def look_again(self) -> None:
        """Forget which provider was found: a processor has turned out to be in use."""
        self._tracer = None

    def __call__(self) -> Tracer:
        """The tracer for the next span."""
        tracer = self._tracer
        # Where we make the provider ourselves, the application may still come with one of its own.
        if tracer is None or (self.otherwise is not None and self._global is not self._everyones()):
            self._global = self._everyones()
            provider = self._given or self._followed(self._global) or self._global
            if self.otherwise is not None and isinstance(provider, trace.ProxyTracerProvider):
                self.last = self.last or self.otherwise()
                provider = self.last or provider
            tracer = self._tracer = provider.get_tracer(SCOPE, __version__)
        return tracer

    def _everyones(self) -> trace.TracerProvider:
        """The global provider; a stand-in where `OTEL_PYTHON_TRACER_PROVIDER` names none."""
        if self._none_global is None:
            try:
                return trace.get_tracer_provider()
            except Exception as error:  # noqa: BLE001 - the guard of this border
                hint = "There is no global one. See OTEL_PYTHON_TRACER_PROVIDER."
                faults.caught("getting the tracer provider", error, kind="bad_setting", hint=hint)
                self._none_global = trace.ProxyTracerProvider()
        return self._none_global

    def _followed(self, global_one: trace.TracerProvider) -> trace.TracerProvider | None:
        """The provider of the first processor that is in use; the global one before any other.

        The SDK tells neither a processor its provider nor anyone what providers there are. What
        nobody has told us, and refers to the processor, is looked for, once.
        """
        processors = [p for known in self._processors if (p := known()) is not None]
        there = processors_of(global_one)
        if any(processor in there for processor in processors):
            return global_one
        for processor in processors:
            known = self._providers.get(processor)
            owner = _owner(processor) if known is None else known()
            if owner is not None and owner is not self.last:
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
