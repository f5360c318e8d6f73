"""How a call has ended, where that takes more than its answer: failures, hops, settlements."""

from collections.abc import Sequence

from otel_cost.measured import Measured
from otel_cost.settlement import Settlements

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
"""HTTP client errors before a byte of the request was out, by name in httpx and httpx2."""
_CUT = frozenset({"RemoteProtocolError", "ReadError"})
"""HTTP client errors that mean: the other side hung up in the middle."""


def is_refusal(error: BaseException) -> bool:
    """Whether a request that failed so costs nothing: it was refused, or never left."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int) and status >= 400:
        return True
    return not _causes(error).isdisjoint(_NEVER_SENT)


def is_cut(error: BaseException) -> bool:
    """Whether the provider's side hung up."""
    return not _causes(error).isdisjoint(_CUT)


def add_hops(measured: Measured, hops: Sequence[Measured]) -> None:
    """Add what was billed beside the answer that was served; without one the last of them was."""
    served = len(hops) - 1
    answers = [hop.response_id for hop in hops]
    if measured.usage is None:
        last = hops[served]
        measured.model, measured.response_id = last.model, last.response_id
        measured.usage, measured.usage_source = last.usage, "provider"
    elif measured.response_id in answers:
        served = answers.index(measured.response_id)
    others = (part for i, hop in enumerate(hops) if i != served for part in hop.parts)
    measured.other_parts = (*hops[served].other_parts, *others)


def is_charged(measured: Measured, settlements: Settlements, *, reports: bool, whole: bool) -> bool:
    """Whether a request makes the charge of a call that several requests tell of; it has one.

    `reports`: the request is not the call itself. `whole`: nothing more will come. What hands a
    call in is charged as pending; what is first to tell how it ended settles it.
    """
    if measured.response_id is None:
        return not reports
    if measured.outcome == "pending" or not whole:
        if not reports:
            measured.outcome = "pending"
            settlements.submitted(measured)
        return not reports
    first = measured.background and settlements.settles(measured)
    # A server with one id for all answers: what it says at once is a call of its own.
    return first or not reports


def _causes(error: BaseException) -> set[str]:
    """The class names of an exception and of what it was raised from."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None and len(names) < 10:
        names.update(kind.__name__ for kind in type(cause).__mro__[:4])
        cause = cause.__cause__
    return names
