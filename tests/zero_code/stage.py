"""Applications that know nothing of otel_cost, run as their users run them."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_cost.demo.providers import LocalProviders
from tests import programs
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.programs import Ended

BIN = Path(sys.executable).parent
PATH = "/api/public/otel/v1/traces"
FEATURE = "langfuse.observation.metadata.feature"
TEAM = "langfuse.observation.metadata.team"
COST = "langfuse.observation.cost_details"
ANSWER = "gen_ai.response.id"

APP = """
import openai
client = openai.OpenAI(max_retries=0)
QUESTION = [{"role": "user", "content": "one two three"}]

def chat():
    print(client.chat.completions.create(model="gpt-4o", messages=QUESTION).id, flush=True)
"""
"""What every application has: a client, and a call whose id it prints."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The local providers, and a Langfuse of the test's own."""

    providers: LocalProviders
    langfuse: OtlpReceiver

    def environ(self, **more: str) -> dict[str, str]:
        """What says who calls are for, and where spans go."""
        return {
            **programs.towards(self.providers),
            "OTEL_COST_FEATURE": "search",
            "OTEL_COST_TEAM": "web",
            "LANGFUSE_PUBLIC_KEY": "pk-test",
            "LANGFUSE_SECRET_KEY": "sk-test",
            "LANGFUSE_BASE_URL": self.langfuse.base_url,
            # Exporters of metrics and logs look for a collector.
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **more,
        }

    def has_each_once(self, ended: Ended) -> list[ReceivedSpan]:
        """Check that each call came once, with whom it is for and its price; those spans."""
        assert ended.status == 0, ended.err
        calls = ended.out.split()
        assert calls, ended.err
        spans = self.langfuse.spans
        assert sorted(str(span.attributes.get(ANSWER)) for span in spans) == sorted(calls), spans
        for span in spans:
            assert (span.attributes[FEATURE], span.attributes[TEAM]) == ("search", "web")
            assert cost(span) > 0
        return spans


def cost(span: ReceivedSpan) -> float:
    """What Langfuse is told that a call cost (USD)."""
    details: dict[str, Any] = json.loads(span.attributes[COST])
    return float(details["total"])


def run(command: Sequence[str], environ: Mapping[str, str], given: str = "") -> Ended:
    """Run a program to its end, in a process and an interpreter of its own."""
    done = subprocess.run(
        command,
        check=False,
        env={**programs.kept(), **environ},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=BIN,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
