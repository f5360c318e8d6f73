"""One run of a case: the clients it makes, and all that the application gets to see."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any

import pydantic
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import otel_cost
from tests.ways import line
from tests.ways.line import Line
from tests.ways.server import WatchedProviders

_AT_HOME = (OpenAI, AsyncOpenAI, Anthropic, AsyncAnthropic)
"""Classes whose clients call the local server unless they are told to call another."""
_OURS = str(Path(otel_cost.__file__).parent)


class Scene:
    """The stage of one run. What a case passes to `see` is compared between its two runs."""

    def __init__(self, providers: WatchedProviders) -> None:
        self.url = providers.anthropic_url
        """The local server."""
        self._providers = providers
        self.seen: list[Any] = []
        """What the application saw, and how much had been read for it by then."""
        self._line = Line(int(self.url.rpartition(":")[2]))
        self._clients: list[tuple[Any, Any]] = []

    def openai(self, kind: Any = OpenAI, **options: Any) -> Any:
        """A synchronous OpenAI client, of any class."""
        return self._made("openai", kind, line.client, options)

    def async_openai(self, kind: Any = AsyncOpenAI, **options: Any) -> Any:
        """An asynchronous OpenAI client, of any class."""
        return self._made("openai", kind, line.async_client, options)

    def anthropic(self, kind: Any = Anthropic, **options: Any) -> Any:
        """A synchronous Anthropic client, of any class."""
        return self._made("anthropic", kind, line.client, options)

    def async_anthropic(self, kind: Any = AsyncAnthropic, **options: Any) -> Any:
        """An asynchronous Anthropic client, of any class."""
        return self._made("anthropic", kind, line.async_client, options)

    def http_client(self, sdk: str) -> Any:
        """An HTTP client as the clients of this scene have."""
        made = line.client(sdk, self._line)
        self._clients.append((made, made))
        return made

    def see(self, *values: Any) -> None:
        """The application is shown these."""
        for value in values:
            self.seen.append((self._line.blocks, shown(value)))

    def items(self, stream: Any) -> None:
        """The application iterates, and sees each item as it comes."""
        for item in stream:
            self.see(item)

    async def async_items(self, stream: Any) -> None:
        """The application iterates asynchronously, and sees each item as it comes."""
        async for item in stream:
            self.see(item)

    def sent(self) -> bool:
        """Whether a request has arrived."""
        return bool(self._providers.wire)

    @contextmanager
    def raises(self, *kinds: type[BaseException]) -> Iterator[None]:
        """The application sees an exception of one of these kinds."""
        try:
            yield
        except kinds as error:
            self.see(error)
        else:
            raise AssertionError(f"none of these was raised: {kinds}")

    def drop(self) -> None:
        """Let go of what the application no longer refers to."""
        gc.collect()
        self.see("dropped")

    def pools(self) -> list[str]:
        """The connections that the clients hold."""
        return [line.pool(http) for _, http in self._clients]

    def close(self) -> None:
        """Close the clients of a synchronous case."""
        for made, _ in self._clients:
            made.close()

    async def aclose(self) -> None:
        """Close the clients of an asynchronous case."""
        for made, _ in self._clients:
            await made.close()

    def _made(self, sdk: str, kind: Any, connect: Any, options: dict[str, Any]) -> Any:
        http = connect(sdk, self._line)
        base = f"{self.url}/v1" if sdk == "openai" else self.url
        usual = {"max_retries": 0, "http_client": http}
        if kind in _AT_HOME:
            usual["base_url"] = base
        if not any("key" in name or "token" in name for name in options):
            usual["api_key"] = "local"
        made = kind(**{**usual, **options})
        self._clients.append((made, http))
        return made


def shown(value: Any) -> Any:
    """All of a value that an application can tell, as something that compares equal."""
    if isinstance(value, BaseException):
        return _error(value)
    if isinstance(value, pydantic.BaseModel):
        dumped = value.model_dump(warnings=False)
        return type(value), dumped, value.model_dump(exclude_unset=True, warnings=False)
    if isinstance(value, list | tuple):
        return type(value), [shown(item) for item in value]
    if value is None or isinstance(value, str | bytes | int | float | dict):
        return type(value), value
    return type(value), _response(getattr(value, "http_response", value))


def _response(value: Any) -> Any:
    """What a response of either HTTP library says of itself; nothing of anything else."""
    if not hasattr(value, "status_code") or not hasattr(value, "is_stream_consumed"):
        return None
    read = value.content if hasattr(value, "_content") else None
    states = (value.is_closed, value.is_stream_consumed)
    return type(value), value.status_code, list(value.headers.multi_items()), states, read


def _error(error: BaseException) -> Any:
    return (
        _one_error(error),
        [_one_error(cause) for cause in _chain(error, "__cause__")],
        [_one_error(context) for context in _chain(error, "__context__")],
        error.__suppress_context__,
        shown(getattr(error, "body", None)),
        _frames(error.__traceback__),
    )


def _one_error(error: BaseException) -> tuple[type, str]:
    return type(error), str(error)


def _chain(error: BaseException, link: str) -> Iterator[BaseException]:
    while (linked := getattr(error, link)) is not None:
        yield linked
        error = linked


def _frames(traceback: TracebackType | None) -> list[tuple[str, str, int]]:
    """Where it was raised, call by call, without the calls that are ours."""
    return [
        (frame.f_code.co_filename, frame.f_code.co_name, number)
        for frame, number in walk_tb(traceback)
        if not frame.f_code.co_filename.startswith(_OURS)
    ]
