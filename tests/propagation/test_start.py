"""Shows that `OTEL_PROPAGATORS` keeps nothing from starting with ours, whatever else is set."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from otel_cost.variables import VARIABLES
from tests.programs import ROOT, kept

GROUP = "opentelemetry_propagator"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the entry point is as an installed package has it."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "otel_cost-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: otel-cost\nVersion: 0\n")
    lines = [f"{name} = {value}" for name, value in declared[GROUP].items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
    return folder


def started(
    code: str, installed: Path, propagators: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **kept(),
            "PYTHONPATH": f"{installed}:{ROOT}",
            "OTEL_PROPAGATORS": propagators,
            **environ,
        },
    )


LISTS = """
import sys
{first}
import opentelemetry.propagate as propagate
print(*(type(p).__name__ for p in propagate.get_global_textmap()._propagators))
print(*{{n for n in sys.modules if n.split(".")[0] in {heavy} or n == "opentelemetry.sdk"}})
carrier = {{"host": "a.corp"}}
import otel_cost
with otel_cost.attribution(feature="search"):
    propagate.inject(carrier)
print(carrier)
"""
HEAVY = ("openai", "anthropic", "langfuse", "sqlalchemy", "typer", "rich", "requests", "httpx")


@pytest.mark.parametrize(
    ("propagators", "first"),
    [
        ("tracecontext,baggage,otel_cost", ""),
        ("otel_cost,tracecontext", ""),
        ("otel_cost", "import otel_cost"),
    ],
)
def test_listed_it_is_loaded_and_nothing_else_is(
    propagators: str, first: str, installed: Path
) -> None:
    code = LISTS.format(first=first, heavy=HEAVY)
    ended = started(code, installed, propagators, OTEL_COST_PROPAGATE_TO="a.corp")
    assert (ended.returncode, ended.stderr) == (0, "")
    names, heavy, carrier = ended.stdout.splitlines()
    assert names.split()[propagators.split(",").index("otel_cost")] == "AttributionPropagator"
    assert heavy == ""
    assert carrier == "{'host': 'a.corp', 'otel-cost': 'feature=search'}"


WRONG = {
    name: "§ nonsense, = of every kind;\t*"
    for name in VARIABLES
    if name.startswith(("OTEL_COST_", "LANGFUSE_"))
    # What is text is text; these are read when something is switched on.
    and name not in {"OTEL_COST_LEDGER", "OTEL_COST_DIAGNOSTICS"}
}
WORKS = """
import logging
logging.basicConfig(format="%(message)s")
from opentelemetry import propagate
import otel_cost
carrier = {"host": "a.corp", "otel-cost": "feature=evil", "baggage": "otel_cost.feature=evil"}
context = propagate.extract(carrier)
with otel_cost.attribution(feature="search"):
    propagate.inject(carrier)
print(carrier, otel_cost.current())
otel_cost.configure()
propagate.inject({})
otel_cost.shutdown()
print("works")
"""
SAYS_WHAT_IS_WRONG = (
    "OTEL_COST_BAGGAGE_KEYS",
    "OTEL_COST_PROPAGATE_TO",
    "OTEL_COST_TRUST_INBOUND",
    "OTEL_COST_PROPAGATION_TTL",
    "OTEL_COST_WIRE",
)


def test_with_every_variable_wrong_it_starts_and_says_so(installed: Path) -> None:
    ended = started(WORKS, installed, "tracecontext,baggage,otel_cost", **WRONG)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "works"
    assert "Traceback" not in ended.stderr
    for name in SAYS_WHAT_IS_WRONG:
        assert ended.stderr.count(f"otel_cost: {name} ") == 1, ended.stderr


def test_a_short_key_is_not_shown_and_believed_by_nobody(installed: Path) -> None:
    ended = started(
        WORKS, installed, "tracecontext,otel_cost", OTEL_COST_PROPAGATION_KEY="short-secret"
    )
    assert ended.stdout.splitlines()[-1] == "works"
    assert "OTEL_COST_PROPAGATION_KEY" in ended.stderr
    assert "short-secret" not in ended.stderr


def test_a_propagator_that_nobody_knows_does_not_keep_configure_from_working(
    installed: Path,
) -> None:
    code = """
import logging
logging.basicConfig(format="%(message)s")
import otel_cost
otel_cost.configure()
otel_cost.configure()
otel_cost.shutdown()
print("works")
"""
    ended = started(code, installed, "tracecontext,unheard-of")
    assert (ended.returncode, ended.stdout) == (0, "works\n")
    assert "Propagator unheard-of not found" in ended.stderr
    assert ended.stderr.count("otel_cost: ") == 1
    assert "OTEL_PROPAGATORS" in ended.stderr
    assert "report" not in ended.stderr
