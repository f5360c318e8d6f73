"""How environment variables and the files they name are read, and how a wrong value is told."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from otel_cost.attribution.values import FIELDS, MAX_LENGTH

LONGEST = 65_536
"""The longest value that is looked at (characters)."""
_LONGEST_PATH = 4096
_SHOWN = 80
"""How much of a value is shown (characters)."""
_LOOKED_AT = 1000
"""How much of it is searched for secrets (characters)."""
_SECRET = re.compile(
    r"\b[sp]k-\S+|(?<=password=)[^&\s]+|(?<=secret=)[^&\s]+|(?<=token=)[^&\s]+", re.IGNORECASE
)
"""Keys where none belong, and passwords among the options of a URL."""


class Adjusted(ValueError):  # noqa: N818 - it is about what is done with it
    """A value that is used, though not as it is written."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(why)
        self.value = value


def masked(text: str) -> str:
    """`text` without what may be a secret: a key, a password, all that a URL has before an `@`."""
    safe = _SECRET.sub("***", text)
    before, at, after = safe.rpartition("@")
    if not at:
        return safe
    scheme, separator, _ = before.partition("://")
    return f"{scheme if separator else ''}{separator}***@{after}"


def shown(text: str) -> str:
    """`text` for a message: in quotes, printable, of bounded length, and without secrets."""
    begin, rest = text[:_LOOKED_AT], text[_LOOKED_AT:]
    safe = masked(f"{begin}@" if "@" in rest else begin)
    quoted = repr(safe[: _SHOWN + 1])
    if len(safe) <= _SHOWN and len(quoted) <= _SHOWN + 2:
        return quoted
    return f"{quoted[: _SHOWN + 1]}…{quoted[0]}"


def place(value: str) -> str:
    """The path of a file, or a URL."""
    found = value.strip()
    if len(found) > _LONGEST_PATH:
        raise ValueError(f"it is longer than {_LONGEST_PATH:,} characters, as no path is")
    if not found.isprintable():
        raise ValueError("it is not printable text")
    return found


def name(value: str) -> str | None:
    """Printable text of at most `MAX_LENGTH` characters; `Adjusted` where it was not."""
    kept = printable(value)
    if kept != value.strip():
        raise Adjusted(kept or None, f"it is not printable text of up to {MAX_LENGTH} characters")
    return kept


def printable(value: str) -> str:
    """What of a value is printable text of at most `MAX_LENGTH` characters."""
    return "".join(filter(str.isprintable, value)).strip()[:MAX_LENGTH]


def flag(value: str) -> bool:
    """True or false, in any of the usual words."""
    lowered = value.strip().lower()
    if lowered in {"true", "1", "yes", "on"}:
        return True
    if lowered in {"false", "0", "no", "off", ""}:
        return False
    raise ValueError("it is neither true nor false")


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words, in upper or lower case."""

    def read(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in words:
            raise ValueError(f"it is none of {', '.join(words)}")
        return lowered

    return read


def pairs(value: str) -> dict[str, str]:
    """The `key=value` pairs of a comma-separated list, percent-decoded."""
    found: dict[str, str] = {}
    for item in items(value):
        key, equals, said = item.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{shown(item)} is not of the form key=value")
        found[key.strip()] = unquote(said.strip())
    return found


def items(value: str) -> list[str]:
    """What stands between the commas."""
    return [item for part in value.split(",") if (item := part.strip())]


def tags(value: str) -> dict[str, str]:
    """Tags by name; `Adjusted` where one is not printable or too long."""
    found = pairs(value)
    kept = {printable(key): printable(said) for key, said in found.items()}
    if kept != {key: said.strip() for key, said in found.items()}:
        why = f"names and values are printable text of up to {MAX_LENGTH} characters"
        raise Adjusted({key: said for key, said in kept.items() if key}, why)
    return kept


def base_url(value: str) -> str:
    """The address of a server, without a trailing slash or a path of Langfuse's interfaces."""
    url = value.strip().rstrip("/")
    if not url.isprintable() or not _is_base(url):
        raise ValueError("it is not an http or https URL such as https://cloud.langfuse.com")
    for suffix in ("/api/public/otel/v1/traces", "/api/public/otel", "/api/public"):
        url = url.removesuffix(suffix)
    return url


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.scheme in {"http", "https"} and parts.hostname
        return bool(named) and parts.port != 0 and not {"?", "#", " "} & set(url)
    except ValueError:
        return False


