"""Shows that the local receiver reports what an exporter sent, and answers as it was told."""

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from tests.otlp_receiver import Answer, OtlpReceiver


def send_a_span(receiver: OtlpReceiver) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint=receiver.url, headers={"X-Key": "k"}, compression=Compression.Gzip, timeout=5
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("scope", "1.2").start_as_current_span(
        "outer", kind=SpanKind.CLIENT
    ) as span:
        span.set_attributes({"n": 3, "x": 0.5, "b": True, "tags": ["a", "b"]})
        span.set_status(StatusCode.ERROR)
    provider.shutdown()


def test_reports_a_span_as_it_was_sent() -> None:
    with OtlpReceiver() as receiver:
        send_a_span(receiver)
        (span,) = receiver.wait_for(1)
    assert (span.name, span.scope, span.scope_version) == ("outer", "scope", "1.2")
    assert (span.kind, span.status, span.parent_id) == ("CLIENT", "ERROR", None)
    assert span.attributes == {"n": 3, "x": 0.5, "b": True, "tags": ["a", "b"]}
    assert span.resource == {"service.name": "shop"}
    assert (len(span.trace_id), len(span.span_id)) == (32, 16)
    assert span.started_at < span.ended_at
    (request,) = receiver.requests
    assert (request.path, request.headers["x-key"]) == ("/v1/traces", "k")
    assert request.headers["content-encoding"] == "gzip"


def test_answers_as_told_and_then_accepts() -> None:
    with OtlpReceiver([Answer(status=400, message="no")]) as receiver:
        send_a_span(receiver)
        assert receiver.spans == []
        send_a_span(receiver)
        assert len(receiver.wait_for(1)) == 1
    assert len(receiver.requests) == 2


def test_says_what_is_missing() -> None:
    with OtlpReceiver() as receiver, pytest.raises(TimeoutError, match="0 of 1 spans"):
        receiver.wait_for(1, timeout=0.01)
