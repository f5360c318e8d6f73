"""The OpenAI SDK: its billable endpoints, and where those that answer in text say what was used.

Field meanings are those of the SDK's own types (openai 3.54): details are breakdowns inside the
totals, so every meter is taken out of the total it stands in.
"""

from collections.abc import Callable, Mapping
from typing import Any

from otel_cost.capture import content, openai_media
from otel_cost.capture.endpoint import (
    Endpoint,
    Platform,
    StreamState,
    host_and_port,
    kinds_of,
    served,
)
from otel_cost.capture.submissions import BATCH
from otel_cost.charge import Outcome
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text
from otel_cost.readers.openai_usage import completion_usage, responses_usage
from otel_cost.readers.usage_shapes import read_hosted_tools, stated_usd
from otel_cost.usage import Usage

_HOSTS: Mapping[str, str] = {
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "amazonaws.com": "aws",
    "api.aws": "aws",
    "googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x-ai",
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
}
"""Who answers at a host (or below it); anyone else is taken for a gateway to OpenAI's models."""

_CLIENTS: Mapping[str, str] = {"Azure": "azure", "Bedrock": "aws"}
"""Who is meant by clients of these kinds, whatever gateway they go through."""

_REGIONS = frozenset({"us", "eu", "au", "in", "jp"})
"""Regional hosts of OpenAI: `eu.api.openai.com` and so on."""


def platform(client: Any) -> Platform:
    """Who answers a client's requests, by the host of its base URL, else by the client's kind."""
    host, port = host_and_port(client.base_url)
    if host is None:
        return Platform("openai", None, port)
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        region = host.partition(".")[0]
        return Platform("openai", host, port, region if region in _REGIONS else None)
    for suffix, provider in _HOSTS.items():
        if host == suffix or host.endswith("." + suffix):
            return Platform(provider, host, port)
    kinds = kinds_of(client)
    named = (provider for word, provider in _CLIENTS.items() if word in kinds)
    return Platform(next(named, "openai"), host, port)


def _read_identity(call: Measured, said: Mapping[str, Any]) -> None:
    call.model = served(call, said)
    call.response_id = text(said, "id") or call.response_id
    call.tier = text(said, "service_tier") or call.tier


def _keep(
    call: Measured, said: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Usage | None]
) -> None:
    usage = read(said)
    if usage is not None:
        call.usage, call.usage_source = usage, "provider"
        if "cost" in said:
            call.stated_usd = stated_usd(said)


def _read_completion(call: Measured, body: Any) -> None:
    said = fields(body)
    _read_identity(call, said)
    _keep(call, fields(said.get("usage")), completion_usage)
    if call.conversation is not None:
        content.hear_completion(call.conversation, said)


def _read_chunk(call: Measured, state: StreamState, chunk: Any) -> None:
    said = fields(chunk)
    if call.response_id is None:
        _read_identity(call, said)
    if choices := said.get("choices"):
        state.choices = choices
    if said.get("usage") is not None:
        _keep(call, fields(said.get("usage")), completion_usage)
        _read_identity(call, said)
    if call.conversation is not None:
        content.hear_chunk(call.conversation, said)


def _is_delta(chunk: Any) -> bool:
    for choice in fields(chunk).get("choices") or ():
        delta = fields(fields(choice).get("delta"))
        if any(delta.get(name) for name in ("content", "tool_calls", "refusal", "audio")):
            return True
    return False


def _is_text(chunk: Any) -> bool:
    return any(fields(choice).get("text") for choice in fields(chunk).get("choices") or ())


def _ask_response(call: Measured, body: Mapping[str, Any]) -> None:
    """What no answer repeats of a response that is made in the background."""
    call.background = body.get("background") is True
    if (options := body.get("background_options")) is not None:
        call.window = text(fields(options), "completion_window")


_OUTCOMES: Mapping[str, Outcome] = {
    "completed": "ok",
    "incomplete": "incomplete",
    "failed": "error",
    "cancelled": "aborted",
    "queued": "pending",
    "in_progress": "pending",
}
"""By the status of a `Response`."""


def _read_response(call: Measured, body: Any) -> None:
    said = fields(body)
    _read_identity(call, said)
    call.outcome = _OUTCOMES.get(text(said, "status") or "completed", "ok")
    call.background = call.background or said.get("background") is True
    _keep(call, fields(said.get("usage")), responses_usage)
    read_hosted_tools(call, body)
    if call.conversation is not None:
        content.hear_response(call.conversation, said)


_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})


def _read_response_event(call: Measured, state: StreamState, event: Any) -> None:
    said = fields(event)
    kind = said.get("type")
    if kind in _LAST:
        state.ended = True
        _read_response(call, said.get("response"))
    elif kind == "response.created":
        _read_identity(call, fields(said.get("response")))
    elif call.conversation is not None:
        content.hear_response_event(call.conversation, said)


def _is_response_delta(event: Any) -> bool:
    return (text(fields(event), "type") or "").endswith(".delta")


def _read_decision(call: Measured, body: Any) -> None:
    said = fields(body)
    _read_identity(call, said)
    _keep(call, fields(said.get("usage")), responses_usage)


_TOLD_LATER = Endpoint(
    "chat", _read_response, _read_response_event, _is_response_delta, settles=True
)

ENDPOINTS: Mapping[str, Endpoint] = {
    "/chat/completions": Endpoint(
        "chat",
        _read_completion,
        _read_chunk,
        _is_delta,
        content.sent_chat,
        usage_on_request=True,
    ),
    "/completions": Endpoint(
        "text_completion", _read_completion, _read_chunk, _is_text, usage_on_request=True
    ),
    "/responses": Endpoint(
        "chat",
        _read_response,
        _read_response_event,
        _is_response_delta,
        content.sent_responses,
        _ask_response,
    ),
    "get /responses/*": _TOLD_LATER,
    "/responses/*/cancel": _TOLD_LATER,
    "/batches": BATCH,
    "/responses/compact": Endpoint("chat", _read_response),
    "/decisions": Endpoint("chat", _read_decision),
    "/embeddings": Endpoint("embeddings", _read_completion, listen=content.sent_embeddings),
    **openai_media.ENDPOINTS,
}
"""By canonical path, before Azure and others rewrite it; see `endpoint_at`."""
