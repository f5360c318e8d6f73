"""The header by which one service tells the next whom a request is for: its text, its signature.

    otel-cost: feature=search,user_id=u%20%231,tag.env=eu;e=1790000000;s=<43 characters>

Entries are percent-encoded. `e` is when the signature expires (seconds since the epoch), `s` the
HMAC-SHA-256 of trace id, expiry and entries, in base64 for URLs. Both may be missing.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from otel_cost.attribution.values import FIELDS, MAX_LENGTH, Attribution, make

HEADER = "otel-cost"
MAX_BYTES = 1024
"""The longest header, entries and signature together."""
MAX_ENTRIES = 64
SKEW = 5
"""How far apart the clocks of two services may be (seconds)."""
LONGEST_TTL = 86400
"""The furthest in the future that a signature may expire (seconds)."""

_TAG = "tag."
_ENTRY = r"[A-Za-z0-9_.~-](?:[A-Za-z0-9_.~-]|%[0-9A-Fa-f]{2})*=(?:[A-Za-z0-9_.~-]|%[0-9A-Fa-f]{2})+"
_TEXT = re.compile(
    rf"(?P<entries>{_ENTRY}(?:,{_ENTRY})*)(?:;e=(?P<expires>[0-9]{{1,10}});s=(?P<seal>[\w-]{{43}}))?",
    re.ASCII,
)
_SIGNATURE_BYTES = len(";e=;s=") + 10 + 43
_PURPOSE = b"otel-cost 1\n"
"""What is signed begins with this, so that the key signs nothing else by it."""


class RefusedError(Exception):
    """A header that is not believed."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
        """One of a few words, for counting."""


@dataclass(frozen=True, slots=True)
class Message:
    """A header that can be read; nobody has looked yet at whether it is to be believed."""

    entries: str
    who: Attribution
    expires: int | None
    """When the signature expires (seconds since the epoch); `None` without one."""
    seal: str | None


def entries_for(who: Attribution, *, signed: bool) -> tuple[str, list[str]]:
    """`who` as the entries of a header, and the names of what has no room in it.

    The fields come first, as in `FIELDS`, then tags by name; a value is whole or missing. `signed`:
    room is left for a signature.
    """
    room = MAX_BYTES - (_SIGNATURE_BYTES if signed else 0)
    kept: list[str] = []
    left_out: list[str] = []
    for name, value in said(who):
        entry = f"{quote(name, safe='')}={quote(value, safe='')}"
        if len(entry) > room or len(kept) == MAX_ENTRIES:
            left_out.append(name)
            continue
        kept.append(entry)
        room -= len(entry) + 1
    return ",".join(kept), left_out


def sealed(entries: str, key: str, trace_id: str, expires: int) -> str:
    """The header that says `entries` in the trace of that id until `expires`."""
    return f"{entries};e={expires};s={_seal(entries, key, trace_id, expires)}"


def read(header: str) -> Message:
    """What a header says. Raises `RefusedError`: `oversized` or `malformed`.

    Its length is looked at before anything else.
    """
    if len(header) > MAX_BYTES:
        raise RefusedError("oversized")
    parts = _TEXT.fullmatch(header)
    if parts is None:
        raise RefusedError("malformed")
    entries, expires = parts["entries"], parts["expires"]
    who = _who(entries)
    return Message(entries, who, None if expires is None else int(expires), parts["seal"])


def check(message: Message, keys: tuple[str, ...], trace_id: str | None, now: float) -> None:
    """Raise `RefusedError` unless one of `keys` has signed `message` for this trace, and recently.

    Its kind is `unsigned`, `no_trace`, `forged` or `expired`.
    """
    if message.expires is None or message.seal is None or not keys:
        raise RefusedError("unsigned")
    if trace_id is None:
        raise RefusedError("no_trace")
    good = False
    for key in keys:
        made = _seal(message.entries, key, trace_id, message.expires)
        good |= hmac.compare_digest(made, message.seal)
    if not good or message.expires > now + LONGEST_TTL + SKEW:
        raise RefusedError("forged")
    if message.expires < now - SKEW:
        raise RefusedError("expired")


def said(who: Attribution) -> Iterator[tuple[str, str]]:
    """What `who` says, by name: first the fields, as in `FIELDS`, then `tag.NAME`."""
    for name in FIELDS:
        value = getattr(who, name)
        if value is not None:
            yield name, value
    # Two names may have become one when they were cleaned.
    for name, value in dict(who.tags).items():
        yield _TAG + name, value


def _who(entries: str) -> Attribution:
    parts = entries.split(",")
    if len(parts) > MAX_ENTRIES:
        raise RefusedError("malformed")
    said: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        name = _decoded(name, MAX_LENGTH + len(_TAG))
        if name in said:
            raise RefusedError("malformed")
        said[name] = _decoded(value)
    # A name that is not known is a newer version's.
    fields = {name: said[name] for name in FIELDS if name in said}
    tags = {n[len(_TAG) :]: v for n, v in said.items() if n.startswith(_TAG) and n != _TAG}
    return make(**fields, tags=tags)


def _decoded(text: str, most: int = MAX_LENGTH) -> str:
    try:
        plain = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise RefusedError("malformed") from None
    if len(plain) > most or not plain.isprintable():
        raise RefusedError("malformed")
    return plain


def _seal(entries: str, key: str, trace_id: str, expires: int) -> str:
    signed = _PURPOSE + f"{trace_id}\n{expires}\n{entries}".encode()
    # A variable that is no UTF-8 reaches Python with surrogates in it.
    digest = hmac.digest(key.encode(errors="surrogateescape"), signed, "sha256")
    return urlsafe_b64encode(digest)[:43].decode()
