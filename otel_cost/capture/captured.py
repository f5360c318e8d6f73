"""Prompts and completions as JSON, for spans of applications that ask for them."""

import json
from collections.abc import Mapping
from typing import Any

from otel_cost import faults
from otel_cost.inference.conversation import Conversation
from otel_cost.readers.fields import fields

_SENT = ("system", "instructions", "messages", "input", "prompt", "tools", "functions")
_RECEIVED = ("choices", "output", "content", "text")


def prompt(body: Mapping[str, Any]) -> str | None:
    """What a request asks, as JSON: its messages alone, or each field by name. Never raises."""
    try:
        said = {name: body[name] for name in _SENT if body.get(name)}
        return _as_json(next(iter(said.values())) if len(said) == 1 else said) if said else None
    except Exception as error:  # noqa: BLE001 - a call that cannot be shown is still a call
        faults.caught("capturing a prompt", error)
        return None


def completion(body: Any) -> str | None:
    """What a whole answer says, as JSON. Never raises."""
    try:
        if isinstance(body, str):
            return _as_json(body)
        said = fields(body)
        found = next((said[name] for name in _RECEIVED if said.get(name)), None)
        return None if found is None else _as_json(found)
    except Exception as error:  # noqa: BLE001 - a call that cannot be shown is still a call
        faults.caught("capturing a completion", error)
        return None


def streamed(heard: Conversation) -> str | None:
    """What a stream has said so far, as JSON: one text, or a list of them."""
    texts = ["".join(pieces) for pieces in heard.received.values()]
    return _as_json(texts[0] if len(texts) == 1 else texts) if texts else None


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    said = fields(value)
    return {k: v for k, v in said.items() if v is not None} if said else str(value)
