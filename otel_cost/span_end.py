"""Writing on a span at its very end, whatever the SDK's version."""

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span


def set_valid(span: Span, items: Mapping[str, Any]) -> None:
    """Set attributes that are known to be valid: strings, numbers and tuples of strings.

    The SDK examines and copies each value anew, which is most of the work on a span, and cuts a
    JSON text to `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, which leaves no JSON. So they are put in its
    store directly, unless that is not the store we know or has no room; then the SDK sets them.
    """
    store: Any = getattr(span, "_attributes", None)
    if type(store) is BoundedAttributes and not store._immutable:
        held = store._dict
        if store.maxlen is None or len(held) + len(items) <= store.maxlen:
            held.update(items)
            return
    span.set_attributes(items)


def set_late(span: Span, items: Mapping[str, Any]) -> None:
    """Set attributes that are known to be valid on a span that is ending; none of them is lost.

    Up to SDK 1.45 at least a span is frozen already when processors hear that it is ending, against
    the specification (open-telemetry/opentelemetry-python#5614); then its attributes are unlocked
    for the moment. No processor has exported it yet. Where there is no room, what is oldest goes.
    """
    store: Any = getattr(span, "_attributes", None)
    if type(store) is not BoundedAttributes:
        span.set_attributes(items)
        return
    held = store._dict
    if store.maxlen is not None and len(held) + len(items) > store.maxlen:
        for name in [name for name in held if name not in items][: _excess(store, items)]:
            del held[name]
            store.dropped += 1
    held.update(items)


def _excess(store: Any, items: Mapping[str, Any]) -> int:
    new = sum(name not in store._dict for name in items)
    excess: int = len(store._dict) + new - store.maxlen
    return max(excess, 0)


def shadow_end(span: Span, before: Callable[[], None]) -> None:
    """Have `before()` called when `span.end()` is, while attributes can still be set."""
    original = span.end

    def end(end_time: int | None = None) -> None:
        vars(span).pop("end", None)  # or the span would refer to itself
        if span.is_recording():
            before()
        original(end_time)

    span.end = end  # type: ignore[method-assign]


def stored(span: Span | ReadableSpan) -> Mapping[str, Any]:
    """The attributes of a span, where they can be looked through quickly."""
    store: Any = getattr(span, "_attributes", None)
    if type(store) is BoundedAttributes:
        return store._dict
    found: Mapping[str, Any] | None = getattr(span, "attributes", None)
    return found or {}
