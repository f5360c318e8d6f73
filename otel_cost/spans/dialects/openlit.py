"""OpenLIT (`openlit.instrumentation.*`).

Measured with 1.45: Anthropic's input leaves the cache out, on LangChain's spans only where nothing
is streamed, and then the cache is lost; a stream without usage is counted by a tokenizer.
"""

from decimal import Decimal

from otel_cost.spans.dialects import genai
from otel_cost.spans.dialects.counted import Counted
from otel_cost.spans.dialects.dialect import Dialect, Kind, SpanCall
from otel_cost.spans.dialects.genai import NOT_TEXT, Names, Rest
from otel_cost.spans.dialects.operations import CALLS, OPERATION, first_word
from otel_cost.spans.dialects.providers import provider_of
from otel_cost.spans.dialects.values import Said, usd
from otel_cost.usage import Meter

_SCOPE = "openlit.instrumentation."
_RETRIEVE = "responses.retrieve"
_STREAM = "gen_ai.request.stream"
_REASONING = "gen_ai.usage.reasoning_tokens"
_WRITES: tuple[Meter, ...] = ("cache_write_5m", "cache_write_1h")
_NO_MODELS = frozenset({"anthropic", "openai"})
"""What OpenLIT's spans of LangChain say instead of a model."""
_TOKENIZED = "The usage may be counted by OpenLIT itself: the stream shows no details of it."
_NO_CACHE = "This library does not say how much was read from or written to the cache."
_HEARD = frozenset({"speech_to_text"})


def kind(name: str, said: Said) -> Kind:
    """A call or something around one, by the operation, else by the first word of the name."""
    operation = said.get(OPERATION, first_word(name))
    if operation == _RETRIEVE:
        return "call"
    return "call" if type(operation) is str and operation in CALLS else "around"


def starts(name: str, _said: Said) -> bool:
    """Whether a starting span is named as calls are: it has no attribute yet."""
    word, space, _ = name.partition(" ")
    return bool(space) and (word in CALLS or word == _RETRIEVE)


def read(name: str, said: Said) -> SpanCall:
    """A call of one of the SDKs, or of another library but LangChain."""
    return _told(name, said, langchain=False)


def _read_langchain(name: str, said: Said) -> SpanCall:
    return _told(name, said, langchain=True)


def _told(name: str, said: Said, *, langchain: bool) -> SpanCall:
    who, count = _names(name, said), genai.counted(said)
    if name.startswith(_RETRIEVE):
        call = genai.told(said, who, count, _rest(said, who, ("reasoning",), lost_cache=True))
        return call._replace(fetched=True)
    guessed = _may_be_guessed(said, who, count, langchain=langchain)
    if who.claude:
        return _claude(said, who, count, langchain=langchain, guessed=guessed)
    lost: tuple[Meter, ...] = NOT_TEXT if _REASONING in said else (*NOT_TEXT, "reasoning")
    if langchain and not count.written:
        lost += ("cache_write_30m", "cache_write_12h")
    rest = _rest(said, who, lost, lost_cache=said.get(OPERATION) in _HEARD)
    return genai.told(said, who, count, _guess(rest) if guessed else rest)


def _may_be_guessed(said: Said, who: Names, count: Counted, *, langchain: bool) -> bool:
    if said.get(_STREAM) is not True or (who.claude and not langchain):
        return False
    return not (count.read or count.written) and _REASONING not in said


def _guess(rest: Rest) -> Rest:
    return rest._replace(guessed=True, note=rest.note or _TOKENIZED)


def _claude(said: Said, who: Names, count: Counted, *, langchain: bool, guessed: bool) -> SpanCall:
    streams, cached = said.get(_STREAM) is True, bool(count.read or count.written)
    if streams and not genai.is_finished(said):
        count = count._replace(received=None)
    exclusive = not langchain or not streams
    # Of a stream its input is the first word, which may have grown.
    lost: tuple[Meter, ...] = ("reasoning", "input") if streams else ("reasoning",)
    if not cached and (langchain or streams):
        # LangChain's whole answers lose the cache, and streams whose last event leaves it out.
        lost += ("cache_read", *_WRITES)
    rest = Rest(
        lost,
        exclusive=exclusive,
        stated_usd=_stated(said),
        note=_NO_CACHE if "cache_read" in lost else "",
    )
    return genai.told(said, who, count, _guess(rest) if guessed else rest)


def _names(name: str, said: Said) -> Names:
    who = genai.names(said)
    asked, answered, found = who.request_model, who.model, who.response_id
    if name.startswith(_RETRIEVE):
        asked = None  # what it says is a default of OpenLIT's
    elif asked is None:  # a failed call may have nothing but its name
        asked = name.partition(" ")[2] or None
    asked = None if asked in _NO_MODELS else asked
    answered = None if answered in _NO_MODELS else answered
    if found is not None and found.isdigit():  # when images were made
        found = None
    provider = who.provider or provider_of(None, asked)
    return Names(who.operation, provider, asked, answered, found)


def _rest(said: Said, who: Names, lost: tuple[Meter, ...], *, lost_cache: bool) -> Rest:
    api = said.get("openai.api.type")
    known = "responses" if api == "responses" else genai.api_of(who.response_id)
    undivided: tuple[Meter, ...] = ("input",) if lost_cache else ()
    note = "The span does not say what the input consists of." if lost_cache else ""
    return Rest(lost, known, undivided=undivided, stated_usd=_stated(said), note=note)


def _stated(said: Said) -> Decimal | None:
    return usd(said, "gen_ai.usage.cost") or None  # 0 where OpenLIT knows no price


OPENAI = Dialect("openlit-openai", (f"{_SCOPE}openai",), kind, read, sdk="openai", starts=starts)
ANTHROPIC = Dialect(
    "openlit-anthropic", (f"{_SCOPE}anthropic",), kind, read, sdk="anthropic", starts=starts
)
LANGCHAIN = Dialect(
    "openlit-langchain", (f"{_SCOPE}langchain",), kind, _read_langchain, starts=starts
)
OTHERS = Dialect("openlit", (_SCOPE, f"{_SCOPE}openai_agents"), kind, read, starts=starts)

DIALECTS = (OPENAI, ANTHROPIC, LANGCHAIN, OTHERS)
