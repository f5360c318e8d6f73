"""What stands under a report: how much of the spend is explained, in plain words."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from otel_cost.charge import CostStatus
from otel_cost.reports.grouping import Report, Sums

NOT_PRICED: Mapping[CostStatus, str] = {
    "unpriced": "{calls}, {tokens} tokens: no price is known; these tokens are not in the cost",
    "unmetered": "{calls}: what was used is not known and not in the cost",
    "partial": "{calls}, {tokens} tokens: part of it is not known; that part is not in the cost",
}
"""The statuses of a cost that is not the whole cost, in words."""


def share(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """`part` of `whole`, from 0 to 1; `None` where that means nothing."""
    if whole <= 0 or not 0 <= part <= whole:
        return None
    return Decimal(part) / Decimal(whole)


def percent(fraction: Decimal) -> str:
    """A fraction as a percentage that says 0 % and 100 % only for exactly none and all."""
    rounded = round(fraction * 100, 1)
    if fraction not in {0, 1}:
        rounded = min(max(rounded, Decimal("0.1")), Decimal("99.9"))
    return f"{rounded.normalize():f} %"


def usd(amount: Decimal, decimals: int = 6) -> str:
    """USD with thousands separators, rounded to `decimals`, with at least two."""
    whole, _, cents = f"{abs(amount):,.{decimals}f}".partition(".")
    text = f"${whole}.{cents.rstrip('0').ljust(2, '0')}"
    return f"-{text}" if amount < 0 and text.strip("$0.,") else text


def sentences(report: Report) -> Iterator[str]:
    """The lines under the table."""
    total = report.total
    yield f"Total: {usd(total.cost_usd)} for {_calls(total.calls)}."
    yield _attributed(report)
    yield from _not_priced(report)
    estimated = report.by_status.get("estimated")
    if estimated:
        yield (
            f"Estimated: {_calls(estimated.calls)} with a cost of {usd(estimated.cost_usd)}, "
            "which is in the total."
        )


def not_priced(report: Report) -> dict[CostStatus, Sums]:
    """The sums of the calls whose cost is not wholly known, per status."""
    return {status: report.by_status.get(status, Sums()) for status in NOT_PRICED}


def _attributed(report: Report) -> str:
    spend, named = report.total.cost_usd, report.attributed_usd
    part = share(named, spend)
    shown = "" if part is None else f"{percent(part)} of the spend, that is "
    return (
        f"Attributed: {shown}{usd(named)}, names the feature it was for; "
        f"{usd(spend - named)} names none."
    )


def _not_priced(report: Report) -> Iterator[str]:
    gaps = not_priced(report)
    unknown = sum(sums.calls for sums in gaps.values())
    part = share(unknown, report.total.calls)
    if not unknown or part is None:
        yield "Not priced: none; the total covers every call."
        return
    of_all = f"{unknown:,} of {report.total.calls:,}"
    yield (
        f"Not priced: {percent(part)} of the calls ({of_all}); "
        "the true cost is higher than the total."
    )
    for status, sums in gaps.items():
        if sums.calls:
            calls, tokens = _calls(sums.calls), f"{sums.total_tokens:,}"
            yield f"  {status}: {NOT_PRICED[status].format(calls=calls, tokens=tokens)}."


def _calls(number: int) -> str:
    return f"{number:,} call{'' if number == 1 else 's'}"
