"""Sending LLM spans to Langfuse over OTLP."""

import base64
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_cost import faults
from otel_cost.config import Langfuse

_PATH = "/api/public/otel/v1/traces"
_LLM_PREFIXES = ("gen_ai.", "langfuse.", "llm.", "openinference.")
_TIMEOUT = 10


class LangfuseExporter(SpanExporter):
    """Exports the spans that are LLM work, as Langfuse's own SDK does, and no others.

    The stock exporter takes a redirect for success and drops its spans unseen; here any answer but
    2xx is a failure that is said once, with what to change.
    """

    def __init__(self, langfuse: Langfuse) -> None:
        pair = f"{langfuse.public_key}:{langfuse.secret_key}".encode()
        session = requests.Session()
        session.hooks["response"].append(self._check)
        self._exporter = OTLPSpanExporter(
            endpoint=langfuse.base_url + _PATH,
            headers={
                "Authorization": "Basic " + base64.b64encode(pair).decode(),
                "x-langfuse-ingestion-version": "4",
            },
            timeout=_TIMEOUT,
            compression=Compression.Gzip,
            session=session,
        )
        self._base_url = langfuse.base_url
        self._redirected = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the LLM spans among `spans`."""
        ours = [span for span in spans if _is_llm(span)]
        if not ours:
            return SpanExportResult.SUCCESS
        self._redirected = False
        result = self._exporter.export(ours)
        return SpanExportResult.FAILURE if self._redirected else result

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)

    def _check(self, response: requests.Response, *_: Any, **__: Any) -> None:
        status = response.status_code
        if 300 <= status < 400:
            self._redirected = True
            there = str(response.headers.get("location", "")).removesuffix(_PATH).rstrip("/")
            use = f"; set it to {there}" if there.startswith("http") else ""
            self._complain(f"LANGFUSE_BASE_URL {self._base_url} redirects (HTTP {status}){use}.")
            # The spans must not follow to an address that nobody configured.
            response.headers.pop("location", None)
        elif status in {401, 403}:
            self._complain(
                f"{self._base_url} refused the keys (HTTP {status}): check LANGFUSE_PUBLIC_KEY, "
                "LANGFUSE_SECRET_KEY, and that LANGFUSE_BASE_URL is the region of the project."
            )
        elif status == 404:
            self._complain(f"LANGFUSE_BASE_URL {self._base_url} is not a Langfuse (HTTP 404).")

    @staticmethod
    def _complain(message: str) -> None:
        faults.warn_once(
            "export_refused", message, f"otel_cost: nothing reaches Langfuse. {message}"
        )


def _is_llm(span: ReadableSpan) -> bool:
    return any(name.startswith(_LLM_PREFIXES) for name in span.attributes or ())
