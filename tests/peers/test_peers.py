"""Beside every library that is installed here: each call has one charge and one owner."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import langfuse_rules
from tests.peers.absent import ROWS, Absent, absent
from tests.peers.check import COUNTED, wrongs
from tests.peers.exported import Exported
from tests.peers.stacks import STACKS, Stack

COMPAT = "OTEL_COST_COMPAT"
"""Set by `make compat`."""
_USUAL = {"by-hand+langfuse", "sdk+langfuse-openai"}
"""What runs everywhere: these libraries are at hand where this is developed."""
_LONGEST = 110
"""How long a process may take (seconds): less than a test may."""
DOCS = Path(__file__).parents[2] / "docs" / "compatibility.md"
_UNWANTED = ("OTEL_", "LANGFUSE_", "ANTHROPIC_", "OPENAI_", "LITELLM_")
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TRACELOOP_TELEMETRY": "false",
}
"""Keeps libraries from calling home."""

Run = Mapping[str, Any]
Runs = Mapping[str, Run]


class Ways(NamedTuple):
    """The runs of one call: sync and async, alone and in the application's span."""

    stack: str
    call: str
    """Empty: every call of the stack."""

    def __str__(self) -> str:
        return f"{self.stack}-{self.call}" if self.call else self.stack


def _table() -> Iterator[Ways]:
    """Every stack that is installed, call by call; a few as a whole outside `make compat`."""
    for name, stack in STACKS.items():
        if COMPAT not in os.environ:
            yield from [Ways(name, "")] if name in _USUAL else []
        elif stack.is_installed:
            calls = dict.fromkeys(call.partition("/")[0] for call in stack.calls())
            yield from (Ways(name, call) for call in calls)


@functools.lru_cache(maxsize=1)
def played(name: str) -> tuple[Runs, Runs]:
    """All runs of a stack, with otel_cost and without."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(_UNWANTED)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.peers.stage", name, how],
            env=environ | _QUIET,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for how in ("with", "without")
    ]
    found = []
    for process in processes:
        said, complained = process.communicate(timeout=_LONGEST)
        assert process.returncode == 0, complained[-3000:]
        found.append(json.loads(said.splitlines()[-1]))
    return found[0], found[1]


@pytest.mark.parametrize("ways", list(_table()), ids=str)
def test_one_charge_and_one_owner(ways: Ways, record_property: Any) -> None:
    stack = STACKS[ways.stack]
    measured, plain = played(ways.stack)
    names = [name for name in measured if ways.call in {"", name.partition("/")[0]}]
    lacks = {name: absent(stack, name) for name in names}
    wrong = [
        f"{name}: {one}"
        for name in names
        for one in _wrongs(stack, name, measured[name], plain[name], lacks[name])
    ]
    assert not wrong, "\n".join(wrong)
    if all(lacks.values()):
        record_property("absent", ", ".join({row.reason for row in lacks.values() if row}))


def _wrongs(
    stack: Stack, name: str, run: Run, without: Run, lacking: Absent | None
) -> Iterator[str]:
    lack = None if lacking is None else lacking.lack
    if lack == "neither":
        if run["charges"]:
            yield f"it is charged, against tests/peers/absent.py: {lacking}"
        return
    yield from wrongs(name, run, sampled=stack.sampled, hooked=lack != "no hook")
    if run["seen"] != without["seen"]:
        yield "the application sees something else than without otel_cost"
    if lack == "no hook" and any(c["usage_source"] != "span" for c in run["charges"]):
        yield f"the hooks see the call, against tests/peers/absent.py: {lacking}"
    elif lack != "no hook" and stack.libraries and not stack.sampled:
        there = _has_span(stack, without["last"])
        if there == (lack == "no span"):
            yield f"the library's spans are not as tests/peers/absent.py says: {lacking}"


def _has_span(stack: Stack, spans: Sequence[Exported]) -> bool:
    """Whether a library of the stack has made a span of the call."""
    return any(
        span["scope"]["name"].startswith(stack.scopes)
        and langfuse_rules.store(span["scope"], span["attributes"])["type"] in COUNTED
        for span in spans
    )


def test_the_list_names_stacks_and_calls_that_there_are() -> None:
    for row in ROWS:
        about = [stack for stack in STACKS.values() if row.is_about(stack)]
        assert about, row
        for stack in filter(lambda stack: stack.is_installed, about):
            assert any(row.is_about_call(f"{name}/alone") for name in stack.calls()), row


def test_the_list_is_documented() -> None:
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    for row in ROWS:
        assert row.reason in text
