"""`otel_cost.record_session()`: what a managed agent has used, per model request or turn."""

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from otel_cost.attribution.values import Attribution
from otel_cost.capture import anthropic, openai
from otel_cost.later.clients import check_attribution, check_id, known
from otel_cost.later.run import Recorded, Run, instant
from otel_cost.measured import Measured
from otel_cost.readers.fields import count, fields, text
from otel_cost.usage import Meter, Quantity, Usage

_READ_MESSAGE = anthropic.ENDPOINTS["/v1/messages"].read_body
_READ_RESPONSE = openai.ENDPOINTS["/responses"].read_body
_ENDED_TURN = frozenset({"completed", "failed", "cancelled"})
_START, _END = "span.model_request_start", "span.model_request_end"


def record_session(
    client: Any, session_id: str, *, attribution: Attribution | None = None
) -> Recorded:
    """Record what a managed-agent session has used so far and was not recorded yet.

    `client` is a synchronous client of the anthropic SDK (`beta.sessions`) or of the openai SDK
    (`beta.agents.sessions`). Anthropic: one charge per model request of all threads, and one for
    the session itself, for web searches and running time, pending until it is terminated or
    archived. OpenAI: one charge per turn that has ended, subagents' included, pending until its
    usage is said. Call it from time to time, and when the session is over: each time it adds what
    is new.

    `attribution` says who it is for, else the current attribution does. Where otel_cost is switched
    off, nothing is recorded.

    Raises:
        TypeError: `client` is no such client, or `attribution` no attribution.
        ValueError: `session_id` is empty.

    Whatever the SDK raises for the session comes through.

    """
    found = known(client, "record_session")
    check_id(session_id, "session_id")
    said = check_attribution(attribution)
    run = Run(found)
    if found.sdk == "anthropic":
        return _of_anthropic(run, found.client.beta.sessions, session_id, said)
    return _of_openai(run, found.client.beta.agents.sessions, session_id, said)


def _of_anthropic(run: Run, sessions: Any, session_id: str, said: Attribution | None) -> Recorded:
    session = fields(sessions.retrieve(session_id))
    itself = run.call("session", instant(session.get("created_at")) or time.time_ns(), session_id)
    itself.request_model = _model(fields(session.get("agent")))
    who = run.who(run.submission(itself), said)

    def requests() -> Iterator[Measured]:
        for source, events in _threads(sessions, session_id, session):
            for event, started_at in _requests(events):
                call = run.call("chat", started_at, session_id, str(event.get("id")))
                _read_request(call, event, source)
                call.attribution = who
                yield call

    run.settle_each(requests())
    if session.get("status") != "terminated" and session.get("archived_at") is None:
        run.submit(itself, said)
        return run.recorded(ended=False)
    _read_session(itself, fields(session.get("usage")))
    itself.ended_at = instant(session.get("updated_at")) or time.time_ns()
    run.settle(itself, said)
    return run.recorded(ended=True)


