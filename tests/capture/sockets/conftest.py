"""A local server of websockets, for every test that asks for it."""

from collections.abc import Iterator

import pytest

from tests.websocket_server import WebsocketServer


@pytest.fixture(scope="session")
def websockets() -> Iterator[WebsocketServer]:
    with WebsocketServer() as running:
        yield running


@pytest.fixture
def server(websockets: WebsocketServer) -> WebsocketServer:
    """The server, with nothing left of an earlier test."""
    websockets.forget()
    return websockets
