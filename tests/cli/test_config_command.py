"""Shows what `otel-cost config` says of an environment and of a process, and what it keeps."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli.app import app
from otel_cost.demo.providers import LocalProviders
from otel_cost.variables import VARIABLES
from tests import ledgers, programs

Config = Callable[..., Result]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Config:
    """The command, in an environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "LANGFUSE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["config", *arguments])


def rows(output: str) -> dict[str, list[str]]:
    """The rest of each line that begins with a variable."""
    words = [line.split() for line in output.partition("To fix")[0].splitlines()]
    return {first: rest for first, *rest in filter(None, words) if "_" in first or "(" in first}


def test_where_nothing_is_said_every_setting_has_its_default(config: Config) -> None:
    done = config()
    assert done.exit_code == 0
    assert done.stdout.startswith("Attribution\n OTEL_COST_FEATURE ")
    assert done.stdout.endswith("\nNothing needs fixing.\n")
    found = rows(done.stdout)
    assert {"LANGFUSE_HOST", "OTEL_RESOURCE_ATTRIBUTES"} == VARIABLES.keys() - found.keys()
    assert {origin for origin, *_ in found.values()} == {"default"}
    assert found["OTEL_COST_WIRE"] == ["default", "header"]
    assert found["OTEL_COST_DISABLED"] == ["default", "false"]
    assert found["LANGFUSE_BASE_URL"] == ["default", "https://cloud.langfuse.com"]


def test_what_is_said_stands_there_with_where_it_was_said(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OTEL_COST_TAGS": "plan=pro,region=eu",
        "OTEL_COST_PROPAGATE_TO": "a.corp,10.0.0.0/8",
        "OTEL_COST_INFER_USAGE": "1",
        "LANGFUSE_HOST": "https://user:hunter2@langfuse.example/",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-hunter2",
        "LANGFUSE_SECRET_KEY": "sk-lf-hunter2",
        "OTEL_COST_PROPAGATION_KEY": "hunter2-hunter2-hunter2",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop",
    }.items():
        monkeypatch.setenv(name, value)
    done = config()
    assert done.exit_code == 0
    found = rows(done.stdout)
    assert found["OTEL_COST_TAGS"] == ["environment", "plan=pro,region=eu"]
    assert found["OTEL_COST_PROPAGATE_TO"] == ["environment", "a.corp,10.0.0.0/8"]
    assert found["OTEL_COST_INFER_USAGE"] == ["environment", "true"]
    assert found["LANGFUSE_BASE_URL"] == ["LANGFUSE_HOST", "https://***@langfuse.example"]
    assert found["LANGFUSE_SECRET_KEY"] == ["environment", "***"]
    assert found["OTEL_COST_PROPAGATION_KEY"] == ["environment", "***"]
    assert found["OTEL_SERVICE_NAME"] == ["OTEL_RESOURCE_ATTRIBUTES", "shop"]
    assert "hunter2" not in done.output + config("--json").output


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_COST_STAMP", "some", "OTEL_COST_STAMP 'some' is ignored: "),
        ("OTEL_COST_FEATRUE", "x", "OTEL_COST_FEATRUE is no variable of otel_cost; perhaps "),
        ("LANGFUSE_SECRET_KEY", "sk-lf-1", "nothing is sent to Langfuse: LANGFUSE_PUBLIC_KEY "),
        ("OTEL_COST_LEDGER", "redis://h", "OTEL_COST_LEDGER='redis://h' is not supported; "),
        ("OTEL_COST_PRICES", "none.toml", "OTEL_COST_PRICES is ignored: none.toml: "),
        ("OTEL_COST_RULES", "none.toml", "OTEL_COST_RULES is ignored: none.toml: "),
        ("OTEL_COST_FEATURE", "a\x1b[31m", "OTEL_COST_FEATURE 'a\\x1b[31m' is not used as it is"),
    ],
)
def test_what_is_wrong_is_told_and_is_the_exit_status(
    config: Config, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    done = config()
    assert done.exit_code == 1
    assert f"\nTo fix\n {told}" in done.stdout
    assert done.stdout.endswith("\n\nOne thing needs fixing.\n")
    assert "\x1b" not in done.stdout
    machine = config("--json")
    assert machine.exit_code == 1
    (problem,) = json.loads(machine.stdout)["problems"]
    assert problem.startswith(told)


def test_a_terminal_gets_no_control_characters(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_BAGGAGE_KEYS", "feature=app%1b[31m.feature")
    done = config()
    assert done.exit_code == 0
    assert rows(done.stdout)["OTEL_COST_BAGGAGE_KEYS"][1] == "app\\x1b[31m.feature=feature"


def test_for_machines_values_have_types(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_COST_TAGS", "plan=pro")
    said = json.loads(config("--json").stdout)
    assert said["problems"] == []
    found = {row["name"]: row for row in said["settings"]}
    assert found["OTEL_COST_TAGS"] == {
        "group": "attribution",
        "name": "OTEL_COST_TAGS",
        "value": {"plan": "pro"},
        "origin": "OTEL_COST_TAGS",
    }
    assert found["OTEL_COST_PROPAGATION_TTL"]["value"] == 60
    assert found["OTEL_COST_STAMP"]["origin"] == "default"


IN_CODE = """
import otel_cost
price = otel_cost.Price(model="gpt-9", rates={"input": "1", "output": "2"})
otel_cost.configure(ledger=os.environ["LEDGER"], prices=[price])
"""


def test_of_a_process_it_tells_what_was_set_in_code(
    config: Config, providers: LocalProviders, tmp_path: Path
) -> None:
    path, ledger = tmp_path / "seen.json", ledgers.url(tmp_path / "code.db")
    environ = programs.towards(
        providers,
        LEDGER=ledger,
        OTEL_COST_DIAGNOSTICS=str(path),
        OTEL_COST_LEDGER="sqlite:///environment.db",
        OTEL_COST_TEAM="core",
        OTEL_COST_STAMP="some",
        OTEL_COST_PROPAGATION_KEY="hunter2-hunter2-hunter2",
    )
    ended = programs.run("import os\n" + IN_CODE, environ)
    assert ended.status == 0, ended.err
    assert ended.err.count("otel_cost: OTEL_COST_STAMP 'some' is ignored: ") == 1
    done = config(str(path))
    assert done.exit_code == 1
    found = rows(done.stdout)
    assert found["OTEL_COST_LEDGER"] == ["code", ledger]
    assert found["configure(prices=)"] == ["code", "1"]
    assert found["OTEL_COST_TEAM"] == ["environment", "core"]
    assert found["OTEL_COST_STAMP"] == ["default", "llm"]
    assert "\nTo fix\n OTEL_COST_STAMP 'some' is ignored: " in done.stdout
    assert "hunter2" not in path.read_text(encoding="utf-8")


def test_a_file_of_something_else_is_refused(config: Config, tmp_path: Path) -> None:
    older = tmp_path / "older.json"
    older.write_text('{"hooks": {}, "counts": {}, "scopes": [], "advice": []}', encoding="utf-8")
    done = config(str(older))
    assert done.exit_code == 2
    assert "does not say what settings the process had" in done.stderr
    done = config(str(tmp_path / "none.json"))
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr
