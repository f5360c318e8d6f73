"""OpenLLMetry (`opentelemetry-instrumentation-openai`, `-anthropic`, `-langchain`, … by Traceloop).

Measured with 0.62.4: input includes the cache; OpenAI's cache writes are lost, audio and images
too; Anthropic streams add the placeholder that a stream begins with to the output; fetching a
Response looks as if it was made, but for the missing request.
"""

from otel_cost.spans.dialects import genai
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import NOT_TEXT, Names, Rest
from otel_cost.spans.dialects.operations import CALLS, OPERATION
from otel_cost.spans.dialects.values import Said
from otel_cost.usage import Meter

_SCOPE = "opentelemetry.instrumentation."
_STREAMS = "gen_ai.is_streaming"
_REASONING = "gen_ai.usage.reasoning_tokens"
_ENDINGS = (".chat", ".completion", ".response", ".embeddings")
"""How the names of calls end; some spans have no attribute yet when they start."""

_LOST: tuple[Meter, ...] = (*NOT_TEXT, "cache_write_30m", "cache_write_12h")
_FETCHED = (
    "The span does not tell whether a Response was made or only fetched again, so that its usage "
    "may be another call's."
)
_ADDED = "This library adds a placeholder to the output of Anthropic streams: it is left out."


def kind(name: str, said: Said) -> Kind:
    """A call or something around one, by the operation, else by the end of the name."""
    if "traceloop.span.kind" in said:
        return "around"
    operation = said.get(OPERATION)
    if type(operation) is str:
        return "call" if operation in CALLS else "around"
    return "call" if name.endswith(_ENDINGS) else "around"


def starts(name: str, said: Said) -> bool:
    """Whether a starting span is named as calls are."""
    return name.endswith(_ENDINGS) and kind(name, said) == "call"


def _read_openai(name: str, said: Said) -> SpanCall:
    call = _read(said, genai.names(said))
    if name == "openai.response" and call.request_model is None and call.usage is not None:
        return call._replace(usage=None, unknown=(), note=_FETCHED)
    return call


def _read_anthropic(_name: str, said: Said) -> SpanCall:
    who, count = genai.names(said), genai.counted(said)
    streamed = said.get(_STREAMS) is True or not _names_model_first(said)
    if streamed and count.received:
        count = count._replace(received=None)
        # Its input is the stream's first word, which may have grown.
        return genai.told(said, who, count, Rest(("input",), note=_ADDED))
    return genai.told(said, who, count, Rest(("reasoning",)))


def _names_model_first(said: Said) -> bool:
    """Whether the answer's model was written before its usage, as only whole answers have it.

    The helper `messages.stream` does not say that it streams.
    """
    for name in said:
        if name == genai.RESPONSE_MODEL:
            return True
        if name == genai.OUTPUT:
            return False
    return False


def _read_any(_name: str, said: Said) -> SpanCall:
    return _read(said, genai.names(said))


def _read(said: Said, who: Names) -> SpanCall:
    count = genai.counted(said)
    if who.claude:
        # Of LangChain's whole answers the writes are lost: 0 is said of them.
        lost: tuple[Meter, ...] = () if count.written else ("cache_write_5m", "cache_write_1h")
    else:
        lost = NOT_TEXT if count.written else _LOST
    if _REASONING not in said:
        lost += ("reasoning",)
    if not genai.says_cache(said) and who.operation == "chat":
        lost += ("cache_read",)
    return genai.told(said, who, count, Rest(lost, api=genai.api_of(who.response_id)))


def _scopes(*names: str) -> tuple[str, ...]:
    return tuple(_SCOPE + name for name in names)


OPENAI = Dialect(
    "openllmetry-openai",
    _scopes("openai.v1", "openai.v0", "openai"),
    kind,
    _read_openai,
    sdk="openai",
    starts=starts,
)
ANTHROPIC = Dialect(
    "openllmetry-anthropic",
    _scopes("anthropic"),
    kind,
    _read_anthropic,
    sdk="anthropic",
    starts=starts,
)
OTHERS = Dialect(
    "openllmetry",
    _scopes(
        "langchain",
        "openai_agents",
        "bedrock",
        "cohere",
        "crewai",
        "google_generativeai",
        "groq",
        "haystack",
        "llamaindex",
        "mistralai",
        "ollama",
        "replicate",
        "sagemaker",
        "together",
        "vertexai",
        "watsonx",
        "writer",
    ),
    kind,
    _read_any,
    starts=starts,
)

DIALECTS = (OPENAI, ANTHROPIC, OTHERS)
