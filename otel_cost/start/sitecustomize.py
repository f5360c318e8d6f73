"""What Python runs first in a program of `otel-cost run`, and in every Python that it starts.

Only the folder of this file is on `PYTHONPATH`: no other module of ours gets in anybody's way.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _switch_on() -> None:
    try:
        import otel_cost.auto  # noqa: F401
    except ImportError as error:
        # `python` may be another one than that of otel-cost. Said of the program itself only: of a
        # Python that it starts, it may not even read what that says.
        if os.environ.get("_OTEL_COST_RUN") == str(os.getpid()):
            sys.stderr.write(
                f"otel-cost run: nothing is recorded, {sys.executable} has no otel_cost ({error}). "
                "Install otel-cost where the program runs.\n"
            )


def _hand_over(here: str) -> None:
    """Run the `sitecustomize` that would have been run without this one."""
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = sys.modules["sitecustomize"] = module_from_spec(spec)
    spec.loader.exec_module(module)


_switch_on()
_hand_over(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
