"""Shows that `otel-cost run` changes nothing of a program but that otel_cost is on in it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.zero_code.stage import run

RUN = (sys.executable, "-m", "otel_cost.cli", "run")
IS_ON = "print(any(type(finder).__name__ == '_AtNeed' for finder in sys.meta_path))"


def program(tmp_path: Path, code: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(f"import os, signal, sys\n{code}\n")
    return str(path)


@pytest.mark.parametrize("way", ["command", "script", "module"])
def test_each_way_of_naming_a_program(tmp_path: Path, way: str) -> None:
    path = program(tmp_path, f"{IS_ON}; print(sys.argv[1:], sys.stdin.read()); sys.exit(7)")
    named = {
        "command": [sys.executable, path],
        "script": [path],
        "module": ["-m", "program"],
    }[way]
    environ = {"PYTHONPATH": f"{programs.ROOT}:{tmp_path}"}
    ended = run([*RUN, *named, "--by", "-m"], environ, given="what it is given")
    assert ended.status == 7, ended.err
    assert ended.out.splitlines() == ["True", "['--by', '-m'] what it is given"]
    assert ended.err == ""


def test_a_python_that_it_starts_is_covered_unless_isolated(tmp_path: Path) -> None:
    code = f"""
import subprocess
for options in ([], ["-I"]):
    subprocess.run([sys.executable, *options, "-c", {"import sys; " + IS_ON!r}], check=True)
"""
    ended = run([*RUN, program(tmp_path, code)], {})
    assert (ended.out.split(), ended.err) == (["True", "False"], "")


def test_a_signal_reaches_the_program(tmp_path: Path) -> None:
    path = program(tmp_path, "print(os.getpid(), flush=True); signal.pause()")
    process = subprocess.Popen([*RUN, path], stdout=subprocess.PIPE, text=True, env=programs.kept())
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid, "it is another process"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM


def test_the_sitecustomize_of_others_is_run(tmp_path: Path) -> None:
    theirs = tmp_path / "sitecustomize.py"
    theirs.write_text("import sys; sys.theirs = sys.modules['sitecustomize'].__file__\n")
    path = program(tmp_path, f"print(sys.theirs); {IS_ON}")
    ended = run([*RUN, path], {"PYTHONPATH": f"{programs.ROOT}:{tmp_path}"})
    assert (ended.out.split(), ended.err) == ([str(theirs), "True"], "")


def test_nothing_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    path = program(tmp_path, "print(*sorted(sys.modules))")
    loaded = set(run([*RUN, path], {}).out.split())
    assert "otel_cost.zero_code" in loaded
    early = {"opentelemetry.sdk", "ssl", "requests", "sqlalchemy", "openai", "otel_cost.install"}
    assert loaded.isdisjoint(early)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "Usage: otel-cost run"),
        (["no-such-program"], 127, "there is no program 'no-such-program'"),
        (["/etc/passwd"], 127, "there is no program '/etc/passwd'"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str], status: int, said: str) -> None:
    ended = run([*RUN, *arguments], {})
    assert ended.status == status
    assert said in ended.err


def test_a_python_without_otel_cost_says_so_and_runs_the_program(tmp_path: Path) -> None:
    """Once, in the program itself: what a Python that it starts says may be read by somebody."""
    (tmp_path / "otel_cost.py").write_text("")  # what is imported instead of the package
    start = programs.ROOT / "otel_cost" / "start"
    code = """
import subprocess
subprocess.run([sys.executable, "-c", "print(1)"])
print(2)
"""
    path = f"PYTHONPATH={start}:{tmp_path}"
    ended = run([*RUN, "env", path, sys.executable, program(tmp_path, code)], {})
    assert ended.out.split() == ["1", "2"], ended.err
    assert ended.err.count("otel-cost run: ") == 1
    assert "nothing is recorded" in ended.err
