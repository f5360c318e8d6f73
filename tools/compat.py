"""Runs the table of ways of calling in throw-away environments: SDKs, OpenTelemetry, Pythons.

And beside the other libraries that make spans of LLM calls: see `compat_peers`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compat_peers import PEERS
from compat_runs import OURS, TOOLS, Environment, Result, Uv, kept, run

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

_OPTIONAL = ("boto3", "brotli", "backports-zstd", "google-auth", "websockets", "zstandard")
"""What the clouds, the encodings and the websockets of the SDKs need."""
_TESTS = (
    "tests/ways",
    "tests/capture/test_usage_shapes.py",
    *(f"tests/spans/test_{part}.py" for part in ("ownership", "processor", "sampler")),
)
_COMPAT = {"OTEL_COST_COMPAT": "1"}
_SHOWN = 12
"""How many failures of an environment are named."""


def _versions(
    python: tuple[int, int], openai: str, anthropic: str, open_telemetry: str, also: Sequence[str]
) -> Environment:
    """The ways of calling on one combination of versions."""
    spoken = ".".join(map(str, python))
    said = {"openai": openai, "anthropic": anthropic, "otel": open_telemetry}
    newest = {part: version or "newest" for part, version in said.items()}
    otel = f"=={open_telemetry}.*" if open_telemetry else ""
    return Environment(
        name=" ".join(f"{k}-{v}" for k, v in {**newest, "python": spoken}.items()),
        row="{:7} {:7} {:9} {:10}".format(
            spoken, newest["otel"], newest["openai"], newest["anthropic"]
        ),
        python=python,
        requirements=[
            f"openai=={openai}" if openai else "openai",
            f"anthropic=={anthropic}" if anthropic else "anthropic",
            f"opentelemetry-sdk{otel}",
            f"opentelemetry-exporter-otlp-proto-http{otel}",
            *also,
            *OURS,
            *_OPTIONAL,
            *TOOLS,
        ],
        tests=_TESTS,
        settings=_COMPAT,
    )


def matrix(pythons: Sequence[tuple[int, int]]) -> Iterator[Environment]:
    """A covering set: every version of each kind, not every combination of them."""
    newest, oldest = SDKS[-1], SDKS[0]
    for openai, anthropic, also in SDKS:
        yield _versions(BASE, openai, anthropic, NEWEST, also)
    for version in OPEN_TELEMETRY:
        if version:
            yield _versions(BASE, newest[0], newest[1], version, newest[2])
    for python in pythons:
        if python != BASE:
            for openai, anthropic, also in (oldest, newest):
                yield _versions(python, openai, anthropic, NEWEST, also)
    for name, requirements, tests in PEERS:
        yield Environment(f"peers {name}", f"{name:36}", BASE, requirements, tests, _COMPAT)


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
        return not kept([python, "-c", "import venv"]).returncode
    except OSError:
        return False


def _shown(environment: Environment, result: Result) -> str:
    counts = f"{result.passed:7} {result.not_applicable:5} {len(result.failures):7}"
    line = environment.row + counts
    more = [f"    {failure}" for failure in result.failures[:_SHOWN]]
    if len(result.failures) > _SHOWN:
        more.append(f"    and {len(result.failures) - _SHOWN} more")
    if result.trouble:
        more += [f"    {said}" for said in result.trouble.splitlines()[-15:]]
    return "\n".join([line, *more])


_HEADER = """\
Each SDK pair on Python {base} with the newest OpenTelemetry; each OpenTelemetry with the newest
SDKs; each further Python ({pythons}) with the oldest and the newest SDKs; then
the libraries beside which a call must still have one charge and one owner.

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