def key(value: str) -> str:
    """A key as it is copied from somewhere. No part of it is in a message."""
    found = value.strip()
    if not found.isascii() or not found.isprintable() or " " in found:
        raise ValueError("a key holds no spaces, control characters or letters beyond ASCII")
    return found


def baggage_keys(value: str) -> dict[str, str]:
    """The field that each baggage key says, of `field=key` pairs.

    A field is one of an attribution, or `tag.NAME`.
    """
    found: dict[str, str] = {}
    for field, told_by in pairs(value).items():
        if field not in FIELDS and not (field.startswith("tag.") and field[4:]):
            raise ValueError(f"{shown(field)} is none of {', '.join(FIELDS)} and no tag.NAME")
        if not told_by:
            raise ValueError(f"no baggage key is named for {shown(field)}")
        found[told_by] = field
    return found


_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
"""What ends like an address: no such name is ever allowed."""
_QUEUE = "queue:"


def hosts(value: str) -> tuple[str, ...]:
    """Names, `*.suffix`, addresses, networks and queues, in lower case."""
    if not value.isascii():
        raise ValueError("it holds letters beyond ASCII; write such names as DNS has them: xn--…")
    found = tuple(items(value.lower()))
    for entry in found:
        queue = entry.removeprefix(_QUEUE)
        if queue != entry:
            if not (queue == "*" or _HOST.fullmatch(queue)):
                raise ValueError(f"{shown(entry)} names no queue")
        elif not _HOST.fullmatch(entry) or _NUMERIC.fullmatch(entry):
            _network(entry)
    return found


def _network(entry: str) -> None:
    try:
        ip_network(entry)
    except ValueError:
        raise ValueError(
            f"{shown(entry)} is no host name, no *.suffix and no address or network such as "
            f"10.0.0.0/8{_hint(entry)}"
        ) from None


def _hint(entry: str) -> str:
    """What was perhaps meant."""
    try:
        return f"; the network is {ip_network(entry, strict=False)}"
    except ValueError:
        pass
    host = masked(entry).rpartition("@")[2].rpartition("://")[2].partition("/")[0].partition(":")[0]
    if host != entry and len(host) <= _SHOWN and _HOST.fullmatch(host):
        return f"; write only the host: {host}"
    return ""


_SHORTEST_KEY = 16


def keys(value: str) -> tuple[str, ...]:
    """Secrets, the one to sign with first. No part of one is in a message."""
    found = tuple(items(value))
    if any(len(each) < _SHORTEST_KEY for each in found):
        raise ValueError(f"a key has fewer than {_SHORTEST_KEY} characters")
    return found


def seconds(value: str) -> int:
    """A whole number of seconds, up to a day."""
    digits = value.strip()
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 5 else 0
    if not 1 <= number <= 86400:
        raise ValueError("it is no whole number of seconds between 1 and 86400")
    return number


LARGEST = 16 * 1024 * 1024
"""The largest file that is read (characters)."""


def file_text(path: str | Path) -> str:
    """The text of a file that a variable names: a device or a pipe might never end.

    Raises `OSError` and `UnicodeDecodeError`.
    """
    source = Path(path)
    if source.exists() and not (source.is_file() or source.is_dir()):
        raise OSError("it is a device or a pipe, not a file")
    with source.open(encoding="utf-8") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(f"it is larger than {LARGEST >> 20} MiB")
    return found


def readable(value: Any) -> Any:
    """A value that has been read, ready for JSON and without secrets."""
    match value:
        case str():
            return masked(value)
        case Mapping():
            return {masked(str(k)): masked(str(v)) for k, v in value.items()}
        case tuple():
            return [masked(str(each)) for each in value]
        case _:
            return value
