"""The price book as one file: how it is packed, unpacked, hashed and checked."""

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]
Files: TypeAlias = Mapping[str, str]
"""The texts of a book's files by name: `index.json`, and one per provider."""

SCHEMA = 1
"""The newest form of the book that this version reads."""

FORMAT = "otel-cost price book"

_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})\+([0-9a-f]{12})")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*\.json")
_MAX_BYTES = 64 * 1024 * 1024


class BookError(ValueError):
    """A file that is not a sound price book; the message says what is wrong with it."""


def compact(value: object) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(index: Json, files: Files) -> str:
    """The SHA-256 over the index (without its version and hash) and all parts, in hex."""
    bare = {name: value for name, value in index.items() if name not in {"sha256", "version"}}
    summed = hashlib.sha256(compact(bare).encode())
    for name in sorted(files):
        if name != "index.json":
            summed.update(files[name].encode())
    return summed.hexdigest()


def pack(files: Files) -> str:
    """The files of a book as one JSON object."""
    whole = {"files": dict(files), "format": FORMAT, "schema": SCHEMA}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, indent=0) + "\n"


def unpack(raw: bytes) -> Files:
    """The files of a packed book, gzipped or not; raises `BookError` unless they are sound."""
    files = _texts(raw)
    index = _parsed("index.json", files)
    version = _VERSION.fullmatch(str(index.get("version")))
    if version is None:
        raise BookError(f"its version is {index.get('version')!r}, not date+hash")
    _date(version[1], "version")
    found = digest(index, files)
    if index.get("sha256") != found or not found.startswith(version[2]):
        raise BookError("its content does not match its SHA-256: it was cut or changed on the way")
    try:
        _check(index, files)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BookError(f"its structure is not that of schema {SCHEMA}: {error!r}") from error
    return files


def _texts(raw: bytes) -> Files:
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise BookError(f"it cannot be unpacked: {error}") from error
    if len(raw) > _MAX_BYTES:
        raise BookError(f"it has {len(raw):,} bytes; a book has less than {_MAX_BYTES:,}")
    try:
        whole = json.loads(raw)
    except ValueError as error:
        raise BookError(f"it is not JSON: {error}") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise BookError(f'it is not a price book: its "format" is not "{FORMAT}"')
    schema = whole.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise BookError(f"its schema {schema} is newer than {SCHEMA}: upgrade otel-cost")
    files = whole.get("files")
    if not isinstance(files, dict) or not all(
        _NAME.fullmatch(name) and isinstance(text, str) for name, text in files.items()
    ):
        raise BookError('its "files" are not texts by file name')
    return files


def _parsed(name: str, files: Files) -> Json:
    try:
        value = json.loads(files[name])
    except KeyError:
        raise BookError(f"it has no {name}") from None
    except ValueError as error:
        raise BookError(f"its {name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BookError(f"its {name} is not an object")
    return value


def _check(index: Json, files: Files) -> None:
    providers = index["providers"]
    if set(files) != {"index.json", *(f"{name}.json" for name in providers)}:
        raise BookError("its files are not those of its providers")
    for known in (*index["aliases"].values(), *_fallbacks(providers)):
        if known not in providers:
            raise BookError(f"it names {known!r}, a provider that it does not have")
    for name in ("conditions", "fallbacks", "per", "context_free", "estimated"):
        if name not in index["rules"]:
            raise BookError(f"it has no rules.{name}")
    for provider in providers:
        part = _parsed(f"{provider}.json", files)
        for factor in part["factors"]:
            _positive(factor["x"], f"a factor of {provider}")
            _check_dated(factor, f"a factor of {provider}")
        for model in part["models"]:
            where = f"{provider}/{model['id']}"
            _check_patterns(model["match"], where)
            for dated in (*model["prices"], *model.get("variants", ())):
                _check_dated(dated, where)
                for meter, rate in dated["rates"].items():
                    for number in numbers(rate):
                        _positive(number, f"{where} {meter}")


def _fallbacks(providers: Json) -> Iterable[str]:
    return (other for each in providers.values() for other in each.get("fallback", ()))


def numbers(rate: str | list[Any]) -> list[str]:
    """The rates of all prompt sizes: `"5"`, or `["5", [200000, "10"]]`."""
    if isinstance(rate, str):
        return [rate]
    if not all(type(start) is int and start > 0 for start, _ in rate[1:]):
        raise BookError(f"a prompt size in {rate} is not a positive number of tokens")
    return [rate[0], *(number for _, number in rate[1:])]


def _positive(text: object, where: str) -> None:
    try:
        number = Decimal(text) if isinstance(text, str) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BookError(f"{where} is {text!r}, not a number of US dollars as text")


def _check_dated(dated: Json, where: str) -> None:
    for name in ("from", "until"):
        if name in dated:
            _date(dated[name], f"{where} {name}")


def _date(text: object, where: str) -> None:
    try:
        date.fromisoformat(str(text))
    except ValueError:
        raise BookError(f"{where} is {text!r}, not a date") from None


def _check_patterns(clauses: Json, where: str) -> None:
    for pattern in clauses.get("regex", ()):
        try:
            re.compile(pattern)
        except re.error as error:
            raise BookError(f"{where}: {pattern!r} is no regular expression: {error}") from error
