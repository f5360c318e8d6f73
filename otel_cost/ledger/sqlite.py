"""A ledger in a SQLite file: opening it for writing and for reading."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from otel_cost.ledger import schema
from otel_cost.ledger.location import LedgerError

BUSY_SECONDS = 30
"""How long a statement waits for another process that is writing."""

_UNUSABLE = {
    "SQLITE_NOTADB": "is not a ledger: not a SQLite database",
    "SQLITE_CORRUPT": "is damaged; nothing was changed",
    "SQLITE_CANTOPEN": "cannot be opened; may this user read and write it and its folder?",
    "SQLITE_READONLY": "cannot be written; may this user write it and its folder?",
}


def open_for_writing(path: Path) -> Engine:
    """An engine with one connection to the ledger at `path`, which is created if it is not there.

    Raises `LedgerError` if the file is not a ledger or cannot be one, and SQLAlchemy's
    `OperationalError` if it stays locked.
    """
    _create_private(path)
    # A transaction that reads first and writes later fails at once, without waiting, when another
    # process has written in between; so a writer takes its turn at the start.
    engine = _engine(lambda: _connect(path), "BEGIN IMMEDIATE")
    try:
        with _explained(path):
            with engine.begin() as connection:
                _prepare(connection, path)
            # Only now: the mode is a property of the file, and the file is known to be a ledger.
            with contextlib.closing(engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[Connection]:
    """A connection that cannot write. Raises `LedgerError` if there is no ledger at `path`."""
    if not path.exists():
        raise LedgerError(f"there is no ledger at {path}")
    engine = _engine(lambda: _connect(path, read_only=True), "BEGIN")
    try:
        with _explained(path), engine.begin() as connection:
            found = schema.found_version(connection)
            if found is None:
                raise LedgerError(f"{path} is not a ledger: it has no table of otel_cost")
            schema.check_version(found, str(path))
            yield connection
    finally:
        engine.dispose()


def _create_private(path: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database. An existing file is not
    # touched: closing it here would drop the locks of any other connection in this process.
    target = Path(os.path.realpath(path))
    if target.exists():
        return
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except FileNotFoundError as error:
        raise LedgerError(
            f"the folder {target.parent} for the ledger {path.name} does not exist: create it"
        ) from error
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be created: {error.strerror}") from error


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # With WAL, NORMAL survives a kill of the process at any instant, and a power cut can only
        # take the last commits, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        # Not mode=ro: the last connection to close would leave the -wal and -shm files behind.
        connection.execute(f"PRAGMA query_only = {read_only}")
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(connect: Callable[[], sqlite3.Connection], begin: str) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,  # Errors are logged; who spends what is not.
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare(connection: Connection, path: Path) -> None:
    found = schema.found_version(connection)
    if found is not None:
        schema.check_version(found, str(path))
        schema.complete(connection)
    elif inspect(connection).get_table_names():
        raise LedgerError(
            f"{path} is the database of another application; give the ledger a file of its own"
        )
    else:
        schema.create(connection)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        for prefix, explanation in _UNUSABLE.items():
            if name.startswith(prefix):
                raise LedgerError(f"{path} {explanation}") from error
        raise
