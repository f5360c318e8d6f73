"""Work that is handed in now and answered later: what is read of its submission."""

from collections.abc import Mapping
from typing import Any

from otel_cost.capture.endpoint import Endpoint
from otel_cost.measured import Measured
from otel_cost.readers.fields import fields, text


def _read_request(call: Measured, body: Mapping[str, Any]) -> None:
    call.background = call.batch = True
    call.window = text(body, "completion_window")


def _read_batch(call: Measured, body: Any) -> None:
    said = fields(body)
    call.response_id = text(said, "id")
    call.model = text(said, "model")
    call.outcome = "pending"


BATCH = Endpoint("batch", _read_batch, read_request=_read_request)
"""A batch of calls: submitting it is one request, its lines are billed when they are done."""
