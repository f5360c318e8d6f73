"""OpenInference (`openinference-instrumentation-*`): usage by `llm.token_count.*`, answers whole.

Measured with openai 0.1.66, anthropic 3.1, langchain 0.1.80 and openai-agents 2.6: counts include
the cache; `output.value` is the provider's answer and says more than the counts, ids among them.
"""

from otel_cost.measured import Measured
from otel_cost.readers.fields import text
from otel_cost.spans.dialects import genai, raw
from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import NOT_TEXT, Names, Rest
from otel_cost.spans.dialects.providers import provider_of
from otel_cost.spans.dialects.values import NOTHING, Said, first_text, json_object, tokens
from otel_cost.usage import Meter

KIND = "openinference.span.kind"
_SCOPE = "openinference.instrumentation."
_COUNT = "llm.token_count."
_PROMPT, _COMPLETION = f"{_COUNT}prompt", f"{_COUNT}completion"
_READ, _WRITTEN = f"{_COUNT}prompt_details.cache_read", f"{_COUNT}prompt_details.cache_write"
_OUTPUT = "output.value"
_PARAMETERS = "llm.invocation_parameters"
_EMBEDDING_PARAMETERS = "embedding.invocation_parameters"
_OPERATIONS = {
    "Completion": "text_completion",
    "ImagesResponse": "generate_content",
    "Transcription": "generate_content",
    "TranscriptionVerbose": "generate_content",
    "Translation": "generate_content",
}
"""By the name of a span of OpenAI's, which is the type of the answer; all others are chats."""

_IN_ITEMS: tuple[Meter, ...] = ("file_search", "code_interpreter")
_CLAUDE_IDS, _OTHER_IDS = ("msg_",), ("resp_", "chatcmpl-", "cmpl-", "cmp_")
"""How the ids of answers begin. Items in them have ids as well: in a Response, of messages."""
_NO_CACHE = "This library does not say how much of the input was read from or written to the cache."


def kind(name: str, said: Said) -> Kind:
    """A call or something around one, as OpenInference's own kind says."""
    stated = said.get(KIND)
    if stated == "LLM":
        return "around" if name.endswith("count_tokens") else "call"
    if stated == "EMBEDDING":
        return "call"
    return "around" if stated is not None else "other"


def starts(name: str, said: Said) -> bool:
    """Whether the kind is there from the start, as it is outside of LangChain."""
    return kind(name, said) == "call"


def read(name: str, said: Said) -> SpanCall:
    """A call, by the provider's own answer where the span has it."""
    value = said.get(_OUTPUT)
    answer = value if type(value) is str else ""
    who = _names(name, said, answer)
    body = raw.last_object(answer, "usage", "token_usage") if answer else NOTHING
    finished = not (who.claude and _is_cut_stream(said, answer))
    call = _by_answer(said, who, answer, body, finished=finished) if body else None
    if call is None:
        call = _by_counts(said, who, answer, finished=finished)
    return call._replace(fetched=True) if _is_fetch(name, said) else call


def _read_agents(name: str, said: Said) -> SpanCall:
    """Of chat models there is only what the agents' SDK tells its tracing: the totals."""
    call = read(name, said)._replace(fetched=False)
    if call.usage is None or _READ in said or call.response_id is not None:
        return call
    unknown = dict.fromkeys((*call.unknown, *NOT_TEXT, "reasoning"))
    return call._replace(unknown=tuple(unknown), undivided=("input",), note=_NO_CACHE)


def _names(name: str, said: Said, answer: str) -> Names:
    operation = "embeddings" if said.get(KIND) == "EMBEDDING" else _OPERATIONS.get(name, "chat")
    asked = first_text(said, "llm.request.model_name")
    answered = first_text(said, "llm.response.model_name", "llm.model_name", "embedding.model_name")
    if asked is None:
        key = _EMBEDDING_PARAMETERS if operation == "embeddings" else _PARAMETERS
        asked = text(json_object(said.get(key)), "model")
    provider = provider_of(first_text(said, "llm.provider", "llm.system"), answered or asked)
    who = Names(operation, provider, asked, genai.served(provider, asked, answered), None)
    return who._replace(response_id=_id(answer, claude=who.claude)) if answer else who


