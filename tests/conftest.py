"""What every test may use: the local providers."""

from collections.abc import Iterator

import pytest

from otel_cost.demo.providers import LocalProviders


@pytest.fixture(scope="session")
def providers() -> Iterator[LocalProviders]:
    """OpenAI- and Anthropic-shaped endpoints on loopback, one server for all tests."""
    with LocalProviders() as running:
        yield running


@pytest.fixture
def fresh_providers(providers: LocalProviders) -> LocalProviders:
    """The same server, with no request of an earlier test on record."""
    providers.clear()
    return providers
