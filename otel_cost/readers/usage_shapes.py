"""What was used, where a chat's usage does not say it: other endpoints, hosted tools, turns.

Each reader takes a provider's response body and sets what it finds, so that reading twice changes
nothing. Field meanings are those of openai 3.54 and anthropic 2.12.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from otel_cost.charge import Part
from otel_cost.measured import Measured
from otel_cost.readers.fields import count, fields, number, text
from otel_cost.usage import Meter, Quantity, Usage

_HOSTED: Mapping[str, Meter] = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
}
"""Output items of hosted tools, and the meter that counts their calls."""

_IMAGE_TOOL, _IMAGE_CALL = "image_generation", "image_generation_call"

_DATE = re.compile(r"-\d{8}")


def read_images(call: Measured, body: Any) -> None:
    """`ImagesResponse`: text and image tokens, in and out; SVG authoring is a part of its own."""
    usage = _get(body, "usage")
    if not fields(usage):
        return
    call.model = _text(body, "model") or call.model
    call.usage, call.usage_source = _image_tokens(usage), "provider"
    call.other_parts = _authored(body)


def read_transcription(call: Measured, body: Any) -> None:
    """`Transcription`, `Translation`: tokens, or seconds of audio, as the model is billed."""
    usage = _get(body, "usage")
    call.model = _text(body, "model") or call.model
    seconds = (
        number(fields(body), "duration") if usage is None else number(fields(usage), "seconds")
    )
    if seconds is not None:
        call.usage, call.usage_source = Usage({"seconds": seconds}), "provider"
        return
    if _get(usage, "input_tokens") is None:
        return
    heard = _count(_get(usage, "input_token_details"), "audio_tokens")
    quantities = _positive(
        input=_count(usage, "input_tokens") - heard,
        input_audio=heard,
        output=_count(usage, "output_tokens"),
    )
    call.usage, call.usage_source = Usage(quantities), "provider"


def read_realtime(call: Measured, response: Any) -> None:
    """The `response` of a `response.done` event; cached tokens stand inside their modality."""
    usage = _get(response, "usage")
    if usage is None or _get(usage, "input_tokens") is None:
        return
    sent, received = _get(usage, "input_token_details"), _get(usage, "output_token_details")
    cached, split = _count(sent, "cached_tokens"), _get(sent, "cached_tokens_details")
    heard_before, seen_before = _count(split, "audio_tokens"), _count(split, "image_tokens")
    cached = max(cached, _count(split, "text_tokens") + heard_before + seen_before)
    heard = _count(sent, "audio_tokens") - heard_before
    seen = _count(sent, "image_tokens") - seen_before
    spoken = _count(received, "audio_tokens")
    quantities = _positive(
        input=_count(usage, "input_tokens") - cached - max(heard, 0) - max(seen, 0),
        cache_read=cached - heard_before - seen_before,
        cache_read_audio=heard_before,
        cache_read_image=seen_before,
        input_audio=heard,
        input_image=seen,
        output=_count(usage, "output_tokens") - spoken,
        output_audio=spoken,
    )
    call.usage, call.usage_source = Usage(quantities), "provider"


def read_hosted_tools(call: Measured, body: Any) -> None:
    """What a `Response` used beside its own tokens: searches, containers, images."""
    if call.usage is None:
        return
    calls, authored = _hosted_calls(body)
    found = {meter: len(each) for meter, each in calls.items()}
    used = _get(body, "tool_usage")
    if not found and used is None and not authored:
        return
    if (searched := _get(used, "web_search")) is not None:
        found["web_search"] = _count(searched, "num_requests")
    quantities: dict[Meter, Quantity] = {
        m: q for m, q in call.usage.quantities.items() if m not in _HOSTED.values()
    }
    quantities.update({meter: calls for meter, calls in found.items() if calls})
    call.usage = Usage(quantities)
    images = _get(used, "image_gen")
    if _count(images, "input_tokens") or _count(images, "output_tokens"):
        authored = (Part(_image_model(body), _image_tokens(images)), *authored)
    call.other_parts = authored


def read_iterations(call: Measured, usage: Any) -> None:
    """The parts of an Anthropic message that its totals leave out, or bill at another model.

    Compaction and the advisor stand outside the totals. Where a fallback answered, the totals mix
    models, and every turn is billed at its own.
    """
    turns = _get(usage, "iterations")
    if not turns or call.usage is None or call.model is None:
        return
    main, others = call.model, list[Part]()
    mixed = any(_kind(t) == "fallback_message" or _model(t, main) != main for t in _messages(turns))
    answered: list[Usage] = []
    for turn in turns:
        read, model = _turn(turn), _model(turn, main)
        if _kind(turn) in {"compaction", "advisor_message"}:
            others.append(Part(model, read))
        elif mixed and model == main:
            answered.append(read)
        elif mixed:
            others.append(Part(model, read))
    if mixed:
        call.usage = _summed(answered, call.usage)
    call.other_parts = tuple(others)


def stated_usd(usage: Any) -> Decimal | None:
    """What the provider says the call cost (USD), as OpenRouter does in `usage.cost`."""
    return number(fields(usage), "cost")


def _image_tokens(usage: Any) -> Usage:
    sent, received = _get(usage, "input_tokens_details"), _get(usage, "output_tokens_details")
    split = _get(usage, "cached_tokens_details")
    seen_before = _count(split, "cached_image_tokens")
    cached = max(_count(usage, "cached_tokens"), _count(split, "cached_text_tokens") + seen_before)
    seen = _count(sent, "image_tokens") - seen_before
    total = _count(usage, "output_tokens")
    # Without details all of it is the image: that is what the endpoint is for.
    drawn = total if received is None else min(_count(received, "image_tokens"), total)
    return Usage(
        _positive(
            input=_count(usage, "input_tokens") - cached - max(seen, 0),
            cache_read=cached - seen_before,
            cache_read_image=seen_before,
            input_image=seen,
            output=total - drawn,
            output_image=drawn,
        )
    )


def _image_model(body: Any) -> str:
    """The model of the image tool, which only the tool's own configuration names."""
    for tool in _get(body, "tools") or ():
        if _kind(tool) == _IMAGE_TOOL and (model := _text(tool, "model")):
            return model
    return _IMAGE_TOOL


