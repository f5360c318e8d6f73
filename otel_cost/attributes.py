"""Every span attribute name, and a call or an attribution as span attributes.

What Langfuse makes of each is in docs/langfuse.md; the OpenTelemetry names beside them are for any
other backend.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from opentelemetry.trace import Span

from otel_cost.attribution.values import Attribution
from otel_cost.charge import Cost, rfc3339
from otel_cost.measured import UNNAMED, Measured
from otel_cost.span_end import stored
from otel_cost.usage import CACHE_READ_METERS, INPUT_METERS, OUTPUT_METERS, Meter, Usage

Value: TypeAlias = str | int | float | tuple[str, ...]

OBSERVATION_TYPE = "langfuse.observation.type"
OBSERVATION_MODEL = "langfuse.observation.model.name"
OBSERVATION_LEVEL = "langfuse.observation.level"
OBSERVATION_MESSAGE = "langfuse.observation.status_message"
USAGE_DETAILS = "langfuse.observation.usage_details"
COST_DETAILS = "langfuse.observation.cost_details"
OBSERVATION_METADATA = "langfuse.observation.metadata."
OBSERVATION_INPUT = "langfuse.observation.input"
OBSERVATION_OUTPUT = "langfuse.observation.output"
COMPLETION_START = "langfuse.observation.completion_start_time"
TRACE_METADATA = "langfuse.trace.metadata."
TRACE_TAGS = "langfuse.trace.tags"
USER_ID = "user.id"
SESSION_ID = "session.id"

NATIVE_ANTHROPIC_SCOPE = "com.anthropic.sdk.python"
"""The instrumentation scope (or its prefix) of the spans the Anthropic SDK makes itself."""

LANGFUSE_SCOPE = "langfuse-sdk"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST = "gen_ai.usage.cost"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"

STATUS_KEY = OBSERVATION_METADATA + "otel_cost_status"
OUTCOME_KEY = OBSERVATION_METADATA + "otel_cost_outcome"
CHARGE_ID_KEY = OBSERVATION_METADATA + "otel_cost_charge_id"
SERVICE_KEY = OBSERVATION_METADATA + "service"

BUCKETS: Mapping[str, str] = {
    "input": "input",
    "input_audio": "input_audio_tokens",
    "input_image": "input_image_tokens",
    "cache_read": "input_cached_tokens",
    "cache_read_audio": "input_cached_audio_tokens",
    "cache_read_image": "input_cached_image_tokens",
    "cache_write_5m": "input_cache_creation_5m",
    "cache_write_30m": "input_cache_creation_30m",
    "cache_write_1h": "input_cache_creation_1h",
    "cache_write_12h": "input_cache_creation_12h",
    "output": "output",
    "output_audio": "output_audio_tokens",
    "output_image": "output_image_tokens",
    "reasoning": "output_reasoning_tokens",
}
"""Langfuse's name for each token meter. Units are no tokens: they appear in the cost alone."""

_SURELY_FITS = len("0.123456789012")
_CACHE_READS = frozenset[str](CACHE_READ_METERS)
_CACHE_WRITES: frozenset[Meter] = frozenset(m for m in INPUT_METERS if m.startswith("cache_write"))
_OUTPUT: frozenset[str] = frozenset(OUTPUT_METERS)
_ALWAYS = frozenset({"input", "output"})
NO_USAGE = '{"input":0,"output":0,"total":0}'
NO_COST = '{"total":0}'

NOTHING_KNOWN: Mapping[str, str] = {
    OBSERVATION_TYPE: "generation",
    USAGE_DETAILS: NO_USAGE,
    COST_DETAILS: NO_COST,
    OBSERVATION_LEVEL: "WARNING",
    STATUS_KEY: "unmetered",
}
"""Zeros, said to be unknown: absence would make Langfuse infer."""

_UNKNOWN = {
    "unmetered": "The provider reported no usage; the cost of this call is not known.",
    "not_requested": "The stream was not asked for its usage (stream_options.include_usage); the "
    "cost of this call is not known.",
    "unpriced": "No price is known for {model}; the cost of this call is not known.",
    "partial": "The cost is a lower bound; not known: {unpriced}.",
}


def of_request(operation: str, provider: str, model: str | None) -> dict[str, Any]:
    """What a span says of a call before it is made: what samplers look at."""
    found: dict[str, Any] = {OPERATION: operation, PROVIDER: provider}
    if model is not None:
        found[REQUEST_MODEL] = model
    return found


def of_call(
    call: Measured,
    cost: Cost,
    *,
    service: str | None = None,
    tags: Sequence[str] = (),
    infer_unpriced: bool = False,
) -> dict[str, Any]:
    """What the owner span of a call carries, beside what `of_request` says.

    `tags` are those the application has put on the span itself. With `infer_unpriced` a call
    without a price carries no cost, so that Langfuse looks for one in its own table.
    """
    model, usage, status = call.served_model, call.total_usage, cost.status
    found: dict[str, Any] = {
        OBSERVATION_TYPE: "embedding" if call.operation == "embeddings" else "generation",
        OBSERVATION_MODEL: model,
        STATUS_KEY: status,
        OUTCOME_KEY: call.outcome,
        CHARGE_ID_KEY: call.charge_id,
        **of_attribution(call.attribution, tags),
    }
    if status != "unpriced" or not infer_unpriced:
        found[COST_DETAILS] = cost_details(cost)
    if call.response_id:
        found[RESPONSE_ID] = call.response_id
        found[RESPONSE_MODEL] = model
    if not usage.quantities:
        found[USAGE_DETAILS] = NO_USAGE
    else:
        found[RESPONSE_MODEL] = model
        _add_usage(found, usage)
        if status != "unpriced":
            found[USAGE_COST] = float(cost.effective_usd)
    if service is not None:
        found[SERVICE_KEY] = service
    if call.first_token_at is not None:
        found[COMPLETION_START] = f'"{rfc3339(call.first_token_at)}"'
    if call.prompt is not None:
        found[OBSERVATION_INPUT] = call.prompt
    if call.completion is not None:
        found[OBSERVATION_OUTPUT] = call.completion
    if status in _UNKNOWN:
        why = call.usage_source if status == "unmetered" else status
        unpriced = ", ".join(cost.unpriced)
        found[OBSERVATION_LEVEL] = "WARNING"
        named = "a model that nobody names" if model == UNNAMED else model
        said = _UNKNOWN.get(why, _UNKNOWN[status]).format(model=named, unpriced=unpriced)
        found[OBSERVATION_MESSAGE] = f"{said} {call.note}".rstrip()
    elif call.outcome == "error":
        found[OBSERVATION_LEVEL] = "ERROR"
    return found


