"""A newer price book than the bundled one: where it is kept, and when it is refused."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from otel_cost.pricing.book import Book
from otel_cost.pricing.transport import BookError, Files, numbers, unpack

_CURRENT = "current"
_FACTOR = 10
"""A rate that changes by more than this was probably written wrongly."""
_SHOWN = 5


def folder() -> Path:
    """Where updated books are kept, one folder per version."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "otel-cost" / "prices"


def current(kept: Path | None = None) -> Book | None:
    """The updated book, if there is one that is newer than the bundled one. Never raises."""
    where = kept or folder()
    try:
        version = (where / _CURRENT).read_text(encoding="utf-8").strip()
        book = Book(where / version, layer="updated")
        return book if version and day(book.version) > day(Book().version) else None
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def day(version: str) -> str:
    """The date that a book's version begins with."""
    return version.partition("+")[0]


def install(raw: bytes, kept: Path | None = None, *, accept_changes: bool = False) -> str:
    """Keep a packed book as the updated one; the version of it.

    Raises `BookError` where it is unsound, older than the one in use or, unless `accept_changes`,
    suspiciously different from it; nothing changes then. Raises `OSError` where it cannot be kept.
    """
    files = unpack(raw)
    where = kept or folder()
    used = current(where) or Book()
    version = str(json.loads(files["index.json"])["version"])
    if day(version) < day(used.version):
        raise BookError(f"it is {version}, older than {used.version}, which is in use")
    if not accept_changes and (odd := list(_suspicious(files, used))):
        more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        raise BookError(f"{'; '.join(odd[:_SHOWN])}{more}: --accept-changes takes it nevertheless")
    _keep(files, where, version)
    return version


def _keep(files: Files, where: Path, version: str) -> None:
    """Write the book beside the earlier ones, and then, at once, point to it."""
    target = where / version
    draft = where / f".{version}.{os.getpid()}.tmp"
    try:
        if not target.is_dir():
            draft.mkdir(parents=True)
            for name, text in files.items():
                (draft / name).write_text(text, encoding="utf-8", newline="\n")
            draft.rename(target)
        pointer = where / f".{_CURRENT}.{os.getpid()}.tmp"
        pointer.write_text(version + "\n", encoding="utf-8")
        pointer.replace(where / _CURRENT)
    finally:
        with suppress(FileNotFoundError):
            for path in draft.iterdir():
                path.unlink()
            draft.rmdir()


def _suspicious(files: Files, used: Book) -> Iterator[str]:
    """What an honest update does not do: models that go, rates that leap."""
    parts = {n.removesuffix(".json"): json.loads(t) for n, t in files.items() if n != "index.json"}
    for provider in used.providers:
        fresh = {model["id"]: model for model in parts.get(provider, {"models": ()})["models"]}
        for entry in used.entries(provider):
            if entry.model not in fresh:
                yield f"{provider}/{entry.model} is gone"
                continue
            before, after = _latest(entry.prices), _latest(fresh[entry.model]["prices"])
            for meter, rate in before.items():
                if meter in after and _leaps(rate, after[meter]):
                    yield f"{provider}/{entry.model} {meter} goes from {rate} to {after[meter]} USD"


def _latest(prices: Any) -> dict[str, Decimal]:
    rates = prices[-1]["rates"] if prices else {}
    return {meter: Decimal(numbers(rate)[0]) for meter, rate in rates.items()}


def _leaps(before: Decimal, after: Decimal) -> bool:
    low, high = sorted((before, after))
    return high > low * _FACTOR
