"""Switching everything on without code: when it is needed, or at a hook of OpenTelemetry's."""

import os
import sys
from types import ModuleType
from typing import Any

from otel_cost import every_provider, faults
from otel_cost.capture.imports import AfterImport

_TRACE = "opentelemetry.sdk.trace"
_ENTRY_POINTS = {"otel_cost_openai": "openai", "otel_cost_anthropic": "anthropic"}


class _AtNeed(AfterImport):
    """Switches everything on with the first SDK of an LLM, or the first tracer provider.

    Until then nothing of the application's time is spent, and nothing is imported that it might
    want to come first: gevent has to patch before others import `ssl`.
    """

    def __init__(self) -> None:
        then = {"openai._base_client": _needed, "anthropic._base_client": _needed, _TRACE: _watch}
        super().__init__(then)


def at_need() -> None:
    """Switch everything on once it is needed, by what the environment says. Never raises."""
    try:
        if not any(isinstance(finder, _AtNeed) for finder in sys.meta_path):
            _AtNeed().install()
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("switching on without code", error)


def _needed(_: ModuleType) -> None:
    from otel_cost.everywhere import everywhere

    everywhere()


def _watch(module: ModuleType) -> None:
    """The SDK of OpenTelemetry is there: see which tracer providers there are and will be."""
    every_provider.tell(module.TracerProvider, _made)
    from opentelemetry import trace

    if getattr(trace, "_TRACER_PROVIDER", None) is not None:
        _made(None)


def _made(provider: Any) -> None:
    from otel_cost.everywhere import everywhere

    everywhere(provider)


def before_instrumentation() -> None:
    """The hook that `opentelemetry-instrument` calls once it has made its provider. Never raises.

    An exception would keep it from instrumenting anything else. `OTEL_PYTHON_DISABLED_
    INSTRUMENTATIONS` leaves out the hooks of the SDKs that it names, as `otel_cost_openai`.
    """
    try:
        from otel_cost.everywhere import everywhere

        named = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
        disabled = {name.strip() for name in named}
        on = [sdk for name, sdk in _ENTRY_POINTS.items() if disabled.isdisjoint({name, "*"})]
        everywhere(sdks=on)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("switching on without code", error)
