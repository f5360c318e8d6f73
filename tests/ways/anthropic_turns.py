"""One call of the application that is several of the provider's: tools, middleware."""

from dataclasses import replace
from typing import Any

import anthropic

from otel_cost.demo.directives import header
from tests.ways.anthropic_messages import ASKED, MODEL, PLAIN
from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, Meters, exports, provides

REFUSED: tuple[str, Meters] = ("claude-opus-4-5-20251101", {"input": 50, "output": 2})
TURN = Charged(
    "anthropic",
    MODEL,
    {"input": 10, "output": 5},
    response_id="msg_demo00000001",
    tier="standard",
)


def asking(**fields: Any) -> dict[str, Any]:
    """The arguments of a call, whose every turn is billed alike."""
    return {**ASKED, **fields, "extra_headers": header(usage=PLAIN)}


def weather(place: str) -> str:
    """The weather at a place.

    Args:
        place: where.
    """
    return f"fair in {place}"


def runner(scene: Scene) -> None:
    client = scene.anthropic(base_url=f"{scene.url}/tools")
    tool = anthropic.beta_tool(weather)
    messages = client.beta.messages.tool_runner(**asking(), tools=[tool], max_iterations=4)
    scene.items(messages)


async def async_runner(scene: Scene) -> None:
    client = scene.async_anthropic(base_url=f"{scene.url}/tools")

    async def asynchronously(place: str) -> str:
        return weather(place)

    tool = anthropic.beta_async_tool(asynchronously, name="weather", description="The weather")
    await scene.async_items(
        client.beta.messages.tool_runner(**asking(), tools=[tool], max_iterations=4)
    )


def _falling_back(scene: Scene, **options: Any) -> Any:
    middleware = [anthropic.BetaRefusalFallbackMiddleware([{"model": "claude-haiku-4-5"}])]
    return scene.anthropic(base_url=f"{scene.url}/refusing", middleware=middleware, **options)


def fallback(scene: Scene) -> None:
    said = asking(model="claude-opus-4-5")
    with anthropic.BetaFallbackState():
        scene.see(_falling_back(scene).beta.messages.create(**said))


def fallback_raw(scene: Scene) -> None:
    said = asking(model="claude-opus-4-5")
    with anthropic.BetaFallbackState():
        response = _falling_back(scene).beta.messages.with_raw_response.create(**said)
    scene.see(response, response.parse())


def fallback_stream(scene: Scene) -> None:
    said = asking(model="claude-opus-4-5")
    with anthropic.BetaFallbackState():
        scene.items(_falling_back(scene).beta.messages.create(**said, stream=True))


async def async_fallback(scene: Scene) -> None:
    client = scene.async_anthropic(
        base_url=f"{scene.url}/refusing",
        middleware=[anthropic.BetaRefusalFallbackMiddleware([{"model": "claude-haiku-4-5"}])],
    )
    with anthropic.BetaFallbackState():
        scene.see(await client.beta.messages.create(**asking(model="claude-opus-4-5")))


def untouched(scene: Scene) -> None:
    seen: list[Any] = []

    def watch(request: Any, call_next: Any) -> Any:
        response = call_next(request)
        seen.append(response.status_code)
        return response

    client = scene.anthropic(middleware=[watch])
    scene.see(client.messages.create(**asking()))
    scene.items(client.messages.create(**asking(), stream=True))
    scene.see(seen)


_SERVED = replace(TURN, response_id="msg_demo00000002", others=(REFUSED,))
_FALLS_BACK = (exports("anthropic", "BetaRefusalFallbackMiddleware"),)
_TURNS = (TURN, replace(TURN, response_id="msg_demo00000002"))

CASES = [
    Case(
        "beta tool_runner",
        runner,
        _TURNS,
        (provides("anthropic", "beta.messages.tool_runner"), exports("anthropic", "beta_tool")),
    ),
    Case(
        "async beta tool_runner",
        async_runner,
        _TURNS,
        (provides("anthropic", "beta.messages.tool_runner"), exports("anthropic", "beta_tool")),
    ),
    Case("middleware that falls back", fallback, (_SERVED,), _FALLS_BACK),
    Case("async middleware that falls back", async_fallback, (_SERVED,), _FALLS_BACK),
    Case("middleware that falls back, raw", fallback_raw, (_SERVED,), _FALLS_BACK),
    Case(
        "middleware that falls back, stream",
        fallback_stream,
        (
            # The SDK makes one stream of both: with the id of the first, and the models as asked.
            replace(
                TURN,
                others=(("claude-opus-4-5", {"input": 50, "output": 2}),),
                first_token=True,
            ),
        ),
        _FALLS_BACK,
    ),
    Case(
        "middleware that only watches",
        untouched,
        (TURN, replace(TURN, response_id="msg_demo00000002", first_token=True)),
        (exports("anthropic", "Middleware"),),
    ),
]
