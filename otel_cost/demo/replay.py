"""Replaying a trace: its rows as calls through the real SDKs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import otel_cost
from otel_cost.attribution.context import attribution
from otel_cost.demo.clients import Clients, local_clients
from otel_cost.demo.directives import header
from otel_cost.demo.errors import DemoError
from otel_cost.demo.trace import Row

_PROMPT = "A row of the replayed trace."
_STEP = 50
"""How many calls go by between two reports of progress."""
_PATIENCE = 60.0
"""How long the last charges may take to reach the ledger (seconds)."""


@dataclass(frozen=True, slots=True)
class Job:
    """How the rows are replayed."""

    feature: str
    team: str
    model: str
    ledger: str


def replay(rows: Sequence[Row], job: Job, progress: Callable[[int], None]) -> None:
    """Makes one call per row, and returns when the charges are in the ledger.

    `progress` is told how many calls were made since it was last told. Raises `DemoError` if
    charges did not reach the ledger in time.
    """
    otel_cost.instrument(ledger=job.ledger)
    try:
        with (
            local_clients() as clients,
            attribution(feature=job.feature, team=job.team),
        ):
            call = _caller(clients, job.model)
            for number, row in enumerate(rows, 1):
                call(row)
                if number % _STEP == 0:
                    progress(_STEP)
            progress(len(rows) % _STEP)
        if not otel_cost.flush(_PATIENCE):
            raise DemoError("the ledger did not take every charge in time")
    finally:
        otel_cost.shutdown()


def _caller(clients: Clients, model: str) -> Callable[[Row], object]:
    def claude(row: Row) -> object:
        usage = {"input_tokens": row.context_tokens, "output_tokens": row.generated_tokens}
        return clients.anthropic.messages.create(
            model=model,
            max_tokens=1024,
            messages=[{"role": "user", "content": _PROMPT}],
            extra_headers=header(usage=usage),
        )

    def chat(row: Row) -> object:
        usage = {
            "prompt_tokens": row.context_tokens,
            "completion_tokens": row.generated_tokens,
            "total_tokens": row.context_tokens + row.generated_tokens,
        }
        return clients.openai.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": _PROMPT}],
            extra_headers=header(usage=usage),
        )

    return claude if model.startswith("claude") else chat
