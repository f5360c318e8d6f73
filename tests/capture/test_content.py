"""Prompts and completions: nowhere, unless asked for; then on the spans, and only there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_cost.attributes import OBSERVATION_INPUT, OBSERVATION_OUTPUT
from otel_cost.demo.providers import LocalProviders
from tests.capture.ways import WAYS, Way
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.programs import ROOT, kept
from tests.recording import Recording, recording

ASKED, ANSWERED = "zebra4711", "quagga4712"

SCRIPT = f"""
import contextlib, logging, sys
import anthropic, openai
import otel_cost
from otel_cost.demo.directives import header
from tests.capture.ways import WAYS

logging.basicConfig(level=logging.INFO)
logging.getLogger("otel_cost").setLevel(logging.DEBUG)
otel_cost.configure()
url = sys.argv[1]
asked = [{{"role": "user", "content": "{ASKED}"}}]
said = header(text="{ANSWERED}")
chat = dict(model="gpt-4o", messages=asked, extra_headers=said)
message = dict(model="claude-haiku-4-5", max_tokens=9, messages=asked, extra_headers=said)
with openai.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0) as client:
    client.chat.completions.create(**chat)
    list(client.chat.completions.create(**chat, stream=True))
    next(client.chat.completions.create(**chat, stream=True)).choices
    client.chat.completions.with_raw_response.create(**chat)
    with client.chat.completions.with_streaming_response.create(**chat, stream=True) as raw:
        raw.read()
    client.responses.create(model="gpt-5", input="{ASKED}", extra_headers=said)
    list(client.responses.create(model="gpt-5", input="{ASKED}", stream=True, extra_headers=said))
    client.embeddings.create(model="text-embedding-3-small", input="{ASKED}")
    with contextlib.suppress(openai.APIError):
        client.chat.completions.create(**dict(chat, extra_headers=header(status=400)))
    with contextlib.suppress(openai.APIError):
        list(client.chat.completions.create(
            **dict(chat, extra_headers=header(text="{ANSWERED}", cut_after=2)), stream=True
        ))
with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
    client.messages.create(**message)
    with client.messages.stream(**message) as stream:
        stream.get_final_message()
    with contextlib.suppress(anthropic.APIError):
        client.messages.create(**dict(message, extra_headers=header(status=400)))
"""


@pytest.fixture
def langfuse() -> Iterator[OtlpReceiver]:
    with OtlpReceiver(path="/api/public/otel/v1/traces") as running:
        yield running


def run(
    providers: LocalProviders, langfuse: OtlpReceiver, home: Path, **environ: str
) -> list[ReceivedSpan]:
    """Make calls in a process whose files are all in `home`, and the spans that it exported."""
    said = {
        **kept(),
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OTEL_COST_LEDGER": f"sqlite:///{home}/ledger.db",
        "LANGFUSE_PUBLIC_KEY": "pk-test",
        "LANGFUSE_SECRET_KEY": "sk-test",
        "LANGFUSE_BASE_URL": langfuse.base_url,
        **environ,
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, providers.anthropic_url],
        cwd=home,
        env=said,
        capture_output=True,
        check=False,
        timeout=60,
    )
    (home / "stdout").write_bytes(ended.stdout)
    (home / "stderr").write_bytes(ended.stderr)
    assert ended.returncode == 0, ended.stderr.decode()
    return langfuse.wait_for(13)


def marks(home: Path) -> set[str]:
    """Where in a folder there is any of what was asked or answered."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert home / "ledger.db" in files
    found = set()
    for path in files:
        content = path.read_bytes()
        if ASKED.encode() in content or ANSWERED.encode() in content:
            found.add(path.name)
    return found


def test_no_byte_of_a_prompt_or_an_answer_leaves_the_application(
    providers: LocalProviders, langfuse: OtlpReceiver, tmp_path: Path
) -> None:
    run(providers, langfuse, tmp_path)
    assert marks(tmp_path) == set()
    for request in langfuse.requests:
        assert ASKED.encode() not in request.body
        assert ANSWERED.encode() not in request.body


def test_where_it_is_asked_for_it_is_on_the_spans_and_only_there(
    providers: LocalProviders, langfuse: OtlpReceiver, tmp_path: Path
) -> None:
    said = {"OTEL_COST_CAPTURE_CONTENT": "true", "OTEL_COST_INFER_USAGE": "true"}
    spans = run(providers, langfuse, tmp_path, **said)
    assert marks(tmp_path) == set()
    assert all(ASKED in str(span.attributes[OBSERVATION_INPUT]) for span in spans)
    answered = [s for s in spans if ANSWERED in str(s.attributes.get(OBSERVATION_OUTPUT))]
    assert len(answered) == 8


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_way_of_calling_shows_what_was_said(
    way: Way, providers: LocalProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_COST_CAPTURE_CONTENT", "true")
    with recording() as recorded:
        way.call(providers, text=ANSWERED)
        said = _attributes(recorded)
    assert "hello" in json.dumps(json.loads(said[OBSERVATION_INPUT]))
    if way.api == "embeddings":
        assert OBSERVATION_OUTPUT not in said
    elif way.streamed:
        assert json.loads(said[OBSERVATION_OUTPUT]) == ANSWERED
    else:
        assert ANSWERED in json.dumps(json.loads(said[OBSERVATION_OUTPUT]))


def _attributes(recorded: Recording) -> dict[str, Any]:
    return dict(recorded.span.attributes or {})
