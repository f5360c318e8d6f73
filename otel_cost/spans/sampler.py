"""Lets spans of LLM calls be priced where their trace is not sampled: recorded, not exported."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from otel_cost import config, faults
from otel_cost.spans.dialects.registry import Dialects

Record: TypeAlias = Literal["llm", "all"]

_RECORDS: tuple[Record, ...] = ("llm", "all")
_EXAMPLE = "CostSampler(ParentBased(TraceIdRatioBased(0.01)))"


class CostSampler(Sampler):
    """Samples what `root` samples, and has the spans that it drops recorded, but not exported.

    Processors see a recorded span, so `CostSpanProcessor` can price it; exporters do not. With
    `record="llm"` these are the spans whose name or first attributes say that they may be LLM
    calls; with `record="all"` all spans, for libraries that say nothing when they start a span.
    Put it outside of any other sampler:

        TracerProvider(sampler=otel_cost.CostSampler(ParentBased(TraceIdRatioBased(0.01))))

    Calls that go through the hooks of the openai and anthropic SDKs need none of this.

    Raises:
        TypeError: `root` is not a sampler.
        ValueError: `record` is neither `llm` nor `all`.

    """

    def __init__(self, root: Sampler, record: Record = "llm") -> None:
        if not isinstance(root, Sampler):
            raise TypeError(f"root must be a Sampler, as in {_EXAMPLE}, not {root!r}")
        if record not in _RECORDS:
            raise ValueError(f"record must be 'llm' or 'all', not {record!r}")
        self._root = root
        self._record = record
        self._rests = config.read().disabled
        dialects = Dialects().all if record == "llm" else ()
        # Several dialects of one project recognise their spans alike.
        self._starts = tuple(dict.fromkeys(d.starts for d in dialects if d.starts is not None))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """What `root` says; where that is to drop what may be an LLM call: only to record it."""
        # The SDK itself passes six; a sampler of the application's may take no more.
        more = () if trace_state is None else (trace_state,)
        said = self._root.should_sample(
            parent_context, trace_id, name, kind, attributes, links, *more
        )
        if said.decision is not Decision.DROP or self._rests:
            return said
        try:
            if self._record == "all" or self._may_be_call(name, attributes or {}):
                # A sampler that drops a span gives up the attributes that it was started with.
                kept = {**(attributes or {}), **(said.attributes or {})}
                return SamplingResult(Decision.RECORD_ONLY, kept, said.trace_state)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("looking at a span that is to be dropped", error)
        return said

    def _may_be_call(self, name: str, attributes: Mapping[str, object]) -> bool:
        return any(starts(name, attributes) for starts in self._starts)

    def get_description(self) -> str:
        """`root`'s own description and what is recorded besides."""
        return f"CostSampler{{root:{self._root.get_description()},record:{self._record}}}"


_VARIABLE = "OTEL_TRACES_SAMPLER_ARG"
_MEANING = (
    "Write a share of traces such as 0.01, or always_on, always_off, parentbased_always_on, "
    "parentbased_always_off, traceidratio:0.01, parentbased_traceidratio:0.01; and, where every "
    "span is to be recorded, ,record=all after it"
)
_NAMED: Mapping[str, Sampler] = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
}


def declared() -> CostSampler:
    """The sampler `otel_cost` of a configuration file, which gives samplers of others no options.

    `OTEL_TRACES_SAMPLER_ARG` says what it samples.
    """
    return from_environment(os.environ.get(_VARIABLE))


def from_environment(argument: str | None) -> CostSampler:
    """The sampler of `OTEL_TRACES_SAMPLER=otel_cost`; `argument` is `OTEL_TRACES_SAMPLER_ARG`.

    Never raises: with an argument that makes no sense every trace is sampled that its parent does
    not exclude.
    """
    try:
        root, record = _parse(argument or "")
    except ValueError as error:
        problem = (
            f"{_VARIABLE} {argument!r} is ignored, and parentbased_always_on used: {error}. "
            f"{_MEANING}."
        )
        faults.warn_once("bad_setting", problem, f"otel_cost: {problem}")
        root, record = DEFAULT_ON, "llm"
    return CostSampler(root, record)


def _parse(argument: str) -> tuple[Sampler, Record]:
    root: Sampler | None = None
    record: Record | None = None
    for word in filter(None, (part.strip().lower() for part in argument.split(","))):
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals and root is None:
            root = _sampler(word)
        elif key == "record" and record is None and value in _RECORDS:
            record = value
        else:
            raise ValueError(f"{word!r} is not understood here")
    return root or DEFAULT_ON, record or "llm"


def _sampler(word: str) -> Sampler:
    if word in _NAMED:
        return _NAMED[word]
    name, colon, share = word.rpartition(":")
    try:
        ratio = float(share)
    except ValueError:
        raise ValueError(f"{word!r} is no sampler") from None
    if not 0 <= ratio <= 1:
        raise ValueError(f"{share} is not from 0 to 1")
    if name == "traceidratio":
        return TraceIdRatioBased(ratio)
    if name == "parentbased_traceidratio" or not colon:
        return ParentBasedTraceIdRatio(ratio)
    raise ValueError(f"{word!r} is no sampler")
