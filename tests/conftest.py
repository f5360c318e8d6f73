"""What every test may use: the local providers."""

from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from otel_cost.demo.providers import LocalProviders
from tests.sizes import full_size


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """At full size, say what each claim came to."""
    for report in terminalreporter.getreports("passed") if full_size else ():
        for name, value in report.user_properties:
            if name == "claim":
                terminalreporter.write_line(str(value))


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
