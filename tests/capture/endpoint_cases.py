"""OpenAI's endpoints beside chat, responses and embeddings: what is sent, dictated and charged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.capture.ways import RESPONSES_USAGE

SOUND = ("a.mp3", b"sound")
IMAGE_USAGE = {
    "input_tokens": 150,
    "input_tokens_details": {"text_tokens": 50, "image_tokens": 100},
    "output_tokens": 4160,
    "total_tokens": 4310,
}
IMAGE_METERS = {"input": 50, "input_image": 100, "output_image": 4160}
HEARD = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
    "output_tokens": 3,
    "total_tokens": 17,
}
HEARD_METERS = {"input": 4, "input_audio": 10, "output": 3}
LASTING = {"type": "duration", "seconds": 12.5}
RESPONSES_METERS = {"input": 1400, "cache_read": 1600, "output": 144, "reasoning": 256}
TEXT = {"model": "gpt-3.5-turbo-instruct", "prompt": "hello"}
TEXT_USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
QUESTIONS = [{"type": "predicate", "instructions": "is it?"}]


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint, called one way: what is sent, what the wire dictates, what is charged."""

    path: str
    arguments: Mapping[str, Any]
    meters: Mapping[str, Any]
    usd: str | None
    """`None`: not known."""
    operation: str = "generate_content"
    said: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    """The one that is charged, where the request names another one or none."""
    source: str = "provider"
    status: str = "exact"
    look: tuple[str | None, str | None] = (None, None)
    """The size and quality that the price depends on."""


def speech(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "voice": "alloy", "input": "héllo", **more}


def sound(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "file": SOUND, **more}


def drawing(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "prompt": "a cat", **more}


def subtitles(path: str, form: str) -> Case:
    return Case(
        f"audio.{path}.create",
        sound("whisper-1", response_format=form),
        {},
        None,
        source="none",
        status="unmetered",
    )


