"""How each library is switched on, as its documentation says."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.exported import Exports
from tests.peers.libraries import module


@dataclass(frozen=True, slots=True)
class Instrumentor:
    """A library that makes spans of LLM calls."""

    modules: tuple[str, ...]
    """What must be installed."""
    scopes: tuple[str, ...]
    """The instrumentation scopes of its spans, or prefixes of them."""
    start: Callable[[Exports], object]


def _one(path: str, name: str, *scopes: str, **options: Any) -> Instrumentor:
    """One with the usual `instrument()`."""

    def start(_: Exports) -> None:
        getattr(module(path), name)().instrument(**options)

    return Instrumentor((path,), scopes or (path,), start)


def _langfuse(exports: Exports) -> None:
    from langfuse import Langfuse

    Langfuse(
        public_key="pk-lf-peers",
        secret_key="sk-lf-peers",
        base_url="http://127.0.0.1:9",
        span_exporter=exports,
    )


def _langfuse_openai(exports: Exports) -> None:
    _langfuse(exports)
    module("langfuse.openai")


def _openlit(_: Exports) -> None:
    openlit = module("openlit")

    with tempfile.TemporaryDirectory() as folder:
        prices = Path(folder, "prices.json")
        chat = {"promptPrice": 0.003, "completionPrice": 0.015}
        models = {"gpt-5.6": chat, "claude-opus-5": chat}
        prices.write_text(json.dumps({"chat": models, "embeddings": {}}), encoding="utf-8")
        openlit.init(pricing_json=str(prices), disable_metrics=True, disable_events=True)


def _logfire_sdks(_: Exports) -> None:
    logfire = module("logfire")

    logfire.instrument_openai()
    logfire.instrument_anthropic()


def _litellm(*callbacks: str) -> Callable[[Exports], None]:
    def start(_: Exports) -> None:
        litellm = module("litellm")

        litellm.callbacks = list(callbacks)

    return start


def _litellm_langfuse(_: Exports) -> None:
    litellm = module("litellm")
    from opentelemetry import trace

    litellm.callbacks = [
        module("litellm.integrations.langfuse.langfuse_otel").LangfuseOtelLogger(
            callback_name="langfuse_otel", tracer_provider=trace.get_tracer_provider()
        )
    ]


def _litellm_v2(_: Exports) -> None:
    litellm = module("litellm")
    build_otel_v2_logger = module("litellm.integrations.otel.logger").build_otel_v2_logger
    from opentelemetry import trace

    logger = build_otel_v2_logger(
        module("litellm.integrations.otel.model.config").OpenTelemetryV2Config(),
        tracer_provider=trace.get_tracer_provider(),
    )
    litellm.callbacks = [logger]
    litellm.input_callback = [logger]


def _pydantic_ai(_: Exports) -> None:
    module("pydantic_ai").Agent.instrument_all()
    module("pydantic_ai").Embedder.instrument_all()


def _agents(path: str) -> Callable[[Exports], None]:
    def start(_: Exports) -> None:
        agents = module("agents")

        agents.set_trace_processors([])  # the usual one sends to its maker
        module(path).OpenAIAgentsInstrumentor().instrument()

    return start


_GENAI, _OI, _TRACELOOP = (
    "opentelemetry.instrumentation.genai",
    "openinference.instrumentation",
    "opentelemetry.instrumentation",
)
_LITELLM = ("litellm",)

INSTRUMENTORS: Mapping[str, Instrumentor] = {
    "genai-openai": _one(f"{_GENAI}.openai", "OpenAIInstrumentor"),
    "genai-anthropic": _one(f"{_GENAI}.anthropic", "AnthropicInstrumentor"),
    "genai-langchain": _one(f"{_GENAI}.langchain", "LangChainInstrumentor"),
    "openai-v2": _one(
        f"{_TRACELOOP}.openai_v2",
        "OpenAIInstrumentor",
        "opentelemetry.util.genai.handler",
        "opentelemetry.instrumentation.openai_v2",
    ),
    "openllmetry-openai": _one(f"{_TRACELOOP}.openai", "OpenAIInstrumentor"),
    "openllmetry-anthropic": _one(f"{_TRACELOOP}.anthropic", "AnthropicInstrumentor"),
    "openllmetry-langchain": _one(f"{_TRACELOOP}.langchain", "LangchainInstrumentor"),
    "openinference-openai": _one(f"{_OI}.openai", "OpenAIInstrumentor"),
    "openinference-anthropic": _one(f"{_OI}.anthropic", "AnthropicInstrumentor"),
    "openinference-langchain": _one(f"{_OI}.langchain", "LangChainInstrumentor"),
    "openinference-litellm": _one(f"{_OI}.litellm", "LiteLLMInstrumentor"),
    "openlit": Instrumentor(("openlit",), ("openlit",), _openlit),
    "langfuse": Instrumentor(("langfuse",), ("langfuse-sdk",), _langfuse),
    "langfuse-openai": Instrumentor(("langfuse",), ("langfuse-sdk",), _langfuse_openai),
    "logfire": Instrumentor(("logfire",), ("logfire",), _logfire_sdks),
    "pydantic-ai": Instrumentor(("pydantic_ai",), ("pydantic-ai",), _pydantic_ai),
    "litellm": Instrumentor(_LITELLM, ("litellm", "app"), _litellm("otel")),
    "litellm-langfuse": Instrumentor(_LITELLM, ("litellm", "app"), _litellm_langfuse),
    "litellm-v2": Instrumentor(_LITELLM, ("litellm",), _litellm_v2),
    "agents-genai": Instrumentor(
        ("agents", f"{_GENAI}.openai_agents"),
        (f"{_GENAI}.openai_agents",),
        _agents(f"{_GENAI}.openai_agents"),
    ),
    "agents-openllmetry": Instrumentor(
        ("agents", f"{_TRACELOOP}.openai_agents"),
        (f"{_TRACELOOP}.openai_agents",),
        _agents(f"{_TRACELOOP}.openai_agents"),
    ),
    "agents-openinference": Instrumentor(
        ("agents", f"{_OI}.openai_agents"),
        (f"{_OI}.openai_agents",),
        _agents(f"{_OI}.openai_agents"),
    ),
}
