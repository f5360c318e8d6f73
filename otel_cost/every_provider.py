"""Tells of every tracer provider of the SDK that is made from now on."""

import functools
from collections.abc import Callable
from typing import Any

from otel_cost import faults

_INIT = "__init__"
_TELLS = "_otel_cost_tells"


def tell(kind: type, made: Callable[[Any], None]) -> None:
    """Call `made` with each object of `kind` once it is made. A second `made` is not added."""
    original: Any = getattr(kind, _INIT)
    if getattr(original, _TELLS, None):
        return
    telling = [made]

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if telling:
            try:
                telling[0](self)
            except Exception as error:  # noqa: BLE001 - the guard of this border
                faults.caught("attaching to a tracer provider", error)

    setattr(init, _TELLS, telling)
    setattr(kind, _INIT, init)


def stop(kind: type) -> None:
    """Undo `tell`; a wrapper that somebody put around ours stays, and works."""
    ours: Any = getattr(kind, _INIT)
    telling = getattr(ours, _TELLS, None)
    if telling is None:
        return
    telling.clear()
    if ours.__code__.co_filename == __file__:
        setattr(kind, _INIT, ours.__wrapped__)
