"""Calls that an application makes through the OpenAI Agents SDK."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.peers.calls_sdk import OPENAI_MODEL, client
from tests.peers.libraries import module
from tests.peers.stage import Scene

Call = Callable[[Scene], Any]


def _agent(scene: Scene, kind: str) -> Any:
    agents = module("agents")

    model = getattr(agents, kind)(OPENAI_MODEL, client(scene, "openai", "Async"))
    settings = agents.ModelSettings(include_usage=True)
    return agents.Agent(name="demo", model=model, model_settings=settings)


def _running(kind: str) -> Call:
    def call(scene: Scene) -> None:
        agents = module("agents")

        result = agents.Runner.run_sync(_agent(scene, kind), "hello there")
        scene.see(result.final_output)

    return call


def _running_async(kind: str) -> Call:
    async def call(scene: Scene) -> None:
        agents = module("agents")

        result = await agents.Runner.run(_agent(scene, kind), "hello there")
        scene.see(result.final_output)

    return call


def _streaming(kind: str) -> Call:
    async def call(scene: Scene) -> None:
        agents = module("agents")

        result = agents.Runner.run_streamed(_agent(scene, kind), "hello there")
        async for event in result.stream_events():
            scene.see(event.type)
        scene.see(result.final_output)

    return call


def _calls() -> dict[str, Call]:
    found: dict[str, Call] = {}
    kinds = {"chat": "OpenAIChatCompletionsModel", "responses": "OpenAIResponsesModel"}
    for name, kind in kinds.items():
        found[f"agents_{name}/sync"] = _running(kind)
        found[f"agents_{name}/async"] = _running_async(kind)
        found[f"agents_{name}_stream/async"] = _streaming(kind)
    return found


CALLS: Mapping[str, Call] = _calls()
