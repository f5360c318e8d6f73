"""LiteLLM: spans of version 1 (also written onto the application's), 2 and `langfuse_otel`.

Measured with 1.106 and 1.110: input includes the cache; version 1 holds LiteLLM's usage as the
`repr` of a dictionary, `langfuse_otel` as JSON within the metadata, version 2 only some of it.
"""

import binascii
from base64 import b64decode
from decimal import Decimal

from otel_cost.readers.fields import fields, text
from otel_cost.spans.dialects import genai, raw
from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import NOT_TEXT, Names, Rest
from otel_cost.spans.dialects.operations import CALLS, OPERATION, first_word
from otel_cost.spans.dialects.providers import bare, provider_of
from otel_cost.spans.dialects.values import (
    Said,
    first_text,
    json_object,
    python_object,
    tokens,
    usd,
)
from otel_cost.usage import Meter

_REQUEST, _RAW = "litellm_request", "raw_gen_ai_request"
_TYPES = (OPERATION, "llm.request.type", "litellm.call_type")
_COSTS = ("gen_ai.cost.total_cost", "litellm.cost.total", "llm.cost.total", "llm.response.cost")
"""Totals; the parts beside them overlap."""
_COUNT, _KIND = "llm.token_count.", "openinference.span.kind"
_LONG = ("ephemeral_1h_input_tokens", "ephemeral_12h_input_tokens")
_UUID_DASHES = 5
_TOKENIZED = "The usage may be counted by LiteLLM itself: the stream shows no details of it."
_NO_CACHE = "The span does not say how much of the input was read from or written to the cache."


def kind(name: str, said: Said) -> Kind:
    """A call or something around one; an answer from LiteLLM's own cache is no call."""
    if name == _RAW or said.get("litellm.cache_hit") in (True, "True"):
        return "around"
    stated = False
    for key in _TYPES:
        operation = said.get(key)
        if type(operation) is str and operation:
            if operation in CALLS:
                return "call"
            stated = True
    if not stated and (name == _REQUEST or said.get(_KIND) == "LLM"):
        return "call"
    return "call" if not said and first_word(name) in CALLS else "around"


def starts(name: str, _said: Said) -> bool:
    """Whether a starting span is named as calls are: it has no attribute yet."""
    return name == _REQUEST


def read(_name: str, said: Said) -> SpanCall:
    """A call through LiteLLM, on its own span or on the application's."""
    who = _names(said)
    usage = python_object(said.get("metadata.usage_object"))
    if not usage:
        usage = fields(json_object(said.get("metadata")).get("usage_object"))
    stated = usd(said, *_COSTS)
    if not usage:
        return _by_counts(said, who, stated)
    return _by_object(said, who, usage, stated)


def _names(said: Said) -> Names:
    asked = first_text(said, genai.REQUEST_MODEL, "llm.model_name")
    answered = bare(first_text(said, genai.RESPONSE_MODEL, "llm.response.model"))
    named = first_text(said, "gen_ai.provider.name", "gen_ai.system", "llm.provider")
    routed = text(said, "litellm.provider.model")
    provider = provider_of(named, None) or provider_of(None, routed)
    operation = next((CALLS[v] for v in _types(said) if v in CALLS), "chat")
    return Names(
        operation,
        provider or provider_of(None, asked) or provider_of(None, answered),
        asked,
        genai.served(provider, asked, answered),
        _response_id(said),
    )


def _types(said: Said) -> list[str]:
    return [value for key in _TYPES if type(value := said.get(key)) is str]


def _response_id(said: Said) -> str | None:
    """The provider's own id; LiteLLM wraps those of Responses, and makes others up."""
    found = first_text(said, genai.RESPONSE_ID, "llm.response.id")
    if found is None or found == said.get("litellm.call_id"):
        return None
    if found.startswith("resp_"):
        return _unwrapped(found)
    made_up = found.startswith("chatcmpl-") and found.count("-") == _UUID_DASHES
    return None if made_up else found


def _unwrapped(wrapped: str) -> str:
    packed = wrapped.removeprefix("resp_")
    try:
        said = b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return wrapped
    mark = "response_id:"
    return said.partition(mark)[2] or wrapped if said.startswith("litellm:") else wrapped


def _api(said: Said) -> str:
    return "responses" if any("responses" in value for value in _types(said)) else "chat"


