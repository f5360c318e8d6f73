"""How many spans of each instrumentation scope came to what, and why: for diagnostics."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["owner", "priced", "duplicate", "around"]
"""A span carries a hooked call; is charged itself; tells of a call again; or is never a call."""

_MOST = 256
"""Scopes are few; whoever names them by the request is counted together."""
_OTHERS = ("(others)", "")


class Tally:
    """Counts by scope. For any thread; a lost count does no harm."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str], Counter[str]] = {}
        self._reasons: dict[tuple[str, str], Counter[str]] = {}
        self.advice: dict[str, None] = {}
        """What to change, in whole sentences, in the order it was first seen."""

    def count(
        self, scope: str, version: str | None, verdict: Verdict, status: str = "", reason: str = ""
    ) -> None:
        """One more span of `scope` came to `verdict`; `status` is that of its cost."""
        key = (scope, version or "")
        verdicts = self._verdicts.get(key)
        if verdicts is None:
            if len(self._verdicts) >= _MOST:
                key = _OTHERS
            verdicts = self._verdicts.setdefault(key, Counter())
        verdicts[verdict] += 1
        if status:
            verdicts[status] += 1
        if reason:
            self._reasons.setdefault(key, Counter())[reason] += 1

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """A JSON-ready row per scope, the most frequent first."""
        return [
            {
                "scope": key[0],
                "version": key[1],
                **{column: counts[column] for column in columns},
                "reasons": dict(self._reasons.get(key, {})),
            }
            for key, counts in sorted(
                self._verdicts.copy().items(), key=lambda item: (-item[1].total(), item[0])
            )
        ]
