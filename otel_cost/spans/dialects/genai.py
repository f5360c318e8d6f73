"""What the vocabularies around OpenTelemetry's `gen_ai.*` have in common, old and new names."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from otel_cost.charge import Part
from otel_cost.readers.fields import text
from otel_cost.spans.dialects.counted import Counted, usage_of
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.spans.dialects.operations import operation_of
from otel_cost.spans.dialects.providers import is_claude, provider_of
from otel_cost.spans.dialects.values import Said, whole
from otel_cost.usage import Meter

REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ = "gen_ai.usage.cache_read.input_tokens"
WRITTEN = "gen_ai.usage.cache_write.input_tokens"
CREATED = "gen_ai.usage.cache_creation.input_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"

HOSTED: tuple[Meter, ...] = ("web_search", "file_search", "code_interpreter")
"""What a Response may use beside tokens."""
_TOTALS = frozenset({"input", "output"})
SEARCHED: tuple[Meter, ...] = ("web_search",)
NOT_TEXT: tuple[Meter, ...] = ("input_audio", "input_image", "output_audio")
"""Tokens of other kinds than text, where a vocabulary has no word for them."""

_TIERS = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "anthropic.response.service_tier",
)


class Names(NamedTuple):
    """Whose call it is, and which: the first fields of a `SpanCall`."""

    operation: str
    provider: str | None
    request_model: str | None
    model: str | None
    response_id: str | None

    @property
    def claude(self) -> bool:
        """Whether Anthropic's rules hold."""
        return is_claude(self.provider, self.model or self.request_model)


def names(said: Said) -> Names:
    """Whose call a span tells of, by the names of the convention."""
    asked, answered = text(said, REQUEST_MODEL), text(said, RESPONSE_MODEL)
    named = text(said, "gen_ai.provider.name") or text(said, "gen_ai.system")
    provider = provider_of(named, answered or asked)
    return Names(
        operation_of(said),
        provider,
        asked,
        served(provider, asked, answered),
        text(said, RESPONSE_ID),
    )


def served(provider: str | None, asked: str | None, answered: str | None) -> str | None:
    """The model that answered, by the name that has its price."""
    # On Bedrock the geography before a model's name is part of its price; no answer repeats it.
    if provider == "aws" and asked is not None and answered is not None and answered in asked:
        return asked
    return answered


_COUNTS: Mapping[str, int] = {
    INPUT: 0,
    "gen_ai.usage.prompt_tokens": 0,
    OUTPUT: 1,
    "gen_ai.usage.completion_tokens": 1,
    READ: 2,
    "gen_ai.usage.cache_read_input_tokens": 2,
    WRITTEN: 3,
    CREATED: 3,
    "gen_ai.usage.cache_creation_input_tokens": 3,
    "gen_ai.usage.audio.input_tokens": 5,
    "gen_ai.usage.image.input_tokens": 6,
    "gen_ai.usage.reasoning.output_tokens": 7,
    "gen_ai.usage.reasoning_tokens": 7,
    "gen_ai.usage.audio.output_tokens": 8,
    "gen_ai.usage.image.output_tokens": 9,
}
"""The counts of the convention, under its older names too, by their place in `Counted`."""
_COUNTED = frozenset(_COUNTS)


def counted(said: Said) -> Counted:
    """The counts of the convention; where a count has two names, both say the same."""
    found: list[Any] = [None, None, 0, 0, None, 0, 0, 0, 0, 0]
    for name in _COUNTED.intersection(said):
        count = whole(said[name])
        if count is not None and count >= (found[_COUNTS[name]] or 0):
            found[_COUNTS[name]] = count
    return Counted(*found)


def says_cache(said: Said) -> bool:
    """Whether a span says anything of the cache, be it 0."""
    return READ in said or WRITTEN in said or CREATED in said


def is_finished(said: Said) -> bool:
    """Whether the provider has said why the answer ended."""
    reasons = said.get(FINISH_REASONS)
    if type(reasons) is str:
        return reasons not in {"", "[]"}
    return isinstance(reasons, tuple | list) and any(reasons)


def api_of(response_id: str | None) -> str | None:
    """Which of OpenAI's APIs answered, by the id of the answer."""
    if response_id is None:
        return None
    if response_id.startswith("resp_"):
        return "responses"
    return "chat" if response_id.startswith(("chatcmpl-", "cmpl-")) else None


def _beside(who: Names, api: str | None, *, claude: bool) -> tuple[Meter, ...]:
    """What may have been billed beside the tokens and no vocabulary counts."""
    if not claude and who.provider in {"openai", "azure"}:
        return HOSTED if who.operation == "chat" and api != "chat" else ()
    return SEARCHED


class Rest(NamedTuple):
    """What a vocabulary adds to names and counts."""

    lost: tuple[Meter, ...] = ()
    """Meters that it has no word for."""
    api: str | None = None
    """Which of OpenAI's APIs answered, where that is known."""
    exclusive: bool = False
    undivided: tuple[Meter, ...] = ()
    guessed: bool = False
    rough: bool = False
    stated_usd: Decimal | None = None
    parts: tuple[Part, ...] = ()
    searched: int | None = None
    """Web searches, where it counts them."""
    note: str = ""


NO_REST = Rest()


def told(said: Said, who: Names, count: Counted, rest: Rest = NO_REST) -> SpanCall:
    """The call that a span with these names and counts tells of."""
    claude = who.claude
    usage = usage_of(count, claude=claude, exclusive=rest.exclusive)
    unknown: tuple[Meter, ...] = ()
    if usage is not None:
        unknown = _unknown(who, count, rest, claude=claude)
        if rest.guessed or rest.rough:  # an estimate of all that was used is no lower bound
            unknown = tuple(m for m in unknown if m in _TOTALS)
        if rest.searched:
            usage = type(usage)({**usage.quantities, "web_search": rest.searched})
    tier = None
    for name in _TIERS:
        if name in said:
            tier = text(said, name)
            break
    known = usage is not None
    # By position, as a tuple is filled fastest: a name is the first fields of a call.
    return SpanCall(
        *who,
        usage,
        rest.parts,
        unknown,
        rest.undivided if known else (),
        rest.guessed and known,
        rest.rough and known,
        rest.stated_usd if known else rest.stated_usd or None,
        tier,
        tier == "batch",
        note=rest.note if known else "",
    )


def _unknown(who: Names, count: Counted, rest: Rest, *, claude: bool) -> tuple[Meter, ...]:
    """The meters that may have been used and that a span does not say."""
    found: tuple[Meter, ...] = ()
    if count.sent is None:
        found += ("input",)
    if who.operation == "embeddings":
        return found
    if count.received is None:
        found += ("output",)
    if who.operation == "text_completion":
        return found  # neither caches nor tools nor anything but text
    if count.written and count.written_long is None:
        if claude:
            found += ("cache_write_1h",)
        elif rest.api != "chat":
            found += ("cache_write_12h",)
    if rest.searched is None:
        found += _beside(who, rest.api, claude=claude)
    if not rest.lost:
        return found
    # Claude has one price for all that it is sent.
    return found + (tuple(m for m in rest.lost if m not in NOT_TEXT) if claude else rest.lost)
