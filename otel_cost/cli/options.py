"""Options that several commands have, and what is made of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from otel_cost.cli.output import fail

LedgerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        envvar="OTEL_COST_LEDGER",
        metavar="URL",
        help="The ledger: sqlite:///path.",
        show_default=False,
    ),
]
PricesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        envvar="OTEL_COST_PRICES",
        metavar="FILE",
        help="The organisation's price file.",
        show_default=False,
    ),
]
SinceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Calls that started at this time or later: 30m, 24h, 7d, 2w ago, or a date or time "
        "in UTC such as 2026-11-01.",
    ),
]
UntilOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="TIME", help="Calls that started before this time, written alike."
    ),
]


def named(ledger: str | None) -> str:
    """The ledger's URL; a command that is told none ends."""
    if ledger is None:
        fail("no ledger is named; give --ledger sqlite:///path or set OTEL_COST_LEDGER")
    return ledger


def period(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Both ends (nanoseconds since the epoch); raises `ValueError` for what is no period."""
    from otel_cost.reports.period import instant

    now = datetime.now(UTC)
    start = None if since is None else instant(since, now)
    end = None if until is None else instant(until, now)
    if start is not None and end is not None and start >= end:
        raise ValueError(f"--since {since} is not before --until {until}")
    return start, end
