"""Real servers for real applications, on loopback, each on a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server


@contextmanager
def asgi(app: Any) -> Iterator[str]:
    """The address of an ASGI application served by uvicorn."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not (server.started and server.servers):
        thread.join(0.01)
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def wsgi(app: Any) -> Iterator[str]:
    """The address of a WSGI application served by threads."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get_all(requests: list[tuple[str, dict[str, str]]], at_once: int) -> list[str]:
    """The answers to requests, so many of them at a time."""

    async def run() -> list[str]:
        limit = asyncio.Semaphore(at_once)
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:

            async def get(url: str, headers: dict[str, str]) -> str:
                async with limit:
                    response = await client.get(url, headers=headers)
                    assert response.status_code == 200, response.text
                    return response.text

            return await asyncio.gather(*(get(url, headers) for url, headers in requests))

    return asyncio.run(run())
