"""Runs the table of ways of calling in throw-away environments: SDKs, OpenTelemetry, Pythons."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BASE = (3, 11)
NEWEST = ""
"""Instead of a version: whatever the package index has."""

SDKS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("1.50.0", "0.43.0", ("httpx<0.28",)),
    ("1.60.0", "0.60.0", ()),
    ("1.109.1", "0.75.0", ()),
    ("2.0.0", "0.125.0", ()),
    ("2.54.0", "1.0.0", ()),
    ("3.0.0", "1.17.0", ()),
    ("3.26.0", "2.0.0", ()),
    (NEWEST, NEWEST, ()),
)
"""openai and anthropic from the oldest to the newest, and what else an old pair needs."""
OPEN_TELEMETRY = ("1.33", "1.39", "1.42", NEWEST)

_TOOLS = ("pytest", "pytest-timeout")
_OPTIONAL = ("boto3", "brotli", "backports-zstd", "google-auth", "websockets", "zstandard")
"""What the clouds, the encodings and the websockets of the SDKs need."""
_OURS = ("sqlalchemy>=2,<3",)
_TESTS = ("tests/ways", "tests/capture/test_usage_shapes.py")
_PYTEST = ("-q", "--no-header", "-p", "no:cacheprovider", "-o", "addopts=")
_LONGEST = 1800
"""How long the tests of one environment may take (seconds)."""
_SHOWN = 12
"""How many failures of an environment are named."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One combination of versions."""

    python: tuple[int, int]
    openai: str
    anthropic: str
    open_telemetry: str
    also: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The combination as one word, for `--only`."""
        parts = {
            "openai": self.openai,
            "anthropic": self.anthropic,
            "otel": self.open_telemetry,
            "python": ".".join(map(str, self.python)),
        }
        return " ".join(f"{part}-{version or 'newest'}" for part, version in parts.items())

    @property
    def requirements(self) -> list[str]:
        """What to install."""
        otel = f"=={self.open_telemetry}.*" if self.open_telemetry else ""
        return [
            f"openai=={self.openai}" if self.openai else "openai",
            f"anthropic=={self.anthropic}" if self.anthropic else "anthropic",
            f"opentelemetry-sdk{otel}",
            f"opentelemetry-exporter-otlp-proto-http{otel}",
            *self.also,
            *_OURS,
            *_OPTIONAL,
            *_TOOLS,
        ]


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


def matrix(pythons: Sequence[tuple[int, int]]) -> Iterator[Environment]:
    """A covering set: every version of each kind, not every combination of them."""
    newest, oldest = SDKS[-1], SDKS[0]
    for openai, anthropic, also in SDKS:
        yield Environment(BASE, openai, anthropic, NEWEST, also)
    for version in OPEN_TELEMETRY:
        if version:
            yield Environment(BASE, newest[0], newest[1], version, newest[2])
    for python in pythons:
        if python != BASE:
            for openai, anthropic, also in (oldest, newest):
                yield Environment(python, openai, anthropic, NEWEST, also)


class Uv:
    """The installer, with the package index that pip uses here."""

    def __init__(self) -> None:
        self._command = _uv_command()
        self._environ = {**os.environ, **_index()}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One `uv` command; its output is kept."""
        return _kept([*self._command, *arguments], self._environ)


