"""Providers whose later answers a test decides on, and otel_cost on."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from anthropic import Anthropic
from openai import OpenAI

from otel_cost.demo.providers import LocalProviders
from tests.recording import Recording, recording
from tests.wire.later_rows import Later


@pytest.fixture
def recorded() -> Iterator[Recording]:
    with recording() as made:
        yield made


@dataclass(frozen=True, slots=True)
class Desk:
    """A server, what it answers later, and a client of each SDK for it."""

    providers: LocalProviders
    later: Later
    chats: OpenAI
    claudes: Anthropic


@pytest.fixture
def desk() -> Iterator[Desk]:
    later = Later()
    with (
        LocalProviders(further=later.rows) as providers,
        OpenAI(base_url=providers.openai_url, api_key="test", max_retries=0) as chats,
        Anthropic(base_url=providers.anthropic_url, api_key="test", max_retries=0) as claudes,
    ):
        yield Desk(providers, later, chats, claudes)
