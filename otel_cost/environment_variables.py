"""What `opentelemetry-instrument` reads before it starts a program: names that become its options.

`OTEL_COST_FEATURE` becomes `--cost_feature`, and so on.
"""

import os
from collections.abc import MutableMapping
from importlib.metadata import entry_points

from otel_cost import faults
from otel_cost.variables import VARIABLES

globals().update(
    {n: n for n, v in VARIABLES.items() if n.startswith("OTEL_COST_") and not v.secret}
)

_UPSTREAM = {
    "OTEL_TRACES_EXPORTER": "langfuse",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
_CHOICES = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_CONFIG_FILE")
_KEYS = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")


def choose_exporters(environ: MutableMapping[str, str]) -> None:
    """Where only Langfuse's keys are set, have the SDK send spans there and nothing elsewhere.

    The upstream distro would choose OTLP over gRPC, and where its exporter is not installed would
    configure nothing, and call no hook of ours either. Where it is, or anything is chosen, that
    stays.
    """
    if not all(environ.get(key) for key in _KEYS) or any(environ.get(name) for name in _CHOICES):
        return
    if not entry_points(group="opentelemetry_traces_exporter", name="otlp_proto_grpc"):
        for name, value in _UPSTREAM.items():
            environ.setdefault(name, value)


try:
    choose_exporters(os.environ)
except Exception as error:  # noqa: BLE001 - the guard of this border
    faults.caught("choosing exporters", error)
