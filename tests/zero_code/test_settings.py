"""Shows that no variable, whatever it says, keeps an application from running, and who is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_cost.demo.providers import LocalProviders
from otel_cost.variables import VARIABLES, Variable
from tests import ledgers, programs
from tests.otlp_receiver import OtlpReceiver
from tests.zero_code.stage import APP, Stage

CALL = APP + "chat()\n"


@pytest.fixture
def stage(providers: LocalProviders) -> Iterator[Stage]:
    with OtlpReceiver() as langfuse:
        yield Stage(providers, langfuse)


NONSENSE = ("neither,this\\nor=that=", "-1", "\udcff\u2028")
MEANING = {
    "OTEL_COST_LEDGER": "nowhere",
    "OTEL_COST_PRICES": "/nowhere/prices.toml",
    "OTEL_COST_RULES": "/nowhere/rules.toml",
    "OTEL_COST_DIAGNOSTICS": "/nowhere/diagnostics.json",
    "LANGFUSE_PUBLIC_KEY": "sk-exchanged",
    "LANGFUSE_SECRET_KEY": "pk-exchanged",
}
"""What is any text to read, and wrong all the same."""


def refused(variable: Variable) -> str | None:
    """A value that the variable cannot be read from."""
    for value in NONSENSE:
        try:
            variable.read(value)
        except ValueError:
            return value
    return None


WRONG = {
    name: MEANING.get(name) or refused(variable) or NONSENSE[2]
    for name, variable in VARIABLES.items()
}


def test_there_is_a_wrong_value_for_each_variable() -> None:
    unrefused = {name for name, variable in VARIABLES.items() if refused(variable) is None}
    assert unrefused <= MEANING.keys()


def test_with_every_variable_wrong_the_application_runs_and_each_is_named(stage: Stage) -> None:
    ended = programs.run("import otel_cost.auto\n" + CALL, stage.environ(**WRONG))
    assert ended.status == 0, ended.err
    assert ended.out.strip()
    named = {name for name in VARIABLES if name in ended.err}
    assert VARIABLES.keys() - named == set(), ended.err
    assert "exchanged" not in ended.err


@pytest.mark.parametrize("name", sorted(WRONG.keys() - MEANING.keys()))
def test_a_variable_that_is_wrong_alone_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otel_cost import config

    (problem,) = config.read({name: WRONG[name]}).problems
    assert problem.startswith(name)


SDK_NONSENSE = {
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x",
    "OTEL_BSP_MAX_QUEUE_SIZE": "0",
    "OTEL_PROPAGATORS": "nonsense",
    "OTEL_PYTHON_TRACER_PROVIDER": "nonsense",
}
ON = {"auto": "import otel_cost.auto", "configure": "import otel_cost; otel_cost.configure()"}


@pytest.mark.parametrize(
    ("name", "on"),
    [*((name, "auto") for name in SDK_NONSENSE), (next(iter(SDK_NONSENSE)), "configure")],
)
def test_with_a_variable_of_the_sdk_wrong_calls_are_charged(
    stage: Stage, tmp_path: Path, name: str, on: str
) -> None:
    ledger = tmp_path / "ledger.db"
    environ = stage.environ(OTEL_COST_LEDGER=ledgers.url(ledger), **{name: SDK_NONSENSE[name]})
    ended = programs.run(f"{ON[on]}\n{CALL}", environ)
    assert ended.status == 0, ended.err
    (document,) = ledgers.documents(ledger)
    assert document["response_id"] == ended.out.strip()
    assert document["attribution"]["feature"] == "search"
    assert name.rpartition("_MAX")[0] in ended.err


def test_switched_off_it_does_nothing(stage: Stage) -> None:
    code = f"""
import otel_cost.auto
import opentelemetry.sdk.trace
untouched = opentelemetry.sdk.trace.TracerProvider.__init__
{CALL}
opentelemetry.sdk.trace.TracerProvider()
"""
    ended = programs.run(code, stage.environ(OTEL_COST_DISABLED="true"))
    assert (ended.status, ended.err) == (0, "")
    assert stage.langfuse.requests == []