def _threads(
    sessions: Any, session_id: str, session: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Each thread, and its events. The session stands for the primary one.

    It comes last: should its events hold those of the others too, their model is known by then.
    """
    threads = getattr(sessions, "threads", None)
    if threads is not None:
        for thread in map(fields, threads.list(session_id)):
            if thread.get("parent_thread_id") is not None:
                yield thread, threads.events.list(thread["id"], session_id=session_id)
    yield session, sessions.events.list(session_id, types=[_START, _END])


def _requests(events: Any) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The model requests that are over, and when each began."""
    begun: dict[Any, int | None] = {}
    for found in events:
        event = fields(found)
        at = instant(event.get("processed_at"))
        if event.get("type") == _START:
            begun[event.get("id")] = at
        elif event.get("type") == _END:
            began = begun.pop(event.get("model_request_start_id"), None)
            yield event, began or at or time.time_ns()


def _read_request(call: Measured, event: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    """A model request, as the message that its usage is shaped like."""
    agent = fields(source.get("agent"))
    lifetimes = fields(fields(source.get("usage")).get("cache_creation"))
    used = dict(fields(event.get("model_usage")))
    written = count(used, "cache_creation_input_tokens")
    for_1h = count(lifetimes, "ephemeral_1h_input_tokens")
    for_5m = count(lifetimes, "ephemeral_5m_input_tokens")
    if for_1h and not for_5m:
        used["cache_creation"] = {"ephemeral_1h_input_tokens": written}
    used["inference_geo"] = fields(agent.get("model")).get("inference_geo")
    call.request_model = _model(agent)
    _READ_MESSAGE(call, {"model": call.request_model, "usage": used})
    if written and for_1h and for_5m:
        # Which of the two this request wrote is not said; five minutes is the default.
        call.usage_source = "inferred"
    if event.get("is_error"):
        call.outcome = "error"
        call.refused = not call.total_usage.total_tokens
    call.ended_at = instant(event.get("processed_at")) or call.started_at


def _read_session(call: Measured, used: Mapping[str, Any]) -> None:
    """What is billed of a session besides its model requests."""
    quantities: dict[Meter, Quantity] = {}
    searches = count(fields(used.get("server_tool_use")), "web_search_requests")
    if searches:
        quantities["web_search"] = searches
    seconds = used.get("active_seconds")
    if isinstance(seconds, int | float):
        quantities["seconds"] = Decimal(str(seconds))
    else:
        call.unknown = ("seconds",)
    call.usage, call.usage_source = Usage(quantities), "provider"


def _model(agent: Mapping[str, Any]) -> str | None:
    """The model of an agent, or of an adviser, which names it without more."""
    return text(agent, "model") or text(fields(agent.get("model")), "id")


def _of_openai(run: Run, sessions: Any, session_id: str, said: Attribution | None) -> Recorded:
    session = fields(sessions.retrieve(session_id))
    agent = fields(session.get("agent"))
    who = run.who(None, said)
    unsaid: list[Measured] = []
    running = False

    def turns() -> Iterator[Measured]:
        nonlocal running
        for turn in _turns(sessions, session_id):
            if turn.get("status") not in _ENDED_TURN:
                running = True
                continue
            call = _read_turn(run, turn, agent)
            call.attribution = who
            if call.usage is None:
                unsaid.append(call)
            else:
                yield call

    run.settle_each(turns())
    for call in unsaid:
        run.submit(call, said)
    return run.recorded(ended=not running and not unsaid)


def _turns(sessions: Any, session_id: str) -> Iterator[Mapping[str, Any]]:
    yield from map(fields, sessions.turns.list(session_id, order="asc"))
    for subagent in sessions.subagents.list(session_id):
        found = sessions.subagents.turns.list(fields(subagent)["id"], session_id=session_id)
        yield from map(fields, found)


def _read_turn(run: Run, turn: Mapping[str, Any], agent: Mapping[str, Any]) -> Measured:
    """A turn, as the response that its usage is shaped like. Subagents use their agent's model."""
    began = instant(turn.get("started_at")) or instant(turn.get("created_at")) or time.time_ns()
    call = run.call("chat", began, str(turn.get("id")))
    call.request_model = text(agent, "model")
    body = {"model": call.request_model, "status": turn.get("status"), "usage": turn.get("usage")}
    if agent.get("service_tier") != "auto":  # which leaves open what was billed
        body["service_tier"] = agent.get("service_tier")
    _READ_RESPONSE(call, body)
    if call.usage is not None and any(map(_searches, agent.get("tools") or ())):
        call.unknown = ("web_search",)
    call.error_type = text(fields(turn.get("error")), "code")
    call.ended_at = instant(turn.get("completed_at")) or call.started_at
    return call


def _searches(tool: Any) -> bool:
    """Whether an agent may search the web with a tool: how often it did is not said."""
    said = fields(tool)
    return said.get("type") == "web_search" and said.get("mode") != "disabled"
