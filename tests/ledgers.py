"""Ledgers for tests: their URL, and what is in them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from otel_cost.charge import Charge
from otel_cost.ledger.queries import read_charges
from otel_cost.ledger.sqlite import open_for_reading
from otel_cost.ledger.writer import LedgerWriter


def url(path: Path) -> str:
    """The URL of the ledger at `path`."""
    return f"sqlite:///{path}"


def fill(path: Path, charges: Iterable[Charge]) -> str:
    """Write `charges` to the ledger at `path`; its URL."""
    with closing(LedgerWriter(url(path))) as writer:
        writer.write(list(charges))
    return url(path)


def documents(path: Path, since: int | None = None, until: int | None = None) -> list[Any]:
    """What is in the ledger, as `Charge.as_dict()`."""
    with open_for_reading(path) as connection:
        return list(read_charges(connection, since, until))


def execute(path: Path, *statements: str) -> list[Any]:
    """Run SQL on the file; the rows of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]
