"""Points in time as people write them."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_YEAR = 2261
"""Nanoseconds in 64 bits end in 2262."""


def instant(text: str, now: datetime) -> int:
    """`7d`, `24h`, `30m`, `2w` before `now`, or an ISO date or time, as ns since the epoch.

    A time without an offset is UTC. Raises `ValueError` for anything else.
    """
    try:
        moment = _moment(text.strip(), now)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not _EPOCH.year <= moment.year <= _LAST_YEAR:
        raise ValueError(
            f"{text!r} is not a time; write 30m, 24h, 7d, 2w, 2026-11-01 or 2026-11-01T12:00 (UTC)"
        )
    return (moment - _EPOCH) // _MICROSECOND * 1000


def _moment(text: str, now: datetime) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
