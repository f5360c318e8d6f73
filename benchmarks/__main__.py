"""`python -m benchmarks`: run every benchmark and print one table."""

import sys

from benchmarks.calls import main

sys.exit(main(sys.argv[1:]))
