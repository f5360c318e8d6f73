"""Runs the recipes of docs/recipes.md as they stand there."""

from collections.abc import Iterator

import gevent
import httpx2
import pytest

import otel_cost
from tests import wiring
from tests.apps.recipes import recipe
from tests.apps.servers import asgi, wsgi


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


def get(url: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.get(url, headers=named, trust_env=False).text


def test_fastapi() -> None:
    with asgi(recipe("FastAPI and Starlette")["app"]) as url:
        assert get(f"{url}/search", x_team="core") == '"search"'


def test_flask() -> None:
    with wsgi(recipe("Flask")["app"]) as url:
        assert get(f"{url}/search", x_team="core") == "search core"


def test_threads() -> None:
    module = recipe("Threads and executors")
    assert module["answers"] == ["a text for summarization"]


def feature() -> str | None:
    return otel_cost.current().feature


def test_greenlets_are_for_nobody_else() -> None:
    def one(name: str) -> str | None:
        with otel_cost.attribution(feature=name):
            gevent.sleep(0)
            return feature()

    with otel_cost.attribution(feature="outside"):
        bare, wrapped = gevent.spawn(feature), gevent.spawn(otel_cost.wrap(feature))
        gevent.joinall([bare, wrapped])
    several = [gevent.spawn(one, str(number)) for number in range(5)]
    gevent.joinall(several)
    assert (bare.value, wrapped.value) == (None, "outside")
    assert [each.value for each in several] == ["0", "1", "2", "3", "4"]
    assert feature() is None
