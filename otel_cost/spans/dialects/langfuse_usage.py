"""`usage_details` of Langfuse: buckets in every spelling, or a provider's own usage object."""

from collections.abc import Mapping
from typing import NamedTuple

from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.values import Said, whole
from otel_cost.usage import Meter

_GROUPS: Mapping[str, str] = {
    "input": "input input_tokens prompt_tokens promptTokens prompt input_text input_text_tokens",
    "output": "output output_tokens completion_tokens completionTokens completion output_text "
    "output_text_tokens",
    "read": "cache_read input_cached_tokens input_cache_read input_cache_read_tokens "
    "cache_read_input_tokens cache_read_tokens input_cached_text_tokens input_cached "
    "cached_tokens cached_input_tokens prompt_cached_tokens",
    "written": "input_cache_creation input_cache_creation_tokens input_cache_creation_input_tokens "
    "cache_creation_input_tokens cache_creation_tokens cache_write_tokens input_cache_write "
    "input_cache_write_tokens cache_write_input_tokens",
    "short": "cache_write_5m cache_write_30m input_cache_creation_5m input_cache_creation_30m "
    "cache_creation_ephemeral_5m_input_tokens input_ephemeral_5m_input_tokens "
    "input_cache_creation_ephemeral_5m_input_tokens ephemeral_5m_input_tokens",
    "long": "cache_write_1h cache_write_12h input_cache_creation_1h input_cache_creation_12h "
    "cache_creation_ephemeral_1h_input_tokens input_ephemeral_1h_input_tokens "
    "input_cache_creation_ephemeral_1h_input_tokens ephemeral_1h_input_tokens",
    "heard": "input_audio input_audio_tokens prompt_audio_tokens",
    "seen": "input_image input_image_tokens",
    "reasoning": "reasoning output_reasoning output_reasoning_tokens reasoning_tokens "
    "output_thinking_tokens thinking_tokens thoughts_token_count",
    "spoken": "output_audio output_audio_tokens completion_audio_tokens",
    "drawn": "output_image output_image_tokens",
    "searched": "web_search web_search_requests web_search_queries "
    "server_tool_use_web_search_requests",
    "total": "total total_tokens totalTokens",
}
_BUCKETS = {name: bucket for bucket, names in _GROUPS.items() for name in names.split()}
_TOTALS = frozenset({"input", "output", "total"})
_INCLUSIVE = frozenset({"prompt_tokens", "completion_tokens"})
"""Totals that are known to hold their details."""
_OF_OBJECTS = frozenset({"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"})


class Bucketed(NamedTuple):
    """What buckets say."""

    counted: Counted
    detailed: bool
    """Whether it says more than totals, so that what it leaves out is 0."""
    searched: int | None = None
    strange: tuple[Meter, ...] = ()
    """Where buckets of unknown names may belong."""


def is_object(details: Said) -> bool:
    """Whether it is a provider's usage object and not buckets of Langfuse's."""
    names = details.keys()
    if names.isdisjoint(_OF_OBJECTS) or "input" in names or "output" in names:
        return False
    # Who writes the cache beside OpenAI's words has put buckets together.
    flat = {_BUCKETS.get(name) for name in names}
    return names.isdisjoint(_INCLUSIVE) or flat.isdisjoint({"read", "written"})


def buckets(details: Said, *, embeds: bool) -> Bucketed:
    """The counts in buckets, which are disjoint unless their total says otherwise."""
    found, strange = _found(details)
    written = max(found.get("written", 0), found.get("short", 0) + found.get("long", 0))
    cached = found.get("read", 0) + written
    sent_apart = cached + found.get("heard", 0) + found.get("seen", 0)
    received_apart = sum(found.get(name, 0) for name in ("reasoning", "spoken", "drawn"))
    sent, received = found.get("input"), found.get("output")
    total = found.get("total")
    if sent is None and received is None and total is not None:
        sent = total if embeds else None
    elif total is not None and received is None and sent is not None and not embeds:
        received = total - sent - sent_apart if total > sent + sent_apart else None
    elif total is not None and sent is None and received is not None:
        rest = total - received - received_apart - sent_apart
        sent = rest if rest > 0 else None
    if not _holds_details(details, sent, received, sent_apart + received_apart, total):
        sent = None if sent is None and not sent_apart else (sent or 0) + sent_apart
        received = (
            None if received is None and not received_apart else (received or 0) + received_apart
        )
    split = "short" in found or "long" in found
    counted = Counted(
        sent,
        received,
        found.get("read", 0),
        written,
        found.get("long", 0) if split else None,
        found.get("heard", 0),
        found.get("seen", 0),
        found.get("reasoning", 0),
        found.get("spoken", 0),
        found.get("drawn", 0),
    )
    return Bucketed(counted, bool(found.keys() - _TOTALS), found.get("searched"), strange)


def _found(details: Said) -> tuple[dict[str, int], tuple[Meter, ...]]:
    found: dict[str, int] = {}
    strange: list[Meter] = []
    for name, value in details.items():
        count = _whole(value)
        if count is None or type(name) is not str:
            continue
        bucket = _BUCKETS.get(name)
        if bucket is not None:
            found[bucket] = found.get(bucket, 0) + count
        elif count and name.startswith(("input", "prompt")):
            strange.append("input")
        elif count and name.startswith(("output", "completion")):
            strange.append("output")
    return found, tuple(strange)


def _whole(value: object) -> int | None:
    if type(value) is str:
        digits = value.strip()
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None
    return whole(value)


def _holds_details(
    details: Said, sent: int | None, received: int | None, apart: int, total: int | None
) -> bool:
    """Whether the totals of what was sent and received hold their details already."""
    if total is not None:
        return (sent or 0) + (received or 0) == total and apart > 0
    return not details.keys().isdisjoint(_INCLUSIVE)
