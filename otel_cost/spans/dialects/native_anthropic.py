"""The spans that the Anthropic SDK itself makes (from 1.14 on, by default).

Measured with 2.12: input includes the cache, the lifetimes of cache writes are told apart, a cut
stream has no output; web searches, geography, speed and the advisor's tokens are not said.
"""

from otel_cost.charge import Part
from otel_cost.spans.dialects import genai
from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.spans.dialects.genai import Names, Rest
from otel_cost.spans.dialects.operations import kind_by_operation, starts_by_operation
from otel_cost.spans.dialects.values import Said, tokens
from otel_cost.usage import Usage

_SHORT = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
_LONG = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
_COMPACTED = "anthropic.usage.compaction.input_tokens"
_COMPACTION = "anthropic.usage.compaction.output_tokens"


def read(_name: str, said: Said) -> SpanCall:
    """A message, as the SDK tells of it."""
    who, count = genai.names(said), genai.counted(said)
    long = tokens(said, _LONG)
    if long is not None or _SHORT in said:
        count = count._replace(written_long=long or 0)
    if _COMPACTED not in said and _COMPACTION not in said:
        return genai.told(said, who, count)
    return genai.told(said, who, count, _compacted(said, who))


def _compacted(said: Said, who: Names) -> Rest:
    """What compaction wrote; what it read is said in one number, whether it was cached or not."""
    written, model = tokens(said, _COMPACTION), who.model or who.request_model
    parts = () if not written or model is None else (Part(model, Usage({"output": written})),)
    note = "What was compacted is not in the cost: how much of it was cached is not said."
    return Rest(("input",), parts=parts, note=note)


DIALECT = Dialect(
    "anthropic",
    ("com.anthropic.sdk.python",),
    kind_by_operation,
    read,
    sdk="anthropic",
    starts=starts_by_operation,
)
