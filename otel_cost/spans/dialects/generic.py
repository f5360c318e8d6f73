"""Spans of unknown makers in the words of the convention, of today and of former days."""

from otel_cost.readers.fields import text
from otel_cost.spans.dialects import genai, logfire
from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import Names, Rest
from otel_cost.spans.dialects.operations import CALLS, OPERATION
from otel_cost.spans.dialects.otel import STREAM
from otel_cost.spans.dialects.providers import provider_of
from otel_cost.spans.dialects.values import Said, first_text, json_object, tokens, usd

_TYPE = "llm.request.type"
_AROUND = frozenset({"gen_ai.agent.name", "gen_ai.tool.name", "traceloop.span.kind"})
_MODELS = frozenset(
    {genai.REQUEST_MODEL, genai.RESPONSE_MODEL, "llm.request.model", "llm.model_name"}
)
_DETAILS = ("cache", "reasoning", "audio", "image", "details")
_NO_DETAILS = "The usage has no details, so what was read from a cache is priced as input."

MARKS = frozenset(
    {
        OPERATION,
        _TYPE,
        *_MODELS,
        genai.INPUT,
        "gen_ai.usage.prompt_tokens",
        "gen_ai.provider.name",
        "gen_ai.system",
    }
)
"""An attribute that only spans of LLM work carry."""


def kind(_name: str, said: Said) -> Kind:
    """A call or something around one, by the operation; else what names a model is a call."""
    for key in (OPERATION, _TYPE):
        operation = said.get(key)
        if type(operation) is str and operation:
            return "call" if operation in CALLS else "around"
    if not _AROUND.isdisjoint(said) or _MODELS.isdisjoint(said):
        return "around"
    return "call"


def starts(name: str, said: Said) -> bool:
    """Whether a starting span names an operation or a model."""
    return not MARKS.isdisjoint(said) and kind(name, said) == "call"


def read(name: str, said: Said) -> SpanCall:
    """A call, on the trust that its maker follows the convention."""
    if json_object(said.get(logfire.RAW)):
        return logfire.read(name, said)
    who, count = _names(said), genai.counted(said)
    if count.sent is None and count.received is None:
        count = _former(said)
    if who.claude and said.get(STREAM) is True and not genai.is_finished(said):
        count = count._replace(received=None)
    detailed = who.operation == "embeddings" or any(_is_detail(key) for key in said)
    rest = Rest(
        api=genai.api_of(who.response_id),
        rough=not detailed,
        stated_usd=usd(said, "gen_ai.usage.cost", "operation.cost", "llm.cost.total"),
        note="" if detailed else _NO_DETAILS,
    )
    call = genai.told(said, who, count, rest)
    return call if call.usage is not None else call._replace(note="")


def _names(said: Said) -> Names:
    who = genai.names(said)
    asked = who.request_model or first_text(said, "llm.request.model", "llm.model_name")
    answered = who.model or first_text(said, "llm.response.model", "llm.model_name")
    operation = who.operation
    if OPERATION not in said:
        operation = CALLS.get(text(said, _TYPE) or "", "chat")
    provider = who.provider or provider_of(text(said, "llm.provider"), answered or asked)
    return Names(operation, provider, asked, answered, who.response_id)


def _former(said: Said) -> Counted:
    prefix = "llm.usage."
    return Counted(
        tokens(said, f"{prefix}prompt_tokens", f"{prefix}input_tokens"),
        tokens(said, f"{prefix}completion_tokens", f"{prefix}output_tokens"),
        tokens(said, f"{prefix}cache_read_input_tokens") or 0,
        tokens(said, f"{prefix}cache_creation_input_tokens") or 0,
    )


def _is_detail(key: object) -> bool:
    if type(key) is not str or not key.startswith(("gen_ai.usage.", "llm.usage.")):
        return False
    return any(word in key for word in _DETAILS)


DIALECT = Dialect("gen_ai", (), kind, read, by_hand=True, starts=starts)
