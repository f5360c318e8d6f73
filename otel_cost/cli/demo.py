"""`otel-cost demo`: see it work, locally, live, or with a trace of your own."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_cost.cli.output import fail, print_out, write_file

if TYPE_CHECKING:
    from otel_cost.reports.grouping import Report

_CSV = Path("spend_breakdown.csv")
_GROUPING = ("feature", "team")
_YOUR_CODE = """
In your own code it is these two lines, beside the TracerProvider that you have:

    from otel_cost import CostSpanProcessor
    tracer_provider.add_span_processor(CostSpanProcessor())

and `with otel_cost.attribution(feature="search", team="discovery"):` around calls.
"""


def demo(
    live: Annotated[
        bool,
        typer.Option("--live", help="Call the real providers, with spans to your Langfuse."),
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Replay a CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens.",
            show_default=False,
        ),
    ] = None,
    feature: Annotated[
        str | None, typer.Option(help="With --replay: whose calls they are.", show_default=False)
    ] = None,
    team: Annotated[
        str | None, typer.Option(help="With --replay: whose calls they are.", show_default=False)
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="With --replay: the model that every call names. With --live: role=name, where "
            "the role is chat, reasoning, embedding or claude; may be repeated.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="With --replay: how many rows.", show_default=False),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The ledger to add to, instead of a fresh otel_cost_demo.db: sqlite:///path.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Play a mixed workload through the real SDKs and show what it cost.

    Example: otel-cost demo
    """
    _check_options(live, replay, feature, team, model or [], limit)
    from otel_cost.demo import runs
    from otel_cost.demo.errors import DemoError
    from otel_cost.ledger.location import LedgerError, check_url

    try:
        runs.check_ready()
        if ledger is not None:
            check_url(ledger, "--ledger")
        if replay is not None and feature and team and model:
            _replay(replay, feature, team, model[0], limit, ledger)
        elif live:
            _live(model or [], ledger)
        else:
            target = ledger or runs.start_afresh()
            runs.run_local(target)
            _show(target, fresh=ledger is None)
            print_out(_YOUR_CODE)
    except (DemoError, LedgerError, ValueError) as error:
        fail(error)
    except OSError as error:
        fail(f"{error.filename or 'the demo'}: {error.strerror or error}")


def _check_options(
    live: bool,
    replay: Path | None,
    feature: str | None,
    team: str | None,
    models: list[str],
    limit: int | None,
) -> None:
    said = {"--feature": feature, "--team": team, "--model": models, "--limit": limit}
    if replay is None:
        allowed = {"--model"} if live else set()
        if stray := [name for name, value in said.items() if value and name not in allowed]:
            fail(f"{stray[0]} goes with --replay FILE")
        return
    if live:
        fail("--live and --replay exclude each other")
    if missing := [name for name in ("--feature", "--team", "--model") if not said[name]]:
        fail(f"--replay needs {', '.join(missing)}")
    if len(models) > 1:
        fail("--replay takes one --model")


def _replay(
    path: Path, feature: str, team: str, model: str, limit: int | None, ledger: str | None
) -> None:
    from otel_cost.demo import runs
    from otel_cost.demo.trace import read_rows

    rows = read_rows(path, limit)
    from otel_cost.demo.replay import Job  # imports the SDKs, which takes its time

    target = ledger or runs.start_afresh()
    with _progress(len(rows)) as advance:
        held = runs.run_replay(rows, Job(feature, team, model, target), advance)
    print_out(
        f"Replayed {path.name}: {held.calls:,} calls, {held.input_tokens:,} input tokens, "
        f"{held.output_tokens:,} output tokens; the ledger holds exactly these.\n"
    )
    _show(target, fresh=ledger is None)


def _live(models: list[str], ledger: str | None) -> None:
    from otel_cost.demo import runs

    runs.check_live(os.environ)
    target = ledger or runs.start_afresh()
    surprises = runs.run_live(target, models)
    _show(target, fresh=ledger is None)
    if surprises:
        fail("; ".join(surprises))
    print_out("The spans are in your Langfuse project.\n")


def _show(ledger: str, *, fresh: bool) -> None:
    from otel_cost.reports import formats, grouping
    from otel_cost.sources.ledger import read_spend

    made = grouping.build(_GROUPING, read_spend(ledger, _GROUPING))
    write_file(_CSV, formats.to_csv(made))
    _print_table(made)
    note = " It starts afresh with every demo; keep one with --ledger." if fresh else ""
    print_out(
        f"\nThe table is in {_CSV}. Every call is in {ledger}.{note}\n"
        f"Ask it more: otel-cost report --ledger {ledger} --by model,status\n"
    )


def _print_table(made: "Report") -> None:
    from otel_cost.reports import formats

    if not sys.stdout.isatty():
        print_out(formats.to_text(made))
        return
    from rich.console import Console

    formats.print_table(made, Console())


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda made: progress.advance(task, made)