def _authored(drawn: Any) -> tuple[Part, ...]:
    """The part of the model that wrote an SVG, which is billed beside the one that drew it."""
    usage = _get(drawn, "svg_usage")
    author = _text(usage, "model")
    if author is None:
        return ()
    reasoning = _count(usage, "reasoning_tokens")
    written = _positive(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens") - reasoning,
        reasoning=reasoning,
    )
    return (Part(author, Usage(written)),)


def _hosted_calls(body: Any) -> tuple[dict[Meter, set[str]], tuple[Part, ...]]:
    """Calls of hosted tools, and what they had written by models of their own.

    A container is billed once, however often it is used.
    """
    found: dict[Meter, set[str]] = {}
    authored: tuple[Part, ...] = ()
    for index, item in enumerate(_get(body, "output") or ()):
        kind = _kind(item)
        if kind == _IMAGE_CALL:
            authored += _authored(item)
        meter = _HOSTED.get(kind)
        if meter is None or _get(item, "status") == "failed":
            continue
        action = _get(item, "action")
        if meter == "web_search" and action is not None and _kind(action) != "search":
            continue  # opening or searching a page that was found is not a search
        name = _text(item, "container_id") if meter == "code_interpreter" else None
        found.setdefault(meter, set()).add(name or str(index))
    return found, authored


def _turn(turn: Any) -> Usage:
    written, split = _count(turn, "cache_creation_input_tokens"), _get(turn, "cache_creation")
    for_1h = min(_count(split, "ephemeral_1h_input_tokens"), written)
    return Usage(
        _positive(
            input=_count(turn, "input_tokens"),
            cache_read=_count(turn, "cache_read_input_tokens"),
            cache_write_5m=written - for_1h,
            cache_write_1h=for_1h,
            output=_count(turn, "output_tokens"),
        )
    )


def _summed(turns: list[Usage], totals: Usage) -> Usage:
    """The answering model's turns; thinking and searches are said in the totals only."""
    sums: dict[Meter, Quantity] = {}
    for turn in turns:
        for meter, quantity in turn.quantities.items():
            sums[meter] = sums.get(meter, 0) + quantity
    thinking = min(totals.quantities.get("reasoning", 0), sums.get("output", 0))
    if thinking:
        sums["output"] = sums["output"] - thinking
        sums["reasoning"] = thinking
    if searches := totals.quantities.get("web_search"):
        sums["web_search"] = searches
    return Usage(sums)


def _messages(turns: Any) -> list[Any]:
    return [turn for turn in turns if _kind(turn) in {"message", "fallback_message"}]


def _model(turn: Any, main: str) -> str:
    """The model of a turn: a turn may name the answering one by its alias, without the date."""
    named = _text(turn, "model")
    return main if named is None or _DATE.fullmatch(main.removeprefix(named)) else named


def _kind(item: Any) -> str:
    return _text(item, "type") or ""


def _positive(**quantities: int) -> dict[Meter, Quantity]:
    """The meters of which something was used."""
    return {meter: tokens for meter, tokens in quantities.items() if tokens > 0}  # type: ignore[misc]


def _get(source: Any, name: str) -> Any:
    return fields(source).get(name)


def _count(source: Any, name: str) -> int:
    return count(fields(source), name)


def _text(source: Any, name: str) -> str | None:
    return text(fields(source), name)
