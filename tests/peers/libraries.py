"""Libraries that may not be installed here: none of their names is known before they are."""

import importlib
import importlib.util
from typing import Any


def module(name: str) -> Any:
    """The module `name`, imported now."""
    return importlib.import_module(name)


def is_here(name: str) -> bool:
    """Whether the module `name` is installed."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
