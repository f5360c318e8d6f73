"""`python -m benchmarks`: run every benchmark and print one table."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence

from benchmarks.attribution import attribution_rows
from benchmarks.calls import MAX_IMPORT, call_row, import_row, stream_row
from benchmarks.spans import span_rows
from benchmarks.timing import Row
from benchmarks.wire import calls, streams


def rows() -> Iterator[Row]:
    """Measure everything, one row at a time."""
    for name, call in calls().items():
        yield call_row(name, call)
    for name, opened in streams().items():
        yield stream_row(name, opened)
    yield from span_rows()
    yield from attribution_rows()
    yield import_row("import otel_cost", MAX_IMPORT)
    yield import_row("from otel_cost import CostSpanProcessor", None)


def main(arguments: Sequence[str]) -> int:
    """Print the table; with `--check` the exit status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a limit is missed")
    check: bool = parser.parse_args(arguments).check
    gc.collect()
    gc.freeze()
    missed = False
    for row in rows():
        print(f"{row.name:42}{row.figures:76}{row.verdict}", flush=True)
        missed |= row.missed
    return 1 if check and missed else 0


sys.exit(main(sys.argv[1:]))
