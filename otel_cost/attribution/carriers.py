"""The headers that are on their way out already, as far as a carrier shows them."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any


def held(carrier: Any, name: str) -> list[str]:
    """The values that a mapping or a list of pairs holds under `name`, in any case."""
    pairs: Iterable[Any]
    if isinstance(carrier, Mapping):
        pairs = carrier.items()
    elif isinstance(carrier, list | tuple):
        pairs = (pair for pair in carrier if isinstance(pair, tuple | list) and len(pair) == 2)
    else:
        return []
    found: list[str] = []
    for key, value in pairs:
        if text_of(key).lower() == name:
            found += map(text_of, value if isinstance(value, list | tuple) else (value,))
    return found


def remove(carrier: Any, name: str) -> None:
    """Take `name` out of a mapping or a list of pairs, in any case."""
    if isinstance(carrier, MutableMapping):
        for key in [key for key in carrier if text_of(key).lower() == name]:
            del carrier[key]
    elif isinstance(carrier, list):
        carrier[:] = [p for p in carrier if not (len(p) == 2 and text_of(p[0]).lower() == name)]


def shows(carrier: Any) -> bool:
    """Whether what a carrier holds can be seen."""
    return isinstance(carrier, Mapping | list | tuple)


def text_of(value: object) -> str:
    """A header's name or value, which some carriers have as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
