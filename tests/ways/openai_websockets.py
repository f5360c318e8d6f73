"""Realtime and responses websockets of the OpenAI SDK."""

from typing import Any

from tests.ways.scene import Scene
from tests.ways.table import Case, Charged, provides
from tests.websocket_server import Close, WebsocketServer

REALTIME_USAGE = {
    "input_tokens": 90,
    "output_tokens": 50,
    "total_tokens": 140,
    "input_token_details": {
        "text_tokens": 40,
        "audio_tokens": 50,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20},
    },
    "output_token_details": {"text_tokens": 15, "audio_tokens": 35},
}
RESPONSES_USAGE = {
    "input_tokens": 60,
    "input_tokens_details": {"cached_tokens": 20},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 90,
}


def spoken(number: int) -> tuple[dict[str, Any], ...]:
    """A realtime response, from its beginning to its end."""
    response = {"id": f"resp-{number}", "object": "realtime.response", "output": []}
    done = {**response, "status": "completed", "usage": REALTIME_USAGE}
    return (
        {"type": "response.created", "event_id": "e", "response": response},
        {"type": "response.done", "event_id": "e", "response": done},
    )


def written(number: int) -> tuple[dict[str, Any], ...]:
    """A response over the responses websocket."""
    begun = {"id": f"resp-{number}", "model": "gpt-5", "status": "in_progress", "output": []}
    ended = {**begun, "model": "gpt-5-2025-08-07", "status": "completed", "usage": RESPONSES_USAGE}
    return (
        {"type": "response.created", "sequence_number": 0, "response": begun},
        {"type": "response.completed", "sequence_number": 1, "response": ended},
    )


def realtime(scene: Scene) -> None:
    with WebsocketServer() as server:
        server.plays(*spoken(1), *spoken(2), Close())
        client = scene.openai(websocket_base_url=server.url)
        with client.realtime.connect(model="gpt-realtime") as connection:
            scene.see(connection)
            scene.items(connection)


async def async_realtime(scene: Scene) -> None:
    with WebsocketServer() as server:
        server.plays(*spoken(1), *spoken(2), Close())
        client = scene.async_openai(websocket_base_url=server.url)
        async with client.realtime.connect(model="gpt-realtime") as connection:
            scene.see(connection)
            await scene.async_items(connection)


def responses(scene: Scene) -> None:
    with WebsocketServer() as server:
        server.plays(*written(1), *written(2), Close())
        client = scene.openai(websocket_base_url=server.url)
        with client.responses.connect() as connection:
            scene.see(connection, connection.recv(), connection.recv())
            scene.items(connection)


async def async_responses(scene: Scene) -> None:
    with WebsocketServer() as server:
        server.plays(*written(1), *written(2), Close())
        client = scene.async_openai(websocket_base_url=server.url)
        async with client.responses.connect() as connection:
            scene.see(connection, await connection.recv(), await connection.recv())
            await scene.async_items(connection)


def _spoken(number: int) -> Charged:
    return Charged(
        "openai",
        "gpt-realtime",
        {
            "input": 30,
            "cache_read": 10,
            "cache_read_audio": 20,
            "input_audio": 30,
            "output": 15,
            "output_audio": 35,
        },
        response_id=f"resp-{number}",
    )


def _written(number: int) -> Charged:
    return Charged(
        "openai",
        "gpt-5-2025-08-07",
        {"input": 40, "cache_read": 20, "output": 18, "reasoning": 12},
        response_id=f"resp-{number}",
    )


_REALTIME = (provides("openai", "realtime.connect"),)
_RESPONSES = (provides("openai", "responses.connect"),)

CASES = [
    Case("realtime websocket", realtime, (_spoken(1), _spoken(2)), _REALTIME),
    Case("async realtime websocket", async_realtime, (_spoken(1), _spoken(2)), _REALTIME),
    Case("responses websocket", responses, (_written(1), _written(2)), _RESPONSES),
    Case("async responses websocket", async_responses, (_written(1), _written(2)), _RESPONSES),
]
