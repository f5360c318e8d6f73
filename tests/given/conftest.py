"""otel_cost on, for every test that asks for it."""

from collections.abc import Iterator

import pytest

from tests.recording import Recording, recording


@pytest.fixture
def recorded() -> Iterator[Recording]:
    with recording() as made:
        yield made
