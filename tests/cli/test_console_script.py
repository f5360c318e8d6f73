"""Shows that `otel-cost` starts quickly, explains itself, and says what is missing to install."""

import subprocess
import sys

import pytest

from otel_cost.__about__ import __version__


def run(before: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The console script in a process of its own, after the statements `before`."""
    code = f"import sys; {before}; from otel_cost.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("absent", ["typer", "rich", "sqlalchemy"])
def test_without_the_extra_it_says_what_to_install(absent: str) -> None:
    done = run(f"sys.modules[{absent!r}] = None", "report")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f'otel-cost: {absent} missing; install it: pip install "otel-cost[cli]"\n'
    )


def test_version() -> None:
    done = run("pass", "--version")
    assert (done.returncode, done.stdout) == (0, f"otel-cost {__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"], ["demo", "--help"]])
def test_help_has_an_example(arguments: list[str]) -> None:
    done = run("pass", *arguments)
    assert done.returncode == 0
    assert "Example: otel-cost " in done.stdout


def test_help_loads_nothing_that_only_a_command_needs() -> None:
    report = (
        "import atexit; atexit.register(lambda: sys.stderr.write(' '.join("
        "{'openai', 'anthropic', 'langfuse', 'sqlalchemy', 'rich'} & set(sys.modules))))"
    )
    done = run(report, "--help")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["no-such-command"], ["report", "--no-such-option"]])
def test_a_misspelt_command_is_refused_without_a_traceback(arguments: list[str]) -> None:
    done = run("pass", *arguments)
    assert done.returncode == 2
    assert "no-such" in done.stderr
    assert "Traceback" not in done.stderr
