"""How the Langfuse server reads usage from the attributes of a span."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

Attributes = Mapping[str, Any]

# Aliases of the generic usage keys, by the bucket they fill.
_GENERIC_USAGE: dict[str, tuple[str, ...]] = {
    "input": ("prompt_tokens", "input_tokens", "prompt"),
    "output": ("completion_tokens", "output_tokens", "completion"),
    "total": ("total_tokens", "total"),
    "input_cached_tokens": (
        "cache_read.input_tokens",
        "cache_read_input_tokens",
        "cache_read_tokens",
        "prompt_details.cache_read",
        "input_cached_tokens",
    ),
    "input_cache_creation": (
        "cache_creation.input_tokens",
        "cache_write.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
    ),
    "output_reasoning_tokens": ("reasoning.output_tokens", "completion_details.reasoning"),
    "output_audio_tokens": ("completion_details.audio",),
}


def provided_usage(attributes: Attributes) -> dict[str, int]:
    """The usage that the span itself states, before any `total` is added."""
    raw = attributes.get("langfuse.observation.usage_details", "")
    if raw != "":
        parsed = parsed_json(raw) if isinstance(raw, str) else {}
        if parsed is not None:
            return _usage_object(parsed if isinstance(parsed, dict) else {})
    return _generic_usage(attributes)


def _usage_object(sent: Mapping[str, Any]) -> dict[str, int]:
    for prompt, completion in (
        ("prompt_tokens", "completion_tokens"),
        ("input_tokens", "output_tokens"),
    ):
        details = [f"{prompt}_details", f"{completion}_details"]
        needed = {prompt, completion, "total_tokens"}
        strict = needed <= sent.keys() <= needed.union(details)
        if strict and all(_is_flat(sent.get(name)) for name in details):
            return _openai_usage(sent, prompt, completion)
    return {key: count for key, value in sent.items() if (count := _count(value)) is not None}


def _is_flat(details: Any) -> bool:
    """Whether these details are of the strict shape: numbers, not objects of their own."""
    return not any(isinstance(value, dict) for value in (details or {}).values())


def _openai_usage(sent: Mapping[str, Any], prompt: str, completion: str) -> dict[str, int]:
    usage = {"input": sent[prompt], "output": sent[completion], "total": sent["total_tokens"]}
    for bucket, name in (("input", prompt), ("output", completion)):
        for key, count in (sent.get(f"{name}_details") or {}).items():
            if count is None:
                continue
            usage[f"{bucket}_{key}"] = count
            usage[bucket] = max(usage[bucket] - count, 0)
    return usage


def _count(value: Any) -> int | None:
    """A non-negative whole number; strings as JavaScript's parseInt reads them."""
    if isinstance(value, str):
        digits = re.match(r"\s*\+?(\d+)", value)
        return int(digits[1]) if digits else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == int(value) else None


def _generic_usage(attributes: Attributes) -> dict[str, int]:
    sent = {
        name.removeprefix(prefix): value
        for prefix in ("llm.token_count.", "gen_ai.usage.")
        for name, value in attributes.items()
        if name.startswith(prefix) and name != "gen_ai.usage.cost"
    }
    known = {
        bucket: count
        for bucket, aliases in _GENERIC_USAGE.items()
        if (count := _count(first(sent, aliases))) is not None
    }
    taken = {alias for aliases in _GENERIC_USAGE.values() for alias in aliases}
    usage = {k: n for k, v in sent.items() if k not in taken and (n := _count(v)) is not None}
    for bucket, parts in (
        ("input", ("input_cached_tokens", "input_cache_creation")),
        ("output", ("output_reasoning_tokens", "output_audio_tokens")),
    ):
        if bucket in known:
            known[bucket] = max(known[bucket] - sum(known.get(part, 0) for part in parts), 0)
    return usage | known


def first(attributes: Attributes, names: Iterable[str]) -> Any:
    """The first of these attributes that is not empty, or `None`."""
    return next((attributes[n] for n in names if attributes.get(n) not in (None, "")), None)


def parsed_json(text: Any) -> Any:
    """Parsed JSON, or `None` if it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None