CASES: Mapping[str, Case] = {
    "completions": Case(
        "completions.create",
        TEXT,
        {"input": 20, "output": 10},
        "0.00005",
        "text_completion",
        {"usage": TEXT_USAGE},
    ),
    "completions stream": Case(
        "completions.create",
        {**TEXT, "stream": True, "stream_options": {"include_usage": True}},
        {"input": 20, "output": 10},
        "0.00005",
        "text_completion",
        {"usage": TEXT_USAGE},
    ),
    "decisions": Case(
        "decisions.create",
        {"model": "gpt-5", "input": "hello", "questions": QUESTIONS},
        RESPONSES_METERS,
        "0.00595",
        "chat",
        {"usage": RESPONSES_USAGE},
        "gpt-5-2025-08-07",
    ),
    "compact": Case(
        "responses.compact",
        {"model": "gpt-5", "input": "hello"},
        RESPONSES_METERS,
        "0.00595",
        "chat",
        {"usage": RESPONSES_USAGE},
    ),
    "beta compact": Case(
        "beta.responses.compact",
        {"model": "gpt-5", "input": "hello"},
        RESPONSES_METERS,
        "0.00595",
        "chat",
        {"usage": RESPONSES_USAGE},
    ),
    "beta responses": Case(
        "beta.responses.create",
        {"model": "gpt-5", "input": "hello"},
        RESPONSES_METERS,
        "0.00595",
        "chat",
        {"usage": RESPONSES_USAGE},
        "gpt-5-2025-08-07",
    ),
    "images": Case(
        "images.generate",
        drawing("gpt-image-2", size="1536x1024", quality="high"),
        IMAGE_METERS,
        "0.12585",
        said={"usage": IMAGE_USAGE},
    ),
    "images stream": Case(
        "images.generate",
        drawing("gpt-image-2", size="1536x1024", stream=True, partial_images=2),
        IMAGE_METERS,
        "0.12585",
        said={"usage": IMAGE_USAGE},
    ),
    "images edit": Case(
        "images.edit",
        drawing("gpt-image-2", image=b"png", size="1536x1024"),
        IMAGE_METERS,
        "0.12585",
        said={"usage": IMAGE_USAGE},
    ),
    "images edit stream": Case(
        "images.edit",
        drawing("gpt-image-2", image=b"png", stream=True),
        IMAGE_METERS,
        "0.12585",
        said={"usage": IMAGE_USAGE},
    ),
    "images by the piece": Case(
        "images.generate",
        drawing("dall-e-3", n=2, size="1024x1792", quality="hd"),
        {"images": 2},
        None,
        status="unpriced",
        look=("1024x1792", "hd"),
    ),
    "fewer images than asked for": Case(
        "images.generate",
        drawing("dall-e-2", n=3, size="auto", quality="auto"),
        {"images": 1},
        None,
        said={"body": {"data": [{"url": "https://example.com/1.png"}]}},
        status="unpriced",
    ),
    "variations": Case(
        "images.create_variation",
        {"image": b"png", "n": 2, "size": "256x256"},
        {"images": 2},
        None,
        model="unknown",
        status="unpriced",
        look=("256x256", None),
    ),
    "transcription": Case(
        "audio.transcriptions.create",
        sound("gpt-4o-transcribe"),
        HEARD_METERS,
        "0.0001",
        said={"usage": HEARD},
    ),
    "transcription by duration": Case(
        "audio.transcriptions.create",
        sound("whisper-1", response_format="verbose_json"),
        {"seconds": Decimal("12.5")},
        "0.00125",
        said={"usage": LASTING},
    ),
    "transcription of a length": Case(
        "audio.transcriptions.create",
        sound("whisper-1", response_format="verbose_json"),
        {"seconds": Decimal("9.5")},
        "0.00095",
        said={"no_usage": True},
    ),
    "transcription with speakers": Case(
        "audio.transcriptions.create",
        sound("gpt-4o-transcribe-diarize", response_format="diarized_json"),
        HEARD_METERS,
        "0.0001",
        said={"usage": HEARD},
    ),
    "transcription stream": Case(
        "audio.transcriptions.create",
        sound("gpt-4o-transcribe", stream=True),
        HEARD_METERS,
        "0.0001",
        said={"usage": HEARD},
    ),
    **{f"transcription {f}": subtitles("transcriptions", f) for f in ("text", "srt", "vtt")},
    **{f"translation {f}": subtitles("translations", f) for f in ("json", "text", "srt", "vtt")},
    "translation of a length": Case(
        "audio.translations.create",
        sound("whisper-1", response_format="verbose_json"),
        {"seconds": Decimal("9.5")},
        "0.00095",
    ),
    "speech": Case(
        "audio.speech.create",
        speech("tts-1"),
        {"characters": 5},
        "0.000075",
        source="inferred",
        status="estimated",
    ),
    "speech that is billed by tokens": Case(
        "audio.speech.create",
        speech("gpt-4o-mini-tts"),
        {"characters": 5},
        None,
        source="inferred",
        status="unpriced",
    ),
    "videos": Case(
        "videos.create",
        {"model": "sora-2-pro", "prompt": "a cat", "seconds": "8", "size": "1024x1792"},
        {"seconds": 8},
        "4",
        source="inferred",
        status="estimated",
        look=("1024x1792", None),
    ),
    "videos by default": Case(
        "videos.create",
        {"prompt": "a cat"},
        {"seconds": 4},
        "0.4",
        model="sora-2",
        source="inferred",
        status="estimated",
        look=("720x1280", None),
    ),
    "videos done at once": Case(
        "videos.create",
        {"model": "sora-2", "prompt": "a cat", "seconds": "8"},
        {"seconds": 8},
        "0.8",
        said={"body": {"status": "completed"}},
        look=("720x1280", None),
    ),
    "videos edit": Case(
        "videos.edit",
        {"prompt": "a dog", "video": b"mp4"},
        {"seconds": 12},
        "1.2",
        said={"body": {"seconds": "12"}},
        model="sora-2",
        source="inferred",
        status="estimated",
        look=("720x1280", None),
    ),
    "videos extend": Case(
        "videos.extend",
        {"prompt": "more", "video": b"mp4", "seconds": "8"},
        {"seconds": 8},
        "0.8",
        said={"body": {"seconds": "20"}},
        model="sora-2",
        source="inferred",
        status="estimated",
        look=("720x1280", None),
    ),
    "videos remix": Case(
        "videos.remix",
        {"video_id": "video_1", "prompt": "a dog"},
        {"seconds": 4},
        "0.4",
        model="sora-2",
        source="inferred",
        status="estimated",
        look=("720x1280", None),
    ),
}
