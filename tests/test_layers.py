"""Shows that imports go down through the floors of the package only, and that start-up is light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import permutations
from pathlib import Path

import pytest

import otel_cost

ROOT = Path(otel_cost.__file__).parent

FLOORS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "__about__",
            "child_processes",
            "delivery",
            "every_provider",
            "faults",
            "seen",
            "usage",
        }
    ),
    frozenset({"attribution", "config", "reading", "variables"}),
    frozenset({"charge"}),
    frozenset(
        {
            "attributes",
            "inference",
            "ledger",
            "measured",
            "owners",
            "pricing",
            "processors",
            "readers",
            "settlement",
            "span_end",
        }
    ),
    frozenset({"recorder"}),
    frozenset({"capture", "export", "spans"}),
    frozenset({"reports", "sources"}),
    frozenset(
        {
            "environment_variables",
            "everywhere",
            "given",
            "install",
            "installation",
            "instrumentors",
            "later",
            "zero_code",
        }
    ),
    frozenset({"auto", "cli", "demo", "start"}),
)
"""The parts of the package, bottom to top. The package's own `__init__` stands above them all."""

FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
STRANGERS = frozenset(permutations(("capture", "spans", "export"), 2))
"""Parts that meet in the recorder and nowhere else."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found: dict[str, Path] = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(name: str, tree: ast.AST) -> Iterator[str]:
    """The package's modules that a module imports anywhere in its text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            # `from package import x`: x is a module of it, or a name that its __init__ defines.
            targets = [
                dotted if (dotted := f"{module}.{alias.name}") in MODULES else module
                for alias in node.names
            ]
        else:
            continue
        yield from (t for t in targets if t.partition(".")[0] == "otel_cost")


IMPORTS = {
    name: set(imported(name, ast.parse(path.read_text(encoding="utf-8"))))
    for name, path in MODULES.items()
}


def part(module: str) -> str:
    """`otel_cost.capture.hooks` is part of `capture`; the package itself is part of ""."""
    return module.split(".")[1] if "." in module else ""


def test_every_part_has_a_floor() -> None:
    assert {part(name) for name in MODULES} - {""} <= FLOOR.keys()


@pytest.mark.parametrize("name", [name for name in MODULES if part(name)])
def test_imports_go_downwards(name: str) -> None:
    own = part(name)
    for target in IMPORTS[name]:
        other = part(target)
        assert (other == "") <= (target == "otel_cost"), target
        if other == "":
            assert FLOOR[own] == len(FLOORS) - 1, f"{name} imports the package it is a part of"
        else:
            assert FLOOR[other] <= FLOOR[own], f"{name} imports {target}, which is above it"
            assert (own, other) not in STRANGERS, f"{name} imports {target}"


def test_there_is_no_circle() -> None:
    graph = {name: targets - {name} for name, targets in IMPORTS.items() if part(name)}
    TopologicalSorter(graph).prepare()


HEAVY = ("openai", "anthropic", "langfuse", "sqlalchemy", "typer", "rich")

LOADED = """
import sys
{statement}
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import otel_cost",
        "from otel_cost import CostSpanProcessor",
        "from otel_cost import CostSpanProcessor; CostSpanProcessor()",
        "from otel_cost import attribution, attributed",
        "import otel_cost.attribution",
        "from otel_cost import *",
        "import otel_cost; otel_cost.instrument(); otel_cost.flush(); otel_cost.shutdown()",
    ],
)
def test_start_up_loads_nothing_heavy(statement: str) -> None:
    code = LOADED.format(statement=statement)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(run.stdout.split()).isdisjoint(HEAVY)
