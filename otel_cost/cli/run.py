"""`otel-cost run`: a program with otel_cost switched on, and nothing else changed."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import otel_cost

_USAGE = """\
Usage: otel-cost run COMMAND [ARGUMENT]...
       otel-cost run -m MODULE [ARGUMENT]...
       otel-cost run SCRIPT.py [ARGUMENT]...

Runs a Python program with otel_cost switched on, by what the environment says: OTEL_COST_FEATURE,
OTEL_COST_LEDGER, LANGFUSE_PUBLIC_KEY and so on. Every Python that it starts is covered as well.

Example: otel-cost run python app.py
"""
_START = str(Path(otel_cost.__file__).with_name("start"))


def run() -> None:
    """Run a Python program with otel_cost switched on: python app.py, -m MODULE or SCRIPT.py.

    Example: otel-cost run python app.py
    """
    main(sys.argv[sys.argv.index("run") + 1 :])


def main(arguments: Sequence[str]) -> NoReturn:
    """Become the program: its process, input, output, signals and exit status are this one's."""
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(_USAGE)
        sys.exit(0 if arguments else 2)
    command = _command(arguments)
    executable = shutil.which(command[0])
    if executable is None:
        sys.stderr.write(f"otel-cost run: there is no program {command[0]!r}\n")
        sys.exit(127)
    try:
        os.execve(executable, command, _environ(os.environ))  # noqa: S606 - what it is for
    except OSError as error:
        sys.stderr.write(f"otel-cost run: {executable} cannot be run: {error.strerror}\n")
        sys.exit(126)


def _command(arguments: Sequence[str]) -> list[str]:
    first = arguments[0]
    if first == "-m" or first.endswith(".py"):
        return [sys.executable, *arguments]
    return list(arguments)


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    folders = [f for f in environ.get("PYTHONPATH", "").split(os.pathsep) if f and f != _START]
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join([_START, *folders]),
        "_OTEL_COST_RUN": str(os.getpid()),
    }
