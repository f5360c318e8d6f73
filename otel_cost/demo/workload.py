"""The demo's workload: a mixed day of a few teams, played through the real SDKs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import anthropic
import openai

from otel_cost.attribution.context import attribution
from otel_cost.demo.clients import Clients

_HANDBOOK = "Answer briefly and kindly, as our handbook asks. " * 150
"""Long enough for both providers to cache it."""


@dataclass(frozen=True, slots=True)
class Models:
    """Which models the workload asks for."""

    chat: str = "gpt-4o-mini"
    reasoning: str = "o4-mini"
    embedding: str = "text-embedding-3-small"
    claude: str = "claude-haiku-4-5"
    unknown: str = "acme-finetuned-7b"
    """One that no price book has."""


Play = Callable[[Clients, Models], object]


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of call, and who makes it. Without `who`, nobody says."""

    what: str
    play: Play
    who: Mapping[str, str]
    rounds: int
    live: bool = True
    """Whether the real providers see it too, once."""
    fails: bool = False
    """Whether the provider is to refuse it."""


def play(scenes: Sequence[Scene], clients: Clients, models: Models) -> Iterator[str]:
    """Plays every scene, and yields what went against expectation, in one line each."""
    for scene in scenes:
        for _ in range(scene.rounds):
            if wrong := _play_once(scene, clients, models):
                yield wrong


def _play_once(scene: Scene, clients: Clients, models: Models) -> str | None:
    try:
        with attribution(**scene.who):
            scene.play(clients, models)
    except (openai.APIError, anthropic.APIError) as error:
        refused = isinstance(error, openai.BadRequestError | anthropic.BadRequestError)
        if scene.fails and refused:
            return None
        return f"{scene.what}: {type(error).__name__}: {error}"
    return f"{scene.what}: was not refused" if scene.fails else None


def _chat(clients: Clients, models: Models) -> object:
    return clients.openai.chat.completions.create(
        model=models.chat,
        messages=[{"role": "user", "content": "Name a colour."}],
        max_completion_tokens=16,
    )


def _cached_chat(clients: Clients, models: Models) -> object:
    return clients.openai.chat.completions.create(
        model=models.chat,
        messages=[
            {"role": "system", "content": _HANDBOOK},
            {"role": "user", "content": "Where is my order?"},
        ],
        max_completion_tokens=16,
    )


def _streamed_chat(clients: Clients, models: Models) -> object:
    stream = clients.openai.chat.completions.create(
        model=models.chat,
        messages=[{"role": "user", "content": "Summarise: the meeting was moved to Friday."}],
        max_completion_tokens=24,
        stream=True,
        stream_options={"include_usage": True},
    )
    return list(stream)


def _reasoning(clients: Clients, models: Models) -> object:
    return clients.openai.responses.create(
        model=models.reasoning,
        input="A ticket says that the invoice is wrong. Which team is it for?",
        reasoning={"effort": "low"},
        max_output_tokens=256,
    )


def _streamed_response(clients: Clients, models: Models) -> object:
    stream = clients.openai.responses.create(
        model=models.chat, input="Say good morning.", max_output_tokens=16, stream=True
    )
    return list(stream)


def _embedding(clients: Clients, models: Models) -> object:
    return clients.openai.embeddings.create(
        model=models.embedding, input=["blue shoes", "red shoes", "a warm winter coat"]
    )


def _message(clients: Clients, models: Models) -> object:
    return clients.anthropic.messages.create(
        model=models.claude,
        max_tokens=32,
        messages=[{"role": "user", "content": "Review: `return a+b if a else b`."}],
    )


def _cached_message_stream(clients: Clients, models: Models) -> object:
    stream = clients.anthropic.messages.create(
        model=models.claude,
        max_tokens=32,
        system=[{"type": "text", "text": _HANDBOOK, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": "Write a line about autumn."}],
        stream=True,
    )
    return list(stream)


def _concurrent_messages(clients: Clients, models: Models) -> object:
    async def ask(client: anthropic.AsyncAnthropic, question: str) -> object:
        return await client.messages.create(
            model=models.claude, max_tokens=16, messages=[{"role": "user", "content": question}]
        )

    async def ask_all() -> object:
        async with clients.async_anthropic() as client:
            return await asyncio.gather(ask(client, "Is this spam?"), ask(client, "Is it urgent?"))

    return asyncio.run(ask_all())


def _abandoned_stream(clients: Clients, models: Models) -> object:
    with clients.anthropic.messages.create(
        model=models.claude,
        max_tokens=64,
        messages=[{"role": "user", "content": "Tell a long story."}],
        stream=True,
    ) as stream:
        return next(iter(stream))


def _refused_chat(clients: Clients, models: Models) -> object:
    return clients.openai.chat.completions.create(
        model=models.chat, messages=[{"role": "user", "content": "Hello."}], temperature=3
    )


def _unknown_model(clients: Clients, models: Models) -> object:
    return clients.openai.chat.completions.create(
        model=models.unknown, messages=[{"role": "user", "content": "Hello."}]
    )


def _who(feature: str, team: str, user: str, **more: str) -> Mapping[str, str]:
    return {"feature": feature, "team": team, "user_id": user, **more}


SCENES: tuple[Scene, ...] = (
    Scene("a chat call", _chat, _who("search", "discovery", "ana"), 12),
    Scene("an embeddings call", _embedding, _who("search", "discovery", "ben"), 30),
    Scene(
        "a chat call with a cached prompt",
        _cached_chat,
        _who("support-chat", "support", "chris", session_id="case-17", customer="globex"),
        8,
    ),
    Scene(
        "a streamed chat call",
        _streamed_chat,
        _who("summarization", "content", "dana", customer="initech"),
        10,
    ),
    Scene("a reasoning call", _reasoning, _who("triage", "support", "eli"), 6),
    Scene("a streamed response", _streamed_response, _who("summarization", "content", "fay"), 5),
    Scene("a message", _message, _who("code-review", "devtools", "gus", repo="api"), 9),
    Scene(
        "a streamed message with a cached prompt",
        _cached_message_stream,
        _who("drafting", "content", "dana"),
        7,
    ),
    Scene("two messages at once", _concurrent_messages, _who("triage", "support", "hal"), 4),
    Scene("a stream that is abandoned", _abandoned_stream, _who("drafting", "content", "ida"), 1),
    Scene("a refused call", _refused_chat, _who("search", "discovery", "ana"), 1, fails=True),
    Scene("an unknown model", _unknown_model, _who("search", "discovery", "jo"), 1, live=False),
    Scene("a call that names nobody", _chat, {}, 5),
)
"""What the demo plays. Live, each scene that has `live` is played once."""
