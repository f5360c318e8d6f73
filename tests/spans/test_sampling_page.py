"""Runs what docs/sampling.md tells to write, and compares what it says with the code."""

import re
from pathlib import Path

import pytest

from otel_cost.demo.providers import LocalProviders
from otel_cost.spans.sampler import from_environment
from tests import programs
from tests.otlp_receiver import OtlpReceiver
from tests.test_readme import blocks

PAGE = "docs/sampling.md"
(SNIPPET,) = blocks(PAGE, "python")

CALLS = """
import openai
import otel_cost

charges = []
otel_cost.add_sink(charges.append)
client = openai.OpenAI(max_retries=0)
tracer = trace.get_tracer("another library")
chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
recorded = {"GET /": 0, "chat gpt-4o": 0}
for _ in range(40):
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "one"}])
    for name, attributes in (("GET /", {}), ("chat gpt-4o", chat)):
        span = tracer.start_span(name, attributes=attributes)
        recorded[name] += span.is_recording()
        span.end()
assert otel_cost.flush()
print(sum(c.usage_source == "provider" for c in charges), *recorded.values())
"""


def test_the_sampler_of_the_page_exports_some_and_charges_all(providers: LocalProviders) -> None:
    with OtlpReceiver() as receiver:
        environ = programs.towards(providers, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.base_url)
        (line,) = programs.output(SNIPPET + CALLS, environ)
        exported = len(receiver.spans)
    charged, others, calls = map(int, line.split())
    assert (charged, calls) == (40, 40)
    # Of 120 traces one in a hundred is sampled; that there are 30 happens to nobody.
    assert others < 30
    assert exported < 30


def rows() -> list[str]:
    """The arguments in the page's table."""
    page = Path(programs.ROOT, PAGE).read_text(encoding="utf-8")
    table = page.partition("| `OTEL_TRACES_SAMPLER_ARG`")[2].partition("\n\n")[0]
    return re.findall(r"`([^`]+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))


@pytest.mark.parametrize("argument", rows())
def test_the_arguments_of_the_page_are_understood(
    argument: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert argument.startswith(("0", "always", "parent", "trace"))
    made = from_environment(argument).get_description()
    assert made.endswith("record:all}" if "record=all" in argument else "record:llm}")
    assert caplog.records == []


def test_the_page_lists_every_kind_of_argument() -> None:
    assert len(rows()) == 8
