"""otel_cost switched on for one test, with what it records at hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_cost
from otel_cost.charge import Charge

RESOURCE = Resource({"service.name": "shop", "deployment.environment.name": "test"})


class Recording:
    """A private provider with our processor, and every span and charge since the start."""

    def __init__(self) -> None:
        self.provider = TracerProvider(resource=RESOURCE)
        self.exported = InMemorySpanExporter()
        self._charges: list[Charge] = []
        self.provider.add_span_processor(otel_cost.CostSpanProcessor())
        self.provider.add_span_processor(SimpleSpanProcessor(self.exported))
        otel_cost.instrument(self.provider)  # finding it takes a look at all objects
        otel_cost.add_sink(self._charges.append)

    @property
    def charges(self) -> list[Charge]:
        """Every charge so far."""
        assert otel_cost.flush(10)
        return list(self._charges)

    @property
    def charge(self) -> Charge:
        """The one charge there is."""
        [charge] = self.charges
        return charge

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every span ended so far."""
        assert otel_cost.flush(10)
        return list(self.exported.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        """The one span there is."""
        [span] = self.spans
        return span


@contextmanager
def recording() -> Iterator[Recording]:
    """otel_cost on inside, off and forgotten after."""
    made = Recording()
    try:
        yield made
    finally:
        otel_cost.shutdown()
        made.provider.shutdown()
