"""One run of an explicit helper: from what it reads at the provider to charges, each only once."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from opentelemetry.trace import Status, StatusCode

from otel_cost import attributes, faults
from otel_cost.attribution.values import Attribution
from otel_cost.install import installed
from otel_cost.installation import detached
from otel_cost.later.clients import Known
from otel_cost.measured import Measured
from otel_cost.settlement import Submission, settled_id

_AT_ONCE = 500
"""How many charges are made before it is waited for them to be written."""
_PATIENCE = 30.0
"""How long that may take (seconds)."""
_KNOWN = frozenset({"exact", "estimated"})
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one call of a helper has recorded; what was recorded before is not in it."""

    ended: bool
    """Whether all of it is recorded now. If not, call the helper again later."""
    charges: int
    """How many charges were recorded; that of a batch itself, which is free, is not counted."""
    cost_usd: Decimal
    """What they cost, as far as it is known."""
    unknown: int = 0
    """How many of them have a cost that is not, or not wholly, known."""
    not_billed: int = 0
    """How many lines of a batch failed, expired or were cancelled: those cost nothing."""


class Run:
    """One run of a helper, with the client it was given."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._installation = installed()
        on = self._installation
        self._recorder = detached() if on is None else on.recorder
        self._here = self._recorder.attribute()
        self._ledger_answers = True
        self._waits = True
        self._charges = self._unknown = 0
        self._cost = Decimal(0)

    def call(self, operation: str, started_at: int, *parts: str) -> Measured:
        """A call that the account knows by `parts`; the last of them is its response id."""
        platform, account = self._known.platform, self._known.account
        charge_id = settled_id(platform.provider, account, *parts)
        made = Measured(charge_id, platform.provider, operation, started_at)
        made.region, made.account, made.response_id = platform.region, account, parts[-1]
        return made

    def submission(self, call: Measured) -> Submission | None:
        """What the submission of `call` said, if this process or the ledger remembers it."""
        settlements = self._recorder.settlements
        return settlements.submission(call.charge_id) or self._stored([call.charge_id]).get(
            call.charge_id
        )

    def who(self, submission: Submission | None, said: Attribution | None) -> Attribution:
        """Who is charged: whom the caller names, over who submitted it, else who is current."""
        base = self._here if submission is None else submission.who(self._here)
        return base if said is None else said.over(base)

    def is_settled(self, call: Measured) -> bool:
        """Whether `call` is settled, as far as this process or the ledger remembers."""
        settlements = self._recorder.settlements
        return settlements.is_settled(call.charge_id) or bool(self._settled([call.charge_id]))

    def submit(self, call: Measured, said: Attribution | None) -> None:
        """Record that `call` is pending, unless that is known."""
        call.outcome = "pending"
        if self.submission(call) is None and not self.is_settled(call):
            call.attribution, call.ended_at = self.who(None, said), time.time_ns()
            self._recorder.settlements.submitted(call)
            self._publish(call, counted=False)
        self._wait()

    def settle(self, call: Measured, said: Attribution | None, *, counted: bool = True) -> None:
        """Record how `call` ended, once."""
        submission = self.submission(call)
        if self.is_settled(call) or not self._recorder.settlements.settles(call):
            return
        if submission is not None:
            submission.complete(call)
        call.attribution = self.who(submission, said)
        if said is not None:
            self._recorder.settlements.insist(call.charge_id)
        self._publish(call, counted=counted)
        self._wait()

    def settle_each(self, calls: Iterable[Measured]) -> None:
        """Record calls that nobody submitted by themselves, those that are new; attributed."""
        settlements = self._recorder.settlements
        for portion in _portions(calls):
            known = self._settled([call.charge_id for call in portion])
            for call in portion:
                if call.charge_id not in known and settlements.claim(call.charge_id):
                    self._publish(call, counted=True)
            self._wait()

    def recorded(self, *, ended: bool, not_billed: int = 0) -> Recorded:
        """What this run has recorded."""
        return Recorded(ended, self._charges, self._cost, self._unknown, not_billed)

    def _publish(self, call: Measured, *, counted: bool) -> None:
        """One charge, and one span of its own, as for a call that was just made."""
        recorder = self._recorder
        cost = recorder.cost(call)
        if counted:
            self._charges += 1
            self._cost += cost.effective_usd
            self._unknown += cost.status not in _KNOWN
        if self._installation is None:
            return
        call.span = recorder.open_span(call, {})
        try:
            recorder.publish(recorder.charge(call, cost))
            if (span := call.span) is not None:
                recorder.write(span, call, cost, own=True)
                if call.outcome == "error":
                    span.set_attribute(attributes.ERROR_TYPE, call.error_type or "error")
                    span.set_status(Status(StatusCode.ERROR))
                span.end(call.ended_at)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("recording a settled call", error)

    def _wait(self) -> None:
        """Let ledger, sinks and exporters catch up: what does not fit their queues is lost."""
        if self._installation is not None and self._waits:
            self._waits = self._installation.flush_all(_PATIENCE)

    def _settled(self, charge_ids: Sequence[str]) -> set[str]:
        return {i for i, (outcome, _) in self._find(charge_ids).items() if outcome != "pending"}

    def _stored(self, charge_ids: Sequence[str]) -> dict[str, Submission]:
        return {i: submission for i, (_, submission) in self._find(charge_ids).items()}

    def _find(self, charge_ids: Sequence[str]) -> dict[str, Any]:
        """What the ledger holds of `charge_ids`; nothing where it cannot be read."""
        url = None if self._installation is None else self._installation.ledger
        if url is None or not self._ledger_answers:
            return {}
        from otel_cost.ledger.location import LedgerError, sqlite_path
        from otel_cost.ledger.settling import find
        from otel_cost.ledger.sqlite import open_for_reading

        path = sqlite_path(url)
        if not path.exists():
            return {}
        try:
            with open_for_reading(path) as connection:
                return dict(find(connection, charge_ids))
        except LedgerError:
            return {}  # not there yet; what is wrong with it otherwise, its writer says
        except Exception as error:  # noqa: BLE001 - the ledger itself keeps out what is there
            self._ledger_answers = False
            faults.caught("looking up what the ledger holds", error)
            return {}


def instant(moment: object) -> int | None:
    """A time of a provider's object in nanoseconds since the epoch; `None` where it says none."""
    if isinstance(moment, datetime):
        return int(moment.timestamp() * 1_000_000) * 1000
    return moment * _SECOND if type(moment) is int else None


def _portions(calls: Iterable[Measured]) -> Iterator[list[Measured]]:
    calls = iter(calls)
    while portion := list(islice(calls, _AT_ONCE)):
        yield portion
