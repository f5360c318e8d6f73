"""A span of somebody else that is to carry a hooked call, from the election to its end."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.trace import Span

from otel_cost import faults
from otel_cost.charge import Cost
from otel_cost.owners import Hooked
from otel_cost.recorder import Recorder
from otel_cost.spans.dialects.dialect import SpanCall
from otel_cost.spans.evidence import agreement
from otel_cost.spans.record import Record
from otel_cost.spans.waiting import Waiting


class SpanOwner:
    """Brings a call and the span that is to carry it together, whichever of them ends first.

    `reserved`: the span was not current when the call began, so that it must prove at its end to be
    about this call; `strange`: nothing but time says that it might be. `patient`: the application
    itself holds the span open, and will end it. `trusted`: the cost that somebody writes on the
    span holds, so that the charge has to wait for it.
    """

    __slots__ = (
        "_call",
        "_cost",
        "_over",
        "_record",
        "_recorder",
        "_reserved",
        "_strange",
        "_trusted",
        "_waiting",
        "patient",
    )

    def __init__(
        self,
        call: Hooked,
        record: Record,
        recorder: Recorder,
        waiting: Waiting,
        *,
        reserved: bool = False,
        strange: bool = False,
        patient: bool = False,
        trusted: bool = False,
    ) -> None:
        self.patient = patient
        self._call = call
        self._record = record
        self._recorder = recorder
        self._waiting = waiting
        self._reserved = reserved
        self._strange = strange
        self._trusted = trusted
        self._over = False
        self._cost: Cost | None = None
        record.owner = self

    @property
    def reads(self) -> bool:
        """Whether it matters what the span itself says."""
        return self._reserved or self._trusted

    @property
    def waits(self) -> bool:
        """Whether the call is over, and the span has not ended."""
        return self in self._waiting

    def over(self) -> None:
        """The call is over: publish it, now or when the span ends. Never raises."""
        try:
            self._over = True
            if self._record.closed:
                self._publish()
                return
            self._waiting.add(self)
            if self._reserved or self._is_cut_short:
                self._recorder.finish_later(_Reservation(self))
            elif not self._trusted:
                self._publish()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("giving a call to its span", error)

    def abandoned(self) -> None:
        """Nobody reads on, and the span may never end: the call gets one of its own.

        A library that reserves ends its span later than the stream; it is given time.
        """
        try:
            if self.patient:
                return
            if not self._over and not self._record.closed:
                self.give_up()
            elif not self._reserved and self._waiting.remove(self):
                self.take_back()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("taking a call off a span", error)

    def give_up(self) -> None:
        """Carry the call no longer: it opens its own span, of which this one is a duplicate."""
        self._record.owner = None
        self._record.of = self._call.measured
        self._call.move()

    def take_back(self) -> None:
        """The call is over, and the span has not ended: write it on a span of the call's own."""
        try:
            self.give_up()
            self._call.publish()
        except Exception as error:  # noqa: BLE001 - one call must not hold up the others
            faults.caught("giving a call a span of its own", error)

    def wait_no_longer(self) -> None:
        """The span is late: publish the charge, and let the span carry it when it ends.

        That of a stream which nobody reads to its end would have ended with it: some never do.
        """
        if self._cost is not None or not self.waits:
            return
        if not self._is_cut_short:
            self._publish()
        elif self._waiting.remove(self):
            self.take_back()

    @property
    def _is_cut_short(self) -> bool:
        return self._call.measured.outcome == "aborted" and not (self.patient or self._reserved)

    def ends(self, span: Span, said: SpanCall) -> Mapping[str, Any] | None:
        """What the span, which is ending, has to say of the call; `None` if it cannot carry it."""
        call = self._call
        measured = call.measured
        if not self._waiting.remove(self) and not (call.is_known and self._fits(said)):
            self.give_up()
            return None
        if not self._fits(said):
            self.take_back()
            return None
        if self._trusted and said.stated_usd is not None and measured.span_usd is None:
            measured.span_usd = said.stated_usd
        if self._over:
            cost = self._publish() if self._cost is None else self._cost
        else:
            measured.span = span
            cost = self._recorder.cost(measured)
        return self._recorder.said(span, measured, cost, own=False)

    def _publish(self) -> Cost:
        span = self._record.span
        if span is not None:
            self._call.measured.span = span
        self._cost = self._call.publish()
        return self._cost

    def _fits(self, said: SpanCall) -> bool:
        if not self._reserved:
            return True
        strength = agreement(said, self._call.measured)
        return strength > 1 or (strength == 1 and not self._strange)


class _Reservation:
    """Bounds how long a charge waits for the span that is reserved for it."""

    __slots__ = ("_owner",)

    def __init__(self, owner: SpanOwner) -> None:
        self._owner = owner

    def abandoned(self) -> None:
        """The span has had its time."""
        self._owner.wait_no_longer()

    def disowned(self) -> None:
        """The process has forked: the call is its parent's."""
