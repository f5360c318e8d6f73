"""Who a call is for: the attribution of the current context."""

import functools
import json
import sys
import threading
from contextvars import Token
from types import FrameType, TracebackType
from typing import Any, cast
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from otel_cost import faults
from otel_cost.attribution.suspension import GENERATORS, reaches_consumer
from otel_cost.attribution.values import UNATTRIBUTED, Attribution, make

_KEY = otel_context.create_key("otel_cost-attribution")

_LANGFUSE_KEYS = dict.fromkeys(
    f"langfuse.propagated.{name}" for name in ("user_id", "session_id", "metadata")
).keys()
"""Where the Langfuse SDK (3 to 5) keeps what it propagates, in the OpenTelemetry context."""
_RECEIVED = otel_context.create_key("otel_cost-received")
_REQUEST = otel_context.create_key("otel_cost-request")
IN_SCOPE = "otel_cost.request"
"""Where a scope or an environ has the request: a mounted application finds it there."""
KEYS = frozenset({_KEY, _RECEIVED, _REQUEST, *_LANGFUSE_KEYS})
"""In a context without any of these neither `said` nor `received` finds anything."""
_OTHERS = KEYS - {_KEY}


class _Block:
    """What one `attribution` says, and those around it."""

    __slots__ = ("__weakref__", "outer", "own", "who")

    def __init__(self, own: Attribution, outer: Any) -> None:
        self.own = own
        self.outer: _Block | None = outer
        self.who: Attribution = own if outer is None else own.over(outer.who)


class Request:
    """What is said of one request, wherever in it that is said: contexts of it share this."""

    __slots__ = ("_headers", "_within", "path", "who")

    def __init__(
        self,
        who: Attribution = UNATTRIBUTED,
        path: str | None = None,
        headers: object = None,
    ) -> None:
        self.who = who
        self.path = path
        self._headers = headers
        """Those of an ASGI scope."""
        self._within: WeakKeyDictionary[_Block, Attribution] | None = None
        """What was said within each block: it holds before what the block itself says."""

    def came_with(self, carrier: object) -> bool:
        """Whether `carrier` is what this request came with, in the form an instrumentation has."""
        if isinstance(carrier, dict):
            return carrier.get(IN_SCOPE) is self
        raw = getattr(carrier, "raw", None)  # of the headers of Starlette and FastAPI
        return bool(raw) and raw == self._headers

    def say(self, who: Attribution, block: _Block | None) -> None:
        """Have `who` hold in the whole request, before the blocks that it is said within."""
        with _saying:
            self.who = who.over(self.who)
            while block is not None:
                if self._within is None:
                    self._within = WeakKeyDictionary()
                self._within[block] = who.over(self._within.get(block, UNATTRIBUTED))
                block = block.outer

    def said(self, block: _Block | None) -> Attribution:
        """What holds within `block`: blocks, and what was said of the request, by their order."""
        within = self._within
        if block is None or within is None:
            return self.who if block is None else block.who.over(self.who)
        found = UNATTRIBUTED
        while block is not None:
            found = found.over(within.get(block, UNATTRIBUTED)).over(block.own)
            block = block.outer
        return found.over(self.who)


_saying = threading.Lock()


def requesting(context: Context, request: Request) -> Context:
    """The context of `request`, which holds before the blocks that it begins within."""
    block = cast(_Block | None, context.get(_KEY))
    if block is not None:
        request.say(request.who, block)
    return otel_context.set_value(_REQUEST, request, context)


def request_of(context: Context) -> Request | None:
    """The request that `context` belongs to, where a middleware of ours has begun it."""
    return cast(Request | None, context.get(_REQUEST))


def unattributed(context: Context) -> Context:
    """`context` without anything in it that says who a call is for, baggage apart."""
    return Context({key: value for key, value in context.items() if key not in KEYS})


def in_request(context: Context, carrier: object) -> Context:
    """`context`, as a part of the current request where it is made from what that came with.

    Instrumentations of web frameworks begin their span in a context made anew, also where our
    middleware stands around them. Whatever else is extracted in a request, such as a message from a
    queue, is no part of it.
    """
    request = request_of(otel_context.get_current())
    if request is None or _REQUEST in context or not request.came_with(carrier):
        return context
    return requesting(context, request)


def received(context: Context) -> Attribution:
    """What a service that is believed says of the request that `context` belongs to."""
    return cast(Attribution, context.get(_RECEIVED, UNATTRIBUTED))


def receiving(context: Context, who: Attribution) -> Context:
    """The context of a request of which a service that is believed says `who`."""
    return otel_context.set_value(_RECEIVED, who, context)


def said(context: Context) -> Attribution:
    """What `attribution` and `set` say in `context`, then `langfuse.propagate_attributes`."""
    block: Any = context.get(_KEY)
    request: Any = context.get(_REQUEST)
    if request is not None:
        found: Attribution = request.said(block)
    else:
        found = UNATTRIBUTED if block is None else block.who
    if _LANGFUSE_KEYS.isdisjoint(context):
        return found
    user, session, metadata = (context.get(key) for key in _LANGFUSE_KEYS)
    given = metadata.items() if isinstance(metadata, dict) else ()
    texts = tuple((name, value) for name, value in given if isinstance(value, str))
    who = _propagated(*(v if isinstance(v, str) else None for v in (user, session)), texts)
    return found.over(who)


