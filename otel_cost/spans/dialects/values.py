"""How the values of attributes are read: whatever others write there, nothing here raises."""

import ast
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from otel_cost.readers.fields import number, text

Said: TypeAlias = Mapping[str, Any]

NOTHING: Said = {}

_LONGEST_JSON = 1 << 16
_LONGEST_LITERAL = 1 << 14
"""Usage and metadata are short; what is longer is left alone (characters)."""


_SPELLINGS = (("'", '"'), (": None", ": null"), (": True", ": true"), (": False", ": false"))
"""What differs between Python's `repr` and JSON."""


def tokens(said: Said, *names: str) -> int | None:
    """The whole number that the first of the attributes that has one says; 0 is said too."""
    for name in names:
        value = said.get(name)
        if value is not None and (read := whole(value)) is not None:
            return read
    return None


def whole(value: object) -> int | None:
    """A number of tokens; some exporters make floats of whole numbers."""
    if type(value) is int:
        return value if value >= 0 else None
    if type(value) is float and value >= 0 and value.is_integer():
        return int(value)
    return None


def first_text(said: Said, *names: str) -> str | None:
    """The text that the first of the attributes that has one says."""
    for name in names:
        if (value := text(said, name)) is not None:
            return value
    return None


def usd(said: Said, *names: str) -> Decimal | None:
    """The amount (USD) that the first of the attributes that has one says."""
    for name in names:
        if (value := number(said, name)) is not None:
            return value
    return None


def json_object(value: object) -> Said:
    """The JSON object that a text is; else one without fields."""
    if type(value) is not str or not value.startswith("{") or len(value) > _LONGEST_JSON:
        return NOTHING
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return NOTHING
    return read if isinstance(read, dict) else NOTHING


def python_object(value: object) -> Said:
    """The dictionary that a text was made of with Python's `repr`; else one without entries."""
    if type(value) is not str or not value.startswith("{") or len(value) > _LONGEST_LITERAL:
        return NOTHING
    if '"' not in value and "\\" not in value:
        # What has plain words only is JSON but for these, and so read in a tenth of the time.
        respelled = value
        for theirs, ours in _SPELLINGS:
            respelled = respelled.replace(theirs, ours)
        if found := json_object(respelled):
            return found
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return NOTHING
    return read if isinstance(read, dict) else NOTHING


def unquoted(value: object) -> str | None:
    """The text that an attribute holds as it is or, as SDKs of Langfuse write it, as JSON."""
    if type(value) is not str or not value:
        return None
    if value.startswith('"') and len(value) <= _LONGEST_JSON:
        try:
            read = json.loads(value)
        except ValueError:
            return value
        return read if isinstance(read, str) and read else None
    return value
