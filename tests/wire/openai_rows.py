"""The rest of OpenAI's billable endpoints on the wire, for `LocalProviders(further=ROWS)`."""

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from otel_cost.demo.openai_wire import error
from otel_cost.demo.server import Answer
from otel_cost.demo.wire import CREATED, Ask, Endpoint, Event, Json, refusal, sse

SPOKEN = b"ID3\x04\x00\x00\xff\xfb" + bytes(range(256))
"""What every speech is: bytes that are no text in any encoding."""
_PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
_SECONDS = 9.5
"""How long every sound is that is transcribed or translated."""


def _with_usage(ask: Ask, body: Json, usual: Json) -> Json:
    """The body with the usage that is dictated, or the usual one."""
    if not ask.said.no_usage:
        body["usage"] = usual if ask.said.usage is None else dict(ask.said.usage)
    return {**body, **ask.said.body}


def _words(ask: Ask, *names: str) -> int:
    return max(1, sum(len(str(ask.body.get(name, "")).split()) for name in names))


def _completion_usage(ask: Ask) -> Json:
    sent, received = _words(ask, "prompt"), ask.output_words
    return {
        "prompt_tokens": sent,
        "completion_tokens": received,
        "total_tokens": sent + received,
    }


def _completion_head(ask: Ask) -> Json:
    return {
        "id": ask.id("cmpl-"),
        "object": "text_completion",
        "created": CREATED,
        "model": ask.model,
    }


def _piece(text: str, finish: str | None) -> list[Json]:
    return [{"text": text, "index": 0, "logprobs": None, "finish_reason": finish}]


def _completion(ask: Ask) -> Json:
    body = {**_completion_head(ask), "choices": _piece(ask.text, "stop")}
    return _with_usage(ask, body, _completion_usage(ask))


def _completion_events(ask: Ask) -> Iterator[Event]:
    head = _completion_head(ask)
    options = ask.body.get("stream_options") or {}
    counted = bool(options.get("include_usage")) and not ask.said.no_usage
    if counted:
        head["usage"] = None
    for piece in ask.pieces:
        yield None, {**head, "choices": _piece(piece, None)}
    yield None, {**head, "choices": _piece("", "stop")}
    if counted:
        yield None, _with_usage(ask, {**head, "choices": []}, _completion_usage(ask))
    yield None, "[DONE]"


def _responses_usage(ask: Ask) -> Json:
    sent, received = ask.input_words, ask.output_words
    return {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": received,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sent + received,
    }


def _decision(ask: Ask) -> Json:
    answers = [
        {"type": "predicate", "name": None, "probability": 0.75}
        for _ in ask.body.get("questions") or ()
    ]
    body = {"answers": answers, "model": ask.model}
    return _with_usage(ask, body, _responses_usage(ask))


def _compacted(ask: Ask) -> Json:
    body = {
        "id": ask.id("resp_"),
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}],
    }
    return _with_usage(ask, body, _responses_usage(ask))


def _image_usage(ask: Ask) -> Json:
    sent = _words(ask, "prompt")
    return {
        "input_tokens": sent,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": sent},
        "output_tokens": 272,
        "total_tokens": sent + 272,
    }


def _in_tokens(ask: Ask) -> bool:
    """Whether the model is one whose images are counted in tokens."""
    return "image" in ask.model


def _images(ask: Ask) -> Json:
    body: Json = {
        "created": CREATED,
        "data": [{"b64_json": _PIXEL} for _ in range(ask.body.get("n") or 1)],
    }
    if not _in_tokens(ask):
        return {**body, **ask.said.body}
    look = {
        "size": ask.body.get("size") or "1024x1024",
        "quality": ask.body.get("quality") or "high",
        "output_format": "png",
        "background": "opaque",
    }
    return _with_usage(ask, {**body, **look}, _image_usage(ask))


def _image_events(kind: str) -> Callable[[Ask], Iterator[Event]]:
    def events(ask: Ask) -> Iterator[Event]:
        look = {
            "b64_json": _PIXEL,
            "created_at": CREATED,
            "size": ask.body.get("size") or "1024x1024",
            "quality": ask.body.get("quality") or "high",
            "output_format": "png",
            "background": "opaque",
        }
        partial = f"{kind}.partial_image"
        for index in range(ask.body.get("partial_images") or 0):
            yield partial, {"type": partial, **look, "partial_image_index": index}
        done = f"{kind}.completed"
        yield done, _with_usage(ask, {"type": done, **look}, _image_usage(ask))

    return events


def _transcription(ask: Ask) -> Json | Answer:
    form = ask.body.get("response_format") or "json"
    if form in {"text", "srt", "vtt"}:
        return _plain(ask, _as_subtitles(str(form), ask.text))
    lasting = {"type": "duration", "seconds": _SECONDS}
    if form == "json":
        by_tokens = {
            "type": "tokens",
            "input_tokens": 95,
            "input_token_details": {"audio_tokens": 91, "text_tokens": 4},
            "output_tokens": ask.output_words,
            "total_tokens": 95 + ask.output_words,
        }
        counted = "transcribe" in ask.model
        return _with_usage(ask, {"text": ask.text}, by_tokens if counted else lasting)
    body: Json = {"task": "transcribe", "duration": _SECONDS, "text": ask.text, "segments": []}
    if form == "verbose_json":
        body["language"] = "english"
    return _with_usage(ask, body, lasting)


