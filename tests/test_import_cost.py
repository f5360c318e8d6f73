"""Shows that `import otel_cost` loads next to nothing; how long it takes is for the benchmarks."""

import subprocess
import sys

NEW_MODULES = """
import sys
import opentelemetry.sdk.trace
before = set(sys.modules)
import otel_cost
print(*sorted(set(sys.modules) - before))
"""


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_import_adds_only_itself_to_the_otel_sdk() -> None:
    assert run(NEW_MODULES).split() == [
        "otel_cost",
        "otel_cost.__about__",
        "otel_cost.attribution",
        "otel_cost.attribution.context",
        "otel_cost.attribution.functions",
        "otel_cost.attribution.rolling",
        "otel_cost.attribution.suspension",
        "otel_cost.attribution.values",
        "otel_cost.faults",
    ]


def test_a_public_name_is_loaded_on_first_use_and_kept() -> None:
    code = """
import sys
import otel_cost
assert "otel_cost.charge" not in sys.modules
first = otel_cost.Charge
assert "Charge" in vars(otel_cost)
print(first is otel_cost.Charge)
"""
    assert run(code).strip() == "True"


def test_the_function_is_not_hidden_by_the_package_of_its_name() -> None:
    code = """
import otel_cost.attribution.context
import otel_cost.install
with otel_cost.attribution(feature="search") as who:
    print(who.feature)
"""
    assert run(code).strip() == "search"


def test_an_unknown_name_is_an_attribute_error() -> None:
    code = """
import otel_cost
try:
    otel_cost.charges
except AttributeError as error:
    print(error)
"""
    assert run(code).strip() == "module 'otel_cost' has no attribute 'charges'"
