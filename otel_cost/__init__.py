"""Which feature, team and user spends what on LLMs, per call and to the micro-dollar."""

import importlib
from typing import TYPE_CHECKING, Any

from otel_cost.__about__ import __version__

# Not lazily: importing the package `otel_cost.attribution` would put it where the function belongs.
from otel_cost.attribution.context import attribution, set_
from otel_cost.attribution.functions import attributed, stream, wrap
from otel_cost.attribution.values import Attribution

if TYPE_CHECKING:
    from otel_cost.attribution.middleware import (
        AttributionMiddleware,
        AttributionWSGIMiddleware,
    )
    from otel_cost.attribution.rules import Rule
    from otel_cost.charge import Charge
    from otel_cost.given.record import record
    from otel_cost.install import (
        CostSpanProcessor,
        add_sink,
        configure,
        current,
        diagnostics,
        flush,
        instrument,
        shutdown,
        uninstrument,
    )
    from otel_cost.later.batches import record_batch
    from otel_cost.later.fine_tuning import record_fine_tuning
    from otel_cost.later.run import Recorded
    from otel_cost.later.sessions import record_session
    from otel_cost.pricing.own import Price
    from otel_cost.spans.sampler import CostSampler

__all__ = [
    "Attribution",
    "AttributionMiddleware",
    "AttributionWSGIMiddleware",
    "Charge",
    "CostSampler",
    "CostSpanProcessor",
    "Price",
    "Recorded",
    "Rule",
    "__version__",
    "add_sink",
    "attributed",
    "attribution",
    "configure",
    "current",
    "diagnostics",
    "flush",
    "instrument",
    "record",
    "record_batch",
    "record_fine_tuning",
    "record_session",
    "shutdown",
    "stream",
    "uninstrument",
    "wrap",
]

set = set_  # noqa: A001 - as it reads: otel_cost.set
"""Not among the names of `import *`, which would take Python's own away."""

_HOMES = {
    "AttributionMiddleware": "otel_cost.attribution.middleware",
    "AttributionWSGIMiddleware": "otel_cost.attribution.middleware",
    "Charge": "otel_cost.charge",
    "CostSampler": "otel_cost.spans.sampler",
    "CostSpanProcessor": "otel_cost.install",
    "Price": "otel_cost.pricing.own",
    "Recorded": "otel_cost.later.run",
    "Rule": "otel_cost.attribution.rules",
    "add_sink": "otel_cost.install",
    "configure": "otel_cost.install",
    "current": "otel_cost.install",
    "diagnostics": "otel_cost.install",
    "flush": "otel_cost.install",
    "instrument": "otel_cost.install",
    "record": "otel_cost.given.record",
    "record_batch": "otel_cost.later.batches",
    "record_fine_tuning": "otel_cost.later.fine_tuning",
    "record_session": "otel_cost.later.sessions",
    "shutdown": "otel_cost.install",
    "uninstrument": "otel_cost.install",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import otel_cost` stays cheap."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'otel_cost' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "set"]
