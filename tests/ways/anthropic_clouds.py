"""Anthropic's models in the clouds, each by the client class that the SDK has for it."""

from dataclasses import replace
from typing import Any

import anthropic

from tests.ways import anthropic_messages
from tests.ways.anthropic_messages import LEFT, METERS, USAGE, WHOLE
from tests.ways.line import library
from tests.ways.scene import Scene
from tests.ways.table import Case, exports

_USAGE = {name: counted for name, counted in USAGE.items() if name != "server_tool_use"}
ON_AWS = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
ON_GOOGLE = "claude-haiku-4-5@20251001"


def bedrock(scene: Scene) -> Any:
    """A client of Bedrock, with keys that are none."""
    keys = {"aws_access_key": "AKIALOCAL", "aws_secret_key": "local", "aws_region": "us-east-1"}
    return scene.anthropic(anthropic.AnthropicBedrock, **keys)


def async_bedrock(scene: Scene) -> Any:
    """The asynchronous twin."""
    keys = {"aws_access_key": "AKIALOCAL", "aws_secret_key": "local", "aws_region": "us-east-1"}
    return scene.async_anthropic(anthropic.AsyncAnthropicBedrock, **keys)


def vertex(scene: Scene) -> Any:
    """A client of Vertex, with a token that is none."""
    where = {"region": "us-east5", "project_id": "shop", "access_token": "local"}
    return scene.anthropic(anthropic.AnthropicVertex, **where)


def async_vertex(scene: Scene) -> Any:
    """The asynchronous twin."""
    where = {"region": "us-east5", "project_id": "shop", "access_token": "local"}
    return scene.async_anthropic(anthropic.AsyncAnthropicVertex, **where)


def asking(**directives: Any) -> dict[str, Any]:
    """The arguments of a call; a web search has no price in every cloud."""
    return anthropic_messages.asking(**{"usage": _USAGE, **directives})


def streaming(**directives: Any) -> dict[str, Any]:
    """The arguments of a streamed call."""
    return {**asking(**directives), "stream": True}


