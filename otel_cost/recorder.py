"""Usage, attribution and price become a charge, and the charge goes to the sinks."""

import itertools
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, format_span_id, format_trace_id
from opentelemetry.util.types import AttributeValue

from otel_cost import attributes, faults
from otel_cost.attribution.baggage import Vocabulary
from otel_cost.attribution.values import Attribution
from otel_cost.attribution.who import Who
from otel_cost.charge import Charge, Cost, CostStatus, Part, PricingContext
from otel_cost.config import Settings
from otel_cost.delivery import Outlet
from otel_cost.measured import Measured
from otel_cost.owners import NoOwners, Owners
from otel_cost.pricing.engine import Engine, as_stated
from otel_cost.settlement import Settlements
from otel_cost.span_end import set_valid
from otel_cost.usage import Meter, Usage

if TYPE_CHECKING:
    from otel_cost.inference.estimates import Estimates

CALL_KEY = otel_context.create_key("otel_cost-call")
"""Where a hooked call in progress stands in the OpenTelemetry context."""

Sink = Callable[[Charge], object]

_Identity: TypeAlias = tuple[object, str | None, str | None]
"""A resource, and the service and environment that calls under it belong to."""
_ZERO = Decimal(0)
_UNMETERED = Cost("unmetered", _ZERO, _ZERO)
_FREE = Cost("exact", _ZERO, _ZERO)


class Unfinished(Protocol):
    """A call that may still be open when the process ends."""

    def abandoned(self) -> None:
        """Finish it with what is known."""

    def disowned(self) -> None:
        """Never finish it here: it is a call of the process that this one was forked from."""


