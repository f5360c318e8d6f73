"""Shows that a host that a service redirects to is not told what that service was."""

from collections.abc import Iterator

import httpx2
import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

import otel_cost
from otel_cost.attribution.propagation import install_beside, remove_beside
from otel_cost.demo.server import LOOPBACK, Answer, Request, Server
from tests import wiring


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", "localhost")
        yield
        remove_beside()


class Place(list[Request]):
    """A server that keeps what arrives, and redirects to `onwards` if there is that."""

    def __init__(self, onwards: str | None = None) -> None:
        self._answer = Answer(302, headers={"location": onwards}) if onwards else Answer()
        self.server = Server(self._handle)

    def _handle(self, request: Request) -> Answer:
        self.append(request)
        return self._answer

    def told(self) -> list[bool]:
        """Whether each request said whom it was for."""
        return [b"search" in request.head for request in self]


@pytest.mark.parametrize("by", ["header", "baggage"])
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "unsampled"])
def test_an_instrumented_client_takes_it_out_again(
    by: str, sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_WIRE", by)
    install_beside()
    outside = Place()
    instrumentor = HTTPX2ClientInstrumentor()
    with outside.server:
        inside = Place(f"http://{LOOPBACK}:{outside.server.port}/")
        with inside.server, httpx2.Client(follow_redirects=True) as http:
            instrumentor.instrument(
                tracer_provider=TracerProvider(sampler=sampler, shutdown_on_exit=False)
            )
            try:
                with otel_cost.attribution(feature="search"):
                    http.get(f"http://localhost:{inside.server.port}/")
            finally:
                instrumentor.uninstrument()
    assert (inside.told(), outside.told()) == ([True], [False])


def test_a_client_that_is_not_instrumented_copies_what_was_put_in_by_hand() -> None:
    install_beside()
    outside = Place()
    with outside.server:
        inside = Place(f"http://{LOOPBACK}:{outside.server.port}/")
        with inside.server, otel_cost.attribution(feature="search"):
            headers = {"host": f"localhost:{inside.server.port}"}
            propagate.inject(headers)
            del headers["host"]
            url = f"http://localhost:{inside.server.port}/"
            httpx2.get(url, headers=headers, follow_redirects=True)
    assert (inside.told(), outside.told()) == ([True], [True]), "docs/propagation.md says so"
