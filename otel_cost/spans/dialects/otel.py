"""OpenTelemetry's own GenAI instrumentations (`opentelemetry-instrumentation-genai-*`, openai-v2).

Measured with 1.3b0 and 2.4b0: input includes the cache, zeros are left out, images are not told
from text nor the lifetimes of cache writes from each other; openai-v2 says nothing of the cache.
"""

from otel_cost.spans.dialects import genai
from otel_cost.spans.dialects.dialect import Dialect, SpanCall
from otel_cost.spans.dialects.genai import Names, Rest
from otel_cost.spans.dialects.operations import kind_by_operation, starts_by_operation
from otel_cost.spans.dialects.values import Said

STREAM = "gen_ai.request.stream"
_GENAI = "opentelemetry.instrumentation.genai."
_CHAT = Rest(("input_image",), api="chat")
_EITHER = Rest(("input_image",))
_RESPONSES = Rest(api="responses")
_WITHOUT_CACHE = Rest(
    ("input_audio", "input_image", "output_audio", "reasoning"),
    api="chat",
    undivided=("input",),
    note="This library does not say how much of the input was read from or written to the cache.",
)


def read(_name: str, said: Said) -> SpanCall:
    """A call as the convention tells of it."""
    who = genai.names(said)
    return _told(said, who, genai.api_of(who.response_id))


def _read_openai(_name: str, said: Said) -> SpanCall:
    return _told(said, genai.names(said), "chat")


def _told(said: Said, who: Names, api: str | None) -> SpanCall:
    """`api`: which one answered where the span does not say that it was `responses`."""
    count = genai.counted(said)
    if who.claude:
        if is_cut_stream(said):
            count = count._replace(received=None)
        return genai.told(said, who, count)
    responses = said.get("openai.api.type") == "responses" or api == "responses"
    rest = _RESPONSES if responses else _CHAT if api == "chat" else _EITHER
    call = genai.told(said, who, count, rest)
    if call.usage is None and responses and _is_pending(said, who):
        return call._replace(pending=True)
    return call


def is_cut_stream(said: Said) -> bool:
    """Whether a stream has ended before its end: what it says of the output is a placeholder."""
    return said.get(STREAM) is True and not genai.is_finished(said)


def _is_pending(said: Said, who: Names) -> bool:
    """Whether a Response has an id and no end: it is made in the background."""
    return (
        who.response_id is not None
        and not genai.is_finished(said)
        and said.get(STREAM) is not True
        and "error.type" not in said
    )


def _read_without_cache(name: str, said: Said) -> SpanCall:
    who, count = genai.names(said), genai.counted(said)
    if genai.says_cache(said):
        return read(name, said)
    embeds = who.operation == "embeddings"
    return genai.told(said, who, count, genai.NO_REST if embeds else _WITHOUT_CACHE)


OPENAI = Dialect(
    "otel-genai-openai",
    (f"{_GENAI}openai",),
    kind_by_operation,
    _read_openai,
    sdk="openai",
    starts=starts_by_operation,
)
ANTHROPIC = Dialect(
    "otel-genai-anthropic",
    (f"{_GENAI}anthropic",),
    kind_by_operation,
    read,
    sdk="anthropic",
    starts=starts_by_operation,
)
OTHERS = Dialect(
    "otel-genai",
    (_GENAI, f"{_GENAI}openai_agents", "opentelemetry.instrumentation.google_genai"),
    kind_by_operation,
    read,
    starts=starts_by_operation,
)
OPENAI_V2 = Dialect(
    "otel-openai-v2",
    ("opentelemetry.instrumentation.openai_v2",),
    kind_by_operation,
    _read_without_cache,
    sdk="openai",
    starts=starts_by_operation,
)
UTIL = Dialect(
    "otel-util-genai",
    ("opentelemetry.util.genai.handler",),
    kind_by_operation,
    _read_without_cache,
    starts=starts_by_operation,
)
"""The chats of openai-v2, and of whatever else is built on the same version of the library."""

DIALECTS = (OPENAI, ANTHROPIC, OTHERS, OPENAI_V2, UTIL)
