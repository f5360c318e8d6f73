"""What is remembered of a span of LLM work while it is open."""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import INVALID_SPAN_ID, NonRecordingSpan, set_span_in_context

from otel_cost.attribution.values import Attribution
from otel_cost.measured import Measured
from otel_cost.span_end import stored
from otel_cost.spans.dialects.dialect import Attributes, Dialect, Kind, SpanCall
from otel_cost.spans.evidence import species

HELD = "_otel_cost"
"""Where a span has its record, or that of the nearest span of LLM work around it."""
_WITHIN = 64
"""How many calls an open span remembers of those within it."""


class Left(NamedTuple):
    """A call that a span which has ended has told of, and that another is to carry."""

    measured: Measured
    within: Context
    """Where it belongs if no other span does."""


def left_by(span: Span, measured: Measured) -> Left:
    """What `span`, which is ending, leaves to another."""
    measured.span = None
    ended = NonRecordingSpan(span.get_span_context())
    return Left(measured, set_span_in_context(ended, Context()))


class Carrying(Protocol):
    """What binds a hooked call to the span that is to carry it."""

    @property
    def reads(self) -> bool:
        """Whether it matters what the span itself says."""

    def ends(self, span: Span, said: SpanCall) -> Mapping[str, Any] | None:
        """What the span, which is ending, has to say of the call; `None` if it cannot carry it."""

    def give_up(self) -> None:
        """Carry the call no longer."""


class Record:
    """An open span of LLM work, and what is decided of it."""

    __slots__ = (
        "base",
        "began",
        "certain",
        "closed",
        "dialect",
        "left",
        "of",
        "outer",
        "owner",
        "place",
        "scope",
        "span",
        "started",
        "who",
        "within",
        "wrote",
    )

    def __init__(
        self, span: Span, dialect: Dialect, who: Attribution, outer: "Record | None"
    ) -> None:
        self.span: Span | None = span
        """Until it ends: a span that refers to its record must not be referred to for ever."""
        self.scope = species(span)
        self.dialect = dialect
        self.who = who
        self.outer = outer
        parent = span.parent
        self.base: int = INVALID_SPAN_ID if parent is None else parent.span_id
        """The nearest span around it that is no LLM work, by its id."""
        if outer is not None and not outer.closed:
            self.base = outer.base
        self.place = here()
        first = stored(span)
        self.began: Kind = dialect.kind(span.name, first) if first else "other"
        """What the span was when it started: content may push out the attributes that say so."""
        self.started = span.start_time or 0
        self.closed: bool = False
        self.owner: Carrying | None = None
        """The hooked call that it is to carry."""
        self.of: Measured | None = None
        """The call that it tells of once more."""
        self.certain = False
        """Whether that is so whatever it says of itself."""
        self.within: deque[Measured] = deque(maxlen=_WITHIN)
        """The calls made within it that other spans carry."""
        self.left: Left | None = None
        """A call that another span of it has told of, without saying all that was used."""
        self.wrote = False
        """Whether the hook of its own SDK writes what it carries."""
        hold(span, self)

    @property
    def attributes(self) -> Attributes:
        """What the span says by now."""
        return {} if self.span is None else stored(self.span)

    @property
    def kind(self) -> Kind:
        """What the span is, by what it says by now."""
        span = self.span
        if span is None:
            return "other"
        lost = span.dropped_attributes and self.began == "call"
        return "call" if lost else self.dialect.kind(span.name, self.attributes)

    def read(self) -> SpanCall:
        """The call that the span tells of, by what it says by now."""
        return self.dialect.read(self.span.name if self.span else "", self.attributes)

    def is_around(self, other: "Record") -> bool:
        """Whether `other` was started within this span."""
        outer = other.outer
        while outer is not None:
            if outer is self:
                return True
            outer = outer.outer
        return False


def here() -> tuple[int, object]:
    """The thread and the task that are running: calls of one do not overlap."""
    loop = asyncio._get_running_loop()
    task = None if loop is None else id(asyncio.current_task(loop))
    return threading.get_ident(), task


def held(span: Any) -> Record | None:
    """The record of `span`, or of the nearest span of LLM work around it."""
    found: Record | None = getattr(span, HELD, None)
    return found


def hold(span: Span | ReadableSpan, record: Record) -> None:
    """Have `held` find `record` for `span`."""
    setattr(span, HELD, record)
