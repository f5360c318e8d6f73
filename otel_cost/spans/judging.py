"""All that spans are judged with in one installation."""

from collections.abc import Callable
from dataclasses import dataclass

from otel_cost.attribution.who import Who
from otel_cost.recorder import Recorder
from otel_cost.spans.dialects.registry import Dialects
from otel_cost.spans.ownership import Ownership
from otel_cost.spans.tally import Tally
from otel_cost.spans.verdict import Verdicts


@dataclass(frozen=True, slots=True)
class Judging:
    """Which span is whose, and what each is worth."""

    dialects: Dialects
    ownership: Ownership
    verdicts: Verdicts
    tally: Tally
    who: Who


def judging(recorder: Recorder, covered: Callable[[str], bool]) -> Judging:
    """For the spans of one installation; `covered` says whether an SDK's calls are hooked."""
    dialects, tally = Dialects(), Tally()
    ownership = Ownership(recorder, dialects)
    verdicts = Verdicts(recorder, ownership, covered, tally)
    return Judging(dialects, ownership, verdicts, tally, recorder.who)
