"""Logfire (`logfire.instrument_openai`, `instrument_anthropic`).

Measured with 5.2 and 5.4: usage is the provider's own object; of a stream, the request's span says
nothing and a span that is made in the end, as Logfire makes logs, says all.
"""

from otel_cost.readers.fields import text
from otel_cost.spans.dialects import genai, raw
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import Names
from otel_cost.spans.dialects.operations import CALLS, OPERATION
from otel_cost.spans.dialects.values import Said, json_object, usd
from otel_cost.usage import Meter

RAW = "gen_ai.usage.raw"
_LOG = "streaming response from"
_REQUEST = "request_data"
_ERROR_LEVEL = 17
_BILLED = ("/chat/", "/completions", "/responses", "/audio/", "/images/", "/videos", "/decisions")
_OPERATIONS = {"/audio": "generate_content", "/images": "generate_content"}


def kind(_name: str, said: Said) -> Kind:
    """A call or something around one, by the operation, else by the address."""
    operation = said.get(OPERATION)
    if type(operation) is str:
        return "call" if operation in CALLS else "around"
    url = said.get("url")
    return "call" if type(url) is str and url.startswith(_BILLED) else "around"


def starts(name: str, said: Said) -> bool:
    """Whether a starting span says its operation or address."""
    return "logfire.msg_template" in said and kind(name, said) == "call"


def read(name: str, said: Said) -> SpanCall:
    """A request or, of a stream, what came of it."""
    url = text(said, "url") or ""
    who = _names(said, url)
    usage = json_object(said.get(RAW))
    if not usage:
        return _without(name, said, who)
    finished = not name.startswith(_LOG) or _is_finished(said, usage)
    call = raw.read_object(usage, who.model, claude=who.claude, finished=finished)
    unknown: tuple[Meter, ...] = call.unknown
    if not who.claude and "input_tokens" in usage and who.operation == "chat":
        unknown += genai.HOSTED
    fetched = url.startswith("/responses/") and who.request_model is None
    return SpanCall(
        operation=who.operation,
        provider=who.provider,
        request_model=who.request_model,
        model=who.model,
        response_id=who.response_id,
        usage=call.usage,
        other_parts=call.other_parts,
        unknown=unknown if call.usage is not None else (),
        stated_usd=usd(said, "operation.cost"),
        tier=call.tier,
        batch=call.batch,
        speed=call.speed,
        geo=call.geo,
        fetched=fetched,
    )


def _names(said: Said, url: str) -> Names:
    who = genai.names(said)
    if OPERATION in said:
        return who
    return who._replace(operation=_OPERATIONS.get(url[: url.find("/", 1)], "chat"))


def _is_finished(said: Said, usage: Said) -> bool:
    """Whether a stream's usage is its last word: until then Anthropic's output is a placeholder."""
    last_words = ("output_tokens_details", "server_tool_use")
    return genai.is_finished(said) or any(usage.get(word) is not None for word in last_words)


def _without(name: str, said: Said, who: Names) -> SpanCall:
    call = genai.told(said, who, genai.counted(said))
    if call.usage is not None:
        return call
    asked = json_object(said.get(_REQUEST))
    level = said.get("logfire.level_num")
    failed = type(level) is int and level >= _ERROR_LEVEL
    if who.response_id is None and not failed and not name.startswith(_LOG):
        # A chat's request is shown without saying that it streams.
        return call._replace(told_later=asked.get("stream") is not False)
    created = genai.api_of(who.response_id) == "responses" and asked.get("stream") is False
    return call._replace(pending=created and not genai.is_finished(said) and not failed)


OPENAI = Dialect("logfire-openai", ("logfire.openai",), kind, read, sdk="openai", starts=starts)
ANTHROPIC = Dialect(
    "logfire-anthropic", ("logfire.anthropic",), kind, read, sdk="anthropic", starts=starts
)

DIALECTS = (OPENAI, ANTHROPIC)
