"""How fields of provider objects are read, whatever type an SDK gives them."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def fields(source: Any) -> Mapping[str, Any]:
    """The fields of a provider object, a model or a decoded body; none where there is no object.

    `getattr` of a field that a pydantic model lacks costs more than all the rest of reading it, and
    fields that an older SDK does not declare are kept apart from those it does.
    """
    try:
        declared: Mapping[str, Any] = source.__dict__
    except AttributeError:
        return source if isinstance(source, dict) else _NOTHING
    extra = getattr(source, "__pydantic_extra__", None)
    return {**extra, **declared} if extra else declared


def count(source: Mapping[str, Any], name: str) -> int:
    """The positive whole number in field `name`, else 0."""
    value = source.get(name)
    return value if type(value) is int and value > 0 else 0


def text(source: Mapping[str, Any], name: str) -> str | None:
    """The non-empty text in field `name`, else `None`."""
    value = source.get(name)
    return value if type(value) is str and value else None


def number(source: Mapping[str, Any], name: str) -> Decimal | None:
    """The non-negative number in field `name`, by the digits it was written with."""
    value = source.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return None
    return exact if exact.is_finite() and exact >= 0 else None
