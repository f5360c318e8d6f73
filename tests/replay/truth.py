"""What each recorded case came to at the provider: the numbers of the recordings' README."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from otel_cost.charge import Part
from otel_cost.usage import Meter, Usage

Said: TypeAlias = Literal["all", "some", "nothing", "refused"]
"""How much of a call's usage went over the wire: all of it; what a stream had said when it broke
off; nothing; or the provider refused the call, which is free."""


class Truth(NamedTuple):
    """One billable call, as the provider answered it."""

    provider: str
    model: str
    requested: str
    """The name that the application asked for, which costs the same."""
    said: Said
    parts: tuple[Part, ...] = ()
    tier: str | None = None
    geo: str | None = None


Truths: TypeAlias = tuple[Truth, ...]

_CHAT, _CHAT_ALIAS = "gpt-5.4-2026-03-05", "gpt-5.4"
_RESPONSE, _RESPONSE_ALIAS = "gpt-5.5-2026-04-23", "gpt-5.5"
_MESSAGE, _MESSAGE_ALIAS = "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"

_CHAT_USAGE: Mapping[Meter, int] = {
    "input": 230,
    "input_audio": 30,
    "input_image": 40,
    "cache_read": 1200,
    "cache_write_30m": 500,
    "output": 152,
    "output_audio": 20,
    "reasoning": 128,
}
_RESPONSE_USAGE: Mapping[Meter, int] = {
    "input": 700,
    "cache_read": 1600,
    "cache_write_30m": 600,
    "cache_write_12h": 100,
    "output": 144,
    "reasoning": 256,
}
_RESPONSE_SEARCHES: Mapping[Meter, int] = {"web_search": 2}
_MESSAGE_INPUT: Mapping[Meter, int] = {
    "input": 100,
    "cache_read": 5000,
    "cache_write_5m": 500,
    "cache_write_1h": 300,
}
_MESSAGE_OUTPUT: Mapping[Meter, int] = {"output": 160, "reasoning": 90, "web_search": 2}
_PLACEHOLDER: Mapping[Meter, int] = {"output": 3}
"""What a stream says of its output before there is any."""
_ITERATIONS = (
    Part(_MESSAGE, Usage({"input": 41, "cache_read": 7, "output": 13})),
    Part("claude-opus-5-5", Usage({"input": 19, "output": 23})),
)
"""The compaction and the advisor, which the totals of a beta message leave out."""


def truth(library: str, case: str) -> Truths:
    """The billable calls of a case, in order; raises `KeyError` for a case that is not known."""
    family = max((name for name in _FAMILIES if case.startswith(name)), key=len, default=case)
    return _FAMILIES[family](library, case.removeprefix(family))


def _chat(said: Said = "all", tier: str | None = "default") -> Truth:
    parts = (Part(_CHAT, Usage(dict(_CHAT_USAGE))),) if said == "all" else ()
    return Truth("openai", _CHAT, _CHAT_ALIAS, said, parts, tier)


def _response(said: Said = "all", *, compact: bool = False) -> Truth:
    usage = dict(_RESPONSE_USAGE) if compact else {**_RESPONSE_USAGE, **_RESPONSE_SEARCHES}
    parts = (Part(_RESPONSE, Usage(usage)),) if said == "all" else ()
    return Truth("openai", _RESPONSE, _RESPONSE_ALIAS, said, parts, None if compact else "default")


def _message(
    said: Said = "all",
    output: Mapping[Meter, int] = _MESSAGE_OUTPUT,
    others: Sequence[Part] = (),
) -> Truth:
    usage = Part(_MESSAGE, Usage({**_MESSAGE_INPUT, **output}))
    parts = () if said in {"nothing", "refused"} else (usage, *others)
    return Truth("anthropic", _MESSAGE, _MESSAGE_ALIAS, said, parts, "standard", "us")


def _openai(model: str, **usage: int) -> Truth:
    """A call of a model that says no tier and has one name."""
    return Truth("openai", model, model, "all", (Part(model, Usage(usage)),))  # type: ignore[arg-type]


def _of_chat(library: str, how: str) -> Truths:
    if how.startswith(("stream_close_early", "stream_dropped", "stream_cut", "stream_nousage")):
        return (_chat("nothing"),)
    if how.startswith("nousage"):
        return (_chat("nothing"),)
    if how.startswith("error"):
        return (_chat("refused", None),)
    return (_chat(tier="flex" if how.startswith("flex") else "default"),)


def _of_responses(library: str, how: str) -> Truths:
    if how.startswith("retrieve"):
        return ()
    if how.startswith("stream_close_early"):
        return (_response("nothing"),)
    return (_response(compact=how.startswith("compact")),)


def _of_messages(library: str, how: str) -> Truths:
    if how.startswith("error"):
        return (_message("refused"),)
    if how.startswith(("stream_close_early", "stream_dropped", "stream_cut")):
        return (_message("some", _PLACEHOLDER),)
    if how.startswith("stream_delta_output_only"):
        return (_message(output={"output": 250}),)
    return (_message(),)


def _of_beta(library: str, how: str) -> Truths:
    return (_message(others=_ITERATIONS),)


def _of_tool_runner(library: str, how: str) -> Truths:
    """Two calls; the SDK that OpenLIT pins asks for the beta's usage."""
    others = _ITERATIONS if library == "openlit" else ()
    return (_message(others=others), _message(others=others))


def _of_agents(library: str, how: str) -> Truths:
    times = 2 if how.endswith("tool") else 1
    if how.startswith("responses"):
        return (_response(),) * times
    return (_chat("nothing" if how.endswith("stream") else "all"),) * times


def _of_langchain_openai(library: str, how: str) -> Truths:
    if how.startswith("responses"):
        return (_response(),)
    if how == "embeddings":
        return _embeddings(library, how)
    return (_chat("nothing" if how == "stream_nousage" else "all"),)


def _of_litellm_openai(library: str, how: str) -> Truths:
    if how.startswith("responses"):
        return (_response(),)
    if how.startswith("embedding"):
        return _embeddings(library, how)
    return (_chat("nothing" if how == "stream_sync" else "all"),)


def _of_message(library: str, how: str) -> Truths:
    return (_message(),)


def _embeddings(library: str, how: str) -> Truths:
    return (_openai("text-embedding-3-small", input=17),)


def _free(library: str, how: str) -> Truths:
    return ()


_FAMILIES: Mapping[str, Callable[[str, str], Truths]] = {
    "chat_": _of_chat,
    "responses_": _of_responses,
    "embeddings_": _embeddings,
    "completions_legacy_": lambda *_: (_openai("gpt-3.5-turbo-instruct", input=5, output=2),),
    "images_": lambda *_: (_openai("gpt-image-1", input=53, output_image=4160),),
    "transcription_": lambda *_: (_openai("gpt-4o-transcribe", input=1, input_audio=60, output=9),),
    "messages_": _of_messages,
    "beta_messages_": _of_beta,
    "beta_tool_runner_": _of_tool_runner,
    "count_tokens_": _free,
    "lc_openai_": _of_langchain_openai,
    "lc_anthropic_": _of_message,
    "llm_openai_": _of_litellm_openai,
    "llm_anthropic_": _of_message,
    "agents_": _of_agents,
}
"""By the beginning of a case's name; the longest that fits holds."""
