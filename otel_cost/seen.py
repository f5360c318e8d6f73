"""What a process has seen, for people: who instruments what, and what its spans came to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_cost import faults

COLUMNS = ("owner", "priced", "duplicate", "around", "partial", "unpriced", "unmetered")
"""What spans of a scope come to, and of those with a charge what is not wholly known."""


def as_dict(
    hooks: Mapping[str, bool],
    scopes: list[dict[str, Any]],
    advice: list[str],
    settings: list[dict[str, Any]],
    problems: list[str],
) -> dict[str, Any]:
    """All of it, ready for JSON.

    `hooks` says of each SDK whether its calls are recorded, `scopes` what the spans of each
    instrumentation scope came to, `advice` what to change; `settings` what is in force and where it
    came from, `problems` what is wrong with what the environment says.
    """
    return {
        "hooks": dict(hooks),
        "scopes": scopes,
        "counts": dict(faults.counts),
        "advice": advice,
        "settings": settings,
        "problems": problems,
    }


def write(said: Mapping[str, Any], path: str) -> None:
    """Write it to the file at `path`; what is wrong with the file is said once."""
    try:
        Path(path).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        message = f"otel_cost: OTEL_COST_DIAGNOSTICS: {path} cannot be written: {why}"
        faults.warn_once("bad_setting", "OTEL_COST_DIAGNOSTICS", message)
