"""One call of `otel-cost price`: a JSON line, its usage read as capture reads it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from otel_cost.capture import anthropic, openai
from otel_cost.charge import Part, PricingContext
from otel_cost.measured import Measured
from otel_cost.readers import usage_shapes
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, UNIT_METERS, Usage

Json: TypeAlias = Mapping[str, Any]

_FIELDS = ("provider", "model", "usage", "flavor", "resp_extra", "ctx", "ts", "id")
_METERS = frozenset[str]((*INPUT_METERS, *OUTPUT_METERS, *UNIT_METERS))
_CONTEXT: Mapping[str, str] = {
    "service_tier": "tier",
    "tier": "tier",
    "batch": "batch",
    "speed": "speed",
    "inference_geo": "geo",
    "geo": "geo",
    "region": "region",
    "completion_window": "window",
    "window": "window",
    "size": "size",
    "quality": "quality",
}
_EPOCH = datetime.fromtimestamp(0, UTC)


class CallError(ValueError):
    """A line that is no call; the message names the key."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one line says."""

    call_id: Any
    provider: str
    parts: tuple[Part, ...]
    context: PricingContext
    stated: Decimal | None
    """What the provider says it charged (USD)."""


def read_call(line: str) -> Call:
    """The call of one line; raises `CallError`."""
    said = _parsed(line)
    provider, model = _text(said, "provider"), _text(said, "model")
    usage, extra = _object(said, "usage"), _object(said, "resp_extra") or {}
    instant = _instant(said.get("ts"))
    call = Measured("", provider, "chat", instant, request_model=model, model=model)
    if usage is not None:
        _check_numbers(usage, "usage")
        _check_details(usage)
        flavor = said.get("flavor")
        if flavor is not None and flavor not in _READERS:
            raise CallError(f"flavor is {flavor!r}; choose from {', '.join(sorted(_READERS))}")
        body = {"model": model, **extra, "usage": usage}
        _READERS[flavor or _likely_flavor(provider, usage)](call, body)
        if call.usage is None:
            raise CallError(f"usage has no key that counts anything: {', '.join(usage) or '{}'}")
        # The line's word on what to price holds over what a body may repeat.
        call.model = model
    context = _context(call, _object(said, "ctx") or {}, instant)
    parts = () if call.usage is None else (Part(model, call.usage), *call.other_parts)
    stated = None if usage is None else usage_shapes.stated_usd(usage)
    return Call(said.get("id"), provider, parts, context, stated)


def _chat(call: Measured, body: Json) -> None:
    openai.ENDPOINTS["/chat/completions"].read_body(call, body)


def _responses(call: Measured, body: Json) -> None:
    openai.ENDPOINTS["/responses"].read_body(call, body)
    usage_shapes.read_hosted_tools(call, body)


def _message(call: Measured, body: Json) -> None:
    anthropic.ENDPOINTS["/v1/messages"].read_body(call, body)
    usage_shapes.read_iterations(call, body["usage"])


def _meters(call: Measured, body: Json) -> None:
    usage = body["usage"]
    if strange := sorted(usage.keys() - _METERS):
        raise CallError(f"usage.{strange[0]} is no meter; they are {', '.join(sorted(_METERS))}")
    call.usage = Usage({meter: quantity for meter, quantity in usage.items() if quantity})


_READERS: Mapping[str, Callable[[Measured, Json], None]] = {
    "anthropic": _message,
    "chat": _chat,
    "completions": _chat,
    "default": _chat,
    "embeddings": _chat,
    "images": usage_shapes.read_images,
    "messages": _message,
    "meters": _meters,
    "realtime": usage_shapes.read_realtime,
    "responses": _responses,
    "transcription": usage_shapes.read_transcription,
    "transcription_duration": usage_shapes.read_transcription,
    "transcription_tokens": usage_shapes.read_transcription,
}
"""Who reads the usage of which API."""


def _likely_flavor(provider: str, usage: Json) -> str:
    """The API that a usage without a flavor is of, by its own words."""
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        return "chat"
    if usage.keys() <= _METERS:
        return "meters"
    if usage.get("type") in {"duration", "tokens"}:
        return "transcription"
    if "input_token_details" in usage or "output_token_details" in usage:
        return "realtime"
    cached = {"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"}
    if "anthropic" in provider.lower() or not cached.isdisjoint(usage):
        return "anthropic"
    details = usage.get("output_tokens_details")
    if isinstance(details, dict) and "image_tokens" in details:
        return "images"
    return "responses"


def _context(call: Measured, ctx: Json, instant: int) -> PricingContext:
    said: dict[str, Any] = {}
    for key, value in ctx.items():
        if key.startswith("requested_") or value is None:
            continue  # what was asked for is not what was billed
        if key not in _CONTEXT:
            raise CallError(f"ctx.{key} is unknown; write {', '.join(_CONTEXT)}")
        name = _CONTEXT[key]
        if not isinstance(value, bool if name == "batch" else str):
            kind = "true or false" if name == "batch" else "text"
            raise CallError(f"ctx.{key} is {value!r}, not {kind}")
        said[name] = value
    return PricingContext(
        priced_at=instant,
        tier=call.tier or said.get("tier"),
        batch=call.batch or said.get("batch", False),
        speed=call.speed or said.get("speed"),
        geo=call.geo or said.get("geo"),
        region=said.get("region"),
        window=said.get("window"),
        size=said.get("size"),
        quality=said.get("quality"),
    )


def _parsed(line: str) -> Json:
    try:
        said = json.loads(line, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise CallError(f"this is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise CallError("this is not a JSON object")
    return said


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _text(said: Json, key: str) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise CallError(f"{key} is {'missing' if key not in said else repr(value)}; write a name")
    return value


def _object(said: Json, key: str) -> Json | None:
    value = said.get(key)
    if value is not None and not isinstance(value, dict):
        raise CallError(f"{key} is {value!r}, not an object")
    return value


def _instant(value: object) -> int:
    """Nanoseconds since the epoch; now, where nothing is said."""
    if value is None:
        moment = datetime.now(UTC)
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise CallError(f"ts is {value!r}, no time such as 2026-11-21T12:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _check_numbers(value: object, key: str) -> None:
    """Nothing in a usage is negative, and tokens are whole."""
    for name, inner in _children(value):
        where = f"{key}.{name}"
        if isinstance(inner, int | Decimal) and not isinstance(inner, bool):
            if inner < 0:
                raise CallError(f"{where} is {inner}, which is negative")
            if isinstance(inner, Decimal) and (name.endswith("_tokens") or name in _WHOLE):
                raise CallError(f"{where} is {inner}, and tokens are whole")
        elif name.endswith("_tokens") and inner is not None:
            raise CallError(f"{where} is {inner!r}, which is no number")
        _check_numbers(inner, where)


_WHOLE = frozenset[str]((*INPUT_METERS, *OUTPUT_METERS))


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(index), item) for index, item in enumerate(value))


def _check_details(usage: Json) -> None:
    """What OpenAI breaks down stands inside its totals."""
    for total in ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens"):
        details = usage.get(f"{total}_details")
        if not isinstance(details, dict) or usage.get(total) is None:
            continue
        for name, part in details.items():
            if name.endswith("_tokens") and part is not None and part > usage[total]:
                raise CallError(
                    f"usage.{total}_details.{name} is {part}, more than the {usage[total]} "
                    f"of usage.{total}"
                )
