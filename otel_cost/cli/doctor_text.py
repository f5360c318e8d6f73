"""What `otel-cost doctor` prints for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otel_cost.seen import COLUMNS
from otel_cost.spans.conflicts import Finding
from otel_cost.spans.stacks import Stack

_WIDE = 100_000
_LEGEND = (
    "owner: carries a hooked call; priced: charged itself; duplicate, around: worth nothing; "
    "partial, unpriced, unmetered: of those charged, what is not wholly known."
)


def of_stack(stack: Stack, found: Sequence[Finding]) -> str:
    """What is installed, and what is to be said of it."""
    names = sorted(stack.versions, key=lambda name: (name != "otel-cost", name))
    parts = [_titled("Installed", (f"{name} {stack.versions[name]}" for name in names))]
    for title, level in (("To fix", "fix"), ("Good to know", "note")):
        lines = [
            line
            for finding in found
            if finding.level == level
            for line in (f"{finding.about}: {finding.what}", f"  {finding.fix}")
            if line.strip()
        ]
        parts.append(_titled(title, lines))
    return "".join(parts)


def of_process(said: Mapping[str, Any]) -> str:
    """What one process has seen."""
    scopes = said["scopes"]
    reasons = [
        f"{row['scope']}: {count} x {reason}"
        for row in scopes
        for reason, count in row["reasons"].items()
    ]
    counts = [f"{kind}: {number}" for kind, number in sorted(said["counts"].items())]
    return "".join(
        (
            _titled(
                "Hooked", (f"{sdk}: {'yes' if on else 'no'}" for sdk, on in said["hooks"].items())
            ),
            f"Spans of the process\n{_table(scopes)} {_LEGEND}\n\n" if scopes else "",
            _titled("Why", reasons),
            _titled("Counted", counts),
            _titled("To fix in the process", map(str, said["advice"])),
        )
    )


def conclusion(to_fix: int) -> str:
    """The last line."""
    if not to_fix:
        return "Nothing needs fixing.\n"
    return "One thing needs fixing.\n" if to_fix == 1 else f"{to_fix} things need fixing.\n"


def _titled(title: str, lines: Iterable[str]) -> str:
    text = "".join(f" {line}\n" for line in lines)
    return f"{title}\n{text}\n" if text else ""


def _table(scopes: Sequence[Mapping[str, Any]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Scope", overflow="fold", min_width=10)
    table.add_column("Version", overflow="fold")
    for column in COLUMNS:
        table.add_column(column.capitalize(), justify="right", no_wrap=True)
    for row in scopes:
        cells = (f"{row[column]:,}" for column in COLUMNS)
        table.add_row(Text(row["scope"]), Text(str(row.get("version") or "")), *cells)
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as captured:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
