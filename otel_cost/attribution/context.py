"""Who a call is for: the attribution of the current context."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_cost import faults

P = ParamSpec("P")
R = TypeVar("R")

MAX_LENGTH = 200
"""The longest value kept, as long as Langfuse keeps it (characters)."""

_KEY = otel_context.create_key("otel_cost-attribution")

_LANGFUSE_KEYS = dict.fromkeys(
    f"langfuse.propagated.{name}" for name in ("user_id", "session_id", "metadata")
).keys()
"""Where the Langfuse SDK (3 to 5) keeps what it propagates, in the OpenTelemetry context."""
KEYS = frozenset({_KEY, *_LANGFUSE_KEYS})
"""In a context without any of these `current` finds nothing."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who a call is for. `None` and a missing tag are what nobody said."""

    feature: str | None = None
    team: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    customer: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    """Free key and value pairs, sorted by key."""

    def over(self, outer: "Attribution") -> "Attribution":
        """This attribution, with what it does not say taken from `outer`."""
        if outer is UNATTRIBUTED or self is UNATTRIBUTED:
            return self if outer is UNATTRIBUTED else outer
        return Attribution(
            self.feature or outer.feature,
            self.team or outer.team,
            self.user_id or outer.user_id,
            self.session_id or outer.session_id,
            self.customer or outer.customer,
            _merged(outer.tags, self.tags),
        )


UNATTRIBUTED = Attribution()
"""Nobody said anything."""


def make(
    feature: object = None,
    team: object = None,
    user_id: object = None,
    session_id: object = None,
    customer: object = None,
    tags: Mapping[str, object] | None = None,
) -> Attribution:
    """An attribution of cleaned values: printable text of at most `MAX_LENGTH` characters."""
    made = Attribution(
        None if feature is None else clean("feature", feature),
        None if team is None else clean("team", team),
        None if user_id is None else clean("user_id", user_id),
        None if session_id is None else clean("session_id", session_id),
        None if customer is None else clean("customer", customer),
        _clean_tags(tags) if tags else (),
    )
    return UNATTRIBUTED if made == UNATTRIBUTED else made


def clean(name: str, value: object) -> str | None:
    """`value` as printable text of at most `MAX_LENGTH` characters, or `None` if nothing is left.

    A change is counted and said once per name.
    """
    if type(value) is str and len(value) <= MAX_LENGTH and value.isprintable():
        return value or None
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - who a call is for must not stop it
        text = ""
    kept = "".join(c for c in text if c.isprintable())[:MAX_LENGTH]
    faults.warn_once(
        "attribution_changed",
        name,
        f"otel_cost: the attribution {name!r} was not printable text of at most {MAX_LENGTH} "
        "characters; what could be kept was.",
    )
    return kept or None


def current(context: Context | None = None) -> Attribution:
    """The attribution of `context`, or of the current one.

    What `langfuse.propagate_attributes` says holds below what `attribution` says.
    """
    if context is None:
        context = otel_context.get_current()
    found = cast(Attribution, context.get(_KEY, UNATTRIBUTED))
    if _LANGFUSE_KEYS.isdisjoint(context):
        return found
    user, session, metadata = (context.get(key) for key in _LANGFUSE_KEYS)
    said = metadata.items() if isinstance(metadata, dict) else ()
    texts = tuple((name, value) for name, value in said if isinstance(value, str))
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


class attribution:  # noqa: N801 - used like a function, as contextlib's own managers are
    """Everything inside belongs to this feature, team, user, session, customer and tags.

    Nested use merges; the inner value wins. Any other keyword is a free tag. Values are text of at
    most 200 characters.

        with otel_cost.attribution(feature="summarization", team="search"):
            client.chat.completions.create(...)
    """

    __slots__ = ("_said", "_tokens")

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
        self._tokens: list[Token[Context]] = []
        """Of everyone within: the same object may be used nested, and by several threads."""

    def __enter__(self) -> Attribution:
        merged = self._said.over(current())
        self._tokens.append(otel_context.attach(otel_context.set_value(_KEY, merged)))
        return merged

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for token in reversed(self._tokens):
            if detach(token):
                self._tokens.remove(token)
                return


def attributed(
    *,
    feature: str | None = None,
    team: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    customer: str | None = None,
    **tags: str,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The decorator form of `attribution`, for functions and coroutine functions.

    Raises `TypeError` for a generator function, whose body runs in its consumer's context.
    """
    said: dict[str, Any] = {
        "feature": feature,
        "team": team,
        "user_id": user_id,
        "session_id": session_id,
        "customer": customer,
        **tags,
    }

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"@attributed cannot decorate the generator function {function.__qualname__!r}; "
                "use `with otel_cost.attribution(...)` around each call in its body"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                with attribution(**said):
                    return await function(*args, **kwargs)

            return cast(Callable[P, R], run_async)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with attribution(**said):
                return function(*args, **kwargs)

        return run

    return decorate


def _clean_tags(tags: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    for key, value in sorted(tags.items()):
        name = clean("tag name", key)
        text = None if value is None else clean(f"tag {key}", value)
        if name is not None and text is not None:
            kept.append((name, text))
    return tuple(kept)


def _merged(
    outer: tuple[tuple[str, str], ...], inner: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    if not outer or not inner:
        return inner or outer
    return tuple(sorted({**dict(outer), **dict(inner)}.items()))