def _id(answer: str, *, claude: bool) -> str | None:
    found = raw.last_text(answer, "id", begins=_CLAUDE_IDS if claude else _OTHER_IDS)
    if found is None and answer.startswith('{"id":"'):
        found = answer[7:].partition('"')[0][:256] or None
    return found


def _by_counts(said: Said, who: Names, answer: str, *, finished: bool) -> SpanCall:
    written = tokens(said, _WRITTEN)
    count = Counted(
        tokens(said, _PROMPT),
        tokens(said, _COMPLETION) if finished else None,
        tokens(said, _READ) or 0,
        written or 0,
        None,
        tokens(said, f"{_COUNT}prompt_details.audio") or 0,
        0,
        tokens(said, f"{_COUNT}completion_details.reasoning") or 0,
        tokens(said, f"{_COUNT}completion_details.audio") or 0,
    )
    lost: tuple[Meter, ...] = ("input_image",)
    if written is None and not who.claude:  # as on LangChain's spans, unless they are streams
        lost += ("cache_write_30m",)
    call = genai.told(said, who, count, Rest(lost, api=genai.api_of(who.response_id)))
    if not answer:
        return call
    tier = raw.last_text(answer, "service_tier")
    pending = call.usage is None and _is_queued(answer)
    return call._replace(tier=tier, batch=tier == "batch", pending=pending)


def _by_answer(
    said: Said, who: Names, answer: str, body: Said, *, finished: bool
) -> SpanCall | None:
    model = who.model or who.request_model
    call = raw.read_object(body, model, claude=who.claude, finished=finished)
    if not _agrees(said, call):
        return None
    unknown = call.unknown
    if not who.claude and "input_tokens" in body and _is_response(answer):
        raw.read_tools(call, {"tool_usage": raw.last_object(answer, "tool_usage")})
        # Items of the answer, which are not looked at, say who read files or ran code.
        unknown += tuple(m for m in _IN_ITEMS if f"{m}_call" in answer)
    tier = call.tier or raw.last_text(answer, "service_tier")
    return SpanCall(
        operation=who.operation,
        provider=who.provider,
        request_model=who.request_model,
        model=who.model,
        response_id=who.response_id,
        usage=call.usage,
        other_parts=call.other_parts,
        unknown=unknown,
        stated_usd=call.stated_usd,
        tier=tier,
        batch=call.batch or tier == "batch",
        speed=call.speed,
        geo=call.geo,
    )


def _is_cut_stream(said: Said, answer: str) -> bool:
    """Whether a stream has no end: until then Anthropic's count of the output is a placeholder."""
    if first_text(said, "llm.finish_reason") is not None:
        return False
    parameters = said.get(_PARAMETERS)
    streams = type(parameters) is str and '"stream": true' in parameters
    return streams or answer.startswith('{"generations"')


def _agrees(said: Said, call: Measured) -> bool:
    """Whether the answer counts what the span counts: else it was another object's usage."""
    usage, prompt, completion = call.usage, tokens(said, _PROMPT), tokens(said, _COMPLETION)
    if usage is None or (prompt is None and completion is None):
        return usage is not None
    if call.other_parts:
        return True
    sent = prompt is None or usage.input_tokens == prompt
    received = completion is None or "output" in call.unknown or usage.output_tokens == completion
    return sent and received


def _is_response(answer: str) -> bool:
    return '"object":"response' in answer or '"object": "response' in answer


def _is_queued(answer: str) -> bool:
    waits = ("queued", "in_progress")
    return any(f'"status":{gap}"{word}"' in answer for gap in ("", " ") for word in waits)


def _is_fetch(name: str, said: Said) -> bool:
    """Whether a Response was asked for by its id: then the request has no field at all."""
    return name == "Response" and said.get(_PARAMETERS) == "{}"


OPENAI = Dialect(
    "openinference-openai", (f"{_SCOPE}openai",), kind, read, sdk="openai", starts=starts
)
ANTHROPIC = Dialect(
    "openinference-anthropic", (f"{_SCOPE}anthropic",), kind, read, sdk="anthropic", starts=starts
)
AGENTS = Dialect(
    "openinference-agents", (f"{_SCOPE}openai_agents",), kind, _read_agents, starts=starts
)
OTHERS = Dialect("openinference", (_SCOPE,), kind, read, starts=starts)

DIALECTS = (OPENAI, ANTHROPIC, AGENTS, OTHERS)
