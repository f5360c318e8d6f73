"""Running `otel-cost` as its users do: in a process and a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_MAIN = "from otel_cost.cli import main; main()"
_FOREIGN = ("OTEL_", "LANGFUSE_", "OPENAI_", "ANTHROPIC_")
_ROOT = Path(__file__).parents[2]


def otel_cost(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`otel-cost` with these arguments, run in `folder`, with nothing set but `environ`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", _MAIN, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(_ROOT), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
