"""Reading a trace file: the calls of a service, one per row, with their tokens."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from otel_cost.demo.errors import DemoError

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, slots=True)
class Row:
    """One call of the trace (tokens)."""

    context_tokens: int
    generated_tokens: int


def read_rows(path: Path, limit: int | None = None) -> list[Row]:
    """The first `limit` rows of a trace file, or all.

    Raises `DemoError`, which names file, line and column, if one of them is not as it should be.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows(path, file, limit))
    except OSError as error:
        raise DemoError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DemoError(f"{path}: this is not a text file in UTF-8") from error


def _rows(path: Path, file: TextIO, limit: int | None) -> Iterator[Row]:
    reader = csv.DictReader(file, restval=None)
    try:
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise DemoError(f"{path}, line 1: there is no column {missing[0]}")
        for number, fields in enumerate(reader):
            if number == limit:
                return
            yield _row(f"{path}, line {reader.line_num}", fields)
    except csv.Error as error:
        raise DemoError(f"{path}, line {reader.line_num}: {error}") from error


def _row(where: str, fields: Mapping[str | None, str | list[str] | None]) -> Row:
    if None in fields:
        raise DemoError(f"{where}: there are more fields than columns")
    for name in COLUMNS:
        if not fields[name]:
            raise DemoError(f"{where}, column {name}: there is no value")
    return Row(_tokens(where, COLUMNS[1], fields), _tokens(where, COLUMNS[2], fields))


def _tokens(where: str, name: str, fields: Mapping[str | None, str | list[str] | None]) -> int:
    text = str(fields[name]).strip()
    if not (text.isascii() and text.isdigit()):
        raise DemoError(f"{where}, column {name}: {text!r} is not a whole number of tokens")
    return int(text)
