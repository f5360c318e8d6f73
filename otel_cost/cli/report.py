"""`otel-cost report`: who spent what, from a ledger."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_cost.cli.output import fail, print_out, write_file

if TYPE_CHECKING:
    from otel_cost.reports.grouping import Report

_FORMATS = ("table", "csv", "json")


def report(
    ledger: Annotated[
        str | None,
        typer.Option(
            envvar="OTEL_COST_LEDGER",
            metavar="URL",
            help="The ledger to read: sqlite:///path.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="GROUPING",
            help="One or more of feature, team, user, session, customer, model, provider, "
            "service, environment, operation, status, outcome, day, tag:NAME; with commas.",
        ),
    ] = "feature,team",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Calls that started at this time or later: 30m, 24h, 7d, 2w ago, or a date or "
            "time in UTC such as 2026-11-01.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Calls that started before this time, written alike."),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, csv or json.")
    ] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE.", show_default=False),
    ] = None,
) -> None:
    """Show spend per feature and team, or by any other grouping.

    Example: otel-cost report --ledger sqlite:///costs.db --by feature,team --since 7d
    """
    if ledger is None:
        fail("no ledger is named; give --ledger sqlite:///path or set OTEL_COST_LEDGER")
    if output_format not in _FORMATS:
        fail(f"there is no format {output_format!r}; choose from {', '.join(_FORMATS)}")
    if output is not None and output.is_dir():
        fail(f"--output {output} is a folder; name a file in it")
    from otel_cost.ledger.location import LedgerError
    from otel_cost.reports import grouping
    from otel_cost.reports.period import instant
    from otel_cost.sources.ledger import read_spend

    now = datetime.now(UTC)
    try:
        dimensions = grouping.parse(by)
        start = None if since is None else instant(since, now)
        end = None if until is None else instant(until, now)
        if start is not None and end is not None and start >= end:
            raise ValueError(f"--since {since} is not before --until {until}")
        made = grouping.build(dimensions, read_spend(ledger, dimensions, start, end))
    except (ValueError, LedgerError) as error:
        fail(error)
    if not made.lines:
        period = "".join(f" {n} {v}" for n, v in (("since", since), ("until", until)) if v)
        typer.echo(f"otel-cost: the ledger holds no charges{period}", err=True)
    _deliver(made, output_format, output)


def _deliver(made: "Report", output_format: str, output: Path | None) -> None:
    from otel_cost.reports import formats

    if output is None and output_format == "table" and sys.stdout.isatty():
        from rich.console import Console

        formats.print_table(made, Console())
        return
    render = {"table": formats.to_text, "csv": formats.to_csv, "json": formats.to_json}
    text = render[output_format](made)
    if output is None:
        print_out(text)
        return
    try:
        write_file(output, text)
    except OSError as error:
        fail(f"--output {output} cannot be written: {error.strerror or error}")
