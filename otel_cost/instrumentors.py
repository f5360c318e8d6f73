"""The instrumentors that OpenTelemetry knows by name, for `opentelemetry-instrumentation` only."""

from collections.abc import Collection
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_cost.install import installed


class _Instrumentor(BaseInstrumentor):  # type: ignore[misc]
    _sdk = ""
    _needs = ""

    def instrumentation_dependencies(self) -> Collection[str]:
        """What has to be installed for it."""
        return (self._needs,)

    def _instrument(self, tracer_provider: Any = None, **_: Any) -> None:
        if tracer_provider is not None and not isinstance(tracer_provider, trace.TracerProvider):
            raise TypeError(f"tracer_provider must be a TracerProvider, not {tracer_provider!r}")
        installation = installed()
        if installation is None:
            return
        if tracer_provider is not None:
            installation.tracers.use(tracer_provider)
        installation.hooks.install(installation.recorder, (self._sdk,))

    def _uninstrument(self, **_: Any) -> None:
        installation = installed()
        if installation is not None:
            installation.hooks.let_go(self._sdk)


class OpenAIInstrumentor(_Instrumentor):
    """Records every call of the openai SDK, on spans of `tracer_provider` if one is given."""

    _sdk = "openai"
    _needs = "openai >= 1.50, < 4"


class AnthropicInstrumentor(_Instrumentor):
    """Records every call of the anthropic SDK, on spans of `tracer_provider` if one is given."""

    _sdk = "anthropic"
    _needs = "anthropic >= 0.43, < 3"