def _transcription_events(ask: Ask) -> Iterator[Event]:
    for piece in ask.pieces:
        yield None, {"type": "transcript.text.delta", "delta": piece}
    usual = {
        "type": "tokens",
        "input_tokens": 95,
        "input_token_details": {"audio_tokens": 95, "text_tokens": 0},
        "output_tokens": ask.output_words,
        "total_tokens": 95 + ask.output_words,
    }
    yield None, _with_usage(ask, {"type": "transcript.text.done", "text": ask.text}, usual)


def _translation(ask: Ask) -> Json | Answer:
    form = ask.body.get("response_format") or "json"
    if form in {"text", "srt", "vtt"}:
        return _plain(ask, _as_subtitles(str(form), ask.text))
    body: Json = {"text": ask.text}
    if form == "verbose_json":
        body |= {"task": "translate", "language": "english", "duration": _SECONDS, "segments": []}
    return {**body, **ask.said.body}


def _as_subtitles(form: str, text: str) -> str:
    head = {"text": "", "srt": "1\n00:00:00,000 --> 00:00:09,500\n", "vtt": "WEBVTT\n\n"}[form]
    return f"{head}{text}\n"


def _speech(ask: Ask) -> Answer:
    if ask.body.get("stream_format") != "sse":
        return _raw(ask, SPOKEN, "audio/mpeg")
    events = list(_speech_events(ask)) if ask.said.events is None else _typed(ask.said.events)
    return _raw(ask, b"".join(map(sse, events)), "text/event-stream")


def _speech_events(ask: Ask) -> Iterator[Event]:
    for _ in range(max(1, ask.said.chunks)):
        yield None, {"type": "speech.audio.delta", "audio": base64.b64encode(SPOKEN).decode()}
    sent = ask.input_words
    usual = {"input_tokens": sent, "output_tokens": 120, "total_tokens": sent + 120}
    yield None, _with_usage(ask, {"type": "speech.audio.done"}, usual)


def _typed(events: tuple[Any, ...]) -> list[Event]:
    return [(None, event) for event in events]


def _video(ask: Ask) -> Json:
    body = {
        "id": ask.id("video_"),
        "object": "video",
        "model": ask.model or "sora-2",
        "status": "queued",
        "progress": 0,
        "created_at": CREATED,
        "size": ask.body.get("size") or "720x1280",
        "seconds": str(ask.body.get("seconds") or 4),
        "prompt": ask.body.get("prompt"),
    }
    return {**body, **ask.said.body}


def _moderation(ask: Ask) -> Json:
    return {"id": ask.id("modr-"), "model": ask.model, "results": [], **ask.said.body}


def _plain(ask: Ask, text: str) -> Answer:
    return _raw(ask, text.encode(), "text/plain; charset=utf-8")


def _raw(ask: Ask, body: bytes, kind: str) -> Answer:
    """An answer that is no JSON, with the headers and the compression that are dictated."""
    headers = dict(ask.said.headers)
    if ask.said.gzip:
        body = gzip.compress(body, 1)
        headers["content-encoding"] = "gzip"
    return Answer(content_type=kind, body=body, headers=headers)


def _accepted(ask: Ask) -> str | None:
    """Nothing is wrong with a request that names no model: the endpoint has a default."""
    return refusal(ask) if ask.body.get("model") else None


def _error_event(said: Mapping[str, Any]) -> Event:
    return None, error(500, said)


def _row(
    answer: Callable[[Ask], Json | Answer],
    events: Callable[[Ask], Iterator[Event]] | None = None,
    check: Callable[[Ask], str | None] = refusal,
) -> Endpoint:
    return Endpoint(answer, events, check, error, _error_event)


ROWS: Mapping[str, Endpoint] = {
    "/v1/completions": _row(_completion, _completion_events),
    "/v1/decisions": _row(_decision),
    "/v1/responses/compact": _row(_compacted),
    "/v1/images/generations": _row(_images, _image_events("image_generation"), _accepted),
    "/v1/images/edits": _row(_images, _image_events("image_edit"), _accepted),
    "/v1/images/variations": _row(_images, None, _accepted),
    "/v1/audio/transcriptions": _row(_transcription, _transcription_events),
    "/v1/audio/translations": _row(_translation),
    "/v1/audio/speech": _row(_speech),
    "/v1/videos": _row(_video, None, _accepted),
    "/v1/videos/edits": _row(_video, None, _accepted),
    "/v1/videos/extensions": _row(_video, None, _accepted),
    "/v1/videos/*/remix": _row(_video, None, _accepted),
    "/v1/moderations": _row(_moderation),
}
"""By path, as `LocalProviders` wants them."""
