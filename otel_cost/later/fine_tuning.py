"""`otel_cost.record_fine_tuning()`: the charge for what a fine-tuning job was trained on."""

import time
from collections.abc import Mapping
from typing import Any

from otel_cost.attribution.values import Attribution
from otel_cost.charge import Outcome
from otel_cost.later.clients import check_attribution, check_id, known
from otel_cost.later.run import Recorded, Run, instant
from otel_cost.readers.fields import count, fields, text
from otel_cost.usage import Usage

_OUTCOMES: Mapping[str, Outcome] = {"succeeded": "ok", "failed": "error", "cancelled": "aborted"}
"""By the status of a job that has ended."""


def record_fine_tuning(
    client: Any, job_id: str, *, attribution: Attribution | None = None
) -> Recorded:
    """Record what a fine-tuning job has cost: one charge, and one span.

    `client` is a synchronous client of the openai SDK. A job that has not ended is recorded as
    pending; call it again when it has. Calling it once more changes nothing. A job that failed is
    free unless it says what is billed of it. Reinforcement fine-tuning is billed by time, which no
    answer says: its cost is `unmetered`.

    `attribution` says who it is for; what it leaves open is for whoever recorded it as pending, as
    far as this process or the ledger remembers, else for the current attribution. Where otel_cost
    is switched off, nothing is recorded.

    Raises:
        TypeError: `client` is no such client, or `attribution` no attribution.
        ValueError: `job_id` is empty.

    Whatever the SDK raises for the job comes through.

    """
    found = known(client, "record_fine_tuning")
    if found.sdk != "openai":
        raise TypeError("record_fine_tuning() needs a client of the openai SDK")
    check_id(job_id, "job_id")
    said_by_caller = check_attribution(attribution)
    run = Run(found)
    job = fields(found.client.fine_tuning.jobs.retrieve(job_id))
    call = run.call("fine_tuning", instant(job.get("created_at")) or time.time_ns(), job_id)
    call.request_model = call.model = text(job, "model")
    outcome = _OUTCOMES.get(text(job, "status") or "")
    if outcome is None:
        run.submit(call, said_by_caller)
        return run.recorded(ended=False)
    trained = count(job, "trained_tokens")
    by_time = fields(job.get("method")).get("type") == "reinforcement"
    if trained and not by_time:
        call.usage, call.usage_source = Usage({"training_tokens": trained}), "provider"
    call.refused = outcome == "error" and not trained
    call.outcome, call.error_type = outcome, text(fields(job.get("error")), "code")
    call.ended_at = instant(job.get("finished_at")) or time.time_ns()
    run.settle(call, said_by_caller)
    return run.recorded(ended=True)
