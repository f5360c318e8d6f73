"""`otel-cost doctor`: what is installed, what of it needs fixing, and what a process has seen."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from otel_cost.cli.output import fail, print_out

_FORMATS = ("table", "json")
_NEEDS_FIXING = 1


def doctor(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="What a process has seen: it writes FILE when it ends, with "
            "OTEL_COST_DIAGNOSTICS=FILE.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table or json.")
    ] = "table",
) -> None:
    """Look for what keeps calls from being charged right; exit status 1 if something needs fixing.

    It looks at what is installed beside otel_cost, at the environment variables, and at what a
    process has written.

    Example: otel-cost doctor diagnostics.json
    """
    if output_format not in _FORMATS:
        fail(f"there is no format {output_format!r}; choose from {', '.join(_FORMATS)}")
    from otel_cost.cli import doctor_text
    from otel_cost.spans.conflicts import findings
    from otel_cost.spans.stacks import installed

    process = None if file is None else read_diagnostics(file)
    stack = installed(os.environ)
    found = findings(stack)
    advice = [] if process is None else process["advice"]
    to_fix = sum(finding.level == "fix" for finding in found) + len(advice)
    if output_format == "json":
        answer = {
            "installed": dict(stack.versions),
            "findings": [finding._asdict() for finding in found],
            "process": process,
            "to_fix": to_fix,
        }
        print_out(json.dumps(answer, indent=2) + "\n")
    else:
        print_out(doctor_text.of_stack(stack, found))
        if process is not None:
            print_out(doctor_text.of_process(process))
        print_out(doctor_text.conclusion(to_fix))
    if to_fix:
        raise typer.Exit(_NEEDS_FIXING)


def read_diagnostics(file: Path) -> dict[str, Any]:
    """What a process wrote; the command ends where it is anything else."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror or error}")
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    if not _is_diagnostics(said):
        fail(f"{file} is not what OTEL_COST_DIAGNOSTICS has a process write")
    return dict(said)


def _is_diagnostics(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and all(isinstance(said.get(name), dict) for name in ("hooks", "counts"))
        and all(isinstance(said.get(name), list) for name in ("scopes", "advice"))
        and all(_is_row(row) for row in said["scopes"])
    )


def _is_row(row: Any) -> bool:
    from otel_cost.seen import COLUMNS

    return (
        isinstance(row, dict)
        and isinstance(row.get("scope"), str)
        and isinstance(row.get("reasons"), dict)
        and all(isinstance(row.get(column), int) for column in COLUMNS)
    )
