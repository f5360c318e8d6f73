"""The commands of `otel-cost`. What a command works with is imported when it runs."""

from typing import Annotated

import typer

from otel_cost.__about__ import __version__
from otel_cost.cli.config import config
from otel_cost.cli.demo import demo
from otel_cost.cli.doctor import doctor
from otel_cost.cli.price import price
from otel_cost.cli.prices import prices
from otel_cost.cli.report import report
from otel_cost.cli.reprice import reprice
from otel_cost.cli.run import run

app = typer.Typer(
    name="otel-cost",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(report)
app.command()(demo)
app.command()(doctor)
app.command()(config)
app.command()(price)
app.command()(reprice)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)
app.add_typer(prices)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"otel-cost {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Which feature, team and user spends what on LLMs.

    Example: otel-cost report --ledger sqlite:///costs.db --by feature,team --since 7d
    """