def pythons() -> dict[tuple[int, int], str]:
    """Every Python from `BASE` on that works on this machine, by its version."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found: dict[tuple[int, int], str] = {sys.version_info[:2]: sys.executable}
    for minor in range(BASE[1], BASE[1] + 10):
        version = (BASE[0], minor)
        name = f"python{BASE[0]}.{minor}"
        for python in (name, *map(str, sorted(pyenv.glob(f"{BASE[0]}.{minor}.*/bin/{name}")))):
            if version not in found and _works(python):
                found[version] = python
    return dict(sorted(found.items()))


def _works(python: str) -> bool:
    """Whether it runs: a name on the path may stand for a version that is not selected."""
    try:
        return not _kept([python, "-c", "import venv"]).returncode
    except OSError:
        return False


def _uv_command() -> list[str]:
    if (found := shutil.which("uv")) is not None:
        return [found]
    command = [sys.executable, "-m", "uv"]
    if _kept([*command, "--version"]).returncode:
        installed = _kept([sys.executable, "-m", "pip", "install", "--quiet", "uv"])
        if installed.returncode:
            raise SystemExit(f"uv could not be installed:\n{installed.stderr}")
    return command


def _index() -> dict[str, str]:
    """The environment that has uv use the index pip is configured with, if it is."""
    done = _kept([sys.executable, "-m", "pip", "config", "get", "global.index-url"])
    url = os.environ.get("PIP_INDEX_URL") or (done.stdout.strip() if not done.returncode else "")
    return {"UV_DEFAULT_INDEX": url} if url else {}


def _kept(
    command: Sequence[str], environ: dict[str, str] | None = None, timeout: float = 900
) -> "subprocess.CompletedProcess[str]":
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
        return _tested(interpreter, place / "result.xml")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _tested(interpreter: str, report: Path) -> Result:
    unwanted = ("OTEL_", "LANGFUSE_", "ANTHROPIC_", "OPENAI_", "PYTHON", "VIRTUAL_ENV")
    environ = {name: v for name, v in os.environ.items() if not name.startswith(unwanted)}
    environ |= {"OTEL_COST_COMPAT": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    # What other libraries warn of at their own age is theirs; the table compares warnings itself.
    quiet = ("-o", "filterwarnings=default", f"--junitxml={report}")
    try:
        done = _kept([interpreter, "-m", "pytest", *_PYTEST, *quiet, *_TESTS], environ, _LONGEST)
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
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Result(passed, skipped, failures)


def _shown(environment: Environment, result: Result) -> str:
    versions = (
        ".".join(map(str, environment.python)),
        environment.open_telemetry or "newest",
        environment.openai or "newest",
        environment.anthropic or "newest",
    )
    counts = f"{result.passed:7} {result.not_applicable:5} {len(result.failures):7}"
    line = "{:7} {:7} {:9} {:10}".format(*versions) + counts
    more = [f"    {failure}" for failure in result.failures[:_SHOWN]]
    if len(result.failures) > _SHOWN:
        more.append(f"    and {len(result.failures) - _SHOWN} more")
    if result.trouble:
        more += [f"    {said}" for said in result.trouble.splitlines()[-15:]]
    return "\n".join([line, *more])


_HEADER = """\
Each SDK pair on Python {base} with the newest OpenTelemetry; each OpenTelemetry with the newest
SDKs; each further Python ({pythons}) with the oldest and the newest SDKs.

python  otel    openai    anthropic   passed   n/a  failed"""


def main() -> int:
    """Print a line per environment; the status is 1 if anything failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="", help="environments whose name holds this text")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--list", action="store_true", help="only name the environments")
    wanted = options.parse_args()
    uv, found = Uv(), pythons()
    if BASE not in found:
        raise SystemExit(f"Python {BASE[0]}.{BASE[1]} was not found on this machine.")
    chosen = [e for e in matrix(list(found)) if wanted.only in e.name]
    if wanted.list or not chosen:
        print("\n".join(e.name for e in matrix(list(found))))
        return 0 if wanted.list else 2
    others = ", ".join(f"{major}.{minor}" for major, minor in found if (major, minor) != BASE)
    print(_HEADER.format(base=f"{BASE[0]}.{BASE[1]}", pythons=others or "none here"), flush=True)
    good = True
    with (
        tempfile.TemporaryDirectory(prefix="otel-cost-compat-") as folder,
        ThreadPoolExecutor(wanted.jobs) as pool,
    ):
        running = [pool.submit(run, uv, found[e.python], e, Path(folder)) for e in chosen]
        for environment, waiting in zip(chosen, running, strict=True):
            result = waiting.result()
            good &= result.is_good
            print(_shown(environment, result), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
