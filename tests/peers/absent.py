"""Cells of the table that cannot exist, each with its measured reason.

A test fails if one of them starts to work, or if another one is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.peers.stacks import Stack

Lack: TypeAlias = Literal["no span", "no hook", "neither"]
"""`no span`: the library makes no span of the call, which is measured all the same. `no hook`: the
hooks do not see the call, so that it is charged from the library's span, as far as that tells.
`neither`: nothing in the process tells of the call."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Calls of a caller that lack something under these libraries."""

    lack: Lack
    caller: str
    libraries: tuple[str, ...]
    """Exactly these; none: whatever they are."""
    calls: tuple[str, ...]
    """Names of calls, or what they begin with, where they end in `*`."""
    reason: str
    how: str = ""
    """`sync` or `async`, where it is not so for both."""

    def is_about(self, stack: Stack) -> bool:
        """Whether the stack is one of these."""
        return stack.caller.name == self.caller and self.libraries in {(), stack.libraries}

    def is_about_call(self, name: str) -> bool:
        """Whether the run `name` (`call/how/place`) is one of these."""
        call, how, _ = name.split("/")
        return self.how in {"", how} and any(
            call == wanted or (wanted.endswith("*") and call.startswith(wanted[:-1]))
            for wanted in self.calls
        )


_ANTHROPIC = ("messages*", "beta_messages*")
_LANGCHAIN_ALONE = (
    ("genai-langchain",),
    ("openllmetry-langchain",),
    ("openinference-langchain",),
    ("langfuse",),
)

ROWS: Sequence[Absent] = (
    Absent(
        "no span",
        "sdk",
        ("openllmetry-openai", "openllmetry-anthropic"),
        ("messages_stream_closed", "messages_stream_dropped"),
        "OpenLLMetry never ends the span of an Anthropic stream that is not read to its end.",
    ),
    Absent(
        "no span",
        "sdk",
        ("langfuse-openai",),
        _ANTHROPIC,
        "Langfuse has no wrapper of the Anthropic SDK.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openlit",),
        (
            "chat_stream_closed",
            "chat_stream_dropped",
            "responses_stream_closed",
            "messages_stream_closed",
            "messages_stream_dropped",
        ),
        "OpenLIT never ends the span of a stream that is not read to its end.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openlit",),
        ("messages_refused",),
        "OpenLIT makes its span of an Anthropic call after the answer, and a refusal has none.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openlit",),
        ("beta_messages*",),
        "OpenLIT does not wrap the beta methods of the Anthropic SDK.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openai-v2",),
        ("chat_parse", "responses*"),
        "openai-v2 wraps the create methods of chat completions and of embeddings alone.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openai-v2",),
        ("chat_stream_dropped",),
        "openai-v2 never ends the span of a stream that is let go of.",
    ),
    Absent(
        "no span",
        "sdk",
        ("openai-v2",),
        _ANTHROPIC,
        "openai-v2 is about the OpenAI SDK alone.",
    ),
    *(
        Absent(
            "no span",
            "langchain",
            libraries,
            ("lc_embeddings",),
            "LangChain tells its callbacks nothing of embeddings.",
        )
        for libraries in _LANGCHAIN_ALONE
    ),
    Absent(
        "no span",
        "langchain",
        ("openlit",),
        ("lc_chat", "lc_chat_stream", "lc_chain", "lc_messages", "lc_messages_stream"),
        "OpenLIT never ends the span of an asynchronous call through LangChain.",
        "async",
    ),
    Absent(
        "no span",
        "agents",
        ("agents-genai",),
        ("agents_*",),
        "OTel's instrumentation of the Agents SDK makes spans of agents, and leaves the calls to "
        "that of the OpenAI SDK.",
    ),
    Absent(
        "neither",
        "litellm",
        ("litellm-v2",),
        ("lite_responses", "lite_messages", "lite_messages_stream"),
        "LiteLLM asks these with an HTTP client of its own, and its version 2 of tracing "
        "makes no span of a synchronous call.",
        "sync",
    ),
    Absent(
        "no hook",
        "litellm",
        (),
        ("lite_responses*", "lite_messages*"),
        "LiteLLM asks the Responses API and Anthropic with an HTTP client of its own.",
    ),
    Absent(
        "no span",
        "litellm",
        ("litellm-v2",),
        ("lite_chat*", "lite_embeddings"),
        "LiteLLM's version 2 of tracing makes no span of a synchronous call.",
        "sync",
    ),
)


def absent(stack: Stack, name: str) -> Absent | None:
    """What the list says of the run `name` of a stack; `None`: that nothing is lacking."""
    return next((r for r in ROWS if r.is_about(stack) and r.is_about_call(name)), None)
