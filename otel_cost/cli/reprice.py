"""`otel-cost reprice`: what the charges of a ledger cost by another book, as adjustments."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from otel_cost.cli.options import (
    LedgerOption,
    PricesOption,
    SinceOption,
    UntilOption,
    named,
    period,
)
from otel_cost.cli.output import fail, print_out

if TYPE_CHECKING:
    from rich.table import Table

    from otel_cost.ledger.adjustments import Drafts
    from otel_cost.ledger.repricing import Difference, Differences
    from otel_cost.pricing.engine import Engine

_WIDE = 100_000
_DECLINED = 1


def reprice(
    ledger: LedgerOption = None,
    book: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|bundled|updated",
            help="The price book: a file as `prices update` takes it, or one of the two that are "
            "here; the newer of these unless given.",
            show_default=False,
        ),
    ] = None,
    prices: PricesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Price the calls of a ledger again, each at the prices of its own time.

    What changes is written as adjustments; no charge is rewritten. Reports show the adjusted cost.

    Example: otel-cost reprice --ledger sqlite:///costs.db --since 30d --dry-run
    """
    url = named(ledger)
    if not (dry_run or yes or sys.stdin.isatty()):
        fail("nobody can be asked here: give --yes to write adjustments, or --dry-run to look")
    from sqlalchemy.exc import DatabaseError

    from otel_cost.ledger.location import LedgerError, sqlite_path

    try:
        path = sqlite_path(url, "--ledger")
        start, end = period(since, until)
        with _engine(book, prices) as engine:
            _reprice(path, start, end, engine, dry_run=dry_run, yes=yes)
    except (ValueError, LedgerError) as error:
        fail(error)
    except DatabaseError as error:
        fail(f"the ledger {path} cannot be used now: {error.orig}")


def _reprice(
    path: Path,
    since: int | None,
    until: int | None,
    engine: "Engine",
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from otel_cost.ledger.adjustments import Drafts

    drafts = Drafts()
    with closing(drafts):
        found = _compare(path, since, until, engine, None if dry_run else drafts)
        _show(found, engine.book_version)
        changed = found.total.calls
        if not changed or dry_run:
            return
        if not yes and not typer.confirm(f"Adjust {_charges(changed)}?", err=True):
            typer.echo("otel-cost: nothing was written", err=True)
            raise typer.Exit(_DECLINED)
        written = _write(path, drafts, changed)
    print_out(f"Adjusted {_charges(written)}.\n")
    if written < changed:
        fail(
            f"{_charges(changed - written)} had been adjusted by another process meanwhile; "
            "run this again"
        )


def _compare(
    path: Path, since: int | None, until: int | None, engine: "Engine", drafts: "Drafts | None"
) -> "Differences":
    from otel_cost.ledger import adjustments
    from otel_cost.ledger.repricing import Differences, adjust

    found = Differences()
    now = time.time_ns()
    with _progress("Pricing", adjustments.count(path, since, until)) as advance:
        for batch in adjustments.batches(path, since, until):
            rows = adjust(batch, engine.price, engine.book_version, now, found)
            if drafts is not None:
                drafts.add(rows)
            advance(len(batch))
    return found


def _write(path: Path, drafts: "Drafts", total: int) -> int:
    """How many adjustments were written."""
    from otel_cost.ledger.sqlite import open_for_writing

    written = 0
    opened = open_for_writing(path)
    try:
        with _progress("Writing", total) as advance:
            for size, new in drafts.write(opened):
                written += new
                advance(size)
    finally:
        opened.dispose()
    return written


def _show(found: "Differences", book: str) -> None:
    if found.by_model:
        _print(_table(found))
    alone = f"; {found.left_alone:,} left alone" if found.left_alone else ""
    changed = _charges(found.total.calls)
    print_out(f"{changed} of {found.looked_at:,} cost something else by {book}{alone}.\n")


def _charges(number: int) -> str:
    return f"{number:,} charge{'' if number == 1 else 's'}"


@contextmanager
def _engine(book: str | None, prices: Path | None) -> "Iterator[Engine]":
    from otel_cost.cli.pricing import load_engine, load_prices
    from otel_cost.pricing.book import Book
    from otel_cost.pricing.engine import Engine
    from otel_cost.pricing.updates import current

    if book is None:
        yield load_engine(prices)
    elif book == "bundled":
        yield Engine(organisation=load_prices(prices))
    elif book == "updated":
        updated = current()
        if updated is None:
            fail("--book updated: no book newer than the bundled one is here; see prices update")
        yield Engine(updated=updated, organisation=load_prices(prices))
    else:
        with TemporaryDirectory(prefix="otel-cost-") as folder:
            _unpack(Path(book), Path(folder))
            updated = Book(Path(folder), layer="updated")
            yield Engine(updated=updated, organisation=load_prices(prices))


def _unpack(file: Path, folder: Path) -> None:
    from otel_cost.pricing.transport import BookError, unpack

    try:
        texts = unpack(file.read_bytes())
    except OSError as error:
        fail(f"--book {file} cannot be read: {error.strerror or error}")
    except BookError as error:
        fail(f"--book {file} is refused: {error}")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _table(found: "Differences") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    total = found.total
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("Provider", footer="Total", overflow="fold", min_width=5)
    table.add_column("Model", overflow="fold", min_width=5)
    titles = ("Calls", "Old (USD)", "New (USD)", "Difference (USD)", "Not priced")
    for title, footer in zip(titles, _cells(total), strict=True):
        table.add_column(title, footer=footer, justify="right", no_wrap=True)
    lines = sorted(
        found.by_model.items(), key=lambda line: (-abs(line[1].new_usd - line[1].old_usd), line[0])
    )
    for names, difference in lines:
        table.add_row(*(Text(name) for name in names), *_cells(difference))
    return table


def _cells(difference: "Difference") -> tuple[str, str, str, str, str]:
    return (
        f"{difference.calls:,}",
        f"{difference.old_usd:,.6f}",
        f"{difference.new_usd:,.6f}",
        f"{difference.new_usd - difference.old_usd:+,.6f}",
        f"{difference.not_priced_before:,} -> {difference.not_priced_after:,}",
    )


def _print(table: "Table") -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    text = captured.get()
    print_out("".join(f"{line.rstrip()}\n" for line in text.splitlines()))


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.advance(task, done)
