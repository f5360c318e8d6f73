"""Shows that child processes keep whom calls are for, and lose no charge and no span."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_cost.demo.providers import LocalProviders
from tests import ledgers, programs
from tests.otlp_receiver import OtlpReceiver
from tests.programs import Ended
from tests.zero_code.stage import APP, Stage, run

RUN = (sys.executable, "-m", "otel_cost.cli", "run")


@pytest.fixture
def stage(providers: LocalProviders) -> Iterator[Stage]:
    with OtlpReceiver() as langfuse:
        yield Stage(providers, langfuse)


def nothing_is_lost(stage: Stage, ended: Ended, ledger: Path, calls: int) -> None:
    assert ended.err == ""
    assert len(stage.has_each_once(ended)) == calls
    found = ledgers.documents(ledger)
    assert sorted(document["response_id"] for document in found) == sorted(ended.out.split())
    assert {document["attribution"]["feature"] for document in found} == {"search"}


OWN_INTERPRETER = """
import multiprocessing

def work():
    import openai
    from openai import OpenAI
    question = [{"role": "user", "content": "one two three"}]
    made = OpenAI(max_retries=0).chat.completions.create(model="gpt-4o", messages=question)
    print(made.id, flush=True)

if __name__ == "__main__":
    for how in ("spawn", "forkserver"):
        worker = multiprocessing.get_context(how).Process(target=work)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
"""


def test_children_with_an_interpreter_of_their_own(stage: Stage, tmp_path: Path) -> None:
    app, ledger = tmp_path / "app.py", tmp_path / "ledger.db"
    app.write_text(OWN_INTERPRETER)
    ended = run([*RUN, str(app)], stage.environ(OTEL_COST_LEDGER=ledgers.url(ledger)))
    nothing_is_lost(stage, ended, ledger, 2)


FORKS = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested

def forked(work):
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""


@pytest.mark.parametrize(
    ("on", "steps"),
    [
        ("import otel_cost.auto", "chat(); forked(chat); chat()"),
        ("import otel_cost.auto", "forked(lambda: forked(chat))"),
        ("import otel_cost; otel_cost.configure()", "chat(); forked(chat); chat()"),
    ],
    ids=["between calls", "of a child", "by code"],
)
def test_a_forked_child(stage: Stage, tmp_path: Path, on: str, steps: str) -> None:
    ledger = tmp_path / "ledger.db"
    environ = stage.environ(OTEL_COST_LEDGER=ledgers.url(ledger))
    ended = programs.run(f"{on}\n{APP}\n{FORKS}\n{steps}", environ)
    nothing_is_lost(stage, ended, ledger, steps.count("chat"))


def test_a_child_that_switches_it_on_itself(stage: Stage, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    code = f"""
{APP}
{FORKS}
def work():
    import otel_cost
    otel_cost.configure()
    chat()

forked(work)
"""
    ended = programs.run(code, stage.environ(OTEL_COST_LEDGER=ledgers.url(ledger)))
    nothing_is_lost(stage, ended, ledger, 1)
