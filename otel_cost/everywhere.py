"""Switching everything on for every tracer provider there is and will be."""

from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_cost import every_provider
from otel_cost.attribution import propagation
from otel_cost.capture.hooks import SDKS
from otel_cost.install import LOCK, attach, installed, made_provider, say_no_provider
from otel_cost.processors import of_sdk


def everywhere(provider: TracerProvider | None = None, sdks: Iterable[str] = SDKS) -> None:
    """Record the calls of `sdks`, and attach to `provider` and every other one.

    No provider is made before a call needs one to reach Langfuse, and that one is not the global
    one: the application may still come with its own, which the SDK lets it set only once.
    """
    with LOCK:
        installation = installed()
        if installation is None:
            return
        if not installation.everywhere:
            installation.everywhere = True
            installation.hooks.install(installation.recorder, sdks)
            every_provider.tell(TracerProvider, everywhere)
            if installation.settings.langfuse is not None:
                installation.tracers.otherwise = _own_provider
            propagation.install_beside()
            _attach_to_global()
        if provider is not None:
            attach(installation, provider)


def _attach_to_global() -> None:
    # Not get_tracer_provider: it may make one, by OTEL_PYTHON_TRACER_PROVIDER.
    there = of_sdk(getattr(trace, "_TRACER_PROVIDER", None))
    installation = installed()
    if there is not None and installation is not None:
        attach(installation, there)


def _own_provider() -> trace.TracerProvider | None:
    """The provider for calls of an application that has none, made on first use."""
    with LOCK:
        installation = installed()
        if installation is None:
            return None
        tracers = installation.tracers
        if tracers.last is None:
            try:
                tracers.last = made_provider()
            except Exception as error:  # noqa: BLE001 - the guard of this border
                tracers.otherwise = None
                say_no_provider(error)
        return tracers.last
