"""The Responses API of the OpenAI SDK."""

from dataclasses import replace
from typing import Any

import pydantic

from otel_cost.demo.directives import header
from tests.ways.openai_chat import Answer
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, Meters, provides, takes

ASKED: dict[str, Any] = {"model": "gpt-5", "input": "hello"}
USAGE = {
    "input_tokens": 3000,
    "input_tokens_details": {
        "cached_tokens": 1600,
        "cache_write_tokens": 400,
        "cache_write_tokens_details": {"ttl_30m_tokens": 300, "ttl_12h_tokens": 100},
    },
    "output_tokens": 400,
    "output_tokens_details": {"reasoning_tokens": 256},
    "total_tokens": 3400,
}
METERS: Meters = {
    "input": 1000,
    "cache_read": 1600,
    "cache_write_30m": 300,
    "cache_write_12h": 100,
    "output": 144,
    "reasoning": 256,
}
PLAIN_USAGE = {**USAGE, "input_tokens_details": {"cached_tokens": 1600}}
PLAIN: Meters = {"input": 1400, "cache_read": 1600, "output": 144, "reasoning": 256}
MODEL = "gpt-5-2025-08-07"

WHOLE = Charged("openai", MODEL, PLAIN, response_id="resp-1", tier="default")
STREAMED = replace(WHOLE, first_token=True)
LEFT = replace(STREAMED, meters=None, source="none", outcome="aborted", status="unmetered")
PENDING = replace(WHOLE, meters=None, source="none", outcome="pending", status="unmetered")


def told(**directives: Any) -> dict[str, Any]:
    """The header that dictates the answer."""
    return header(**{"id": "resp-1", "usage": PLAIN_USAGE, **directives})


def asking(**directives: Any) -> dict[str, Any]:
    """The arguments of a call."""
    return {**ASKED, "extra_headers": told(**directives)}


def streaming(**directives: Any) -> dict[str, Any]:
    """The arguments of a streamed call."""
    return {**asking(**directives), "stream": True}


def create(scene: Scene) -> None:
    scene.see(scene.openai().responses.create(**asking()))


async def async_create(scene: Scene) -> None:
    scene.see(await scene.async_openai().responses.create(**asking()))


def tiered(scene: Scene) -> None:
    scene.see(scene.openai().responses.create(**asking(service_tier="priority")))


def cache_written(scene: Scene) -> None:
    said = {**asking(usage=USAGE), "model": "gpt-6.2-sol"}
    scene.see(scene.openai().responses.create(**said))