def _by_object(said: Said, who: Names, usage: Said, stated: Decimal | None) -> SpanCall:
    sent, received = fields(usage.get("prompt_tokens_details")), _received(usage)
    split = fields(sent.get("cache_creation_token_details"))
    count = Counted(
        tokens(usage, "prompt_tokens"),
        tokens(usage, "completion_tokens"),
        tokens(sent, "cached_tokens") or tokens(usage, "cache_read_input_tokens") or 0,
        tokens(sent, "cache_write_tokens", "cache_creation_tokens")
        or tokens(usage, "cache_creation_input_tokens")
        or 0,
        (tokens(split, *_LONG) or 0) if split else None,
        tokens(sent, "audio_tokens") or 0,
        tokens(sent, "image_tokens") or 0,
        tokens(received, "reasoning_tokens") or 0,
        tokens(received, "audio_tokens") or 0,
        tokens(received, "image_tokens") or 0,
    )
    if who.operation == "embeddings":
        count = count._replace(received=None)
    if who.claude and _is_cut_stream(said):
        count = count._replace(received=None)
    searched = tokens(fields(usage.get("server_tool_use")), "web_search_requests")
    guessed = _streams(said) and not sent
    rest = Rest(
        api=_api(said),
        guessed=guessed,
        note=_TOKENIZED if guessed else "",
        stated_usd=stated,
        # LiteLLM leaves out what the provider does not say.
        searched=(searched or 0) if who.claude else None,
    )
    call = genai.told(said, who, count, rest)
    tier = text(usage, "service_tier") or call.tier
    geo, speed = text(usage, "inference_geo"), text(usage, "speed")
    call = call._replace(tier=tier, batch=tier == "batch", geo=geo, speed=speed)
    return _with_turns(call, who, usage)


def _received(usage: Said) -> Said:
    return fields(usage.get("completion_tokens_details"))


def _with_turns(call: SpanCall, who: Names, usage: Said) -> SpanCall:
    model = who.model or who.request_model
    if call.usage is None or model is None or not usage.get("iterations"):
        return call
    read = raw.read_turns(call.usage, model, usage)
    return call._replace(usage=read.usage, other_parts=read.other_parts)


def _by_counts(said: Said, who: Names, stated: Decimal | None) -> SpanCall:
    count = genai.counted(said)
    if f"{_COUNT}prompt" in said or f"{_COUNT}total" in said:
        count = _openinference(said)
    if who.operation == "embeddings":
        return genai.told(said, who, count._replace(received=None), Rest(stated_usd=stated))
    if who.claude and _is_cut_stream(said):
        count = count._replace(received=None)
    says_cache = genai.says_cache(said) or f"{_COUNT}prompt_details.cache_read" in said
    lost: tuple[Meter, ...] = NOT_TEXT
    if not count.reasoning:
        lost += ("reasoning",)
    if not count.written:
        lost += ("cache_write_5m", "cache_write_1h") if who.claude else ("cache_write_30m",)
    rest = Rest(
        lost,
        api=_api(said),
        undivided=() if says_cache else ("input",),
        guessed=_streams(said) and not says_cache,
        stated_usd=stated,
        note="" if says_cache else _NO_CACHE,
    )
    return genai.told(said, who, count, rest)


def _openinference(said: Said) -> Counted:
    return Counted(
        tokens(said, f"{_COUNT}prompt"),
        tokens(said, f"{_COUNT}completion"),
        tokens(said, f"{_COUNT}prompt_details.cache_read") or 0,
        tokens(said, f"{_COUNT}prompt_details.cache_write") or 0,
        None,
        tokens(said, f"{_COUNT}prompt_details.audio") or 0,
        0,
        tokens(said, f"{_COUNT}completion_details.reasoning") or 0,
    )


def _is_cut_stream(said: Said) -> bool:
    return _streams(said) and _KIND not in said and not genai.is_finished(said)


def _streams(said: Said) -> bool:
    return said.get("llm.is_streaming") in (True, "True")


DIALECT = Dialect("litellm", ("litellm",), kind, read, starts=starts)

MARKS = frozenset({"litellm.call_id", "litellm.provider.model", "litellm.trace_id"})
"""What LiteLLM writes onto an application's own span, too."""
