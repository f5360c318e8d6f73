"""The OpenAI SDK's endpoints for images, sound and video: what is billed often stands in no answer.

Field meanings are those of the SDK's own types (openai 3.54). GPT image models and most that hear
or speak are billed by tokens; the others by the piece, the second or the character.
"""

from collections.abc import Mapping
from typing import Any

from otel_cost.capture.endpoint import Endpoint, StreamState
from otel_cost.measured import Measured
from otel_cost.readers.fields import count, fields, number, text
from otel_cost.readers.usage_shapes import read_images, read_transcription
from otel_cost.usage import Meter, Quantity, Usage

_OPERATION = "generate_content"
"""OpenTelemetry's word for what is neither chat nor completion of text."""
_AS_IT_LIKES = "auto"
"""A size or quality that is left to the model."""


def _ask_images(call: Measured, body: Mapping[str, Any]) -> None:
    call.asked = Usage({"images": count(body, "n") or 1})
    _read_look(call, body)


def _read_look(call: Measured, said: Mapping[str, Any]) -> None:
    size, quality = text(said, "size"), text(said, "quality")
    if size is not None and size != _AS_IT_LIKES:
        call.size = size
    if quality is not None and quality != _AS_IT_LIKES:
        call.quality = quality


def _read_images(call: Measured, body: Any) -> None:
    """Tokens, or else the images themselves; tokens cost the same whatever the images are like."""
    read_images(call, body)
    said = fields(body)
    if fields(said.get("usage")):
        call.size = call.quality = None
    elif drawn := said.get("data"):
        call.usage, call.usage_source = Usage({"images": len(drawn)}), "provider"
        _read_look(call, said)


def _read_image_event(call: Measured, state: StreamState, event: Any) -> None:
    if (text(fields(event), "type") or "").endswith(".completed"):
        state.ended = True
        _read_images(call, event)


def _is_image(event: Any) -> bool:
    return text(fields(event), "b64_json") is not None


def _read_transcript_event(call: Measured, state: StreamState, event: Any) -> None:
    if fields(event).get("type") == "transcript.text.done":
        state.ended = True
        read_transcription(call, event)


def _is_transcript(event: Any) -> bool:
    return fields(event).get("type") in {"transcript.text.delta", "transcript.text.segment"}


def _ask_speech(call: Measured, body: Mapping[str, Any]) -> None:
    if (spoken := text(body, "input")) is not None:
        call.asked = Usage({"characters": len(spoken)})


def _read_speech(call: Measured, body: Any) -> None:
    """The tokens that the last event of a stream of events says; sound alone says nothing."""
    usage = fields(fields(body).get("usage"))
    if usage.get("input_tokens") is None:
        return
    quantities: dict[Meter, Quantity] = {"input": count(usage, "input_tokens")}
    quantities["output_audio"] = count(usage, "output_tokens")
    call.usage, call.usage_source = Usage(quantities), "provider"


def _read_speech_event(call: Measured, state: StreamState, event: Any) -> None:
    if fields(event).get("type") == "speech.audio.done":
        state.ended = True
        _read_speech(call, event)


def _is_speech(event: Any) -> bool:
    return fields(event).get("type") == "speech.audio.delta"


def _ask_video(call: Measured, body: Mapping[str, Any]) -> None:
    if (seconds := number(body, "seconds")) is not None:
        call.asked = Usage({"seconds": seconds})
    _read_look(call, body)


def _read_video(call: Measured, body: Any) -> None:
    """A `Video`, which is billed by its length; while it is in the making, that is a plan."""
    said = fields(body)
    seconds = number(said, "seconds")
    _read_job(call, said)
    if seconds is not None and call.outcome == "ok":
        call.usage = Usage({"seconds": seconds})
        call.usage_source = "provider" if said.get("status") == "completed" else "inferred"


def _read_extension(call: Measured, body: Any) -> None:
    """A `Video` whose length includes what was there before; what was asked for is billed."""
    _read_job(call, fields(body))


def _read_job(call: Measured, said: Mapping[str, Any]) -> None:
    call.model = text(said, "model") or call.model
    call.response_id = text(said, "id") or call.response_id
    _read_look(call, said)
    if said.get("status") == "failed":
        call.outcome = "error"


_VIDEO = Endpoint(_OPERATION, _read_video, read_request=_ask_video)
_DRAWING = Endpoint(
    _OPERATION, _read_images, _read_image_event, _is_image, read_request=_ask_images
)

ENDPOINTS: Mapping[str, Endpoint] = {
    "/images/generations": _DRAWING,
    "/images/edits": _DRAWING,
    "/images/variations": _DRAWING,
    "/audio/transcriptions": Endpoint(
        _OPERATION, read_transcription, _read_transcript_event, _is_transcript
    ),
    "/audio/translations": Endpoint(_OPERATION, read_transcription),
    "/audio/speech": Endpoint(
        _OPERATION, _read_speech, _read_speech_event, _is_speech, read_request=_ask_speech
    ),
    "/videos": _VIDEO,
    "/videos/edits": _VIDEO,
    "/videos/extensions": Endpoint(_OPERATION, _read_extension, read_request=_ask_video),
    "/videos/*/remix": _VIDEO,
}
"""By canonical path; `*` is one id."""
