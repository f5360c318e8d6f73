"""A throw-away environment for `make compat`: made, tested in, taken away; and what came of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("pytest", "pytest-timeout")
OURS = ("sqlalchemy>=2,<3",)

_PYTEST = ("-q", "--no-header", "-p", "no:cacheprovider", "-o", "addopts=")
_UNWANTED = ("OTEL_", "LANGFUSE_", "ANTHROPIC_", "OPENAI_", "PYTHON", "VIRTUAL_ENV")
_LONGEST = 1800
"""How long the tests of one environment may take (seconds)."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed together, and which tests run in it."""

    name: str
    """One word or more, for `--only`."""
    row: str
    """How it is shown."""
    python: tuple[int, int]
    requirements: Sequence[str]
    tests: Sequence[str]
    """Arguments of pytest."""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests of one environment came to."""

    passed: int = 0
    not_applicable: int = 0
    failures: Sequence[str] = ()
    trouble: str = ""
    """Why there was no result."""

    @property
    def is_good(self) -> bool:
        """Whether everything that applies passed."""
        return not (self.failures or self.trouble) and self.passed > 0


class Uv:
    """The installer, with the package index that pip uses here."""

    def __init__(self) -> None:
        self._command = _uv_command()
        self._environ = {**os.environ, **_index()}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One `uv` command; its output is kept."""
        return kept([*self._command, *arguments], self._environ)


def _uv_command() -> list[str]:
    if (found := shutil.which("uv")) is not None:
        return [found]
    command = [sys.executable, "-m", "uv"]
    if kept([*command, "--version"]).returncode:
        installed = kept([sys.executable, "-m", "pip", "install", "--quiet", "uv"])
        if installed.returncode:
            raise SystemExit(f"uv could not be installed:\n{installed.stderr}")
    return command


def _index() -> dict[str, str]:
    """The environment that has uv use the index pip is configured with, if it is."""
    done = kept([sys.executable, "-m", "pip", "config", "get", "global.index-url"])
    url = os.environ.get("PIP_INDEX_URL") or (done.stdout.strip() if not done.returncode else "")
    return {"UV_DEFAULT_INDEX": url} if url else {}


def kept(
    command: Sequence[str], environ: dict[str, str] | None = None, timeout: float = 900
) -> "subprocess.CompletedProcess[str]":
    """One command; its output is kept."""
    return subprocess.run(  # noqa: S603 - no shell, and no input but our own
        command,
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run(uv: Uv, python: str, environment: Environment, folder: Path) -> Result:
    """Make the environment in `folder`, run the tests in it, and take it away again."""
    place = folder / environment.name.replace(" ", "_")
    try:
        made = uv.run("venv", "--quiet", "--python", python, str(place))
        if made.returncode:
            return Result(trouble=made.stderr.strip())
        interpreter = str(place / "bin" / "python")
        install = ("pip", "install", "--quiet", "--python", interpreter)
        installed = uv.run(*install, *environment.requirements)
        if installed.returncode:
            return Result(trouble=installed.stderr.strip())
        return _tested(interpreter, environment, place / "result.xml")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _tested(interpreter: str, environment: Environment, report: Path) -> Result:
    environ = {name: v for name, v in os.environ.items() if not name.startswith(_UNWANTED)}
    # Kept beside the environment: nothing is written into the checkout, nor compiled twice.
    compiled = str(report.parent / "compiled")
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": compiled, **environment.settings}
    # What other libraries warn of at their own age is theirs; the table compares warnings itself.
    quiet = ("-o", "filterwarnings=default", f"--junitxml={report}")
    command = [interpreter, "-m", "pytest", *_PYTEST, *quiet, *environment.tests]
    try:
        done = kept(command, environ, _LONGEST)
    except subprocess.TimeoutExpired:
        return Result(trouble=f"no end after {_LONGEST} s")
    if not report.exists():
        return Result(trouble=(done.stdout + done.stderr)[-2000:].strip())
    return _read(report)


def _read(report: Path) -> Result:
    passed, skipped, failures = 0, 0, list[str]()
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own
        wrong = case.find("failure") if case.find("error") is None else case.find("error")
        if wrong is not None:
            first = (wrong.get("message") or "").partition("\n")[0]
            failures.append(f"{case.get('name')}: {first}"[:160])
        elif case.find("skipped") is not None or _is_absent(case):
            skipped += 1
        else:
            passed += 1
    return Result(passed, skipped, failures)


def _is_absent(case: ElementTree.Element) -> bool:
    """Whether the test was about something that a library does not do, and said so."""
    return any(p.get("name") == "absent" for p in case.iter("property"))
