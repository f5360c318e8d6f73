"""What an application can tell of a result, as JSON that is the same in every run."""

import dataclasses
import re
from typing import Any

_CHANCE = re.compile(
    r"(lc_run-|lc_|run-|run_)+[0-9a-f-]{36}(-\d+)?|0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
"""Ids that other libraries make up by chance."""
_OURS = "otel_cost"


def shown(value: Any) -> Any:
    """Its type, and what it holds."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    assert not kind.startswith(_OURS), kind
    if isinstance(value, BaseException):
        return [kind, _steady(str(value))]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _steady(value)
    if isinstance(value, list | tuple):
        return [kind, [shown(item) for item in value]]
    if isinstance(value, dict):
        return [kind, {str(name): shown(item) for name, item in value.items()}]
    if hasattr(value, "model_dump"):
        return [kind, shown(value.model_dump(warnings=False))]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f.name for f in dataclasses.fields(value) if f.repr]
        return [kind, {name: shown(getattr(value, name)) for name in fields}]
    return [kind]


def _steady(text: str) -> str:
    return _CHANCE.sub("…", text)
