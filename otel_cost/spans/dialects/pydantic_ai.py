"""Pydantic AI's own spans.

Measured with 2.68: input includes the cache; `gen_ai.usage.details.*` are the provider's further
counts; agents carry the sums of their calls.
"""

from otel_cost.spans.dialects import genai
from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.spans.dialects.genai import Rest
from otel_cost.spans.dialects.operations import kind_by_operation, starts_by_operation
from otel_cost.spans.dialects.values import Said, tokens, usd
from otel_cost.usage import Meter

_DETAILS = "gen_ai.usage.details."
_LOST_IMAGE: tuple[Meter, ...] = ("input_image",)


def read(_name: str, said: Said) -> SpanCall:
    """A request to a model."""
    who, count = genai.names(said), genai.counted(said)
    details: dict[str, int] = {}
    for key in said:
        if key.startswith(_DETAILS) and (value := tokens(said, key)) is not None:
            details[key.removeprefix(_DETAILS)] = value
    count = count._replace(
        read=count.read or details.get("cache_read_tokens", 0),
        written=count.written or details.get("cache_write_tokens", 0),
        heard=details.get("input_audio_tokens", count.heard),
        spoken=details.get("output_audio_tokens", count.spoken),
        reasoning=details.get("reasoning_tokens") or details.get("thinking_tokens", 0),
    )
    if who.claude:
        if not genai.is_finished(said):
            count = count._replace(received=None)
        if details:  # which leave zeros out
            count = count._replace(written_long=details.get("ephemeral_1h_input_tokens", 0))
    rest = Rest(
        () if who.claude else _LOST_IMAGE,
        api=genai.api_of(who.response_id),
        stated_usd=usd(said, "operation.cost"),
        searched=details.get("web_search_requests", 0) if who.claude and details else None,
    )
    return genai.told(said, who, count, rest)


DIALECT = Dialect(
    "pydantic-ai", ("pydantic-ai",), kind_by_operation, read, starts=starts_by_operation
)
