"""The Langfuse SDK: `langfuse.openai`, its LangChain handler, and generations made by hand.

Measured with 5.0.4: usage is one JSON object, of OpenAI's calls the provider's own; no response id
but on streamed Responses.
"""

from decimal import Decimal

from otel_cost.readers.fields import text
from otel_cost.spans.dialects import genai, langfuse_usage, raw
from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import Names, Rest
from otel_cost.spans.dialects.providers import by_model, provider_of
from otel_cost.spans.dialects.values import NOTHING, Said, json_object, unquoted, usd
from otel_cost.usage import Meter

TYPE = "langfuse.observation.type"
_OBSERVATION = "langfuse.observation."
_MODEL, _USAGE = f"{_OBSERVATION}model.name", f"{_OBSERVATION}usage_details"
_METADATA = f"{_OBSERVATION}metadata."
_WRAPPED = {"OpenAI-generation": "chat", "OpenAI-embedding": "embeddings"}
"""The names that `langfuse.openai` gives its spans, unless the application does."""
_CALLS = frozenset({"generation", "embedding"})
_IN_ITEMS: tuple[Meter, ...] = ("file_search", "code_interpreter")
_PLAIN = "The usage has no details, so what was read from a cache is priced as input."
_ONLY_TOTAL = "The usage has a total alone, which may be of input or of output."


def kind(name: str, said: Said) -> Kind:
    """A call or something around one, by Langfuse's type, which is set right after the start."""
    stated = said.get(TYPE)
    if type(stated) is str:
        return "call" if stated in _CALLS else "around"
    return "call" if name in _WRAPPED else "other"


def starts(name: str, _said: Said) -> bool:
    """Whether a starting span is one of `langfuse.openai`; all others get their type later."""
    return name in _WRAPPED


def read(name: str, said: Said) -> SpanCall:
    """A generation or an embedding."""
    who = _names(name, said)
    details = json_object(said.get(_USAGE))
    wrapped = name in _WRAPPED
    if langfuse_usage.is_object(details):
        call = _by_object(said, who, details, wrapped=wrapped)
    elif details:
        call = _by_buckets(said, who, details)
    else:
        call = genai.told(said, who, genai.counted(said))
    tier = call.tier or _tier(said)
    stated = _stated(said)
    return call._replace(
        tier=tier,
        batch=tier == "batch",
        stated_usd=stated if stated or call.usage is not None else None,
    )


def _names(name: str, said: Said) -> Names:
    model = text(said, _MODEL) or text(said, genai.RESPONSE_MODEL)
    embeds = said.get(TYPE) == "embedding" or name == "OpenAI-embedding"
    named = unquoted(said.get(f"{_METADATA}ls_provider"))
    provider = provider_of(named, model) if named else by_model(model)
    if provider is None and name in _WRAPPED:
        provider = "openai"
    asked = unquoted(said.get(f"{_METADATA}ls_model_name"))
    found = unquoted(said.get(f"{_METADATA}id"))
    return Names(
        "embeddings" if embeds else "chat",
        provider,
        asked,
        genai.served(provider, asked, model),
        found if genai.api_of(found) else text(said, genai.RESPONSE_ID),
    )


def _by_object(said: Said, who: Names, details: Said, *, wrapped: bool) -> SpanCall:
    call = raw.read_object(details, who.model, claude=who.claude)
    unknown: tuple[Meter, ...] = call.unknown
    responses = "input_tokens" in details
    if call.usage is not None and not who.claude and responses and who.operation == "chat":
        used = json_object(said.get(f"{_METADATA}tool_usage"))
        raw.read_tools(call, {"tool_usage": used} if used else NOTHING)
        unknown += _IN_ITEMS if used else genai.HOSTED
    elif who.claude and "server_tool_use" not in details:
        unknown += genai.SEARCHED
    detailed = any(name.endswith("_details") or "cache" in name for name in details)
    rough = not (detailed or wrapped or who.operation == "embeddings")
    return SpanCall(
        operation=who.operation,
        provider=who.provider,
        request_model=who.request_model,
        model=who.model,
        response_id=who.response_id,
        usage=call.usage,
        other_parts=call.other_parts,
        unknown=unknown if call.usage is not None else (),
        rough=rough and call.usage is not None,
        tier=call.tier,
        speed=call.speed,
        geo=call.geo,
        note=_PLAIN if rough and call.usage is not None else "",
    )


def _by_buckets(said: Said, who: Names, details: Said) -> SpanCall:
    embeds = who.operation == "embeddings"
    found = langfuse_usage.buckets(details, embeds=embeds)
    count: Counted = found.counted
    lost: tuple[Meter, ...] = found.strange
    if not count.seen:
        lost += ("input_image",)
    if not count.reasoning and not embeds and "output_reasoning" not in details:
        lost += ("reasoning",)
    # Langfuse's handler for LangChain leaves out what is 0.
    handled = f"{_METADATA}ls_provider" in said
    rough = not (found.detailed or embeds or handled)
    note = _PLAIN if rough else ""
    rest = Rest(lost, rough=rough, searched=found.searched, note=note)
    call = genai.told(said, who, count, rest)
    if call.usage is None and count.sent is None and count.received is None and "total" in details:
        return call._replace(note=_ONLY_TOTAL)
    return call


def _tier(said: Said) -> str | None:
    tier = json_object(said.get(f"{_OBSERVATION}model.parameters")).get("service_tier")
    if type(tier) is str and tier:
        return tier
    return unquoted(said.get(f"{_METADATA}service_tier"))


def _stated(said: Said) -> Decimal | None:
    costs = json_object(said.get(f"{_OBSERVATION}cost_details"))
    if (total := usd(costs, "total")) is not None or not costs.keys() <= {"input", "output"}:
        return total
    parts = [cost for name in costs if (cost := usd(costs, name)) is not None]
    return sum(parts, Decimal()) if parts else None


DIALECT = Dialect("langfuse", ("langfuse-sdk",), kind, read, by_hand=True, starts=starts)
