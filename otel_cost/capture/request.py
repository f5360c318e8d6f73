"""From a request to a call, and from its result to what was used."""

import time
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass
from typing import Any, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer

from otel_cost import faults
from otel_cost.attribution.context import detach
from otel_cost.capture import captured
from otel_cost.capture.call import Call
from otel_cost.capture.content import listening
from otel_cost.capture.endpoint import Endpoint, Platform, endpoint_at, where_of
from otel_cost.capture.include_usage import asking, is_asked, is_chat_stream, may_ask
from otel_cost.capture.streams import AsyncMeteredIterator, MeteredIterator, watch_body
from otel_cost.measured import Measured
from otel_cost.readers.fields import text
from otel_cost.recorder import CALL_KEY, Recorder, new_charge_id
from otel_cost.settlement import account

_EVENTS = "text/event-stream"
_MAX_PLATFORMS = 256
"""Applications that make a client per request are many; what is kept of them is bounded."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """What the hooks know of one provider's SDK."""

    endpoints: Mapping[str, Endpoint]
    """By the path of `options.url`; see `endpoint_at`."""
    platform: Callable[[Any], Platform]
    native_scope: str | None = None
    """The instrumentation scope of the spans that the SDK makes itself."""


def begin(
    recorder: Recorder | None,
    sdk: Sdk,
    client: Any,
    options: Any,
    arguments: Mapping[str, Any],
) -> Call | None:
    """The call that this request is, or `None` if it is none of ours. Never raises.

    `arguments` are those of `request` by keyword.
    """
    if recorder is None:
        return None
    try:
        endpoint = endpoint_at(sdk.endpoints, options.method, options.url.partition("?")[0])
        if endpoint is None:
            return None
        return _begin(recorder, sdk, endpoint, client, options, arguments)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("starting a call", error)
        return None


def hide(recorder: Recorder | None) -> Token[Context] | None:
    """Take what says whom a request is for out of the baggage it may carry on. Never raises."""
    if recorder is None:
        return None
    try:
        return otel_context.attach(recorder.who.discreet(otel_context.get_current()))
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("hiding baggage", error)
        return None


def unhide(token: Token[Context] | None) -> None:
    """Put the baggage back. Never raises."""
    if token is not None:
        detach(token)


def sent(call: Call, options: Any) -> Any:
    """The options to send: the application's own, or a copy that asks for usage. Never raises."""
    if not call.hides:
        return options
    try:
        return asking(options)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("asking for usage", error)
        call.hides = False
        return options


def returned(call: Call, result: Any) -> None:
    """The request has returned `result` to the application. Never raises."""
    try:
        call.leave()
        if call.is_open and not call.streaming:
            _observe(call, result)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("reading a result", error)
        if not call.streaming:
            call.body(None)  # it was answered, in words nobody here can read


def failed(call: Call, error: BaseException) -> None:
    """The request has raised `error`. Never raises."""
    call.leave()
    call.failed(error)


def claim_native(sdk: Sdk) -> Call | None:
    """The call in progress, now owner of the SDK's own span if that is current. Never raises."""
    try:
        call = otel_context.get_value(CALL_KEY)
        if not isinstance(call, Call) or not call.is_open:
            return None
        span = trace.get_current_span()
        scope = getattr(span, "instrumentation_scope", None)
        if scope is not None and scope.name.startswith(sdk.native_scope):
            call.claim(span)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("finding the SDK's span", error)
        return None
    return call


def processed(call: Call, client: Any, result: Any) -> None:
    """The SDK has made `result` of a response, and its own span is still open. Never raises."""
    try:
        if call.streaming:
            return
        if getattr(client, "_middleware", None):
            _pass(call, result)
        else:
            _observe(call, result)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        faults.caught("reading a response", error)


def _begin(
    recorder: Recorder,
    sdk: Sdk,
    endpoint: Endpoint,
    client: Any,
    options: Any,
    arguments: Mapping[str, Any],
) -> Call:
    platform, where = _platform(sdk, client)
    body = _request_body(options)
    context = otel_context.get_current()
    now = time.time_ns()
    measured = Measured(
        new_charge_id(now),
        platform.provider,
        endpoint.operation,
        now,
        text(body, "model"),
        recorder.attribute(context),
    )
    measured.region = platform.region
    if recorder.listens:
        measured.conversation = listening(endpoint, options)
        if recorder.settings.capture_content:
            measured.prompt = captured.prompt(body)
    call = Call(recorder, endpoint, measured)
    if endpoint.read_request is not None:
        endpoint.read_request(measured, body)
    if endpoint.settles or measured.background:
        measured.account = account(client)
        call.where = where
    if endpoint.usage_on_request and is_chat_stream(options, arguments):
        call.hides = may_ask(recorder.settings.include_usage, platform, client, options, body)
        if not call.hides and not is_asked(body):
            measured.usage_source = "not_requested"
    owner = None if endpoint.settles else recorder.owners.elect(call, context)
    span = None
    if owner is not None:
        call.where = where
    elif not endpoint.settles and not (sdk.native_scope and _opens_own_span(client, options)):
        span = recorder.open_span(measured, where)
    # An SDK that traces sends the current span's ids on: with ours it would where it would not.
    visible = getattr(client, "_tracer", None) is None
    call.enter(context, span, owner, visible=visible, findable=sdk.native_scope is not None)
    _watch_parser(call, options)
    return call


