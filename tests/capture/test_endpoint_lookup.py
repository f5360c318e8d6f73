"""Which row of the table a request is: by path, one id left open, other methods by name."""

import pytest

from otel_cost.capture.endpoint import Endpoint, endpoint_at

ROWS = {
    name: Endpoint(name, lambda call, body: None)
    for name in (
        "/chat/completions",
        "/responses",
        "/responses/compact",
        "/responses/*/cancel",
        "get /responses/*",
        "/videos/*/remix",
    )
}


@pytest.mark.parametrize(
    ("method", "path", "row"),
    [
        ("post", "/chat/completions", "/chat/completions"),
        ("POST", "/chat/completions", "/chat/completions"),
        ("post", "chat/completions", "/chat/completions"),
        ("get", "/chat/completions", None),
        ("post", "/responses", "/responses"),
        ("post", "/responses/compact", "/responses/compact"),
        ("post", "/responses/resp_1/cancel", "/responses/*/cancel"),
        ("get", "/responses/resp_1", "get /responses/*"),
        ("GET", "/responses/resp_1", "get /responses/*"),
        ("get", "/responses", None),
        ("get", "/responses/resp_1/input_items", None),
        ("delete", "/responses/resp_1", None),
        ("post", "/videos/video_1/remix", "/videos/*/remix"),
        ("post", "/videos/remix", None),
        ("post", "/models", None),
        ("post", "", None),
    ],
)
def test_a_request_is_its_row(method: str, path: str, row: str | None) -> None:
    found = endpoint_at(ROWS, method, path)
    assert (None if found is None else found.operation) == row
