"""`python -m otel_cost.cli`: the command line where the script `otel-cost` is not on the path."""

from otel_cost.cli import main

main()
