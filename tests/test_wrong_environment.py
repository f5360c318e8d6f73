"""Shows that no environment, however wrong, keeps an application from starting and calling."""

import os
from pathlib import Path

import pytest

from otel_cost.demo.providers import LocalProviders
from otel_cost.variables import VARIABLES
from tests import programs
from tests.programs import CALLS

STARTS = """
import logging
logging.basicConfig(format="%(message)s")
otel_cost.configure()
print(chat().model, otel_cost.current() is not None, otel_cost.flush())
"""
NAMES = [n for n in VARIABLES if not n.endswith("_DISABLED") and n != "LANGFUSE_SECRET_KEY"]
"""Not those with which there would be nothing to see, or spans sent to the real Langfuse."""


def started(providers: LocalProviders, environ: dict[str, str]) -> str:
    """What an application logs that has this environment and makes a call."""
    ended = programs.run(CALLS + STARTS, programs.towards(providers, **environ))
    assert (ended.status, ended.out) == (0, "gpt-4o-2024-08-06 True True\n"), ended.err
    assert "Traceback" not in ended.err
    assert "report this" not in ended.err
    return ended.err


@pytest.mark.parametrize(
    "value",
    [
        os.fsdecode(b"\xff\xfe\x80 =,;["),
        "\n\x1b[31m,",
        "[" * 65_536,
        "\u2028\u202e" * 300,
        "/proc/self/mem",
    ],
    ids=lambda value: repr(value[:6]),
)
def test_every_variable_wrong_at_once(
    providers: LocalProviders, tmp_path: Path, value: str
) -> None:
    environ = dict.fromkeys(NAMES, value)
    # A name in a folder of its own, for what is written to.
    environ["OTEL_COST_DIAGNOSTICS"] = f"{tmp_path}/{value[:100]}"
    # Of the resource attributes OpenTelemetry says on its own what it makes of them.
    ours = [
        line for line in started(providers, environ).split("\n") if line.startswith("otel_cost: ")
    ]
    assert all(map(str.isprintable, ours))
    assert sum(map(len, ours)) < 20_000
    logged = "\n".join(ours)
    for name in ("OTEL_COST_STAMP", "OTEL_COST_WIRE", "OTEL_COST_PROPAGATION_TTL"):
        assert logged.count(f"otel_cost: {name} ") == 1
    for name in ("OTEL_COST_LEDGER", "OTEL_COST_RULES", "OTEL_COST_PRICES"):
        assert name in logged


@pytest.mark.parametrize("kind", ["endless", "deep", "large", "pipe"])
def test_a_file_that_cannot_be_used_is_named(
    providers: LocalProviders, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "file.toml"
    if kind == "endless":
        path = Path("/dev/zero")
    elif kind == "deep":
        path.write_text("a = " + "[" * 100_000)
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(1 << 33)
    else:
        os.mkfifo(path)
    names = ("OTEL_COST_RULES", "OTEL_COST_PRICES")
    logged = started(providers, dict.fromkeys(names, str(path)))
    assert logged.count("otel_cost: ") == 2
    for name in names:
        assert name in logged
    assert logged.count(str(path)) >= 2
