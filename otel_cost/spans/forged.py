"""What Langfuse has put on a span because a stranger's baggage said so."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Span

from otel_cost import attributes
from otel_cost.attribution.baggage import LANGFUSE_PREFIX, on_span

_NAMES = {
    "user_id": attributes.USER_ID,
    "session_id": attributes.SESSION_ID,
    "tags": attributes.TRACE_TAGS,
}
"""Where Langfuse's processor writes what these entries say; all others are metadata."""
_METADATA = "metadata_"


def remove(span: Span) -> None:
    """Take off a span that is ending what says whom it is for, and came from outside.

    Langfuse's processor believes any `langfuse_*` baggage (langfuse 5.0.4, `propagation.py`).
    """
    store: Any = getattr(span, "_attributes", None)
    if type(store) is not BoundedAttributes:
        return
    held = store._dict
    for name, value in _written(span):
        if held.get(name) == value:
            del held[name]


def _written(span: Span) -> Iterator[tuple[str, object]]:
    for key, value in on_span(span).items():
        if key.startswith(LANGFUSE_PREFIX):
            said = key[len(LANGFUSE_PREFIX) :]
            tag = said.removeprefix(_METADATA)
            yield _NAMES.get(said) or attributes.TRACE_METADATA + tag, value
