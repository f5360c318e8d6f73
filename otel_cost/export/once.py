"""Sends each span of LLM work to Langfuse once, whatever else of its provider sends it there."""

import weakref
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_cost import faults
from otel_cost.config import Langfuse
from otel_cost.export.langfuse import PATH, NamedExporter, is_llm
from otel_cost.processors import processors_of, with_inner


class LangfuseProcessor(SpanProcessor):
    """Hands the LLM spans of one provider on to `batches`, unless they reach Langfuse anyhow.

    They do where Langfuse's own processor, or an OTLP exporter to the same address, is attached to
    the provider when the span ends. What ended before Langfuse's was attached is sent from here.
    """

    def __init__(
        self, provider: TracerProvider, batches: BatchSpanProcessor, langfuse: Langfuse
    ) -> None:
        self._provider = weakref.ref(provider)
        self._batches: BatchSpanProcessor | None = batches
        self._langfuse = langfuse
        self._looked_at: Any = None
        self._elsewhere = False
        self._look()

    def rest(self) -> None:
        """Send nothing from now on; a provider cannot let go of a processor."""
        self._batches = None

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on, if it is LLM work and nobody else sends it to Langfuse."""
        batches = self._batches
        if batches is None:
            return
        try:
            if is_llm(span):
                self._look()
                if not self._elsewhere:
                    batches.on_end(span)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("handing a span to the exporter", error)

    def shutdown(self) -> None:
        """The provider ends; others may go on with the same batches."""
        self.force_flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._batches is None or self._batches.force_flush(timeout_millis)

    def _look(self) -> None:
        """See what is attached now. The SDK replaces the tuple of processors, and never changes it.

        What Logfire wraps changes within; it is looked at each time.
        """
        there = processors_of(self._provider())
        if there is self._looked_at:
            return
        everything = list(with_inner(there))
        self._looked_at = there if len(everything) == len(there) else None
        for exporter in map(_exporter, everything):
            if isinstance(exporter, NamedExporter):
                exporter.stand_down()
        self._elsewhere = any(self._sends(processor) for processor in everything)

    def _sends(self, processor: object) -> bool:
        """Whether a processor sends LLM spans to the same project of Langfuse."""
        if any(kind.__name__ == "LangfuseSpanProcessor" for kind in type(processor).__mro__):
            return getattr(processor, "public_key", None) in (None, self._langfuse.public_key)
        endpoint = getattr(_exporter(processor), "_endpoint", None)
        return endpoint == self._langfuse.base_url + PATH


def _exporter(processor: object) -> object:
    batches = getattr(processor, "_batch_processor", None)
    return getattr(processor, "span_exporter", getattr(batches, "_exporter", None))
