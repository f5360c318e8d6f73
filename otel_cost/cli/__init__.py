"""The console script `otel-cost`, which says what to install where the extra is missing."""

import importlib.util
import sys

_NEEDED = ("typer", "rich", "sqlalchemy")


def main() -> None:
    """Run the command line; exits the process."""
    if sys.argv[1:2] == ["run"]:  # it needs nothing of the extra
        from otel_cost.cli.run import main as run

        run(sys.argv[2:])
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f'otel-cost: {", ".join(missing)} missing; install it: pip install "otel-cost[cli]"\n'
        )
        sys.exit(1)
    from otel_cost.cli.app import app

    app(prog_name="otel-cost")
