"""The propagator: tells services on the allow-list whom a request is for, and believes few.

It is loaded while `opentelemetry.propagate` is importing: here, and in all that this imports, only
the OpenTelemetry API, the standard library and modules of ours under the same rule.
"""

import sys
import time
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import format_trace_id

from otel_cost import config, faults
from otel_cost.attribution import outbound, wire
from otel_cost.attribution.baggage import Vocabulary, from_outside
from otel_cost.attribution.carriers import held, remove
from otel_cost.attribution.context import in_request, receiving
from otel_cost.attribution.hosts import AllowList, allow_list
from otel_cost.attribution.in_force import IN_FORCE
from otel_cost.attribution.inbound import BAGGAGE_HEADER, baggage_of, trace_id_of, values
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.attribution.who import TO_PROVIDER, Who
from otel_cost.config import Settings

_REFUSED = {
    "oversized": f"it is longer than {wire.MAX_BYTES} bytes.",
    "malformed": "it is no list of percent-encoded entries.",
    "duplicated": "there is more than one.",
    "unsigned": "it is not signed, or there is no key here. See OTEL_COST_PROPAGATION_KEY and "
    "OTEL_COST_TRUST_INBOUND.",
    "no_trace": "it came without a trace of its own, so that its signature says nothing.",
    "forged": "its signature is none of a key in OTEL_COST_PROPAGATION_KEY for this trace.",
    "expired": "its signature has expired. Clocks may differ by a few seconds only.",
}


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the environment says of sending and believing."""

    settings: Settings
    allowed: AllowList
    who: Who

    def tell(self, context: Context) -> Attribution:
        """Whom a request made in `context` is for, the defaults of this process left out."""
        installed = IN_FORCE.installed
        return (self.who if installed is None else installed.who)(context)


class AttributionPropagator(TextMapPropagator):
    """Sends attribution in the header `otel-cost`, and reads it there.

    It is sent only to hosts and queues in `OTEL_COST_PROPAGATE_TO`, never in a call of a provider's
    SDK, and without the defaults of this process. It is believed only with a valid signature
    (`OTEL_COST_PROPAGATION_KEY`) or where everybody is (`OTEL_COST_TRUST_INBOUND`). With
    `OTEL_COST_WIRE=baggage` it is sent as W3C baggage.

    The environment is read on first use. It belongs last in `OTEL_PROPAGATORS`:
    `tracecontext,baggage,otel_cost`.
    """

    def __init__(self) -> None:
        self._read: _Terms | None = None

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write whom the request is for into `carrier`, if its destination may know."""
        try:
            terms = self._terms()
            if terms.settings.disabled or not terms.settings.propagate_to:
                return
            if context is None:
                context = otel_context.get_current()
            who = self._for_destination(terms, context, carrier)
            if terms.settings.wire == "baggage":
                outbound.write_baggage(who, carrier, setter)
            else:
                _write_header(terms.settings, who, context, carrier, setter)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("sending attribution", error)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """The context of a request that came with `carrier`, with whom it is for if believed."""
        given = Context() if context is None else context
        try:
            terms = self._terms()
            if terms.settings.disabled:
                return given
            marked = from_outside(in_request(given, carrier), baggage_of(carrier, getter, given))
            headers = values(carrier, getter, wire.HEADER)
            if not headers:
                return marked
            who = _believed(terms.settings, headers, carrier, getter, given)
            return marked if who is UNATTRIBUTED else receiving(marked, who)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("reading attribution", error)
            return given

    @property
    def fields(self) -> set[str]:
        """The headers that `inject` may write."""
        return {BAGGAGE_HEADER if self._terms().settings.wire == "baggage" else wire.HEADER}

    def _terms(self) -> _Terms:
        terms = self._read
        if terms is None:
            settings = config.read()
            for problem in settings.problems:
                faults.warn_once("bad_setting", problem, f"otel_cost: {problem}")
            who = Who(Vocabulary(settings.baggage_keys), trust=settings.trust_inbound)
            terms = self._read = _Terms(settings, allow_list(settings.propagate_to), who)
        return terms

    def _for_destination(self, terms: _Terms, context: Context, carrier: Any) -> Attribution:
        if TO_PROVIDER in context:
            return UNATTRIBUTED
        who = terms.tell(context)
        if who is UNATTRIBUTED or not outbound.may_know(terms.allowed, context, carrier):
            return UNATTRIBUTED
        return who


def _write_header(
    settings: Settings, who: Attribution, context: Context, carrier: Any, setter: Setter[Any]
) -> None:
    keys = settings.propagation_keys
    text, left_out = (
        wire.entries_for(who, signed=bool(keys)) if who is not UNATTRIBUTED else ("", ())
    )
    for name in left_out:
        outbound.no_room(name)
    if not text:
        # A carrier that is used again, or was copied for a redirect, may go somewhere else now.
        if held(carrier, wire.HEADER):
            remove(carrier, wire.HEADER)
        return
    span = trace.get_current_span(context).get_span_context()
    if keys and span.is_valid:
        expires = int(time.time()) + settings.propagation_ttl
        text = wire.sealed(text, keys[0], format_trace_id(span.trace_id), expires)
    setter.set(carrier, wire.HEADER, text)


def _believed(
    settings: Settings, headers: list[str], carrier: Any, getter: Getter[Any], context: Context
) -> Attribution:
    """Who a request is for, by a header that is believed."""
    try:
        if len(headers) > 1:
            raise wire.RefusedError("duplicated")
        message = wire.read(headers[0])
        if not settings.trust_inbound:
            trace_id = trace_id_of(carrier, getter, context)
            wire.check(message, settings.propagation_keys, trace_id, time.time())
        return message.who
    except wire.RefusedError as refused:
        # Never what it says: anybody may have written it, and made it as long as they like.
        faults.warn_once(
            f"propagation_{refused.kind}",
            "",
            f"otel_cost: the header {wire.HEADER} of a request is not believed: "
            f"{_REFUSED[refused.kind]} More of this kind is only counted.",
        )
        return UNATTRIBUTED


class _Beside(CompositePropagator):
    """What was there, and ours after it."""

    def __init__(self, existing: TextMapPropagator) -> None:
        super().__init__([existing, AttributionPropagator()])
        self.existing = existing


def install_beside() -> None:
    """Add ours to the global propagator, unless it is in it already. Never raises."""
    try:
        # Not above: that module may be importing this one.
        from opentelemetry import propagate

        existing = propagate.get_global_textmap()
        if not _has_ours(existing):
            propagate.set_global_textmap(_Beside(existing))
    except Exception as error:  # noqa: BLE001 - the guard of this border
        hint = "No service is told whom a call is for, or believed. See OTEL_PROPAGATORS."
        faults.caught("adding the propagator", error, kind="bad_setting", hint=hint)


def remove_beside() -> None:
    """Undo `install_beside`, unless something else has been put around ours since."""
    propagate: Any = sys.modules.get("opentelemetry.propagate")
    if propagate is None:
        return
    current = propagate.get_global_textmap()
    if isinstance(current, _Beside):
        propagate.set_global_textmap(current.existing)


def _has_ours(propagator: object) -> bool:
    if isinstance(propagator, AttributionPropagator):
        return True
    inner = getattr(propagator, "_propagators", ())
    return isinstance(inner, list | tuple) and any(map(_has_ours, inner))
