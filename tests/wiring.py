"""Switching otel_cost on in a test, on a provider of the test's own, and off again."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from anthropic import Anthropic
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_cost
from otel_cost import faults
from otel_cost.charge import Charge
from otel_cost.demo.providers import LocalProviders
from otel_cost.spans.tracers import SCOPE

ENOUGH = 20.0
"""How long anything may take that is expected to happen (seconds)."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A tracer provider of the test's own, and what it exports."""

    tracing: TracerProvider = field(default_factory=lambda: TracerProvider(shutdown_on_exit=False))
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    @classmethod
    def exporting(cls, *before: SpanProcessor) -> "Provider":
        """One that exports what it ends, after the processors given have seen it."""
        made = cls()
        for processor in before:
            made.tracing.add_span_processor(processor)
        made.tracing.add_span_processor(SimpleSpanProcessor(made.exporter))
        return made

    def spans(self) -> list[ReadableSpan]:
        """The spans of hooked calls that have ended."""
        return [
            span
            for span in self.exporter.get_finished_spans()
            if span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE
        ]


class Charges(list[Charge]):
    """A sink that keeps what it gets; added by the first use of otel_cost that it makes."""

    def __init__(self) -> None:
        super().__init__()
        otel_cost.add_sink(self.append)

    def settled(self) -> list[Charge]:
        """Every charge so far."""
        assert otel_cost.flush(ENOUGH)
        return list(self)

    def only(self) -> Charge:
        """The one charge there is."""
        (charge,) = self.settled()
        return charge


@contextmanager
def clean_slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting in the environment, nothing counted, nothing on: before and after."""
    for name in os.environ:
        if name.startswith(("OTEL_", "LANGFUSE_")):
            monkeypatch.delenv(name)
    _forget_faults()
    try:
        yield
    finally:
        otel_cost.shutdown(5)
        _forget_faults()
        # It can be set once in a process, and makes SDKs trace that would not.
        assert trace._TRACER_PROVIDER is None, "a test has set the global tracer provider"


def _forget_faults() -> None:
    faults.counts.clear()
    faults._said.clear()


@contextmanager
def clients(providers: LocalProviders) -> Iterator[tuple[OpenAI, Anthropic]]:
    """One client of each SDK, that does not retry."""
    with (
        OpenAI(base_url=providers.openai_url, api_key="test", max_retries=0) as chats,
        Anthropic(base_url=providers.anthropic_url, api_key="test", max_retries=0) as claudes,
    ):
        yield chats, claudes


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What otel_cost has logged, each record with its exception if it has one."""
    formatter = logging.Formatter()
    return [formatter.format(r) for r in caplog.records if r.name.startswith("otel_cost")]