def _request_body(options: Any) -> Mapping[str, Any]:
    """The fields of a request as they are sent: `extra_body` over the method's own."""
    sent, extra = options.json_data, options.extra_json
    body: Mapping[str, Any] = sent if isinstance(sent, dict) else {}
    return {**body, **extra} if isinstance(extra, dict) else body


_Where: TypeAlias = Mapping[str, str | int]
_platforms: dict[int, tuple[Any, Platform, _Where]] = {}
"""By base URL; the URL is kept too, so that its id stays its own."""


def _platform(sdk: Sdk, client: Any) -> tuple[Platform, _Where]:
    url = client.__dict__.get("_base_url")
    known = _platforms.get(id(url))
    if known is None or known[0] is not url:
        platform = sdk.platform(client)
        known = (url, platform, where_of(platform))
        # The module-level clients take their URL from a variable that may change at any time.
        if client.base_url is url and not type(client).__name__.startswith("_"):
            if len(_platforms) >= _MAX_PLATFORMS:
                _platforms.clear()
            _platforms[id(url)] = known
    return known[1], known[2]


def _opens_own_span(client: Any, options: Any) -> bool:
    """Whether the SDK will open a span for this request, as anthropic does from 1.14 on."""
    tracer = getattr(client, "_tracer", None)
    if tracer is None or not getattr(options, "span_name", None):
        return False
    # What `get_tracer` gives before there is a provider stands for a tracer that does nothing.
    return not isinstance(getattr(tracer, "_tracer", tracer), NoOpTracer)


def _watch_parser(call: Call, options: Any) -> None:
    """See the answer before a parser that may raise on it: it is billed either way."""
    held = vars(options)  # a pydantic model checks what is set on it, at a price
    parser = held.get("post_parser")
    if callable(parser):

        def parse(body: Any) -> Any:
            held["post_parser"] = parser
            if not call.streaming:
                _observe(call, body)
            return parser(body)

        held["post_parser"] = parse


def _observe(call: Call, result: Any) -> None:
    """Read the result of a request, or have it tell when it is read."""
    # By what the instance holds: asking a pydantic class for what it lacks is slow.
    held = getattr(result, "__dict__", {})
    response = _response_in(result, held)
    if "_decoder" in held and response is not result:
        _follow(call, result, result._iterator)
    elif response is None:
        call.body(result)
    else:
        _read_along(call, response)


def _read_along(call: Call, response: Any) -> None:
    """The application has the HTTP response itself: read it now, or as it goes by."""
    from otel_cost.capture.body import BodyReader, read_whole  # not at start-up: few need it

    kind = _header(response, "content-type")
    if not response.is_closed:
        call.stream(BodyReader(kind, _header(response, "content-encoding")))
        watch_body(response, call)
    elif kind.startswith(_EVENTS):
        call.stream(BodyReader(kind, ""))
        call.data(response.content)
        call.read_out()
    else:
        call.body(read_whole(response.content, kind))


def _response_in(result: Any, held: Mapping[str, Any]) -> Any:
    """The HTTP response that the application is given instead of its content, or within it."""
    for name in ("http_response", "response"):
        if hasattr(held.get(name), "is_closed"):
            return held[name]
    return result if "is_closed" in held and "stream" in held else None


def _header(response: Any, name: str) -> str:
    return str(response.headers.get(name) or "")


def _pass(call: Call, result: Any) -> None:
    """One of the answers that a middleware may choose from, or ask again after."""
    from otel_cost.capture.body import read_whole

    response = _response_in(result, getattr(result, "__dict__", {}))
    if response is not None and response.is_success and response.is_closed:
        call.hop(read_whole(response.content, _header(response, "content-type")))


def _follow(call: Call, stream: Any, iterator: Any) -> None:
    if isinstance(iterator, MeteredIterator | AsyncMeteredIterator):
        return
    call.stream()
    kind = AsyncMeteredIterator if hasattr(iterator, "__anext__") else MeteredIterator
    stream._iterator = kind(iterator, call)
    watch_body(stream.response, call)
