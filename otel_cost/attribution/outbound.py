"""Whether the destination of a request may know whom it is for, and telling it by baggage."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote_plus

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Setter
from opentelemetry.trace import SpanKind

from otel_cost import faults
from otel_cost.attribution import wire
from otel_cost.attribution.baggage import PREFIX
from otel_cost.attribution.carriers import held, remove, shows
from otel_cost.attribution.hosts import AllowList
from otel_cost.attribution.inbound import BAGGAGE_HEADER
from otel_cost.attribution.values import UNATTRIBUTED, Attribution

_HOSTS = ("server.address", "net.peer.name")
_URLS = ("url.full", "http.url")
_AUTHORITY = "http.host"
_QUEUES = ("messaging.destination.name", "messaging.destination")
_NOTHING: Mapping[str, Any] = {}

_MAX_BAGGAGE = 8192
_MAX_BAGGAGE_ENTRIES = 180
"""What W3C baggage may hold at least, and what OpenTelemetry lets it hold at most."""


def may_know(allowed: AllowList, context: Context, carrier: Any) -> bool:
    """Whether everything that tells where a request goes is on the allow-list.

    That is the client or producer span that is current, and the header `Host`. A request that
    nothing tells of may go anywhere.
    """
    span: Any = trace.get_current_span(context)
    kind = getattr(span, "kind", None) if span.is_recording() else None
    if kind is SpanKind.PRODUCER:
        names = _present(span, _QUEUES)
        return bool(names) and all(map(allowed.queue, names))
    # Any other span tells where this service is, or nothing.
    client = kind is SpanKind.CLIENT
    hosts = _present(span, _HOSTS) if client else []
    urls = _present(span, _URLS) if client else []
    authorities = held(carrier, "host") + (_present(span, (_AUTHORITY,)) if client else [])
    return bool(hosts or urls or authorities) and (
        all(map(allowed.host, hosts))
        and all(map(allowed.url, urls))
        and all(map(allowed.authority, authorities))
    )


def write_baggage(who: Attribution, carrier: Any, setter: Setter[Any]) -> None:
    """Have the baggage of a request say `who`, and nothing else of ours that was in it before.

    What else it holds stays. Where it cannot be seen, nothing is written: that would replace it.
    """
    if not shows(carrier):
        if who is not UNATTRIBUTED:
            faults.warn_once(
                "propagation_unseen",
                type(carrier).__qualname__,
                f"otel_cost: what baggage a {type(carrier).__qualname__} holds cannot be seen; "
                "attribution is not added to it.",
            )
        return
    there = [e.strip() for h in held(carrier, BAGGAGE_HEADER) for e in h.split(",") if e.strip()]
    kept = [entry for entry in there if not unquote_plus(entry).startswith(PREFIX)]
    entries = list(kept)
    room = _MAX_BAGGAGE - len(",".join(kept)) - bool(kept)
    for name, value in wire.said(who):
        entry = f"{PREFIX}{quote(name, safe='')}={quote(value, safe='')}"
        if len(entry) > room or len(entries) >= _MAX_BAGGAGE_ENTRIES:
            no_room(name)
            continue
        entries.append(entry)
        room -= len(entry) + 1
    if entries == there:
        return
    remove(carrier, BAGGAGE_HEADER)
    if entries:
        setter.set(carrier, BAGGAGE_HEADER, ",".join(entries))


def no_room(name: str) -> None:
    """Something that was said does not fit on the wire."""
    shown = name.partition(".")[0]
    faults.warn_once(
        "propagation_left_out",
        shown,
        f"otel_cost: not everything fits of whom a request is for; no {shown} is sent on.",
    )


def _present(span: Any, names: tuple[str, ...]) -> list[str]:
    """What a span says under any of these names."""
    attributes = span.attributes or _NOTHING
    return [str(attributes[name]) for name in names if attributes.get(name) is not None]
