"""`otel-cost report`: who spent what, from a ledger."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_cost.cli.options import LedgerOption, SinceOption, UntilOption, named, period
from otel_cost.cli.output import fail, print_out, write_file

if TYPE_CHECKING:
    from otel_cost.reports.grouping import Report

_FORMATS = ("table", "csv", "json")


def report(
    ledger: LedgerOption = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="GROUPING",
            help="One or more of feature, team, user, session, customer, model, provider, "
            "service, environment, operation, status, outcome, day, tag:NAME; with commas.",
        ),
    ] = "feature,team",
    since: SinceOption = None,
    until: UntilOption = None,
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
    url = named(ledger)
    if output_format not in _FORMATS:
        fail(f"there is no format {output_format!r}; choose from {', '.join(_FORMATS)}")
    if output is not None and output.is_dir():
        fail(f"--output {output} is a folder; name a file in it")
    from otel_cost.ledger.location import LedgerError
    from otel_cost.reports import grouping
    from otel_cost.sources.ledger import read_spend

    try:
        dimensions = grouping.parse(by)
        start, end = period(since, until)
        made = grouping.build(dimensions, read_spend(url, dimensions, start, end))
    except (ValueError, LedgerError) as error:
        fail(error)
    if not made.lines:
        limits = "".join(f" {n} {v}" for n, v in (("since", since), ("until", until)) if v)
        typer.echo(f"otel-cost: the ledger holds no charges{limits}", err=True)
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
