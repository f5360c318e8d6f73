"""Writing charges: each exactly once, a batch entirely or not at all."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from otel_cost import faults
from otel_cost.charge import Charge
from otel_cost.ledger import rows
from otel_cost.ledger.location import LedgerError, sqlite_path
from otel_cost.settlement import may_be_settled

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from otel_cost.ledger.settling import Settle

_Rows: TypeAlias = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Columns and details."""


class LedgerWriter:
    """Writes to the ledger at `url`; opened, and SQLAlchemy imported, by the first `write`.

    A pending charge gives way to its settlement, which `settle` makes of the two; without it, the
    settlement is completed and keeps its cost. For one thread at a time. Raises `ValueError` for a
    URL that is not a ledger's, and where SQLAlchemy is not installed.
    """

    __slots__ = ("_engine", "_inherited", "_path", "_pid", "_settle")

    def __init__(self, url: str, settle: "Settle | None" = None) -> None:
        self._path = sqlite_path(url)
        if importlib.util.find_spec("sqlalchemy") is None:
            raise ValueError('a ledger needs SQLAlchemy: pip install "otel-cost[ledger]"')
        self._settle = settle
        self._engine: Engine | None = None
        self._inherited: list[Engine] = []
        self._pid = os.getpid()

    def write(self, charges: Sequence[Charge]) -> None:
        """Commit all of `charges`, or raise and leave the ledger as it was.

        May be called again with the same batch: a charge id that is there already is left alone,
        unless it is pending there. Raises `LedgerError` where somebody has to act, SQLAlchemy's
        errors where time may help.
        """
        if not charges:
            return
        try:
            self._write(charges, _rows)
        except Exception as error:
            if _may_pass(error):
                raise
            self._write(charges, _storable)

    def close(self) -> None:
        """Close the file. A later `write` opens it again."""
        self._leave_to_parent()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _write(
        self, charges: Sequence[Charge], as_rows: Callable[[Sequence[Charge]], _Rows]
    ) -> None:
        at_once = as_rows([c for c in charges if not may_be_settled(c.charge_id)])
        later = [c for c in charges if may_be_settled(c.charge_id)]
        if not at_once[0] and not later:
            return
        with self._opened().begin() as connection:
            _insert(connection, at_once)
            if later:
                from otel_cost.ledger import settling

                wanted = settling.settle(connection, later, self._settle or settling.merged)
                settled = as_rows(tuple(wanted.values()))
                settling.remove(connection, [row["charge_id"] for row in settled[0]])
                _insert(connection, settled)

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


def _insert(connection: "Connection", rows: _Rows) -> None:
    from sqlalchemy.dialects.sqlite import insert

    from otel_cost.ledger import schema

    for table, values in zip((schema.charges, schema.charge_details), rows, strict=True):
        if values:
            connection.execute(insert(table).on_conflict_do_nothing(), values)


def _may_pass(error: Exception) -> bool:
    """Whether `error` lies in the ledger, and not in a value that no ledger can hold."""
    if isinstance(error, LedgerError | OSError | ImportError):
        return True
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OperationalError)


def _rows(charges: Sequence[Charge]) -> _Rows:
    return [rows.columns(c) for c in charges], [rows.details(c) for c in charges]


def _storable(charges: Sequence[Charge]) -> _Rows:
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
