"""Counts that stand within each other, as vocabularies say them, become disjoint meters."""

from typing import NamedTuple

from otel_cost.usage import Meter, Quantity, Usage


class Counted(NamedTuple):
    """The tokens of a call as a vocabulary counts them: details are parts of the totals."""

    sent: int | None = None
    """All that was sent, unless a part of it is larger than it: then what was not cached."""
    received: int | None = None
    read: int = 0
    written: int = 0
    """To the cache, for however long."""
    written_long: int | None = None
    """What of it is kept for the longer of two times; `None` where that is not said."""
    heard: int = 0
    seen: int = 0
    reasoning: int = 0
    spoken: int = 0
    drawn: int = 0


def usage_of(counted: Counted, *, claude: bool, exclusive: bool = False) -> Usage | None:
    """Disjoint meters; `None` where nothing was counted, which nobody gets an answer for.

    `claude`: writes live for 5 minutes or an hour, and not for 30 minutes or 12 hours.
    `exclusive`: what was sent leaves the cache out.
    """
    sent, received, read, written, long, heard, seen, reasoning, spoken, drawn = counted
    if not (sent or received or read or written):
        return None
    found: dict[Meter, Quantity] = {}
    if sent is not None or read or written:
        rest = sent or 0
        if not exclusive and read + written <= rest:
            rest -= read + written
        # Cached tokens may be audio or images too: what is counted twice is cached.
        if heard and rest:
            found["input_audio"] = heard = min(heard, rest)
            rest -= heard
        if seen and rest:
            found["input_image"] = seen = min(seen, rest)
            rest -= seen
        found["input"] = rest
        if read:
            found["cache_read"] = read
        if written:
            _add_writes(found, written, long or 0, claude=claude)
    if received is not None:
        _add_received(found, received, reasoning, spoken, drawn)
    return Usage(found)


def _add_writes(found: dict[Meter, Quantity], written: int, long: int, *, claude: bool) -> None:
    long = min(long, written)
    if written > long:
        found["cache_write_5m" if claude else "cache_write_30m"] = written - long
    if long:
        found["cache_write_1h" if claude else "cache_write_12h"] = long


def _add_received(
    found: dict[Meter, Quantity], rest: int, reasoning: int, spoken: int, drawn: int
) -> None:
    if reasoning and rest:
        found["reasoning"] = reasoning = min(reasoning, rest)
        rest -= reasoning
    if spoken and rest:
        found["output_audio"] = spoken = min(spoken, rest)
        rest -= spoken
    if drawn and rest:
        found["output_image"] = drawn = min(drawn, rest)
        rest -= drawn
    found["output"] = rest
