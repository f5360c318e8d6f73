"""Where a call is made: the route, the task, the spans and the modules around it."""

import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from otel_cost.attribution.around import spans_around
from otel_cost.attribution.baggage import on_span
from otel_cost.attribution.context import request_of

_ROUTE = "http.route"
_PATHS = ("url.path", "http.target")
_PARAMETER = re.compile(
    r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)"  # a regular expression of Django's
    r"|<(?:[^<>:]*:)?(\w+)>"  # Flask and Django
    r"|\{(\w+):[^{}]*\}"  # Starlette, with a convertor
)
_LONGEST = 1024
"""How much of a path counts (characters): decisions are kept by paths, which anybody may write."""
_MOST_FRAMES = 128


Seen: TypeAlias = tuple[str, ...]
"""What there is of a kind at a place, the nearest first."""


def look(kinds: Sequence[str], context: Context) -> tuple[Seen, ...]:
    """What there is at the place of `context` of each of the kinds."""
    return tuple([_LOOK[kind](context) for kind in kinds])


def _request(context: Context) -> Seen:
    """The route, or "" where none is known, and the paths as far as the route leaves them open.

    Anybody may choose what stands in a path where the route has a parameter: it says nothing more
    than the route, unless that ends before the path does, as that of a mounted application.
    """
    server = _server(context)
    route = _route_on(server)
    found = {route: None}
    for path in _paths_told(server, context):
        bare = "/" + path[:_LONGEST].partition("?")[0].strip("/")
        if not route or bare.count("/") > route.count("/"):
            found[bare] = None
    return tuple(found)


def _server(context: Context) -> Any:
    return next((span for span in spans_around(context) if span.kind is SpanKind.SERVER), None)


def _route_on(server: Any) -> str:
    route = None if server is None else (server.attributes or {}).get(_ROUTE)
    # Some processors write any baggage on spans, that of strangers too.
    if not isinstance(route, str) or not route or on_span(server).get(_ROUTE) == route:
        return ""
    return one_form(route)


def _paths_told(server: Any, context: Context) -> Iterator[str]:
    said = {} if server is None else server.attributes or {}
    for name in _PATHS:
        path = said.get(name)
        if isinstance(path, str) and path:
            yield path
    request = request_of(context)
    if request is not None and request.path:
        yield request.path


@functools.lru_cache(maxsize=4096)
def one_form(route: str) -> str:
    """A route in one form for all frameworks: `/items/{id}`, without a slash at the end."""
    plain = route.removeprefix("^").removesuffix("$").removesuffix(r"\Z").removesuffix("/?")
    plain = _PARAMETER.sub(lambda found: f"{{{found[1] or found[2] or found[3]}}}", plain)
    return "/" + plain.strip("/")


def _tasks(context: Context) -> Seen:
    found: dict[str, None] = {}
    # Celery itself knows, on the thread that runs the task; nothing is imported for that.
    state = sys.modules.get("celery._state")
    task = None if state is None else state.get_current_task()
    if task is not None and isinstance(task.name, str):
        found[task.name] = None
    for span in spans_around(context):
        if span.kind is SpanKind.CONSUMER:
            # opentelemetry-instrumentation-celery names the span first and the task at the end.
            name = (span.attributes or {}).get("celery.task_name")
            found[name if isinstance(name, str) else span.name.removeprefix("run/")] = None
    return tuple(found)


def _spans(context: Context) -> Seen:
    return tuple([span.name for span in spans_around(context)])


def _modules(_context: Context) -> Seen:
    found: dict[str, None] = {}
    frame: Any = sys._getframe(1)
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        name = frame.f_globals.get("__name__")
        if isinstance(name, str) and not name.startswith("otel_cost."):
            found[name] = None
        frame = frame.f_back
    return tuple(found)


_LOOK: Mapping[str, Callable[[Context], Seen]] = {
    "route": _request,
    "task": _tasks,
    "span": _spans,
    "module": _modules,
}
