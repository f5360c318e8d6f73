"""What OpenTelemetry baggage says of whom a call is for, and which of it came from outside."""

from collections.abc import Mapping
from typing import Any, cast

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

from otel_cost.attribution.values import FIELDS, UNATTRIBUTED, Attribution, make

BAGGAGE_KEY: str = baggage._BAGGAGE_KEY
"""Where the OpenTelemetry API keeps baggage: looking for the key is quicker than asking for all."""

PREFIX = "otel_cost."
LANGFUSE_PREFIX = "langfuse_"
_TAG = "tag."

_OUTSIDE = otel_context.create_key("otel_cost-baggage-from-outside")
_ON_SPAN = "_otel_cost_outside"
"""Where a span has the baggage that was there when the request began that it is a part of."""

Entries = Mapping[str, object]
_NONE: Entries = {}


def entries_of(context: Context) -> Entries:
    """All baggage of a context."""
    return cast(Entries, context.get(BAGGAGE_KEY) or _NONE)


class Vocabulary:
    """Which baggage entries say whom a call is for: `otel_cost.*`, and those of `mapped` keys."""

    def __init__(self, mapped: Mapping[str, str]) -> None:
        self._mapped = mapped

    def says(self, key: str) -> str | None:
        """The field that an entry says: one of an attribution, or `tag.NAME`."""
        if not key.startswith(PREFIX):
            return self._mapped.get(key)
        field = key[len(PREFIX) :]
        return field if field in FIELDS or (field.startswith(_TAG) and field[4:]) else None

    def is_private(self, key: str) -> bool:
        """Whether an entry must not reach a provider, whoever put it there."""
        return key.startswith((PREFIX, LANGFUSE_PREFIX)) or key in self._mapped

    def read(self, entries: Entries) -> Attribution:
        """What entries say; ours hold before those of other keys."""
        found: dict[str, object] = {}
        for key in sorted(entries, key=lambda key: key.startswith(PREFIX)):
            field = self.says(key)
            if field is not None:
                found[field] = entries[key]
        if not found:
            return UNATTRIBUTED
        tags = {name[4:]: found.pop(name) for name in tuple(found) if name.startswith(_TAG)}
        return make(**found, tags=tags)

    def without_strangers(self, context: Context) -> Context:
        """The context without what others than this application say, Langfuse's entries too."""
        entries, own_entries = entries_of(context), own(context)
        gone = {key for key in entries if self.is_private(key) and key not in own_entries}
        if not gone:
            return context
        kept = {key: value for key, value in entries.items() if key not in gone}
        return otel_context.set_value(BAGGAGE_KEY, kept, context)

    def without_private(self, context: Context) -> Context:
        """The context without the entries that must not reach a provider."""
        entries = entries_of(context)
        if not any(map(self.is_private, entries)):
            return context
        kept = {key: value for key, value in entries.items() if not self.is_private(key)}
        return otel_context.set_value(BAGGAGE_KEY, kept, context)


def from_outside(context: Context, entries: Entries) -> Context:
    """The context of a request that came with these entries."""
    return otel_context.set_value(_OUTSIDE, dict(entries), context)


def mark(span: Any, *, begins: bool, context: Context) -> None:
    """Keep on a span that starts what baggage of its context came from outside.

    `begins`: it is the first of what another process has asked for.
    """
    came = entries_of(context) if begins else on_span(trace.get_current_span(context))
    if came:
        setattr(span, _ON_SPAN, came)


def on_span(span: object) -> Entries:
    """The baggage that was there when the request began that a span is a part of."""
    found: Entries = getattr(span, _ON_SPAN, _NONE)
    return found


def outside(context: Context) -> Entries | None:
    """The baggage that came from outside; `None` where nobody can tell.

    Spans that nobody records tell nothing, and where they are those of a request, neither does a
    context that our propagator has not seen.
    """
    span = trace.get_current_span(context)
    marked = on_span(span)
    extracted = cast(Entries | None, context.get(_OUTSIDE))
    if not marked and extracted is None:
        untold = isinstance(span, NonRecordingSpan) and span.get_span_context().is_valid
        return None if untold else _NONE
    return {**marked, **(extracted or _NONE)}


def own(context: Context) -> Entries:
    """The baggage that the application itself has set, or changed, as far as that is known."""
    entries, came = entries_of(context), outside(context)
    if came is None:
        return _NONE
    if not came:
        return entries
    return {key: value for key, value in entries.items() if came.get(key) != value}
