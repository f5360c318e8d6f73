"""Endpoints of work that is answered later, on the wire: what a test puts there is what they say.

For `LocalProviders(further=Later().rows)`.
"""

import json
from collections.abc import Mapping
from typing import Any

from otel_cost.demo.server import Answer
from otel_cost.demo.wire import Ask, Endpoint, Event, Json, encode

_PATHS = (
    "/v1/batches",
    "/v1/messages/batches",
    "/v1/responses/*/cancel",
    "GET /v1/responses/*",
    "GET /v1/batches/*",
    "GET /v1/files/*/content",
    "GET /openai/batches/*",
    "GET /openai/files/*/content",
    "GET /v1/fine_tuning/jobs/*",
    "GET /v1/messages/batches/*",
    "GET /v1/messages/batches/*/results",
    "GET /v1/sessions/*",
    "GET /v1/sessions/*/events",
    "GET /v1/sessions/*/threads",
    "GET /v1/sessions/*/threads/*/events",
    "GET /v1/agents/sessions/*",
    "GET /v1/agents/sessions/*/turns",
    "GET /v1/agents/sessions/*/subagents",
    "GET /v1/agents/sessions/*/subagents/*/turns",
)
SUBMITTED = 1_795_000_000
"""When all of it was handed in (seconds since the epoch)."""
SUBMITTED_AT = "2026-11-18T11:06:40Z"
ENDED_AT = "2026-11-18T19:06:40Z"
"""The same, and eight hours later, as Anthropic writes it."""
HOURS = 3600


class Later:
    """What the endpoints answer, by path: a JSON object, or bytes, or blocks of bytes."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        endpoint = Endpoint(self._answer, None, _no_refusal, _error, _no_event)
        self.rows: Mapping[str, Endpoint] = dict.fromkeys(_PATHS, endpoint)
        """By path, as `LocalProviders` wants them."""

    def _answer(self, ask: Ask) -> Json | Answer:
        said = self.said.get(ask.path)
        if said is None:
            return Answer(404, body=encode(_error(404, {"message": f"nothing at {ask.path}"})))
        if isinstance(said, dict):
            return dict(said)
        return Answer(content_type="application/octet-stream", body=said)


def listed(*data: Json) -> Json:
    """A page that is the last one, of either provider."""
    return {"object": "list", "data": list(data), "has_more": False, "next_page": None}


def openai_batch(batch_id: str, status: str = "completed", **fields: Any) -> Json:
    """A batch of chat completions of 24 hours."""
    ended = status not in {"validating", "in_progress", "finalizing", "cancelling"}
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "created_at": SUBMITTED,
        "input_file_id": "file-in",
        "status": status,
        "output_file_id": "file-out" if ended else None,
        "error_file_id": None,
        "completed_at": SUBMITTED + 8 * HOURS if status == "completed" else None,
        "request_counts": {"total": 3, "completed": 2, "failed": 1},
        "model": "gpt-4o-2024-08-06",
        **fields,
    }


def openai_lines(answers: Mapping[str, Json], *, status: int = 200) -> bytes:
    """The lines of an output file: what was answered to each custom id."""
    return b"".join(
        json.dumps(
            {
                "id": f"batch_req_{custom_id}",
                "custom_id": custom_id,
                "response": {"status_code": status, "request_id": "r", "body": body},
                "error": None,
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for custom_id, body in answers.items()
    )


def completion(number: int, text: str = "word", **fields: Any) -> Json:
    """A chat completion of 1,000 tokens in and 500 out."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": SUBMITTED,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "total_tokens": 1500,
        },
        **fields,
    }


def anthropic_batch(batch_id: str, status: str = "ended", **fields: Any) -> Json:
    """A message batch."""
    ended = status == "ended"
    counts = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 1, "expired": 1}
    return {
        "id": batch_id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts,
        "created_at": SUBMITTED_AT,
        "expires_at": "2026-11-19T11:06:40Z",
        "ended_at": ENDED_AT if ended else None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": f"/v1/messages/batches/{batch_id}/results" if ended else None,
        **fields,
    }


def anthropic_lines(results: Mapping[str, Json]) -> bytes:
    """The lines of a results file."""
    return b"".join(
        encode({"custom_id": custom_id, "result": result}) + b"\n"
        for custom_id, result in results.items()
    )


def succeeded(number: int, **usage: Any) -> Json:
    """The result of a line that was answered, with 1,000 tokens in and 500 out."""
    message = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "word"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 500,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "batch",
            **usage,
        },
    }
    return {"type": "succeeded", "message": message}


def fine_tuning_job(job_id: str, status: str = "succeeded", **fields: Any) -> Json:
    """A supervised fine-tuning job of a million tokens."""
    ended = status in {"succeeded", "failed", "cancelled"}
    return {
        "id": job_id,
        "object": "fine_tuning.job",
        "model": "gpt-4o-mini-2024-07-18",
        "created_at": SUBMITTED,
        "finished_at": SUBMITTED + HOURS if ended else None,
        "fine_tuned_model": None,
        "organization_id": "org-1",
        "result_files": [],
        "seed": 1,
        "hyperparameters": {"n_epochs": 3},
        "status": status,
        "trained_tokens": 1_000_000 if ended else None,
        "training_file": "file-train",
        "validation_file": None,
        "error": None,
        "method": {"type": "supervised"},
        **fields,
    }


def _error(status: int, said: Mapping[str, Any]) -> Json:
    fields = {"type": "not_found_error", "message": f"{status}", **said}
    return {"type": "error", "error": fields}


def _no_refusal(ask: Ask) -> str | None:
    return None


def _no_event(said: Mapping[str, Any]) -> Event:
    return None, dict(said)
