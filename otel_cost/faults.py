"""What went wrong inside otel_cost: counted always, said once per cause, never raised."""

import logging
from collections import Counter

_log = logging.getLogger("otel_cost")
_said: set[tuple[str, str]] = set()
counts: Counter[str] = Counter()
"""How often each kind of thing happened in this process."""

_OURS = (
    "The application is not affected. Please report this with its trace; further failures of this "
    "kind are only counted."
)


class Actionable(Exception):  # noqa: N818 - it is about what to do
    """Something that somebody has to act on; its message is whole sentences that say how."""


def warn_once(kind: str, cause: str, message: str) -> None:
    """Counts `kind` and logs `message` the first time this `cause` of it is seen."""
    counts[kind] += 1
    if _first((kind, cause)):
        _log.warning("%s", message)


def caught(
    where: str, error: BaseException, *, kind: str = "internal_error", hint: str = _OURS
) -> None:
    """Counts an exception that was kept from the application, and logs it once per cause."""
    if isinstance(error, Actionable):
        warn_once(kind, str(error), f"otel_cost: {where}: {error}")
        return
    counts[kind] += 1
    if _first((where, type(error).__qualname__)):
        _log.warning("otel_cost: %s failed. %s", where, hint, exc_info=error)


def _first(cause: tuple[str, str]) -> bool:
    if cause in _said:
        return False
    _said.add(cause)
    return True
