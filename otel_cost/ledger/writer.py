"""Writing charges: each exactly once, a batch entirely or not at all."""

import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from otel_cost import faults
from otel_cost.charge import Charge
from otel_cost.ledger import rows
from otel_cost.ledger.location import LedgerError, sqlite_path

if TYPE_CHECKING:
    from sqlalchemy import Engine


class LedgerWriter:
    """Writes to the ledger at `url`; opened, and SQLAlchemy imported, by the first `write`.

    For one thread at a time. Raises `ValueError` for a URL that is not a ledger's, and where
    SQLAlchemy is not installed.
    """

    __slots__ = ("_engine", "_inherited", "_path", "_pid")

    def __init__(self, url: str) -> None:
        self._path = sqlite_path(url)
        if importlib.util.find_spec("sqlalchemy") is None:
            raise ValueError('a ledger needs SQLAlchemy: pip install "otel-cost[ledger]"')
        self._engine: Engine | None = None
        self._inherited: list[Engine] = []
        self._pid = os.getpid()

    def write(self, charges: Sequence[Charge]) -> None:
        """Commit all of `charges`, or raise and leave the ledger as it was.

        May be called again with the same batch: a charge id that is there already is left alone.
        Raises `LedgerError` where somebody has to act, SQLAlchemy's errors where time may help.
        """
        if not charges:
            return
        try:
            self._insert([rows.columns(c) for c in charges], [rows.details(c) for c in charges])
        except Exception as error:
            if _may_pass(error):
                raise
            self._insert(*_storable(charges))

    def close(self) -> None:
        """Close the file. A later `write` opens it again."""
        self._leave_to_parent()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _insert(self, columns: list[dict[str, Any]], details: list[dict[str, Any]]) -> None:
        if not columns:
            return
        from sqlalchemy.dialects.sqlite import insert

        from otel_cost.ledger import schema

        with self._opened().begin() as connection:
            connection.execute(insert(schema.charges).on_conflict_do_nothing(), columns)
            connection.execute(insert(schema.charge_details).on_conflict_do_nothing(), details)

    def _opened(self) -> "Engine":
        self._leave_to_parent()
        if self._engine is None:
            from otel_cost.ledger.sqlite import open_for_writing

            self._engine = open_for_writing(self._path)
        return self._engine

    def _leave_to_parent(self) -> None:
        """After a fork: never use or close the parent's connection, only keep it from collection.

        Either would work on the parent's locks and on the index that it shares in memory.
        """
        if self._pid != os.getpid():
            self._pid = os.getpid()
            if self._engine is not None:
                self._inherited.append(self._engine)
                self._engine = None


def _may_pass(error: Exception) -> bool:
    """Whether `error` lies in the ledger, and not in a value that no ledger can hold."""
    if isinstance(error, LedgerError | OSError | ImportError):
        return True
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OperationalError)


def _storable(charges: Sequence[Charge]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What no database can hold would hold up every charge behind it for ever: it is left out."""
    columns: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for charge in charges:
        try:
            row, rest = rows.storable(rows.columns(charge)), rows.storable(rows.details(charge))
        except (ArithmeticError, ValueError, TypeError) as error:
            faults.caught("the ledger, for a charge that it cannot hold,", error)
        else:
            columns.append(row)
            details.append(rest)
    return columns, details
