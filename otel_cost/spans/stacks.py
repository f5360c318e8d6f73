"""Which SDKs and instrumentation libraries are installed beside us."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, TypeAlias

Release: TypeAlias = tuple[int, ...]


class Library(NamedTuple):
    """A distribution that makes LLM spans, or LLM calls of its own."""

    distribution: str
    family: str
    """The project it belongs to, as people call it."""
    watches: tuple[str, ...] = ()
    """The SDKs whose calls it makes spans of, by their distributions."""


_OTEL = "OpenTelemetry GenAI"
_OTEL_V2 = "OpenTelemetry openai-v2"
_OPENLLMETRY = "OpenLLMetry"
_OPENINFERENCE = "OpenInference"

LIBRARIES: tuple[Library, ...] = (
    Library("opentelemetry-instrumentation-genai-openai", _OTEL, ("openai",)),
    Library("opentelemetry-instrumentation-genai-anthropic", _OTEL, ("anthropic",)),
    Library("opentelemetry-instrumentation-genai-langchain", _OTEL, ("langchain-core",)),
    Library("opentelemetry-instrumentation-openai-v2", _OTEL_V2, ("openai",)),
    Library("opentelemetry-instrumentation-openai", _OPENLLMETRY, ("openai",)),
    Library("opentelemetry-instrumentation-anthropic", _OPENLLMETRY, ("anthropic",)),
    Library("opentelemetry-instrumentation-langchain", _OPENLLMETRY, ("langchain-core",)),
    Library("openinference-instrumentation-openai", _OPENINFERENCE, ("openai",)),
    Library("openinference-instrumentation-anthropic", _OPENINFERENCE, ("anthropic",)),
    Library("openinference-instrumentation-langchain", _OPENINFERENCE, ("langchain-core",)),
    Library("openinference-instrumentation-litellm", _OPENINFERENCE, ("litellm",)),
    Library("openinference-instrumentation-openai-agents", _OPENINFERENCE, ("openai-agents",)),
    Library("openlit", "OpenLIT", ("openai", "anthropic", "langchain-core")),
    Library("langfuse", "Langfuse"),
    Library("logfire", "Logfire"),
    Library("litellm", "LiteLLM"),
    Library("langchain-core", "LangChain"),
    Library("pydantic-ai-slim", "Pydantic AI"),
    Library("openai-agents", "OpenAI Agents"),
)

_OTHERS = (
    "otel-cost",
    "opentelemetry-sdk",
    "openai",
    "anthropic",
    "httpx",
    "langchain",
    "opentelemetry-instrumentation",
    "opentelemetry-util-genai",
)
"""What else the findings look at."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What is installed, and the environment variables beside it."""

    versions: Mapping[str, str]
    """By distribution; what is not installed is not in it."""
    environ: Mapping[str, str]

    def release(self, distribution: str) -> Release | None:
        """The numbers of a version, `None` where it is not installed."""
        said = self.versions.get(distribution)
        return None if said is None else release(said)

    def said(self, variable: str) -> str:
        """The word that a variable holds, in lower case; empty where it is not set."""
        return self.environ.get(variable, "").strip().lower()

    def is_set(self, variable: str) -> bool:
        """Whether a variable switches something on."""
        return self.said(variable) in {"true", "1", "yes", "on"}

    @property
    def libraries(self) -> tuple[Library, ...]:
        """The libraries that are installed."""
        return tuple(known for known in LIBRARIES if known.distribution in self.versions)


def installed(environ: Mapping[str, str]) -> Stack:
    """What this interpreter could import, by the metadata of distributions; imports none."""
    names = (*_OTHERS, *(library.distribution for library in LIBRARIES))
    found = {name: said for name in names if (said := _version(name)) is not None}
    return Stack(found, environ)


def _version(distribution: str) -> str | None:
    try:
        said: str | None = version(distribution)
    except PackageNotFoundError:
        return None
    return said


def release(text: str) -> Release:
    """`1.45.0b2` as `(1, 45, 0)`: what a version starts with."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()