def with_tools(scene: Scene) -> None:
    items = [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": SEARCH},
        {"id": "ws_2", "type": "web_search_call", "status": "completed", "action": SEARCH},
        {"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["x"]},
    ]
    scene.see(scene.openai().responses.create(**asking(body={"output": items})))


def tools_streamed(scene: Scene) -> None:
    items = [{"id": "ws_1", "type": "web_search_call", "status": "completed", "action": SEARCH}]
    scene.items(scene.openai().responses.create(**streaming(body={"output": items})))


def stream(scene: Scene) -> None:
    events = scene.openai().responses.create(**streaming())
    scene.see(events)
    scene.items(events)


async def async_stream(scene: Scene) -> None:
    await scene.async_items(await scene.async_openai().responses.create(**streaming()))


def incomplete(scene: Scene) -> None:
    scene.see(scene.openai().responses.create(**asking(body=CUT_SHORT)))


def stream_incomplete(scene: Scene) -> None:
    scene.items(scene.openai().responses.create(**streaming(body=CUT_SHORT)))


def stream_failed(scene: Scene) -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": "no"}}
    scene.items(scene.openai().responses.create(**streaming(body=failed, no_usage=True)))


def break_at_completed(scene: Scene) -> None:
    with scene.openai().responses.create(**streaming()) as events:
        for event in events:
            scene.see(event)
            if event.type == "response.completed":
                break


def break_early(scene: Scene) -> None:
    with scene.openai().responses.create(**streaming(chunks=9)) as events:
        for event in events:
            scene.see(event)
            if event.type == "response.output_text.delta":
                break


def helper(scene: Scene) -> None:
    with scene.openai().responses.stream(**asking()) as events:
        scene.items(events)
        scene.see(events.get_final_response())


async def async_helper(scene: Scene) -> None:
    async with scene.async_openai().responses.stream(**asking()) as events:
        scene.see(await events.get_final_response())


def parse(scene: Scene) -> None:
    said = asking(text='{"number": 7}')
    scene.see(scene.openai().responses.parse(**said, text_format=Answer))


def parse_invalid(scene: Scene) -> None:
    with scene.raises(pydantic.ValidationError):
        scene.openai().responses.parse(**asking(text="not json"), text_format=Answer)


def compact(scene: Scene) -> None:
    scene.see(scene.openai().responses.compact(**asking()))


def background(scene: Scene) -> None:
    queued: dict[str, Any] = {"status": "queued", "usage": None, "output": []}
    scene.see(scene.openai().responses.create(**asking(body=queued), background=True))


def raw(scene: Scene) -> None:
    scene.see(scene.openai().responses.with_raw_response.create(**asking()).parse())


def streaming_response(scene: Scene) -> None:
    made = scene.openai().responses.with_streaming_response
    with made.create(**streaming()) as response:
        scene.items(response.iter_lines())


def beta(scene: Scene) -> None:
    scene.see(scene.openai().beta.responses.create(**asking()))


def beta_stream(scene: Scene) -> None:
    scene.items(scene.openai().beta.responses.create(**streaming()))


def input_tokens(scene: Scene) -> None:
    scene.see(scene.openai().responses.input_tokens.count(**ASKED))


SEARCH = {"type": "search", "query": "weather"}
CUT_SHORT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_HAS = provides("openai", "responses")
_BETA = provides("openai", "beta.responses")

CASES = [
    Case("responses create", create, (WHOLE,), (_HAS,)),
    Case("async responses create", async_create, (WHOLE,), (_HAS,)),
    Case("responses at another tier", tiered, (replace(WHOLE, tier="priority"),), (_HAS,)),
    Case(
        "responses with cache writes",
        cache_written,
        (replace(WHOLE, model="gpt-6.2-sol", meters=METERS),),
        (_HAS,),
    ),
    Case(
        "responses with hosted tools",
        with_tools,
        (replace(WHOLE, meters={**PLAIN, "web_search": 2, "file_search": 1}),),
        (_HAS,),
    ),
    Case(
        "responses with hosted tools, stream",
        tools_streamed,
        (replace(STREAMED, meters={**PLAIN, "web_search": 1}),),
        (_HAS,),
    ),
    Case("responses stream", stream, (STREAMED,), (_HAS,)),
    Case("async responses stream", async_stream, (STREAMED,), (_HAS,)),
    Case("responses incomplete", incomplete, (replace(WHOLE, outcome="incomplete"),), (_HAS,)),
    Case(
        "responses incomplete, stream",
        stream_incomplete,
        (replace(STREAMED, outcome="incomplete"),),
        (_HAS,),
    ),
    Case(
        "responses failed, stream",
        stream_failed,
        (replace(LEFT, outcome="error"),),
        (_HAS,),
    ),
    Case("responses break at completed", break_at_completed, (STREAMED,), (_HAS,)),
    Case("responses break early", break_early, (replace(LEFT, tier="auto"),), (_HAS,)),
    Case("responses helper", helper, (STREAMED,), (provides("openai", "responses.stream"),)),
    Case(
        "async responses helper",
        async_helper,
        (STREAMED,),
        (provides("openai", "responses.stream"),),
    ),
    Case("responses parse", parse, (WHOLE,), (provides("openai", "responses.parse"),)),
    Case(
        "responses parse with invalid JSON",
        parse_invalid,
        (WHOLE,),
        (provides("openai", "responses.parse"),),
    ),
    Case(
        "responses compact",
        compact,
        (replace(WHOLE, model="gpt-5", tier=None),),
        (provides("openai", "responses.compact"),),
    ),
    Case(
        "responses background",
        background,
        (PENDING,),
        (takes("openai", "responses.create", "background"),),
    ),
    Case("responses raw", raw, (WHOLE,), (_HAS,)),
    Case("responses with_streaming_response SSE", streaming_response, (STREAMED,), (_HAS,)),
    Case("responses beta", beta, (WHOLE,), (_BETA,)),
    Case("responses beta stream", beta_stream, (STREAMED,), (_BETA,)),
    Case(
        "responses input_tokens.count is free",
        input_tokens,
        (),
        (provides("openai", "responses.input_tokens"),),
    ),
]
