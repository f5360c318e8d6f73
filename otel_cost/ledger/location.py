"""Where a ledger is: its URL, understood and checked without a database library."""

import re
from pathlib import Path

from otel_cost import faults

VARIABLE = "OTEL_COST_LEDGER"

_SCHEMES = frozenset({"sqlite", "sqlite+pysqlite"})
_PASSWORD = re.compile(r"(?<=://)([^/@]*):[^@]*@")


class LedgerError(faults.Actionable):
    """A ledger that cannot be used as it is. The message says what is wrong and what to do."""


def check_url(url: str, option: str = VARIABLE) -> None:
    """Raises `ValueError`, in words that name `option`, if `url` is not that of a ledger."""
    sqlite_path(url, option)


def sqlite_path(url: str, option: str = VARIABLE) -> Path:
    """The absolute path in `sqlite:///path`. Raises `ValueError` in words that name `option`."""
    scheme, separator, rest = url.strip().partition("://")
    said = f"{option}={_without_password(url)!r}"
    if not separator:
        path = url.strip().removeprefix("sqlite:") or "ledger.db"
        raise ValueError(f"{said} is not a URL; for a SQLite file write sqlite:///{path}")
    if scheme not in _SCHEMES:
        raise ValueError(f"{said} is not supported; a ledger is a SQLite file: sqlite:///path")
    if rest in {"", "/", "/:memory:"}:
        raise ValueError(
            f"{said} names no file; a ledger in memory would end with the process and no report "
            "could read it; write sqlite:///path"
        )
    if not rest.startswith("/"):
        raise ValueError(f"{said} lacks a slash; write sqlite:///{rest}")
    if "?" in rest:
        raise ValueError(f"{said} has options after a question mark; write sqlite:///path alone")
    return Path(rest[1:]).absolute()


def _without_password(url: str) -> str:
    return _PASSWORD.sub(r"\1:***@", url)
