"""Shows what `otel-cost doctor` says of this installation and of what a process has written."""

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli.app import app
from otel_cost.demo.providers import LocalProviders
from tests import programs

Doctor = Callable[..., Result]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The command in an environment that says nothing."""
    ours = ("OTEL_", "LANGFUSE_", "ANTHROPIC_", "LITELLM_", "USE_OTEL_")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)
    return lambda *arguments: CliRunner().invoke(app, ["doctor", *arguments])


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM installed, as far as metadata tell."""
    info = tmp_path / "litellm-1.106.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: litellm\nVersion: 1.106.2\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


def test_nothing_to_fix(doctor: Doctor) -> None:
    done = doctor()
    assert done.exit_code == 0
    assert done.stdout.startswith("Installed\n otel-cost ")
    assert " opentelemetry-sdk 1." in done.stdout
    assert done.stdout.endswith("\nNothing needs fixing.\n")
    assert "To fix" not in done.stdout


@pytest.mark.usefixtures("broken")
def test_something_to_fix(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    done = doctor()
    assert done.exit_code == 1
    assert "\n litellm 1.106.2\n" in done.stdout
    assert "\nTo fix\n litellm: Where the application has a span open, " in done.stdout
    assert "\n   Set USE_OTEL_LITELLM_REQUEST_SPAN=true for the application" in done.stdout
    assert done.stdout.endswith("\nOne thing needs fixing.\n")
    monkeypatch.setenv("USE_OTEL_LITELLM_REQUEST_SPAN", "true")
    assert doctor().exit_code == 0


@pytest.mark.usefixtures("broken")
def test_notes_alone_are_no_failure(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_OTEL_LITELLM_REQUEST_SPAN", "true")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    done = doctor()
    assert done.exit_code == 0
    assert "\nGood to know\n OTEL_TRACES_SAMPLER: LiteLLM can call providers" in done.stdout


ROW = {
    "scope": "litellm",
    "version": "1.106.2",
    **dict.fromkeys(("owner", "duplicate", "around", "unpriced", "unmetered"), 0),
    "priced": 1200,
    "partial": 3,
    "reasons": {"The span does not say what was written to the cache.": 3},
}
SEEN: dict[str, Any] = {
    "hooks": {"openai": True, "anthropic": False},
    "scopes": [ROW],
    "counts": {"internal_error": 2},
    "advice": ["Two calls of LiteLLM wrote onto one span."],
}


@pytest.fixture
def seen(tmp_path: Path) -> Callable[[Any], str]:
    def write(document: Any) -> str:
        path = tmp_path / "seen.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    return write


def test_what_a_process_has_seen(doctor: Doctor, seen: Callable[[Any], str]) -> None:
    done = doctor(seen(SEEN))
    assert done.exit_code == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    heading = "Scope Version Owner Priced Duplicate Around Partial Unpriced Unmetered"
    expected = [
        "openai: yes",
        "anthropic: no",
        heading,
        "litellm 1.106.2 0 1,200 0 0 3 0 0",
        "litellm: 3 x The span does not say what was written to the cache.",
        "internal_error: 2",
        "Two calls of LiteLLM wrote onto one span.",
        "One thing needs fixing.",
    ]
    assert [line for line in lines if line in expected] == expected
    assert "\x1b" not in done.stdout


def test_a_process_that_saw_nothing(doctor: Doctor, seen: Callable[[Any], str]) -> None:
    done = doctor(seen({"hooks": {}, "scopes": [], "counts": {}, "advice": []}))
    assert done.exit_code == 0
    assert done.stdout == doctor().stdout


def test_what_a_real_process_writes_is_read(
    doctor: Doctor, providers: LocalProviders, tmp_path: Path
) -> None:
    path = tmp_path / "diagnostics.json"
    environ = programs.towards(providers, OTEL_COST_DIAGNOSTICS=str(path))
    assert programs.output(programs.CALLS + "otel_cost.configure()\nchat()", environ) == []
    done = doctor(str(path))
    assert done.exit_code == 0
    assert "\nHooked\n openai: yes\n anthropic: no\n" in done.stdout


@pytest.mark.usefixtures("broken")
def test_json(doctor: Doctor, seen: Callable[[Any], str]) -> None:
    done = doctor(seen(SEEN), "--format", "json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert list(answer) == ["installed", "findings", "process", "to_fix"]
    assert answer["installed"]["litellm"] == "1.106.2"
    assert [(f["level"], f["about"]) for f in answer["findings"]] == [("fix", "litellm")]
    assert list(answer["findings"][0]) == ["level", "about", "what", "fix"]
    assert (answer["process"], answer["to_fix"]) == (SEEN, 2)
    assert json.loads(doctor("--format", "json").stdout)["process"] is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "is not JSON"),
        ("\x00", "is not JSON"),
        ([], "is not what OTEL_COST_DIAGNOSTICS has a process write"),
        ({**SEEN, "hooks": 1}, "is not what"),
        ({**SEEN, "scopes": {}}, "is not what"),
        ({**SEEN, "scopes": [1]}, "is not what"),
        ({**SEEN, "scopes": [{**ROW, "priced": "1"}]}, "is not what"),
        ({**SEEN, "scopes": [{**ROW, "reasons": None}]}, "is not what"),
        ({k: v for k, v in SEEN.items() if k != "advice"}, "is not what"),
    ],
)
def test_a_bad_file_is_one_clear_line(
    doctor: Doctor, seen: Callable[[Any], str], document: Any, words: str
) -> None:
    path = seen(document)
    done = doctor(path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"otel-cost: {path} {words}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.json"], "absent.json cannot be read: No such file or directory"),
        (["."], ". cannot be read: Is a directory"),
        (["--format", "csv"], "there is no format 'csv'; choose from table, json"),
    ],
)
def test_bad_input_is_one_clear_line(
    doctor: Doctor,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = doctor(*arguments)
    assert (done.exit_code, done.stderr) == (2, f"otel-cost: {words}\n")
