"""Sending LLM spans to Langfuse over OTLP."""

import base64
import os
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_cost import config, faults
from otel_cost.attributes import OBSERVATION_METADATA, TRACE_METADATA, TRACE_TAGS
from otel_cost.config import Langfuse
from otel_cost.span_end import stored

PATH = "/api/public/otel/v1/traces"
_LLM_PREFIXES = ("gen_ai.", "langfuse.", "llm.", "openinference.")
_STAMPED = (TRACE_METADATA, OBSERVATION_METADATA, TRACE_TAGS)
"""With `OTEL_COST_STAMP=all` these are on every span, whatever it is."""
_TIMEOUT = 10


class LangfuseExporter(SpanExporter):
    """Exports the spans that are LLM work, as Langfuse's own SDK does, and no others.

    The stock exporter takes a redirect for success and drops its spans unseen; here any answer but
    2xx is a failure that is said once, with what to change.
    """

    def __init__(self, langfuse: Langfuse) -> None:
        self._langfuse = langfuse
        self._base_url = langfuse.base_url
        self._redirected = False
        self._connect()
        if hasattr(os, "register_at_fork"):
            connect = weakref.WeakMethod(self._connect)
            os.register_at_fork(after_in_child=lambda: (again := connect()) and again())

    def _connect(self) -> None:
        """Make the exporter; again in a child process, which must not use its parent's sockets."""
        pair = f"{self._langfuse.public_key}:{self._langfuse.secret_key}".encode()
        session = requests.Session()
        session.hooks["response"].append(self._check)
        self._exporter = OTLPSpanExporter(
            endpoint=self._base_url + PATH,
            headers={
                "Authorization": "Basic " + base64.b64encode(pair).decode(),
                "x-langfuse-ingestion-version": "4",
            },
            timeout=_TIMEOUT,
            compression=Compression.Gzip,
            session=session,
        )

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the LLM spans among `spans`."""
        ours = [span for span in spans if is_llm(span)]
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
            there = str(response.headers.get("location", "")).removesuffix(PATH).rstrip("/")
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


class NamedExporter(SpanExporter):
    """The exporter of `OTEL_TRACES_EXPORTER=langfuse`, set up by the variables `LANGFUSE_*`.

    Whoever configures the SDK by that name puts it behind a processor of its own. It stands down as
    soon as ours is on the same provider, which knows at the end of each span who else sends it.
    """

    def __init__(self, **options: Any) -> None:
        langfuse = config.read().langfuse
        self._exporter = None if langfuse is None else LangfuseExporter(langfuse)
        if langfuse is None:
            self._complain(
                "OTEL_TRACES_EXPORTER=langfuse sends nothing: set LANGFUSE_PUBLIC_KEY and "
                "LANGFUSE_SECRET_KEY."
            )
        if options:
            self._complain(
                f"the exporter langfuse takes no {', '.join(options)}: set the variables LANGFUSE_*"
            )

    def stand_down(self) -> None:
        """Send nothing from now on."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.shutdown()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the LLM spans among `spans`."""
        exporter = self._exporter
        return SpanExportResult.SUCCESS if exporter is None else exporter.export(spans)

    def shutdown(self) -> None:
        """End the exporter."""
        self.stand_down()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        exporter = self._exporter
        return exporter is None or exporter.force_flush(timeout_millis)

    @staticmethod
    def _complain(message: str) -> None:
        faults.warn_once("bad_setting", message, f"otel_cost: {message}")


def is_llm(span: ReadableSpan) -> bool:
    """Whether a span's attributes, those apart that we put on any span, are those of LLM work."""
    return any(map(_of_llm_work, stored(span)))


@lru_cache(maxsize=2048)
def _of_llm_work(name: str) -> bool:
    return name.startswith(_LLM_PREFIXES) and not name.startswith(_STAMPED)
