"""The processors of a tracer provider, which the SDK itself tells nobody."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


def of_sdk(provider: object) -> TracerProvider | None:
    """The SDK's provider that a provider is, or stands before, as Logfire's does."""
    inner = (
        provider if isinstance(provider, TracerProvider) else getattr(provider, "provider", None)
    )
    return inner if isinstance(inner, TracerProvider) else None


def processors_of(provider: object) -> Sequence[SpanProcessor]:
    """The processors that were added to a provider, in order."""
    active = getattr(of_sdk(provider) or provider, "_active_span_processor", None)
    return getattr(active, "_span_processors", ())


def with_inner(processors: Iterable[object]) -> Iterator[Any]:
    """Each processor, and the processors that it only hands spans on to, in order."""
    for processor in processors:
        yield processor
        inner = getattr(processor, "_span_processors", None)
        if inner is None:
            wrapped = getattr(processor, "processor", None)  # Logfire's wrappers
            inner = () if wrapped is None else (wrapped,)
        yield from with_inner(inner)
