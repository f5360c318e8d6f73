"""The charges of a ledger in batches, to be priced again, and the adjustments that come of it."""

import marshal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from sqlalchemy import Engine, Select, Text, bindparam, func, literal, null, select
from sqlalchemy.dialects.sqlite import insert

from otel_cost.ledger.queries import cost_in_force, latest, of_charge, within
from otel_cost.ledger.repricing import Stored
from otel_cost.ledger.schema import adjustments, charge_details, charges, is_adjusted
from otel_cost.ledger.sqlite import open_for_reading

BATCH = 1_000
"""How many charges are read, and how many at most are adjusted in one transaction."""

_INSERT = (
    insert(adjustments)
    .values({"details": bindparam("as_text", type_=Text)})
    .on_conflict_do_nothing()
)


class Drafts:
    """Adjustments that are not in the ledger yet; in a nameless file, as there may be millions."""

    __slots__ = ("_file",)

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - `close` closes it

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Keep a batch of rows of `repricing.adjust`."""
        if rows:
            marshal.dump(rows, self._file)

    def write(self, engine: Engine) -> Iterator[tuple[int, int]]:
        """Commit each batch by itself. Yields how many rows it has, and how many of them are new.

        Not new are those whose number their charge has already, because another process repriced
        it meanwhile. They are left out.
        """
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            rows = marshal.load(self._file)  # noqa: S302 - nobody else can write to it
            for row in rows:
                row["as_text"] = row.pop("details")
            with engine.begin() as connection:
                yield len(rows), connection.execute(_INSERT, rows).rowcount

    def close(self) -> None:
        """Give them up."""
        self._file.close()


def count(path: Path, since: int | None, until: int | None) -> int:
    """How many charges started in [`since`, `until`) (nanoseconds since the epoch)."""
    with open_for_reading(path) as connection:
        counted = within(select(func.count()).select_from(charges), since, until)
        return int(connection.execute(counted).scalar_one())


def batches(path: Path, since: int | None, until: int | None) -> Iterator[list[Stored]]:
    """The charges that started in [`since`, `until`).

    Each batch is read by itself: a reader that stays keeps SQLite from reusing its log.
    """
    after: str | None = None
    while True:
        with open_for_reading(path) as connection:
            found = within(_charges(adjusted=is_adjusted(connection)), since, until)
            if after is not None:
                found = found.where(charges.c.charge_id > after)
            batch = [Stored(*row) for row in connection.execute(found.limit(BATCH)).all()]
        if not batch:
            return
        yield batch
        after = batch[-1].charge_id


def _charges(*, adjusted: bool) -> Select[*tuple[Any, ...]]:
    """The columns of `Stored`."""
    number, details = (latest.c.number, latest.c.details) if adjusted else (literal(0), null())
    names = ("charge_id", "provider", "model", "outcome", "usage_source")
    found = select(
        *(charges.c[name] for name in names),
        *cost_in_force(adjusted=adjusted).values(),
        charge_details.c.details,
        number,
        details,
    ).join(charge_details, charge_details.c.charge_id == charges.c.charge_id)
    if adjusted:
        found = found.outerjoin(latest, of_charge)
    return found.order_by(charges.c.charge_id)
