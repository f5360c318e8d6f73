"""What the applications share: a desk that makes calls, and a worker of tasks."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_cost
from otel_cost.demo.providers import LocalProviders
from tests import wiring
from tests.apps.desk import Desk
from tests.apps.tasks import Queue


@pytest.fixture
def desk(providers: LocalProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Calls in a process that may tell the second service and the queue whom they are for."""
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_PROPAGATE_TO", "127.0.0.1,queue:celery")
        monkeypatch.setenv("OTEL_COST_PROPAGATION_KEY", "of the two services here")
        otel_cost.configure(TracerProvider(shutdown_on_exit=False))
        made = Desk(providers)
        yield made
        made.close()


@pytest.fixture(scope="package")
def tasks() -> Iterator[Queue]:
    """A worker that does tasks for all of them."""
    made = Queue()
    with made.working():
        yield made
