"""What was used is found where it stands: images, audio, hosted tools, turns of several models."""

from typing import Any

import pytest

from otel_cost.capture.anthropic import ENDPOINTS as ANTHROPIC
from otel_cost.capture.openai import ENDPOINTS as OPENAI
from otel_cost.measured import Measured
from otel_cost.readers import usage_shapes


def measured(model: str | None = None) -> Measured:
    return Measured("", "openai", "chat", 0, model=model)


def meters(call: Measured) -> dict[Any, Any]:
    assert call.usage is not None
    return dict(call.usage.quantities)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "input_tokens": 150,
                "input_tokens_details": {"text_tokens": 50, "image_tokens": 100},
                "output_tokens": 4160,
                "output_tokens_details": {"text_tokens": 60, "image_tokens": 4100},
            },
            {"input": 50, "input_image": 100, "output": 60, "output_image": 4100},
        ),
        ({"input_tokens": 50, "output_tokens": 4160}, {"input": 50, "output_image": 4160}),
        (
            {
                "input_tokens": 150,
                "input_tokens_details": {"text_tokens": 50, "image_tokens": 100},
                "cached_tokens": 70,
                "cached_tokens_details": {"cached_text_tokens": 30, "cached_image_tokens": 40},
                "output_tokens": 1,
            },
            {
                "input": 20,
                "cache_read": 30,
                "cache_read_image": 40,
                "input_image": 60,
                "output_image": 1,
            },
        ),
    ],
)
def test_images(usage: dict[str, Any], expected: dict[str, int]) -> None:
    call = measured()
    usage_shapes.read_images(call, {"usage": usage})
    assert meters(call) == expected


def test_the_author_of_an_svg_is_a_part_of_its_own() -> None:
    call = measured("gpt-image-2")
    drawn = {"model": "gpt-6-sol", "input_tokens": 9, "output_tokens": 7, "reasoning_tokens": 3}
    usage = {"input_tokens": 5, "output_tokens": 0}
    for _ in range(2):
        usage_shapes.read_images(call, {"usage": usage, "svg_usage": drawn})
    (part,) = call.other_parts
    assert (part.model, dict(part.usage.quantities)) == (
        "gpt-6-sol",
        {"input": 9, "output": 4, "reasoning": 3},
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"type": "duration", "seconds": 90}, {"seconds": 90}),
        (
            {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
                "output_tokens": 3,
            },
            {"input": 4, "input_audio": 10, "output": 3},
        ),
    ],
)
def test_transcriptions(usage: dict[str, Any], expected: dict[str, int]) -> None:
    call = measured()
    usage_shapes.read_transcription(call, {"usage": usage})
    assert meters(call) == expected


def test_seconds_keep_the_digits_they_were_written_with() -> None:
    call = measured()
    usage_shapes.read_transcription(call, {"usage": {"type": "duration", "seconds": 0.1}})
    assert str(meters(call)["seconds"]) == "0.1"


@pytest.mark.parametrize("body", [{"text": "hello"}, "hello", None, b"\xff", [1]])
def test_a_transcription_that_says_nothing_of_its_usage_stays_unknown(body: Any) -> None:
    call = measured()
    usage_shapes.read_transcription(call, body)
    assert call.usage is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [({}, {"seconds": 9.5}), ({"usage": {"seconds": 9}}, {"seconds": 9})],
)
def test_the_length_of_a_sound_counts_where_there_is_no_usage(
    usage: dict[str, Any], expected: dict[str, float]
) -> None:
    call = measured()
    usage_shapes.read_transcription(call, {"text": "hello", "duration": 9.5, **usage})
    assert meters(call) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (
            {
                "text_tokens": 500,
                "audio_tokens": 300,
                "image_tokens": 200,
                "cached_tokens": 400,
                "cached_tokens_details": {
                    "text_tokens": 250,
                    "audio_tokens": 100,
                    "image_tokens": 50,
                },
            },
            {
                "input": 250,
                "cache_read": 250,
                "cache_read_audio": 100,
                "cache_read_image": 50,
                "input_audio": 200,
                "input_image": 150,
            },
        ),
        (
            {"text_tokens": 700, "audio_tokens": 300, "cached_tokens": 400},
            {"input": 300, "cache_read": 400, "input_audio": 300},
        ),
        ({"text_tokens": 1000}, {"input": 1000}),
    ],
)
def test_what_a_conversation_had_cached_is_counted_by_what_it_encodes(
    details: dict[str, Any], expected: dict[str, int]
) -> None:
    call = measured()
    usage = {
        "input_tokens": 1000,
        "input_token_details": details,
        "output_tokens": 30,
        "output_token_details": {"text_tokens": 10, "audio_tokens": 20},
    }
    usage_shapes.read_realtime(call, {"usage": usage})
    assert meters(call) == {**expected, "output": 10, "output_audio": 20}
    assert call.usage is not None
    assert call.usage.total_tokens == 1030


