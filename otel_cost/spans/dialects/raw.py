"""A provider's own usage object on a span: read as it is read on the wire."""

import json

from otel_cost.measured import Measured
from otel_cost.readers import anthropic_usage, openai_usage, usage_shapes
from otel_cost.readers.fields import fields
from otel_cost.spans.dialects.values import NOTHING, Said
from otel_cost.usage import Usage

_ANTHROPIC = frozenset(
    {"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use"}
)
"""Fields that only Anthropic's usage objects have."""
_CHAT = frozenset({"prompt_tokens", "completion_tokens"})
_TRANSCRIPTION = frozenset({"input_token_details", "seconds"})
_HOSTILE = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RecursionError)
"""What reading raises of objects that are no provider's."""
_MOST_TRIES = 8
_LONGEST_OBJECT = 1 << 15


def read_object(usage: Said, model: str | None, *, claude: bool, finished: bool = True) -> Measured:
    """What a usage object says, in whichever shape; `usage` of the result may be `None`.

    `finished`: whether its output count is final; Anthropic's streams begin with a placeholder.
    """
    call = Measured("", "", "", 0, model=model)
    try:
        _read(call, usage, claude=claude, finished=finished)
    except _HOSTILE:
        call.usage = None
    if call.usage is not None and not any(call.usage.quantities.values()):
        call.usage = None
    return call


def read_tools(call: Measured, response: Said) -> None:
    """What a Response says that it used beside its tokens: searches, containers, images."""
    before = call.usage
    try:
        usage_shapes.read_hosted_tools(call, response)
    except _HOSTILE:
        call.usage, call.other_parts = before, ()


def _read(call: Measured, usage: Said, *, claude: bool, finished: bool) -> None:
    names = usage.keys()
    if not names.isdisjoint(_CHAT):
        call.usage = openai_usage.completion_usage(usage)
        call.stated_usd = usage_shapes.stated_usd(usage)
    elif claude or not names.isdisjoint(_ANTHROPIC):
        anthropic_usage.read_usage(call, usage, finished=finished)
    elif not names.isdisjoint(_TRANSCRIPTION):
        usage_shapes.read_transcription(call, {"usage": usage})
    elif _has_images(usage):
        usage_shapes.read_images(call, {"usage": usage})
    else:
        call.usage = openai_usage.responses_usage(usage)


def _has_images(usage: Said) -> bool:
    details = ("input_tokens_details", "output_tokens_details")
    return any("image_tokens" in fields(usage.get(name)) for name in details)


def last_object(value: str, *names: str) -> Said:
    """The object in the last of the fields of these names in a JSON text, which may be huge or cut.

    A quote within a string is escaped, so that a name between plain quotes is a field's.
    """
    for name in names:
        end = len(value)
        for _ in range(_MOST_TRIES):
            end = value.rfind(f'"{name}":', 0, end)
            if end < 0:
                break
            found = _object_at(value, end + len(name) + 3)
            if found:
                return found
    return NOTHING


def _object_at(value: str, start: int) -> Said:
    piece = value[start : start + _LONGEST_OBJECT].lstrip()
    if not piece.startswith("{"):
        return NOTHING
    try:
        read, _ = json.JSONDecoder().raw_decode(piece)
    except (ValueError, RecursionError):
        return NOTHING
    return read if isinstance(read, dict) else NOTHING


def last_text(value: str, name: str, *, begins: tuple[str, ...] = ("",)) -> str | None:
    """The text in the last field of this name in a JSON text that begins in one of these ways."""
    for beginning in begins:
        for gap in ("", " "):
            mark = f'"{name}":{gap}"{beginning}'
            start = value.rfind(mark)
            if start < 0:
                continue
            start += len(mark) - len(beginning)
            end = value.find('"', start, start + 512)
            if end > start:
                return value[start:end]
    return None


def read_turns(used: Usage, model: str, usage: Said) -> Measured:
    """What the turns of an Anthropic message add to the usage of the whole."""
    call = Measured("", "", "", 0, model=model, usage=used)
    try:
        usage_shapes.read_iterations(call, usage)
    except _HOSTILE:
        call.usage, call.other_parts = used, ()
    return call