@functools.lru_cache(maxsize=512)
def _propagated(
    user: str | None, session: str | None, metadata: tuple[tuple[str, str], ...]
) -> Attribution:
    """What Langfuse propagates, as attribution; from version 5 on its metadata is JSON."""
    said = {name: text for name, json_text in metadata if (text := _plain(json_text)) is not None}
    known = {name: said.pop(name, None) for name in ("feature", "team", "customer")}
    return make(user_id=user, session_id=session, tags=said, **known)


def _plain(value: str) -> str | None:
    """The text that a metadata value stands for; `None` where it is a list or an object."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    if isinstance(decoded, str):
        return decoded
    return None if isinstance(decoded, list | dict) else value


def set_(
    *,
    feature: str | None = None,
    team: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    customer: str | None = None,
    **tags: str,
) -> None:
    """Say who all that follows in the current request is for.

    It holds before what an `attribution` around it says, and until the request is over: where a
    middleware of ours has begun it, everywhere in it, worker threads included; else in the current
    task, or within the current span. Outside of these it does nothing and says so once: a thread
    would carry it into the next request.
    """
    who = make(feature, team, user_id, session_id, customer, tags)
    context = otel_context.get_current()
    block = cast(_Block | None, context.get(_KEY))
    request = request_of(context)
    if request is not None:
        request.say(who, block)
    elif _in_task() or trace.get_current_span(context).get_span_context().is_valid:
        # One block in the place of those around it: in a task that goes on they would pile up.
        merged = who if block is None else who.over(block.who)
        otel_context.attach(otel_context.set_value(_KEY, _Block(merged, None), context))
    else:
        faults.warn_once(
            "set_outside_of_a_request",
            "",
            "otel_cost: set() was called outside of any request, task and span, and does nothing. "
            "Use `with otel_cost.attribution(...)`, or the middleware: see docs/recipes.md.",
        )


def _in_task() -> bool:
    # Whoever runs a task has loaded it; it takes long to load.
    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", None)  # another thread may be loading it
    loop = None if running is None else running()
    return loop is not None and asyncio.current_task(loop) is not None


def detach(token: Token[Context]) -> bool:
    """Restore the context of before; `False` where it belongs to another thread or task.

    The public `detach` logs an error with a trace there, for something no caller can help.
    """
    try:
        otel_context._RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):
        faults.counts["detached_elsewhere"] += 1
        return False
    return True


def _say_that_it_leaks(frame: FrameType) -> None:
    """Warn of a generator whose block holds for its consumer too, between the steps."""
    try:
        if not reaches_consumer(frame):
            return
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("looking at a generator", error)
        return
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    faults.warn_once(
        "attribution_in_generator",
        place,
        f"otel_cost: `with attribution(...)` in the generator {frame.f_code.co_name!r} ({place}) "
        "holds for its consumer too, between the steps. Decorate it with @otel_cost.attributed().",
    )


def saying(who: Attribution, context: Context) -> Context:
    """`context`, in which `who` holds before whoever it said it was for."""
    return otel_context.set_value(_KEY, _Block(who, context.get(_KEY)), context)


class attribution:  # noqa: N801 - used like a function, as contextlib's own managers are
    """Everything inside belongs to this feature, team, user, session, customer and tags.

    Nested use merges; the inner value wins. Any other keyword is a free tag. Values are text of at
    most 200 characters.

        with otel_cost.attribution(feature="summarization", team="search"):
            client.chat.completions.create(...)

    In the body of a generator it would hold for the consumer too, between the steps; that is said
    once. Decorate the generator function with `attributed` instead.
    """

    __slots__ = ("_said", "_within")

    def __init__(
        self,
        *,
        feature: str | None = None,
        team: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        customer: str | None = None,
        **tags: str,
    ) -> None:
        self._said = make(feature, team, user_id, session_id, customer, tags)
        self._within: list[tuple[Token[Context], Context]] = []
        """Of everyone within: the same object may be used nested, and by several threads."""

    def __enter__(self) -> Attribution:
        frame = sys._getframe(1)
        if frame.f_code.co_flags & GENERATORS:
            _say_that_it_leaks(frame)
        context = otel_context.get_current()
        block = _Block(self._said, context.get(_KEY))
        within = otel_context.set_value(_KEY, block, context)
        self._within.append((otel_context.attach(within), within))
        return block.who if _OTHERS.isdisjoint(context) else said(within)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        within = self._within
        entry = within[-1] if within else None
        if entry is not None and detach(entry[0]):
            within.remove(entry)
        else:
            self._leave_beside_others()

    def _leave_beside_others(self) -> None:
        """Leave while others are within, or where a generator goes on that entered elsewhere."""
        entries = self._within[::-1]
        for entry in entries:
            if detach(entry[0]):
                self._within.remove(entry)
                return
        current = otel_context.get_current()
        for token, context in entries:
            if context is current:
                before = token.old_value
                otel_context.attach(Context() if before is Token.MISSING else before)
                self._within.remove((token, context))
                return