def on(model: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments for a cloud's own name of the model."""
    return {**arguments, "model": model}


def vertex_create(scene: Scene) -> None:
    scene.see(vertex(scene).messages.create(**on(ON_GOOGLE, asking())))


async def async_vertex_create(scene: Scene) -> None:
    scene.see(await async_vertex(scene).messages.create(**on(ON_GOOGLE, asking())))


def vertex_beta(scene: Scene) -> None:
    scene.see(vertex(scene).beta.messages.create(**on(ON_GOOGLE, asking())))


def vertex_stream(scene: Scene) -> None:
    scene.items(vertex(scene).messages.create(**on(ON_GOOGLE, streaming())))


async def async_vertex_stream(scene: Scene) -> None:
    created = await async_vertex(scene).messages.create(**on(ON_GOOGLE, streaming()))
    await scene.async_items(created)


def vertex_helper(scene: Scene) -> None:
    with vertex(scene).messages.stream(**on(ON_GOOGLE, asking())) as events:
        scene.see(events.get_final_message())


def bedrock_create(scene: Scene) -> None:
    scene.see(bedrock(scene).messages.create(**on(ON_AWS, asking())))


async def async_bedrock_create(scene: Scene) -> None:
    scene.see(await async_bedrock(scene).messages.create(**on(ON_AWS, asking())))


def bedrock_stream(scene: Scene) -> None:
    events = bedrock(scene).messages.create(**on(ON_AWS, streaming()))
    scene.see(events)
    scene.items(events)


async def async_bedrock_stream(scene: Scene) -> None:
    created = await async_bedrock(scene).messages.create(**on(ON_AWS, streaming()))
    await scene.async_items(created)


def bedrock_helper(scene: Scene) -> None:
    with bedrock(scene).messages.stream(**on(ON_AWS, asking())) as events:
        scene.see(events.get_final_message())


def bedrock_broken(scene: Scene) -> None:
    events = bedrock(scene).messages.create(**on(ON_AWS, streaming(chunks=9)))
    for event in events:
        scene.see(event)
        if event.type == "content_block_delta":
            break
    events.close()


def bedrock_cut(scene: Scene) -> None:
    events = bedrock(scene).messages.create(**on(ON_AWS, streaming(chunks=9, cut_after=5)))
    with scene.raises(library("anthropic").RemoteProtocolError):
        scene.items(events)


def bedrock_streaming_response(scene: Scene) -> None:
    made = bedrock(scene).messages.with_streaming_response
    with made.create(**on(ON_AWS, asking())) as response:
        scene.see(response.parse())


def bedrock_bytes(scene: Scene) -> None:
    made = bedrock(scene).messages.with_streaming_response
    with made.create(**on(ON_AWS, streaming())) as response:
        scene.items(response.iter_bytes())


def bedrock_beta(scene: Scene) -> None:
    scene.see(bedrock(scene).beta.messages.create(**on(ON_AWS, asking())))


def mantle(scene: Scene) -> None:
    kind = anthropic.AnthropicBedrockMantle
    client = scene.anthropic(kind, api_key="local", aws_region="us-east-1")
    scene.see(client.messages.create(**on("anthropic.claude-haiku-4-5-20251001", asking())))


def foundry(scene: Scene) -> None:
    client = scene.anthropic(anthropic.AnthropicFoundry, resource="shop", api_key="local")
    scene.see(client.messages.create(**asking()))


def foundry_stream(scene: Scene) -> None:
    client = scene.anthropic(anthropic.AnthropicFoundry, resource="shop", api_key="local")
    scene.items(client.messages.create(**streaming()))


def aws(scene: Scene) -> None:
    where = {"api_key": "local", "aws_region": "us-east-1", "workspace_id": "wrkspc_1"}
    scene.see(scene.anthropic(anthropic.AnthropicAWS, **where).messages.create(**asking()))


def google_cloud(scene: Scene) -> None:
    where = {"project": "shop", "workspace_id": "wrkspc_1", "token_provider": lambda: "local"}
    client = scene.anthropic(anthropic.AnthropicGoogleCloud, **where)
    scene.see(client.messages.create(**asking()))


_WHOLE = replace(WHOLE, meters={m: n for m, n in METERS.items() if m != "web_search"})
_VERTEX = replace(_WHOLE, provider="google")
_BEDROCK = replace(_WHOLE, provider="aws", model=ON_AWS)
_STREAMED = replace(_BEDROCK, first_token=True)
_LEFT = replace(LEFT, provider="aws", model=ON_AWS)
_FOUNDRY = replace(_WHOLE, provider="azure")
_HAS_VERTEX = exports("anthropic", "AnthropicVertex")
_HAS_BEDROCK = exports("anthropic", "AnthropicBedrock")
_HAS_FOUNDRY = exports("anthropic", "AnthropicFoundry")

CASES = [
    Case("Vertex", vertex_create, (_VERTEX,), (_HAS_VERTEX,)),
    Case("async Vertex", async_vertex_create, (_VERTEX,), (_HAS_VERTEX,)),
    Case("Vertex beta", vertex_beta, (_VERTEX,), (_HAS_VERTEX,)),
    Case("Vertex stream", vertex_stream, (replace(_VERTEX, first_token=True),), (_HAS_VERTEX,)),
    Case(
        "async Vertex stream",
        async_vertex_stream,
        (replace(_VERTEX, first_token=True),),
        (_HAS_VERTEX,),
    ),
    Case(
        "Vertex messages.stream",
        vertex_helper,
        (replace(_VERTEX, first_token=True),),
        (_HAS_VERTEX,),
    ),
    Case("Bedrock create", bedrock_create, (_BEDROCK,), (_HAS_BEDROCK,)),
    Case("async Bedrock create", async_bedrock_create, (_BEDROCK,), (_HAS_BEDROCK,)),
    Case("Bedrock stream (AWS event stream)", bedrock_stream, (_STREAMED,), (_HAS_BEDROCK,)),
    Case("async Bedrock stream", async_bedrock_stream, (_STREAMED,), (_HAS_BEDROCK,)),
    Case("Bedrock messages.stream", bedrock_helper, (_STREAMED,), (_HAS_BEDROCK,)),
    Case("Bedrock broken", bedrock_broken, (_LEFT,), (_HAS_BEDROCK,)),
    Case("Bedrock cut", bedrock_cut, (replace(_LEFT, outcome="incomplete"),), (_HAS_BEDROCK,)),
    Case("Bedrock streaming response", bedrock_streaming_response, (_BEDROCK,), (_HAS_BEDROCK,)),
    Case("Bedrock streaming response, bytes", bedrock_bytes, (_STREAMED,), (_HAS_BEDROCK,)),
    Case("Bedrock beta", bedrock_beta, (_BEDROCK,), (_HAS_BEDROCK,)),
    Case(
        "Bedrock Mantle",
        mantle,
        (replace(_BEDROCK, model="anthropic.claude-haiku-4-5-20251001"),),
        (exports("anthropic", "AnthropicBedrockMantle"),),
    ),
    Case("Foundry", foundry, (_FOUNDRY,), (_HAS_FOUNDRY,)),
    Case("Foundry stream", foundry_stream, (replace(_FOUNDRY, first_token=True),), (_HAS_FOUNDRY,)),
    Case("AWS", aws, (_WHOLE,), (exports("anthropic", "AnthropicAWS"),)),
    Case("Google Cloud", google_cloud, (_WHOLE,), (exports("anthropic", "AnthropicGoogleCloud"),)),
]
