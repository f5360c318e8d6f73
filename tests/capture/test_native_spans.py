"""The Anthropic SDK makes a span of its own: it owns the call, and there is no second one."""

import functools
import json
import subprocess
import sys
from typing import Any

import pytest

# The global provider can be set once in a process, and the SDK's spans go to no other.
SCRIPT = """
import asyncio, gc, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import otel_cost
from otel_cost.demo.directives import header
from tests.capture.ways import HELLO, MESSAGES_USAGE
import anthropic

url, processor = sys.argv[1:]
exported, charges = InMemorySpanExporter(), []
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exported))
if processor == "processor":
    provider.add_span_processor(otel_cost.CostSpanProcessor())
else:
    otel_cost.instrument()
trace.set_tracer_provider(provider)
otel_cost.add_sink(charges.append)
client = anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)
common = dict(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
told = dict(common, extra_headers=header(usage=MESSAGES_USAGE, chunks=20))

def create():
    client.messages.create(**told)

def stream():
    for _ in client.messages.create(**told, stream=True):
        pass

def helper():
    with client.messages.stream(**told) as stream:
        stream.get_final_message()

def broken():
    for event in client.messages.create(**told, stream=True):
        if event.type == "content_block_delta":
            break

def silent():
    for _ in client.messages.create(
        **common, stream=True, extra_headers=header(no_usage=True, chunks=20)
    ):
        pass

def refused():
    try:
        client.messages.create(**common, extra_headers=header(status=400))
    except anthropic.BadRequestError:
        pass

def asynchronous():
    async def main():
        async with anthropic.AsyncAnthropic(base_url=url, api_key="x") as made:
            await made.messages.create(**told)
            async for _ in await made.messages.create(**told, stream=True):
                pass
    asyncio.run(main())

def off():
    made = anthropic.Anthropic(base_url=url, api_key="x", open_telemetry=False)
    made.messages.create(**told)

found = {}
for case in (create, stream, helper, broken, silent, refused, asynchronous, off):
    with otel_cost.attribution(feature="search", user_id="u1"):
        case()
    gc.collect()
    otel_cost.flush()
    spans = exported.get_finished_spans()
    assert len(spans) == len(charges)
    found[case.__name__] = [
        [span.instrumentation_scope.name, dict(span.attributes), charge.as_dict()]
        for span, charge in zip(spans, charges)
        if f"{span.context.span_id:016x}" == charge.span_id
    ]
    exported.clear()
    charges.clear()
print(json.dumps(found, default=list))
"""

STATUS = {"broken": "partial", "silent": "unmetered"}
OUTCOME = {"broken": "aborted", "refused": "error"}
LEVEL = {"broken": "WARNING", "silent": "WARNING", "refused": "ERROR"}
TOKENS = {"broken": 5900, "silent": 0, "refused": 0}


@functools.cache
def run(url: str, processor: str) -> Any:
    """All cases, each as pairs of span and charge, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, processor],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("processor", ["processor", "hooks-only"])
@pytest.mark.parametrize(
    "case",
    ["create", "stream", "helper", "broken", "silent", "refused", "asynchronous", "off"],
)
def test_one_span_with_the_charge_on_it(providers: Any, processor: str, case: str) -> None:
    pairs = run(providers.anthropic_url, processor)[case]
    if case == "refused" and processor == "hooks-only":
        # The SDK ends its span before any hook of ours is told, so the span is not claimed.
        assert not pairs
        return
    assert len(pairs) == (2 if case == "asynchronous" else 1)
    for scope, said, charge in pairs:
        assert scope == ("otel_cost" if case == "off" else "com.anthropic.sdk.python")
        usage = json.loads(said["langfuse.observation.usage_details"])
        cost = json.loads(said["langfuse.observation.cost_details"])
        assert usage["total"] == TOKENS.get(case, 6150)
        assert cost["total"] == pytest.approx(float(charge["cost"]["effective_usd"]), abs=1e-12)
        own = "langfuse.observation.metadata.otel_cost_"
        assert said[own + "charge_id"] == charge["charge_id"]
        status = STATUS.get(case, "exact")
        assert said[own + "status"] == charge["cost"]["status"] == status
        outcome = OUTCOME.get(case, "ok")
        assert charge["outcome"] == outcome
        # The SDK ends its span before it is known that the stream was read to its end.
        assert said[own + "outcome"] == ("aborted" if case == "silent" else outcome)
        assert said.get("langfuse.observation.level") == LEVEL.get(case)
        assert said["langfuse.trace.metadata.feature"] == "search"
        assert said["user.id"] == "u1"
