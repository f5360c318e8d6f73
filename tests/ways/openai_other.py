"""The other endpoints of the OpenAI SDK: embeddings, completions, decisions, images, sound."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from otel_cost.demo.directives import header
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, provides, takes

SOUND = ("hello.wav", b"RIFF....WAVE", "audio/wav")
EMBEDDED = Charged("openai", "text-embedding-3-small", {"input": 17})
COMPLETED = Charged(
    "openai", "gpt-3.5-turbo-instruct", {"input": 40, "output": 9}, response_id="cmpl-1"
)
COMPLETION_USAGE = {"prompt_tokens": 40, "completion_tokens": 9, "total_tokens": 49}
COMPLETION: dict[str, Any] = {
    "model": "gpt-3.5-turbo-instruct",
    "prompt": "hello",
    "extra_headers": header(id="cmpl-1", usage=COMPLETION_USAGE),
}
IMAGE_USAGE = {
    "input_tokens": 60,
    "input_tokens_details": {"image_tokens": 20, "text_tokens": 40},
    "output_tokens": 272,
    "total_tokens": 332,
}
DRAWN = Charged(
    "openai", "gpt-image-1", {"input": 40, "input_image": 20, "output_image": 272}
)  # fmt: skip
DRAWING: dict[str, Any] = {"model": "gpt-image-1", "prompt": "a cat"}
HEARD = Charged("openai", "whisper-1", {"seconds": Decimal("9.5")})


def embeddings(scene: Scene) -> None:
    said = header(usage={"prompt_tokens": 17, "total_tokens": 17})
    asked = {"model": "text-embedding-3-small", "input": "hello", "extra_headers": said}
    scene.see(scene.openai().embeddings.create(**asked))


async def async_embeddings(scene: Scene) -> None:
    said = header(usage={"prompt_tokens": 17, "total_tokens": 17})
    asked = {"model": "text-embedding-3-small", "input": ["hello"], "extra_headers": said}
    scene.see(await scene.async_openai().embeddings.create(**asked))


def completions(scene: Scene) -> None:
    scene.see(scene.openai().completions.create(**COMPLETION))


def completions_stream(scene: Scene) -> None:
    asked = {**COMPLETION, "stream": True, "stream_options": {"include_usage": True}}
    scene.items(scene.openai().completions.create(**asked))


def decisions(scene: Scene) -> None:
    usage = {
        "input_tokens": 90,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 95,
    }
    question = {"type": "predicate", "question": "Is it a greeting?"}
    asked = {"model": "gpt-5-mini", "input": "hello", "questions": [question]}
    scene.see(scene.openai().decisions.create(**asked, extra_headers=header(usage=usage)))


def images(scene: Scene) -> None:
    said = header(usage=IMAGE_USAGE)
    scene.see(scene.openai().images.generate(**DRAWING, extra_headers=said))


def images_stream(scene: Scene) -> None:
    asked = {**DRAWING, "stream": True, "partial_images": 2}
    said = header(usage=IMAGE_USAGE)
    scene.items(scene.openai().images.generate(**asked, extra_headers=said))


def image_edit(scene: Scene) -> None:
    said = header(usage=IMAGE_USAGE)
    picture = ("cat.png", b"\x89PNG", "image/png")
    scene.see(scene.openai().images.edit(**DRAWING, image=picture, extra_headers=said))


def images_by_piece(scene: Scene) -> None:
    asked = {"model": "dall-e-3", "prompt": "a cat", "n": 1, "size": "1024x1792"}
    scene.see(scene.openai().images.generate(**asked, quality="hd"))


def by_duration(scene: Scene) -> None:
    scene.see(scene.openai().audio.transcriptions.create(model="whisper-1", file=SOUND))


def by_tokens(scene: Scene) -> None:
    create = scene.openai().audio.transcriptions.create
    scene.see(create(model="gpt-4o-transcribe", file=SOUND, extra_headers=header(text="a b")))


def transcription_stream(scene: Scene) -> None:
    create = scene.openai().audio.transcriptions.create
    said = header(text="a b")
    scene.items(create(model="gpt-4o-transcribe", file=SOUND, stream=True, extra_headers=said))


def srt(scene: Scene) -> None:
    create = scene.openai().audio.transcriptions.create
    scene.see(create(model="whisper-1", file=SOUND, response_format="srt"))


def translation(scene: Scene) -> None:
    scene.see(scene.openai().audio.translations.create(model="whisper-1", file=SOUND))


SPOKEN: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hello there"}


def speech(scene: Scene) -> None:
    response = scene.openai().audio.speech.create(**SPOKEN)
    scene.see(response, response.content)


async def async_speech(scene: Scene) -> None:
    response = await scene.async_openai().audio.speech.create(**SPOKEN)
    scene.see(response, response.content)


def speech_streaming(scene: Scene) -> None:
    with scene.openai().audio.speech.with_streaming_response.create(**SPOKEN) as response:
        scene.items(response.iter_bytes(64))


def video(scene: Scene) -> None:
    asked = {"model": "sora-2", "prompt": "a cat", "seconds": "8", "size": "720x1280"}
    scene.see(scene.openai().videos.create(**asked, extra_headers=header(id="video-1")))


def models(scene: Scene) -> None:
    scene.see(scene.openai().models.list().data)


_SPEECH = replace(
    HEARD, model="tts-1", meters={"characters": 11}, source="inferred", status="estimated"
)
_TRANSCRIBED = Charged(
    "openai", "gpt-4o-transcribe", {"input": 4, "input_audio": 91, "output": 8}
)  # fmt: skip

CASES = [
    Case("embeddings", embeddings, (EMBEDDED,)),
    Case("async embeddings", async_embeddings, (EMBEDDED,)),
    Case("completions", completions, (COMPLETED,)),
    Case("completions stream", completions_stream, (replace(COMPLETED, first_token=True),)),
    Case(
        "decisions",
        decisions,
        (
            Charged(
                "openai",
                "gpt-5-mini-2025-08-07",
                {"input": 60, "cache_read": 30, "output": 3, "reasoning": 2},
            ),
        ),
        (provides("openai", "decisions"),),
    ),
    Case("images", images, (DRAWN,)),
    Case(
        "image stream",
        images_stream,
        (replace(DRAWN, first_token=True),),
        (takes("openai", "images.generate", "stream"),),
    ),
    Case("image edit", image_edit, (DRAWN,)),
    Case(
        "images by the piece",
        images_by_piece,
        (
            replace(
                DRAWN,
                model="dall-e-3",
                meters={"images": 1},
                size="1024x1792",
                quality="hd",
                status="unpriced",
                unpriced=("images",),
            ),
        ),
    ),
    Case("transcription by duration", by_duration, (HEARD,)),
    Case("transcription by tokens", by_tokens, (_TRANSCRIBED,)),
    Case(
        "transcription stream",
        transcription_stream,
        (replace(_TRANSCRIBED, meters={"input_audio": 95, "output": 8}, first_token=True),),
        (takes("openai", "audio.transcriptions.create", "stream"),),
    ),
    Case(
        "transcription as srt",
        srt,
        (replace(HEARD, meters=None, source="none", status="unmetered"),),
    ),
    Case(
        "translation",
        translation,
        (replace(HEARD, meters=None, source="none", status="unmetered"),),
    ),
    Case("speech", speech, (_SPEECH,)),
    Case("async speech", async_speech, (_SPEECH,)),
    Case("speech with_streaming_response", speech_streaming, (_SPEECH,)),
    Case(
        "video",
        video,
        (
            replace(
                HEARD,
                model="sora-2",
                meters={"seconds": Decimal(8)},
                source="inferred",
                status="estimated",
                response_id="video-1",
                size="720x1280",
            ),
        ),
        (provides("openai", "videos"),),
    ),
    Case("models.list is not billable", models, ()),
]
