"""Middleware for ASGI and WSGI: one request, one attribution, from its beginning to its end."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_cost import faults
from otel_cost.attribution.context import (
    IN_SCOPE,
    Request,
    detach,
    request_of,
    requesting,
    unattributed,
)
from otel_cost.attribution.functions import Stream
from otel_cost.attribution.in_force import IN_FORCE
from otel_cost.attribution.rolling import Rolling
from otel_cost.attribution.values import FIELDS, UNATTRIBUTED, Attribution, make

Scope: TypeAlias = MutableMapping[str, Any]
Environ: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Said: TypeAlias = Attribution | Mapping[str, object] | None
"""What an application says of a request: an attribution, or its fields and tags by name."""

_TAG = "tag."


class AttributionMiddleware:
    """For ASGI applications: everything in a request is for whom it says.

    `attribute` gets the scope and says who the request is for: an `Attribution`, a mapping of its
    fields and tags, or `None`. `headers` names headers that say it, with the field that each says:
    one of an attribution or `tag.NAME`. They are believed: name only those that your gateway sets
    or removes. What `attribute` says holds first; `otel_cost.set` in the request before both.

        app.add_middleware(AttributionMiddleware, headers={"x-team": "team"})

    Raises:
        TypeError: `attribute` cannot be called, or `headers` is no mapping of text.
        ValueError: a header says no field.

    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        attribute: Callable[[Scope], Said] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._attribute = _checked(attribute)
        self._headers = {name.encode("latin-1"): field for name, field in _fields(headers)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope.get("type") not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        who = _asked(self._attribute, scope).over(self._by_headers(scope))
        token = otel_context.attach(_begun(who, scope, scope.get("path")))
        try:
            await self._app(scope, receive, send)
        finally:
            detach(token)

    def _by_headers(self, scope: Scope) -> Attribution:
        if not self._headers:
            return UNATTRIBUTED
        found: dict[str, list[str]] = {}
        for name, value in scope.get("headers") or ():
            field = self._headers.get(name.lower())
            if field is not None:
                found.setdefault(field, []).append(_text(value))
        # Of a header that came twice nobody can tell which one the gateway has set.
        return _made({field: values[0] for field, values in found.items() if len(values) == 1})


class AttributionWSGIMiddleware:
    """The same for WSGI applications: `attribute` gets the environ.

    A body that is streamed is still made within the request.

        app.wsgi_app = AttributionWSGIMiddleware(app.wsgi_app, headers={"x-team": "team"})
    """

    def __init__(
        self,
        app: Callable[[Environ, Any], Iterable[bytes]],
        *,
        attribute: Callable[[Environ], Said] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._attribute = _checked(attribute)
        self._headers = {
            f"HTTP_{name.upper().replace('-', '_')}": field for name, field in _fields(headers)
        }

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Pass the request on."""
        named = {
            field: _text(environ[name].encode("latin-1", "replace"))
            for name, field in self._headers.items()
            if name in environ
        }
        who = _asked(self._attribute, environ).over(_made(named))
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        rolling = Rolling(_begun(who, environ, path))
        body = rolling.run(self._app, environ, start_response)
        return body if _is_made(body, environ) else Stream(body, rolling)


def _checked(attribute: Any) -> Any:
    if attribute is not None and not callable(attribute):
        raise TypeError(f"attribute must be callable with a request, not {attribute!r}")
    return attribute


def _fields(headers: Any) -> list[tuple[str, str]]:
    """The headers, in lower case, with the field that each says."""
    if headers is None:
        return []
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping such as {{'x-team': 'team'}}, not {headers!r}")
    found = []
    for name, field in headers.items():
        if not isinstance(name, str) or not name.isascii() or not isinstance(field, str):
            raise TypeError(f"headers must name fields by header, not {name!r}: {field!r}")
        if field not in FIELDS and not (field.startswith(_TAG) and field[len(_TAG) :]):
            raise ValueError(
                f"{name!r} says {field!r}, none of {', '.join(FIELDS)} and no tag.NAME"
            )
        found.append((name.lower(), field))
    return found


def _begun(who: Attribution, asked: Scope, path: object) -> Context:
    """The context of the request that a server asks for.

    It goes on with what is said around it only within an application that this one is mounted in.
    In the context there may be another request all the same: servers begin one in whatever an
    earlier one on the same connection has left, as uvicorn does after a large body.
    """
    context, outer = otel_context.get_current(), asked.get(IN_SCOPE)
    if isinstance(outer, Request):
        who = who.over(outer.who)
    elif request_of(context) is not None:
        context = unattributed(context)
        if IN_FORCE.installed is not None:
            context = IN_FORCE.installed.who.vocabulary.without_private(context)
    request = Request(who, path if isinstance(path, str) else None, asked.get("headers"))
    asked[IN_SCOPE] = request
    return requesting(context, request)


def _text(value: bytes) -> str:
    """A header's text, which is UTF-8 nowadays where it is more than ASCII."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _is_made(body: object, environ: Environ) -> bool:
    """Whether a body is there already, or a file that the server may have a quicker way to send."""
    file = environ.get("wsgi.file_wrapper")
    return isinstance(body, list | tuple) or (isinstance(file, type) and isinstance(body, file))


def _asked(attribute: Callable[[Any], Said] | None, request: Any) -> Attribution:
    """What the application says of a request; its own failure does not stop the request."""
    if attribute is None:
        return UNATTRIBUTED
    try:
        said = attribute(request)
        if isinstance(said, Attribution):
            said = {**{name: getattr(said, name) for name in FIELDS}, **dict(said.tags)}
        return UNATTRIBUTED if said is None else _made(said)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        hint = "The request goes on without what it would have said."
        faults.caught("attribute() of a middleware", error, kind="attribute_errors", hint=hint)
        return UNATTRIBUTED


def _made(said: Mapping[str, object]) -> Attribution:
    """An attribution of fields and tags by name, tags with `tag.` in front of it or without."""
    fields = {name: said[name] for name in FIELDS if name in said}
    tags = {n.removeprefix(_TAG): value for n, value in said.items() if n not in FIELDS}
    return make(**fields, tags=tags)