class Recorder:
    """Makes every charge of one installation, and hands each to every sink."""

    def __init__(self, settings: Settings, tracer: Callable[[], Tracer], engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self._tracer = tracer
        self.unfinished: set[Unfinished] = set()
        """The calls in progress, so that the end of the process can settle them."""
        if hasattr(os, "register_at_fork"):
            disown = weakref.WeakMethod(self._disown_unfinished)
            os.register_at_fork(after_in_child=lambda: (again := disown()) and again())
        self._outlets: tuple[Outlet[Charge | _Finished], ...] = ()
        self.estimates: Estimates | None = None
        """Where usage is estimated that no answer says, if that was asked for."""
        self._finisher: Outlet[Unfinished] = Outlet("abandoned streams", _finish)
        self.settlements = Settlements()
        """The calls that a later one settles."""
        self.owners: Owners = NoOwners()
        """Who decides which span carries a call."""
        self._identity: _Identity = (None, settings.service, settings.environment)
        self._infers = settings.unpriced == "infer"
        self.who = Who(
            Vocabulary(settings.baggage_keys),
            trust=settings.trust_inbound,
            defaults=settings.attribution,
        )

    def attribute(self, context: Context | None = None) -> Attribution:
        """Who a call made in `context` is for, the defaults of the process included."""
        return self.who.completed(self.who(context))

    def cost(self, call: Measured) -> Cost:
        """What `call` costs, as far as it is known now."""
        if call.refused:
            return _FREE
        parts = call.parts
        if not parts:
            return _UNMETERED
        try:
            cost = self._priced(call, parts)
        except Exception as error:  # noqa: BLE001 - a call without a price is still a call
            faults.caught("pricing", error)
            return Cost("unpriced", _ZERO, _ZERO, tuple(call.total_usage.quantities))
        if cost.status == "exact" and (call.usage_source == "inferred" or call.rough):
            cost = cost._replace(status="estimated")
        if not call.unknown and not call.undivided:
            return cost
        status: CostStatus = "unpriced" if cost.status == "unpriced" else "partial"
        unpriced = (*cost.unpriced, *call.undivided, *call.unknown)
        return Cost(status, cost.list_usd, cost.effective_usd, unpriced, cost.lines)

    def _priced(self, call: Measured, parts: tuple[Part, ...]) -> Cost:
        engine, context = self.engine, _context(call)
        if call.undivided:
            parts = tuple(
                Part(
                    model,
                    Usage({m: q for m, q in used.quantities.items() if m not in call.undivided}),
                )
                for model, used in parts
            )
        cost = engine.price(call.provider, parts, context, call.stated_usd)
        return cost if call.span_usd is None else as_stated("span", call.span_usd, cost)

    def priced_apart(self, call: Measured, meters: tuple[Meter, ...]) -> tuple[Meter, ...]:
        """Those of `meters` that have a price of their own for the model that answered `call`."""
        return self.engine.priced_apart(call.provider, call.served_model, _context(call), meters)

    def charge(self, call: Measured, cost: Cost) -> Charge:
        """The charge of `call`. Nothing is sent."""
        trace_id, span_id = _ids(call.span)
        _, service, environment = self._identify(call.span)
        return Charge(
            charge_id=call.charge_id,
            response_id=call.response_id,
            provider=call.provider,
            model=call.served_model,
            request_model=call.request_model,
            operation=call.operation,
            outcome=call.outcome,
            attribution=call.attribution,
            context=_context(call),
            parts=call.parts,
            usage_source=call.usage_source,
            cost=cost,
            trace_id=trace_id,
            span_id=span_id,
            started_at=call.started_at,
            first_token_at=call.first_token_at,
            ended_at=call.ended_at,
            service=service,
            environment=environment,
            book=self.engine.book_version,
        )

    def open_span(
        self, call: Measured, where: Mapping[str, AttributeValue], context: Context | None = None
    ) -> Span | None:
        """A span for `call`, started with what samplers look at; `where` is on it from then on.

        Its parent is the current span, or that of another `context`. `None` where the application's
        own tracing raises: the call counts all the same.
        """
        try:
            return self._start_span(call, where, context)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("starting a span", error)
            return None

    def _start_span(
        self, call: Measured, where: Mapping[str, AttributeValue], context: Context | None
    ) -> Span:
        model = call.request_model
        span = self._tracer().start_span(
            call.operation if model is None else f"{call.operation} {model}",
            self.who.honest(otel_context.get_current() if context is None else context),
            kind=SpanKind.CLIENT,
            attributes=attributes.of_request(call.operation, call.provider, model),
            start_time=call.started_at,
        )
        set_valid(span, where)
        return span

    def write(self, span: Span, call: Measured, cost: Cost, *, own: bool) -> None:
        """Put a call on the span that owns it; `own`: `open_span` has made it."""
        if span.is_recording():
            set_valid(span, self.said(span, call, cost, own=own))

    def said(self, span: Span, call: Measured, cost: Cost, *, own: bool) -> dict[str, Any]:
        """What the span that owns a call says of it; `own`: `open_span` has made it."""
        try:
            said: dict[str, Any] = attributes.of_call(
                call,
                cost,
                service=self._identify(span)[1],
                tags=attributes.tags_on(span),
                infer_unpriced=self._infers,
            )
        except Exception as error:  # noqa: BLE001 - or Langfuse would infer a cost
            faults.caught("writing a call on its span", error)
            said = dict(attributes.NOTHING_KNOWN)
        if not own:
            said |= attributes.of_request(call.operation, call.provider, call.request_model)
            if attributes.stores_json_metadata(span):
                return attributes.as_json_metadata(said)
        return said

    def finish(self, call: Measured, cost: Cost) -> None:
        """Publish the charge of a call that has ended; nothing of it may change any more."""
        faults.counts["charges"] += 1
        self.owners.ended(call)
        if self._outlets:
            finished = _Finished(self, call, cost)
            for outlet in self._outlets:
                outlet.put(finished)

    def publish(self, charge: Charge) -> None:
        """Count a finished charge and hand it to every sink, each on its own thread."""
        faults.counts["charges"] += 1
        for outlet in self._outlets:
            outlet.put(charge)

    def publish_apart(self, call: Measured, within: Context) -> None:
        """Publish a call that is over, on a span of its own that is opened and ended here."""
        call.span = self.open_span(call, {}, within)
        cost = self.cost(call)
        self.finish(call, cost)
        if call.span is not None:
            self.write(call.span, call, cost, own=True)
            call.span.end(call.ended_at)

    def add_sink(self, sink: Sink) -> None:
        """Call `sink(charge)` once per finished charge, in order, on a thread of its own."""
        name = f"the sink {getattr(sink, '__qualname__', type(sink).__qualname__)}"

        def deliver(charges: Sequence[Charge]) -> None:
            for charge in charges:
                try:
                    sink(charge)
                except BaseException as error:  # noqa: BLE001 - a sink is the user's code
                    faults.caught(name, error, kind="sink_errors", hint="It lost a charge.")

        self.add_outlet(name, deliver)

    def add_outlet(
        self, name: str, deliver: Callable[[Sequence[Charge]], None], *, persistent: bool = False
    ) -> None:
        """Hand every charge from now on to `deliver`, in batches, on a thread of its own.

        With `persistent`, what it raises on is handed to it again.
        """

        def hand_over(batch: Sequence[Charge | _Finished]) -> None:
            deliver(list(_made(batch)))

        outlet = Outlet(name, hand_over, persistent=persistent)
        outlet.start()
        self._outlets = (*self._outlets, outlet)

    @property
    def listens(self) -> bool:
        """Whether the text of calls is wanted."""
        return self.estimates is not None or self.settings.capture_content

    def settles_later(self, call: Measured, settle: Callable[[], None]) -> bool:
        """Whether `settle` will be called on another thread, after an estimate of the usage."""
        return self.estimates is not None and self.estimates.settles(call, settle)

    def finish_later(self, call: Unfinished) -> None:
        """Finish `call` on another thread; for finalisers, which must not wait for a lock."""
        self._finisher.put(call)

    def expect_streams(self) -> None:
        """Have the thread ready that `finish_later` needs: a finaliser may not start one."""
        self._finisher.start()

    def flush(self, timeout: float) -> bool:
        """Wait until every charge so far has reached every sink, `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        done = self._finisher.flush(timeout)
        self.owners.settle(patient=True)
        if self.estimates is not None:
            done &= self.estimates.flush(max(0.0, deadline - time.monotonic()))
        for outlet in self._outlets:
            done &= outlet.flush(max(0.0, deadline - time.monotonic()))
        return done

    def settle_unfinished(self) -> None:
        """Finish the calls that are still open; the process is about to end."""
        for call in tuple(self.unfinished):
            call.abandoned()

    def _disown_unfinished(self) -> None:
        calls, self.unfinished = self.unfinished, set()
        for call in calls:
            call.disowned()

    def close(self, timeout: float) -> bool:
        """Flush, and end the threads."""
        deadline = time.monotonic() + timeout
        done = self._finisher.close(timeout)
        if self.estimates is not None:
            done &= self.estimates.close(max(0.0, deadline - time.monotonic()))
        for outlet in self._outlets:
            done &= outlet.close(max(0.0, deadline - time.monotonic()))
        self._outlets = ()
        return done

    def _identify(self, span: Span | None) -> _Identity:
        """Service and environment: the environment's, else those of the span's resource."""
        known = self._identity
        resource = getattr(span, "resource", None)
        if resource is None or resource is known[0]:
            return known
        said = resource.attributes
        name = str(said.get("service.name") or "")
        known = (
            resource,
            # The SDK writes unknown_service where there is none.
            self.settings.service or (None if name.startswith("unknown_service") else name or None),
            self.settings.environment
            or said.get("deployment.environment.name")
            or said.get("deployment.environment"),
        )
        self._identity = known
        return known


class _Finished:
    """A call that has ended: its charge is made where it is used, not on the caller's thread."""

    __slots__ = ("_call", "_charge", "_cost", "_recorder")

    def __init__(self, recorder: Recorder, call: Measured, cost: Cost) -> None:
        self._recorder = recorder
        self._call = call
        self._cost = cost
        self._charge: Charge | None = None

    def charge(self) -> Charge:
        """The one charge of the call, for whichever sink asks first."""
        if self._charge is None:
            self._charge = self._recorder.charge(self._call, self._cost)
        return self._charge


def _made(batch: Sequence[Charge | _Finished]) -> Iterator[Charge]:
    for item in batch:
        try:
            yield item.charge() if isinstance(item, _Finished) else item
        except Exception as error:  # noqa: BLE001 - one call must not hold up the others
            faults.caught("making a charge", error)


def _context(call: Measured) -> PricingContext:
    return PricingContext(
        call.started_at,
        call.tier,
        call.batch,
        call.speed,
        call.geo,
        call.region,
        call.window,
        call.size,
        call.quality,
    )


def _ids(span: Span | None) -> tuple[str | None, str | None]:
    if span is None:
        return None, None
    ids = span.get_span_context()
    if not ids.is_valid:
        return None, None
    return format_trace_id(ids.trace_id), format_span_id(ids.span_id)


def _finish(calls: Sequence[Unfinished]) -> None:
    for call in calls:
        call.abandoned()


class _Ids:
    """Ids no other call has: the time, the process, a running number; they sort by time."""

    def __init__(self) -> None:
        self._start_over()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_over)

    def _start_over(self) -> None:
        self._process = os.urandom(4).hex()
        self._numbers = itertools.count()

    def __call__(self, now: int | None = None) -> str:
        """An id that holds `now` (nanoseconds since the epoch), by default the current time."""
        instant = time.time_ns() if now is None else now
        return f"{instant:016x}{self._process}{next(self._numbers) & 0xFFFFFFFF:08x}"


new_charge_id = _Ids()
