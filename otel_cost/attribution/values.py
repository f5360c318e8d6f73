"""The attribution of a call: feature, team, user, session, customer and tags, as clean text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_cost import faults

MAX_LENGTH = 200
"""The longest value kept, as long as Langfuse keeps it (characters)."""

_LOOKED_AT = 10 * MAX_LENGTH
"""How much of a longer value is looked at: somebody may have given a whole document."""

FIELDS = ("feature", "team", "user_id", "session_id", "customer")
"""What an attribution says beside its tags."""


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
        return _frozen(
            _Open(
                self.feature or outer.feature,
                self.team or outer.team,
                self.user_id or outer.user_id,
                self.session_id or outer.session_id,
                self.customer or outer.customer,
                _merged(outer.tags, self.tags),
            )
        )


UNATTRIBUTED = Attribution()
"""Nobody said anything."""


@dataclass(slots=True)
class _Open:
    """An attribution that is not frozen yet: filling one takes a fifth of the time."""

    feature: str | None
    team: str | None
    user_id: str | None
    session_id: str | None
    customer: str | None
    tags: tuple[tuple[str, str], ...]


def _frozen(made: Any) -> Attribution:
    made.__class__ = Attribution
    return made  # type: ignore[no-any-return]


def make(
    feature: object = None,
    team: object = None,
    user_id: object = None,
    session_id: object = None,
    customer: object = None,
    tags: Mapping[str, object] | None = None,
) -> Attribution:
    """An attribution of cleaned values: printable text of at most `MAX_LENGTH` characters."""
    feature = None if feature is None else clean("feature", feature)
    team = None if team is None else clean("team", team)
    user_id = None if user_id is None else clean("user_id", user_id)
    session_id = None if session_id is None else clean("session_id", session_id)
    customer = None if customer is None else clean("customer", customer)
    kept = _clean_tags(tags) if tags else ()
    if feature or team or user_id or session_id or customer or kept:
        return _frozen(_Open(feature, team, user_id, session_id, customer, kept))
    return UNATTRIBUTED


def clean(name: str, value: object) -> str | None:
    """`value` as printable text of at most `MAX_LENGTH` characters, or `None` if nothing is left.

    A change is counted and said once per name.
    """
    if type(value) is str and len(value) <= MAX_LENGTH and value.isprintable():
        return value or None
    try:
        # What a subclass of `str` holds, whatever it makes of itself: members of enumerations do.
        text = str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - who a call is for must not stop it
        text = ""
    if isinstance(value, str) and len(text) <= MAX_LENGTH and text.isprintable():
        return text or None
    kept = "".join(c for c in text[:_LOOKED_AT] if c.isprintable())[:MAX_LENGTH]
    faults.warn_once(
        "attribution_changed",
        name,
        f"otel_cost: the attribution {name!r} was not printable text of at most {MAX_LENGTH} "
        "characters; what could be kept was.",
    )
    return kept or None


def _clean_tags(tags: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    kept: dict[str, str] = {}
    for key, value in tags.items():
        name = clean("tag name", key)
        text = None if value is None else clean(f"tag {key}", value)
        if name is not None and text is not None:
            kept.setdefault(name, text)  # two names may have become one
    return tuple(sorted(kept.items()))


def _merged(
    outer: tuple[tuple[str, str], ...], inner: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    if not outer or not inner:
        return inner or outer
    return tuple(sorted({**dict(outer), **dict(inner)}.items()))
