"""Writes the tables of docs/configuration.md from the variables that otel_cost reads.

python tools/configuration_page.py
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from otel_cost.variables import VARIABLES, Variable

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
START, END = "<!-- variables -->\n", "<!-- end of variables -->\n"


def written(page: str) -> str:
    """`page` with its tables as they have to be."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return "".join((before, START, *(f"{line}\n" for line in _tables()), END, after))


def _tables() -> Iterator[str]:
    for group, variables in groupby(VARIABLES.values(), key=lambda variable: variable.group):
        yield from ("", f"### {group[0].upper()}{group[1:]}", "")
        yield from ("| variable | default | meaning | example |", "|---|---|---|---|")
        yield from map(_row, variables)
    yield ""


def _row(variable: Variable) -> str:
    meaning = variable.meaning.rstrip(".")
    if variable.see:
        name = variable.see.partition("#")[0].removesuffix(".md")
        meaning = f"{meaning}; see [{name}]({variable.see})"
    default = _written(variable.default)
    return f"| `{variable.name}` | {default} | {meaning} | `{variable.example}` |"


def _written(default: Any) -> str:
    if default is None or default in ({}, ()):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
