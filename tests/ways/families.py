"""The whole table, family by family."""

from tests.ways import (
    anthropic_clouds,
    anthropic_messages,
    anthropic_streams,
    anthropic_turns,
    openai_chat,
    openai_hosts,
    openai_other,
    openai_raw,
    openai_responses,
    openai_streams,
    openai_websockets,
)
from tests.ways.table import Case

CASES: list[Case] = [
    *openai_chat.CASES,
    *openai_streams.CASES,
    *openai_raw.CASES,
    *openai_hosts.CASES,
    *openai_responses.CASES,
    *openai_other.CASES,
    *anthropic_messages.CASES,
    *anthropic_streams.CASES,
    *anthropic_turns.CASES,
    *anthropic_clouds.CASES,
    *openai_websockets.CASES,
]
