"""The attach points of the websockets: a connection's making, its events, and its closing.

Websockets do not go through `request`. Every connection class parses each event it is given in its
own `parse_event`; an application that parses the bytes itself is not seen.
"""

import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from otel_cost import faults
from otel_cost.capture.websockets import CONNECTIONS
from otel_cost.capture.websockets.kind import Kind, Told, speak
from otel_cost.capture.websockets.line import Line
from otel_cost.capture.websockets.live import LIVE
from otel_cost.capture.websockets.realtime import REALTIME
from otel_cost.capture.websockets.responses import RESPONSES
from otel_cost.readers.fields import fields, text
from otel_cost.recorder import Recorder

_KINDS: Mapping[str, Kind] = dict(
    zip(CONNECTIONS, (REALTIME, REALTIME, RESPONSES, RESPONSES, LIVE, LIVE, LIVE), strict=True)
)
"""By the module of the connection's class."""

Hook: TypeAlias = Callable[[Any, list[Recorder]], Callable[..., Any]]
"""Makes the stand-in of a method. The list holds the recorder; while it is empty, every call goes
straight through."""

_lines: weakref.WeakKeyDictionary[Any, Line] = weakref.WeakKeyDictionary()
"""By connection."""


def points(module: ModuleType) -> Iterator[tuple[type, str, Hook]]:
    """Every method of the connection classes of `module` to replace, and who makes its stand-in."""
    kind = _KINDS.get(module.__name__)
    for owner in tuple(vars(module).values()):
        if not isinstance(owner, type) or owner.__module__ != module.__name__:
            continue
        own = owner.__dict__
        if kind is not None and "parse_event" in own:
            yield owner, "parse_event", _parsing(kind)
            if "__init__" in own:
                yield owner, "__init__", _opening
        elif kind is not None and owner.__name__.endswith("Connection"):
            _warn(owner)
        if "close" in own and owner.__name__.endswith(("Connection", "ConnectionBase")):
            yield owner, "close", _closing


def _warn(owner: type) -> None:
    if not hasattr(owner, "parse_event"):
        point = f"{owner.__module__}.{owner.__name__}.parse_event"
        faults.warn_once(
            "missing_attach_point",
            point,
            f"otel_cost: this version has no {point}; what comes over it is not recorded.",
        )


def _parsing(kind: Kind) -> Hook:
    handlers = kind.handlers

    def hook(original: Any, live: list[Recorder]) -> Callable[..., Any]:
        def parse_event(connection: Any, data: Any) -> Any:
            event = original(connection, data)
            if live:
                try:
                    held = event if type(event) is dict else event.__dict__
                    name = held.get("type")
                    if type(name) is not str:
                        return event
                    if name in handlers:
                        _handle(kind, _line(live[0], connection), connection, event)
                    elif name.endswith(".delta"):
                        session = _line(live[0], connection).session
                        speak(kind.spoken(session, fields(event)), event)
                except Exception as error:  # noqa: BLE001 - the guard of this border
                    faults.caught("reading a websocket event", error)
            return event

        return parse_event

    return hook


def _handle(kind: Kind, line: Line, connection: Any, event: Any) -> None:
    said = fields(event)
    line.goes_over(vars(connection).get("_connection"), kind.attached)
    if kind.named is not None and (name := kind.named(said)) is not None:
        line.join(name, anew=said["type"] == kind.starts)
    session = line.session
    with session.lock:
        kind.handlers[said["type"]](line, Told(said, event, text(said, "stream_id")))


def _line(recorder: Recorder, connection: Any) -> Line:
    line = _lines.get(connection)
    if line is None or line.recorder is not recorder:
        _lines[connection] = line = Line(recorder)
    return line


def _opening(original: Any, live: list[Recorder]) -> Callable[..., Any]:
    def __init__(connection: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(connection, *args, **kwargs)
        if live:
            try:
                _line(live[0], connection)
            except Exception as error:  # noqa: BLE001 - the guard of this border
                faults.caught("opening a websocket", error)

    return __init__


def _closing(original: Any, live: list[Recorder]) -> Callable[..., Any]:
    def close(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(connection, *args, **kwargs)
        finally:
            _closed(live, connection)

    async def close_async(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(connection, *args, **kwargs)
        finally:
            _closed(live, connection)

    return close_async if inspect.iscoroutinefunction(original) else close


def _closed(live: list[Recorder], connection: Any) -> None:
    try:
        line = _lines.get(connection) if live else None
        if line is not None:
            line.leave()
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("closing a websocket", error)