def of_attribution(who: Attribution, tags: Sequence[str] = ()) -> Mapping[str, Value]:
    """Feature, team, customer and tags as Langfuse metadata; user and session by their own names.

    `tags` are the Langfuse tags that the span carries already; `feature:x` and `team:y` join them.
    """
    found = _of_attribution(who)
    return {**found, TRACE_TAGS: _with_labels(tags, who)} if tags else found


def stores_json_metadata(span: object) -> bool:
    """Whether Langfuse decodes metadata of this span as JSON: its own SDK's, from version 5 on."""
    scope = getattr(span, "instrumentation_scope", None)
    if scope is None or not scope.name.startswith(LANGFUSE_SCOPE):
        return False
    major = (scope.version or "").partition(".")[0]
    return bool(major.isdigit() and int(major) >= 5)


def as_json_metadata(found: Mapping[str, Value]) -> dict[str, Value]:
    """The same with JSON-encoded metadata.

    The server decodes it on spans of the Langfuse SDK from version 5 on, and there alone.
    """
    prefixes = (TRACE_METADATA, OBSERVATION_METADATA)
    return {k: json.dumps(v) if k.startswith(prefixes) else v for k, v in found.items()}


@lru_cache(maxsize=512)
def _of_attribution(who: Attribution) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    for name, value in (
        *who.tags,
        ("feature", who.feature),
        ("team", who.team),
        ("customer", who.customer),
    ):
        if value is not None:
            found[TRACE_METADATA + name] = value
            found[OBSERVATION_METADATA + name] = value
    if who.user_id is not None:
        found[USER_ID] = who.user_id
    if who.session_id is not None:
        found[SESSION_ID] = who.session_id
    if labels := _with_labels((), who):
        found[TRACE_TAGS] = labels
    return found


def _with_labels(tags: Sequence[str], who: Attribution) -> tuple[str, ...]:
    """`tags` with `feature:x` and `team:y` in place of any others of that kind."""
    labels = list(tags)
    for kind, value in (("feature:", who.feature), ("team:", who.team)):
        if value is not None:
            labels = [label for label in labels if not label.startswith(kind)]
            labels.append(kind + value)
    return tuple(labels)


def tags_on(span: Span) -> Sequence[str]:
    """The Langfuse tags that a span carries already."""
    tags = stored(span).get(TRACE_TAGS)
    if isinstance(tags, str):
        return [tags]
    return tags or ()


def cost_details(cost: Cost) -> str:
    """Effective cost per bucket and in total (USD), as the JSON object Langfuse reads.

    `total` is always there: without it Langfuse shows 0, and without any cost it infers one.
    """
    if not cost.lines:
        return NO_COST
    sums: dict[str, Decimal] = {}
    for line in cost.lines:
        meter, amount = line.meter, line.effective_usd
        sums[meter] = amount if meter not in sums else amount + sums[meter]
    found = ""
    for meter, amount in sums.items():
        found += f'"{BUCKETS.get(meter, meter)}":{_plain(amount)},'
    return f'{{{found}"total":{_plain(cost.effective_usd)}}}'


def _plain(amount: Decimal) -> str:
    """Plain digits, with 12 decimals at most: what Langfuse stores of a cost."""
    text = str(amount)
    if len(text) <= _SURELY_FITS and "E" not in text:
        return text
    return format(amount, ".12f").rstrip("0").rstrip(".")


def _add_usage(found: dict[str, Any], usage: Usage) -> None:
    """Disjoint token buckets with their total for Langfuse, and the OpenTelemetry names."""
    quantities = usage.quantities
    buckets = ""
    sent = received = cached = 0
    answered = False
    for meter, quantity in quantities.items():
        bucket = BUCKETS.get(meter)
        if bucket is None:
            continue
        if meter in _OUTPUT:
            received += int(quantity)
            answered = True
        else:
            sent += int(quantity)
            if meter in _CACHE_READS:
                cached += int(quantity)
        if quantity or meter in _ALWAYS:
            buckets += f'"{bucket}":{quantity},'
    found[USAGE_DETAILS] = f'{{{buckets}"total":{sent + received}}}' if buckets else NO_USAGE
    found[INPUT_TOKENS] = sent
    if answered:
        found[OUTPUT_TOKENS] = received
    if cached:
        found[CACHE_READ_TOKENS] = cached
    if not _CACHE_WRITES.isdisjoint(quantities):
        written = sum(int(quantities.get(meter, 0)) for meter in _CACHE_WRITES)
        found[CACHE_WRITE_TOKENS] = written
    if reasoning := quantities.get("reasoning"):
        found[REASONING_TOKENS] = int(reasoning)
