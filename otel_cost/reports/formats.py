"""A report as a table, as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from otel_cost.charge import money
from otel_cost.reports.grouping import Report, Sums
from otel_cost.reports.summary import not_priced, sentences, share

if TYPE_CHECKING:
    from rich.console import Console

_SUMS = ("calls", "input_tokens", "output_tokens", "total_tokens")
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA_SPACE = ("\t", "\r", "\n")
_WIDE = 100_000
_MOST_DECIMALS = 6


def cell(text: str) -> str:
    """`text` such that a spreadsheet shows it and never runs it as a formula."""
    if text.startswith(_FORMULA_SPACE) or text.lstrip().startswith(_FORMULA):
        return f"'{text}"
    return text


def to_csv(report: Report) -> str:
    """One line per group: the grouping, calls, tokens, and effective cost in plain digits."""
    header = _csv_line([*report.grouping], [*_SUMS, "cost_usd"])
    return header + "".join(
        _csv_line(names, [*(getattr(sums, name) for name in _SUMS), money(sums.cost_usd)])
        for names, sums in report.lines
    )


def to_json(report: Report) -> str:
    """Lines, totals and what is not explained; amounts are decimal strings."""
    gaps = not_priced(report)
    unknown = sum(sums.calls for sums in gaps.values())
    missing: dict[str, Any] = {
        status: {"calls": sums.calls, "tokens": sums.total_tokens} for status, sums in gaps.items()
    }
    document = {
        "grouping": report.grouping,
        "rows": [_line(report, names, sums) for names, sums in report.lines],
        "total": _document(report.total),
        "attributed": {
            "cost_usd": money(report.attributed_usd),
            "share_of_cost": _share(report.attributed_usd, report.total.cost_usd),
        },
        "not_priced": {
            "calls": unknown,
            "share_of_calls": _share(unknown, report.total.calls),
            **missing,
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_text(report: Report) -> str:
    """The table without colours, and as wide as its names are."""
    from rich.console import Console

    out = io.StringIO()
    print_table(
        report,
        Console(
            file=out, width=_WIDE, force_terminal=False, color_system=None, legacy_windows=False
        ),
    )
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def print_table(report: Report, console: "Console") -> None:
    """The table, and in words what it does not explain, on `console`."""
    if not report.lines:
        console.print("No charges.")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    decimals = _decimals(report)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    for n, name in enumerate(report.grouping):
        table.add_column(
            Text(_title(name)), footer="Total" if n == 0 else "", overflow="fold", min_width=5
        )
    for name in _SUMS:
        footer = f"{getattr(report.total, name):,}"
        table.add_column(_title(name), footer=footer, justify="right", no_wrap=True)
    footer = _amount(report.total.cost_usd, decimals)
    table.add_column("Cost (USD)", footer=footer, justify="right", no_wrap=True)
    for names, sums in report.lines:
        table.add_row(
            *(Text(name) for name in names),
            *(f"{getattr(sums, name):,}" for name in _SUMS),
            _amount(sums.cost_usd, decimals),
        )
    console.print(table)
    for sentence in sentences(report):
        console.print(sentence, markup=False, highlight=False)


def _csv_line(names: Iterable[str], values: Iterable[str | int]) -> str:
    # Written with the standard's line end, so that a name which holds half of it is quoted.
    out = io.StringIO()
    csv.writer(out).writerow([*(cell(name) for name in names), *values])
    return out.getvalue().removesuffix("\r\n") + "\n"


def _line(report: Report, names: tuple[str, ...], sums: Sums) -> dict[str, Any]:
    keys: dict[str, Any] = dict(zip(report.grouping, names, strict=True))
    return {**keys, **_document(sums)}


def _document(sums: Sums) -> dict[str, Any]:
    return {
        **{name: getattr(sums, name) for name in _SUMS},
        "cost_usd": money(sums.cost_usd),
        "list_usd": money(sums.list_usd),
    }


def _share(part: Decimal | int, whole: Decimal | int) -> str | None:
    fraction = share(part, whole)
    return None if fraction is None else money(round(fraction, 6))


def _title(name: str) -> str:
    return name if name.startswith("tag:") else name.replace("_", " ").capitalize()


def _decimals(report: Report) -> int:
    """As many as the amounts need to add up before one's eyes, from 2 to 6."""
    needed = (len(money(sums.cost_usd).partition(".")[2]) for _, sums in report.lines)
    return min(max(2, *needed), _MOST_DECIMALS)


def _amount(amount: Decimal, decimals: int) -> str:
    return f"{amount:,.{decimals}f}"
