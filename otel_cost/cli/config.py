"""`otel-cost config`: every setting in force, where it came from, and what is wrong with it."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from otel_cost.cli.doctor import read_diagnostics
from otel_cost.cli.output import fail, print_out

_NEEDS_FIXING = 1


def config(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="What a process has used, instead of what this environment says: it writes FILE "
            "when it ends, with OTEL_COST_DIAGNOSTICS=FILE.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every setting, where it came from, and what is wrong; exit status 1 if anything is.

    Keys and passwords are not shown.

    Example: otel-cost config
    """
    settings, problems = _of_environment(os.environ) if file is None else _of_process(file)
    if as_json:
        print_out(json.dumps({"settings": settings, "problems": problems}, indent=2) + "\n")
    else:
        print_out("".join(f"{line}\n" for line in _lines(settings, problems)))
    if problems:
        raise typer.Exit(_NEEDS_FIXING)


def _of_environment(environ: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[str]]:
    from otel_cost import config

    settings = [row._asdict() for row in config.effective(environ)]
    said = config.read(environ)
    return settings, [*said.problems, *_of_files(said.ledger, said.prices, said.rules)]


def _of_files(ledger: str | None, prices: str | None, rules: str | None) -> Iterator[str]:
    """What is wrong with what the settings name, as it would be found when otel_cost starts."""
    from otel_cost.attribution.rules_file import RulesError, load_rules
    from otel_cost.ledger.location import check_url
    from otel_cost.pricing.organisation import PriceFileError, load_organisation

    if ledger is not None:
        try:
            check_url(ledger)
        except ValueError as error:
            yield f"{error}."
    if prices is not None:
        try:
            load_organisation(prices)
        except PriceFileError as error:
            yield f"OTEL_COST_PRICES is ignored: {error}."
    if rules is not None:
        try:
            load_rules(rules)
        except RulesError as error:
            yield f"OTEL_COST_RULES is ignored: {error}."


def _of_process(file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    said = read_diagnostics(file)
    settings, problems = said.get("settings"), said.get("problems")
    if not isinstance(settings, list) or not all(map(_is_row, settings)):
        fail(f"{file} does not say what settings the process had")
    return settings, list(map(str, problems if isinstance(problems, list) else ()))


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and all(
        isinstance(row.get(name), str) for name in ("group", "name", "origin")
    )


def _lines(settings: Iterable[Mapping[str, Any]], problems: list[str]) -> Iterator[str]:
    rows = [(s["group"], s["name"], _origin(s), _text(s.get("value"))) for s in settings]
    names = max((len(name) for _, name, _, _ in rows), default=0)
    origins = max((len(origin) for _, _, origin, _ in rows), default=0)
    for group, within in groupby(rows, key=lambda row: row[0]):
        yield f"{group[:1].upper()}{group[1:]}"
        for _, name, origin, value in within:
            yield f" {name:{names}}  {origin:{origins}}  {value}".rstrip()
        yield ""
    if problems:
        yield "To fix"
        yield from (f" {_printable(problem)}" for problem in problems)
        yield ""
    if len(problems) > 1:
        yield f"{len(problems)} things need fixing."
    else:
        yield "One thing needs fixing." if problems else "Nothing needs fixing."


def _origin(setting: Mapping[str, Any]) -> str:
    origin = str(setting["origin"])
    return "environment" if origin == setting["name"] else origin


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(_text, value))
        case dict():
            return ",".join(f"{_text(key)}={_text(said)}" for key, said in value.items())
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]
