"""The demo's runs: local, live, and the replay of a trace, each into a ledger."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from time import time_ns
from typing import TYPE_CHECKING

import otel_cost
from otel_cost import config
from otel_cost.demo.errors import DemoError
from otel_cost.ledger.location import sqlite_path

if TYPE_CHECKING:
    from otel_cost.demo.replay import Job
    from otel_cost.demo.trace import Row
    from otel_cost.demo.workload import Models
    from otel_cost.reports.grouping import Sums

DEFAULT_LEDGER = "sqlite:///otel_cost_demo.db"
LIVE_VARIABLES = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "LANGFUSE_PUBLIC_KEY",
    "LANGFUSE_SECRET_KEY",
)
_SDKS = ("openai", "anthropic")
_PATIENCE = 30.0
"""How long charges and spans may take to get where they go (seconds)."""


def check_ready() -> None:
    """Raises `DemoError` if an SDK is missing or otel_cost is switched off."""
    if missing := [name for name in _SDKS if importlib.util.find_spec(name) is None]:
        raise DemoError(
            f"the demo calls the real SDKs, and {' and '.join(missing)} cannot be imported; "
            f"run: pip install {' '.join(missing)}"
        )
    if config.read().disabled:
        raise DemoError(
            "OTEL_COST_DISABLED or OTEL_SDK_DISABLED is true, and the demo would show nothing; "
            "unset it"
        )


def start_afresh() -> str:
    """The URL of the demo's own ledger in the current folder, without what it held."""
    path = sqlite_path(DEFAULT_LEDGER)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return DEFAULT_LEDGER


def run_local(ledger: str) -> None:
    """Plays the workload against local providers. Raises `DemoError` if anything goes wrong."""
    otel_cost.instrument(ledger=ledger)
    try:
        from otel_cost.demo.clients import local_clients
        from otel_cost.demo.workload import SCENES, Models, play

        with local_clients() as clients:
            surprises = list(play(SCENES, clients, Models()))
        _deliver()
    finally:
        otel_cost.shutdown()
    if surprises:
        raise DemoError(surprises[0])


def check_live(environ: Mapping[str, str]) -> None:
    """Raises `DemoError` that names every variable that a live run lacks."""
    if missing := [name for name in LIVE_VARIABLES if not environ.get(name, "").strip()]:
        raise DemoError(f"--live needs {', '.join(missing)} in the environment")
    if problems := config.read(environ).problems:
        raise DemoError(problems[0])


def run_live(ledger: str, models: Sequence[str]) -> list[str]:
    """Plays a small workload against the real providers, with spans to Langfuse.

    `models` are overrides of the form `role=name`. Returns what went wrong, one line per call.
    Raises `DemoError` for a bad override, and if charges did not arrive.
    """
    chosen = _chosen(models)
    otel_cost.configure(ledger=ledger)
    try:
        from otel_cost.demo.clients import live_clients
        from otel_cost.demo.workload import SCENES, play

        scenes = [replace(scene, rounds=1) for scene in SCENES if scene.live]
        with live_clients() as clients:
            surprises = list(play(scenes, clients, chosen))
        _deliver()
    finally:
        otel_cost.shutdown()
    return surprises


def run_replay(rows: Sequence["Row"], job: "Job", progress: Callable[[int], None]) -> "Sums":
    """Replays the rows, and returns what the ledger holds of them.

    Raises `DemoError` if that is not what the rows add up to.
    """
    from otel_cost.demo.parallel import replay_in_processes, suited

    started = time_ns()
    replay_in_processes(rows, job, progress, suited(len(rows)))
    held = _held(job, started)
    expected = (
        len(rows),
        sum(row.context_tokens for row in rows),
        sum(row.generated_tokens for row in rows),
    )
    found = (held.calls, held.input_tokens, held.output_tokens)
    if found != expected:
        raise DemoError(
            f"calls, input and output tokens of the file are {expected}, those in the ledger "
            f"{found}; they should be the same"
        )
    return held


def _held(job: "Job", since: int) -> "Sums":
    from otel_cost.reports import grouping
    from otel_cost.sources.ledger import read_spend

    rows = read_spend(job.ledger, ("feature", "team"), since)
    ours = (row for row in rows if row.key == (job.feature, job.team))
    return grouping.build(("feature", "team"), ours).total


def _chosen(overrides: Sequence[str]) -> "Models":
    from otel_cost.demo.workload import Models

    roles = [field.name for field in fields(Models)]
    chosen = {}
    for override in overrides:
        role, _, name = override.partition("=")
        if role not in roles or not name:
            raise DemoError(
                f"--model {override!r} is not of the form role=name with a role of "
                f"{', '.join(roles)}"
            )
        chosen[role] = name
    return replace(Models(), **chosen)


def _deliver() -> None:
    if not otel_cost.flush(_PATIENCE):
        raise DemoError(f"not every charge was delivered within {_PATIENCE:.0f} s")
