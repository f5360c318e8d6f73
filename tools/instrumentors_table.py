"""Writes the tables of docs/instrumentors.md from the recordings that OTEL_COST_TEST_DATA names.

python tools/instrumentors_table.py
"""

import sys

from tests.replay import table, verdicts
from tests.replay.prices import COMPLETE


def main() -> int:
    """Play every recording and write what came of it."""
    if not verdicts.libraries():
        print("OTEL_COST_TEST_DATA must name the folder of the recordings", file=sys.stderr)
        return 2
    page = table.PAGE.read_text(encoding="utf-8")
    table.PAGE.write_text(table.written(page, verdicts.of_all(COMPLETE)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