def tools(*items: dict[str, Any], **more: Any) -> Measured:
    body = {
        "model": "gpt-5.4",
        "usage": {"input_tokens": 10, "output_tokens": 1},
        "output": list(items),
        **more,
    }
    call = measured()
    OPENAI["/responses"].read_body(call, body)
    for _ in range(2):
        usage_shapes.read_hosted_tools(call, body)
    return call


def test_hosted_tools_are_counted_once_however_often_they_are_read() -> None:
    run = {"type": "code_interpreter_call", "container_id": "c1"}
    call = tools(
        run,
        run,
        {"type": "code_interpreter_call", "container_id": "c2"},
        {"type": "file_search_call"},
        {"type": "file_search_call", "status": "failed"},
        {"type": "web_search_call", "action": {"type": "search"}},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "message"},
    )
    assert meters(call) == {
        "input": 10,
        "output": 1,
        "code_interpreter": 2,
        "file_search": 1,
        "web_search": 1,
    }


def test_the_count_of_billable_searches_holds_over_the_items() -> None:
    search = {"type": "web_search_call", "action": {"type": "search"}}
    assert meters(tools(search, search, tool_usage={"web_search": {"num_requests": 1}})) == {
        "input": 10,
        "output": 1,
        "web_search": 1,
    }
    assert "web_search" not in meters(tools(search, tool_usage={"web_search": {"num_requests": 0}}))


@pytest.mark.parametrize(
    ("configured", "model"),
    [
        ([{"type": "image_generation", "model": "gpt-image-1.5"}], "gpt-image-1.5"),
        ([{"type": "image_generation"}], "image_generation"),
    ],
)
def test_images_of_the_tool_are_a_part_of_the_image_model(
    configured: list[dict[str, str]], model: str
) -> None:
    drawn = {"input_tokens": 5, "output_tokens": 100}
    (part,) = tools(tool_usage={"image_gen": drawn}, tools=configured).other_parts
    assert (part.model, dict(part.usage.quantities)) == (model, {"input": 5, "output_image": 100})


def test_the_author_of_an_svg_that_a_tool_drew_is_a_part_too() -> None:
    author = {"model": "gpt-6-sol", "input_tokens": 9, "output_tokens": 7, "reasoning_tokens": 3}
    drawing = {"type": "image_generation_call", "status": "completed", "svg_usage": author}
    alone = tools(drawing, {"type": "image_generation_call"}).other_parts
    assert [(p.model, dict(p.usage.quantities)) for p in alone] == [
        ("gpt-6-sol", {"input": 9, "output": 4, "reasoning": 3})
    ]
    drawn = {"image_gen": {"input_tokens": 5, "output_tokens": 100}}
    both = tools(drawing, tool_usage=drawn).other_parts
    assert [part.model for part in both] == ["image_generation", "gpt-6-sol"]


def turn(kind: str, sent: int, received: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": sent, "output_tokens": received, **more}


def message(*turns: dict[str, Any], **more: Any) -> Measured:
    usage = {"input_tokens": 100, "output_tokens": 50, **more, "iterations": list(turns)}
    call = measured()
    ANTHROPIC["/v1/messages"].read_body(call, {"model": "main", "usage": usage})
    for _ in range(2):
        usage_shapes.read_iterations(call, usage)
    return call


def test_plain_turns_are_the_totals() -> None:
    call = message(turn("message", 40, 20), turn("message", 60, 30, model="main"))
    assert (meters(call), call.other_parts) == ({"input": 100, "output": 50}, ())


def test_compaction_and_advisor_stand_beside_the_totals() -> None:
    written = {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}}
    call = message(
        turn("compaction", 900, 30, **written),
        turn("advisor_message", 70, 7, model="advisor"),
        turn("message", 100, 50),
    )
    assert meters(call) == {"input": 100, "output": 50}
    assert [(part.model, dict(part.usage.quantities)) for part in call.other_parts] == [
        ("main", {"input": 900, "cache_write_5m": 5, "cache_write_1h": 4, "output": 30}),
        ("advisor", {"input": 70, "output": 7}),
    ]


def test_with_a_fallback_every_turn_is_billed_at_its_own_model() -> None:
    call = message(
        turn("message", 60, 5, model="declined"),
        turn("fallback_message", 40, 45, model="main"),
        output_tokens_details={"thinking_tokens": 15},
        server_tool_use={"web_search_requests": 2},
    )
    assert meters(call) == {"input": 40, "output": 30, "reasoning": 15, "web_search": 2}
    assert [(part.model, dict(part.usage.quantities)) for part in call.other_parts] == [
        ("declined", {"input": 60, "output": 5})
    ]


@pytest.mark.parametrize(
    ("usage", "usd"),
    [({"cost": 0.1}, "0.1"), ({"cost": "0.25"}, "0.25"), ({"cost": -1}, None), ({}, None)],
)
def test_what_the_provider_states(usage: dict[str, Any], usd: str | None) -> None:
    stated = usage_shapes.stated_usd(usage)
    assert (None if stated is None else str(stated)) == usd
