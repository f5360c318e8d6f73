"""Which instrumentation libraries `make compat` installs together, and which tests run there."""

from collections.abc import Sequence

from compat_runs import OURS, TOOLS

_SDKS = ("openai", "anthropic", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
_LANGCHAIN = ("langchain", "langchain-openai", "langchain-anthropic")
_OTEL = "opentelemetry-instrumentation"
_GENAI = tuple(f"{_OTEL}-genai-{sdk}" for sdk in ("openai", "anthropic"))
_OPENLLMETRY = tuple(f"{_OTEL}-{sdk}" for sdk in ("openai", "anthropic"))
_OPENINFERENCE = tuple(f"openinference-instrumentation-{sdk}" for sdk in ("openai", "anthropic"))
_WRAPPERS = (*_GENAI, *_OPENLLMETRY, *_OPENINFERENCE, "langfuse")

_TESTS = "tests/peers"


def _peers(name: str, wanted: str, *packages: str) -> tuple[str, Sequence[str], Sequence[str]]:
    """An environment; `wanted` is pytest's `-k`, for the stacks that no other one has."""
    return name, [*packages, *_SDKS, *OURS, *TOOLS], [_TESTS, "-k", wanted]


PEERS: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (
    _peers("wrappers by-hand", "sdk or hand or list", *_WRAPPERS),
    _peers(
        "langchain",
        "langchain",
        *_LANGCHAIN,
        f"{_OTEL}-genai-langchain",
        f"{_OTEL}-langchain",
        "openinference-instrumentation-langchain",
        *_WRAPPERS,
    ),
    # It imports neither beside the HTTP library of openai 3 alone nor beside newer utilities.
    _peers(
        "openai-v2",
        "openai-v2",
        f"{_OTEL}-openai-v2==2.4b0",
        "opentelemetry-util-genai==1.1b0",
        "httpx<1",
    ),
    _peers("openlit", "openlit", "openlit>=1.45", *_LANGCHAIN),
    _peers(
        "logfire pydantic-ai",
        "logfire or pydantic",
        "logfire",
        "pydantic-ai-slim[openai,anthropic]",
        "genai-prices",
        *_LANGCHAIN,
    ),
    (
        "logfire application",
        ["logfire", *_SDKS, *OURS, *TOOLS],
        ["tests/zero_code/test_scenarios.py", "-k", "logfire"],
    ),
    _peers(
        "litellm",
        "litellm",
        "litellm>=1.106",
        "mcp",
        "openinference-instrumentation-litellm",
        *_GENAI,
        *_OPENINFERENCE,
    ),
    _peers(
        "openai-agents",
        "agents",
        "openai-agents",
        f"{_OTEL}-genai-openai-agents",
        f"{_OTEL}-openai-agents",
        "openinference-instrumentation-openai-agents",
        *_GENAI,
        *_OPENINFERENCE,
    ),
)
"""The name of each environment, what is installed in it, and the arguments of pytest."""
