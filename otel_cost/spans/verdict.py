"""What a span of LLM work is worth when it ends: a call, the same call again, or nothing."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.sdk.trace import Span

from otel_cost import attributes, faults
from otel_cost.measured import Measured
from otel_cost.recorder import Recorder
from otel_cost.settlement import settled_id
from otel_cost.span_end import stored
from otel_cost.spans import worthless
from otel_cost.spans.dialects.dialect import Attributes, SpanCall
from otel_cost.spans.evidence import Told, agreement, may_be_one, span_id
from otel_cost.spans.foreign import complete, lacks, measured_on
from otel_cost.spans.ownership import Ownership, outwards
from otel_cost.spans.record import Record, left_by
from otel_cost.spans.tally import Tally, Verdict
from otel_cost.usage import total

_UNREAD = SpanCall()
_TOO_LATE = "Its usage came when another span of the call had ended, and was exported, without any."
_LITELLM = (
    "LiteLLM writes its calls onto a span of the application, where the second overwrites the "
    "first. Set USE_OTEL_LITELLM_REQUEST_SPAN=true, so that each call gets a span of its own."
)


class Verdicts:
    """Judges spans at their end, and charges the calls that nothing else tells of."""

    def __init__(
        self,
        recorder: Recorder,
        ownership: Ownership,
        covered: Callable[[str], bool],
        tally: Tally,
    ) -> None:
        self._recorder = recorder
        self._ownership = ownership
        self._covered = covered
        self._tally = tally
        self._keep = recorder.settings.duplicates == "keep"

    def at_end(self, record: Record, span: Span) -> dict[str, Any]:
        """What a span that is ending has to say besides; nothing where it is worth nothing."""
        kind = record.kind
        record.closed = True
        self._ownership.closed(record)
        try:
            if kind == "call":
                return self._call(record, span)
            if record.owner is not None:
                record.owner.give_up()
            if record.left is not None:
                self._ownership.hand_on(record)
            said = stored(span)
            if kind == "other" and record.of is None:
                return {}
            self._count(span, "around")
            counted = _is_generation(said)
            return worthless.as_wrapper(said, calls_itself_one=counted, keep=self._keep)
        finally:
            record.span = record.owner = None

    def _call(self, record: Record, span: Span) -> dict[str, Any]:
        said = stored(span)
        owner = record.owner
        if owner is not None:
            call = record.read() if owner.reads else _UNREAD
            carried = owner.ends(span, call)
            if carried is not None:
                self._count(span, "owner", carried.get(attributes.STATUS_KEY))
                return self._in_place_of(said, carried)
        if record.wrote:
            self._count(span, "owner")
            return {}
        call = record.read()
        self._advise(record, span)
        same = None if record.left is not None else self._known(record, span, call)
        if same is not None:
            if not isinstance(same, Told):
                return self._duplicate(span, span_id(same.span))
            late = same.usage is None and call.usage is not None
            return self._duplicate(span, same.span_id, _TOO_LATE if late else "")
        if self._is_covered(record) or self._is_old_news(call):
            return self._duplicate(span, None)
        return self._unknown_so_far(record, span, call)

    def _known(self, record: Record, span: Span, call: SpanCall) -> Measured | Told | None:
        """The charged call that a span tells of again."""
        of = record.of
        if of is not None and (record.certain or agreement(call, of)):
            return of
        within = list(record.within)
        for measured in reversed(within):
            if call.usage is None or agreement(call, measured):
                return measured
        for measured in reversed(within):
            if (_names_model(call) and may_be_one(call, measured)) or _is_sum(call, within):
                return measured
        ended = span.end_time or time.time_ns()
        found = self._ownership.recent.find(call, record.scope, record.started, ended)
        # Libraries err about tokens; of two calls of one model neither is charged twice.
        return of if found is None and of is not None and may_be_one(call, of) else found

    def _is_covered(self, record: Record) -> bool:
        """Whether every call of its library passes a hook, so that it is charged already."""
        sdk = record.dialect.sdk
        return sdk is not None and self._covered(sdk)

    def _is_old_news(self, call: SpanCall) -> bool:
        """Whether it only fetches an answer, which is paid where it was asked for."""
        if not call.fetched:
            return False
        if call.response_id is None or call.usage is None:
            return True
        shared = settled_id(call.provider or "unknown", "", call.response_id)
        return self._recorder.settlements.submission(shared) is None

    def _unknown_so_far(self, record: Record, span: Span, call: SpanCall) -> dict[str, Any]:
        """A call that nothing has told of: charge it, unless a span is open that may say more."""
        who = self._recorder.who.completed(record.who)
        measured = measured_on(span, call, who, self._recorder)
        if measured.usage is not None:
            self._tell(record, span, measured)
        earlier, record.left = record.left, None
        if earlier is not None:
            complete(measured, earlier.measured)
        elif measured.usage is None and call.told_later:
            key = span.context.trace_id, record.scope
            self._ownership.untold.put(key, left_by(span, measured))
            return self._duplicate(span, None)
        elif lacks(measured) and not call.pending:
            other = self._ownership.beside(record, silent=measured.usage is None)
            if other is not None:
                other.left = left_by(span, measured)
                return self._duplicate(span, span_id(other.span))
        return self._charge(record, span, measured, call)

    def _tell(self, record: Record, span: Span, measured: Measured) -> None:
        """An earlier span of the call may have been without its usage: it began with that one."""
        earlier = self._ownership.untold.take((span.context.trace_id, record.scope))
        if earlier is not None:
            measured.started_at = earlier.measured.started_at

    def _charge(
        self, record: Record, span: Span, measured: Measured, call: SpanCall
    ) -> dict[str, Any]:
        recorder = self._recorder
        if call.pending:
            recorder.settlements.submitted(measured)
        elif call.fetched:
            measured.background = True
            recorder.settlements.settles(measured)
        if call.stated_usd is not None and recorder.engine.trusts_spans(record.dialect.name):
            measured.span_usd = call.stated_usd
        cost = recorder.cost(measured)
        recorder.finish(measured, cost)
        if call.pending:
            return self._duplicate(span, None)  # what fetches the answer carries its cost
        for outer in outwards(record.outer):
            outer.within.append(measured)
        self._count(span, "priced", cost.status, measured.note or ", ".join(cost.unpriced))
        written = recorder.said(span, measured, cost, own=False)
        return self._in_place_of(stored(span), written)

    def _in_place_of(self, said: Attributes, written: Mapping[str, Any]) -> dict[str, Any]:
        """What is written on a span that carries a call, with what it said before as evidence."""
        # Of a call without usage others must not sum what a library has made up.
        made_up = attributes.INPUT_TOKENS not in written and not self._keep
        nothing = worthless.amounts(said) if made_up else {}
        return {**nothing, **written, **worthless.evidence(said, written)}

    def _advise(self, record: Record, span: Span) -> None:
        """Say what cannot be made right from here."""
        scope = span.instrumentation_scope
        if record.dialect.name != "litellm" or scope is None or scope.name.startswith("litellm"):
            return
        if _LITELLM not in self._tally.advice:
            self._tally.advice[_LITELLM] = None
            faults.warn_once("advice", "litellm", f"otel_cost: {_LITELLM}")

    def _duplicate(self, span: Span, owner: str | None, reason: str = "") -> dict[str, Any]:
        self._count(span, "duplicate", reason=reason)
        return worthless.as_duplicate(stored(span), owner, keep=self._keep)

    def _count(self, span: Span, verdict: Verdict, status: Any = None, reason: str = "") -> None:
        scope = span.instrumentation_scope
        if scope is not None:
            self._tally.count(scope.name, scope.version, verdict, str(status or ""), reason)


def _is_sum(call: SpanCall, within: list[Measured]) -> bool:
    if call.usage is None or len(within) < 2:
        return False
    summed = total(measured.total_usage for measured in within)
    return (call.usage.input_tokens, call.usage.output_tokens) == (
        summed.input_tokens,
        summed.output_tokens,
    )


def _names_model(call: SpanCall) -> bool:
    return call.model is not None or call.request_model is not None


def _is_generation(said: Mapping[str, Any]) -> bool:
    """Whether Langfuse would count it as a call, by what it says of itself."""
    stated = said.get(attributes.OBSERVATION_TYPE)
    if stated is not None:
        return stated in {"generation", "embedding"}
    kind = said.get("openinference.span.kind")
    if kind is not None:
        return kind in {"LLM", "EMBEDDING"}
    operation = str(said.get(attributes.OPERATION, ""))
    return not operation.startswith(("invoke_", "create_", "execute_"))
