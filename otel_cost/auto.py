"""`import otel_cost.auto` switches everything on, by what the environment says.

It belongs before all other imports: tracer providers that were made earlier, and are not the global
one, are not known to anybody.
"""

from otel_cost.zero_code import at_need

at_need()
