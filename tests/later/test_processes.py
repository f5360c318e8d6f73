"""What one process submits another settles, through the ledger: each charge is there once."""

import json
from pathlib import Path

import pytest

from tests import ledgers, programs
from tests.later.conftest import Desk
from tests.wire.later_rows import completion, openai_batch, openai_lines

RECORD = """
import openai, otel_cost
with otel_cost.attribution(feature=%r):
    done = otel_cost.record_batch(openai.OpenAI(max_retries=0), "batch_1")
print(done.ended, done.charges)
"""

AT_ONCE = """
import os, sys
import openai, otel_cost
together, ready = os.pipe()
child = os.fork()
if child:
    os.close(ready)
    os.read(together, 1)
else:
    os.close(together)
    os.close(ready)
done = otel_cost.record_batch(openai.OpenAI(max_retries=0), "batch_1")
otel_cost.shutdown()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
"""A program that is two processes, which begin together."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


@pytest.fixture
def environ(desk: Desk, path: Path) -> dict[str, str]:
    return programs.towards(
        desk.providers,
        OTEL_COST_LEDGER=ledgers.url(path),
    )


def test_one_submits_another_settles_a_third_changes_nothing(
    desk: Desk, path: Path, environ: dict[str, str]
) -> None:
    desk.later.said["/v1/batches/batch_1"] = openai_batch("batch_1", "in_progress")
    assert programs.output(RECORD % "nightly", environ) == ["False 0"]
    [pending] = ledgers.documents(path)
    assert (pending["outcome"], pending["cost"]["status"]) == ("pending", "unmetered")
    desk.later.said["/v1/batches/batch_1"] = openai_batch("batch_1")
    answers = {"a": completion(1), "b": completion(2)}
    desk.later.said["/v1/files/file-out/content"] = openai_lines(answers)
    assert programs.output(RECORD % "poller", environ) == ["True 2"]
    settled = ledgers.documents(path)
    rows = {row["charge_id"]: row for row in settled}
    assert (len(settled), len(rows)) == (3, 3)
    itself = rows[pending["charge_id"]]
    assert (itself["outcome"], itself["cost"]["status"]) == ("ok", "exact")
    assert itself["started_at"] == pending["started_at"]
    assert {row["attribution"]["feature"] for row in settled} == {"nightly"}
    assert programs.output(RECORD % "other", environ) == ["True 0"]
    assert ledgers.documents(path) == settled


def test_two_that_record_the_same_batch_at_once(
    desk: Desk, path: Path, environ: dict[str, str]
) -> None:
    count = 1_200
    desk.later.said["/v1/batches/batch_1"] = openai_batch("batch_1")
    desk.later.said["/v1/files/file-out/content"] = openai_lines(
        {str(n): completion(n) for n in range(count)}
    )
    assert programs.output(AT_ONCE, environ) == []
    rows = ledgers.documents(path)
    assert len(rows) == len({row["charge_id"] for row in rows}) == count + 1
    assert [row["outcome"] for row in rows] == ["ok"] * len(rows)


def test_a_line_that_the_ledger_has_is_no_second_span(
    desk: Desk, path: Path, environ: dict[str, str]
) -> None:
    """A run that was killed is taken up by another process, which tells sinks only what is new."""
    lines = {str(n): completion(n) for n in range(3)}
    desk.later.said["/v1/batches/batch_1"] = openai_batch("batch_1")
    whole = openai_lines(lines)
    desk.later.said["/v1/files/file-out/content"] = whole
    killed = """
import os, openai, otel_cost
from otel_cost.later.run import Run
Run.settle = lambda *_, **__: os._exit(9)
otel_cost.record_batch(openai.OpenAI(), "batch_1")
"""
    assert programs.run(killed, environ).status == 9
    assert len(ledgers.documents(path)) == 3
    desk.later.said["/v1/files/file-out/content"] = whole + openai_lines({"4": completion(4)})
    tell = """
import json, openai, otel_cost
seen = []
otel_cost.add_sink(lambda charge: seen.append(charge.response_id))
otel_cost.record_batch(openai.OpenAI(), "batch_1")
otel_cost.flush()
print(json.dumps(seen))
"""
    assert json.loads(programs.output(tell, environ)[0]) == ["chatcmpl-4", "batch_1"]
    assert len(ledgers.documents(path)) == 5


ASK = """
import openai, otel_cost
otel_cost.instrument()
with otel_cost.attribution(feature="report"):
    asked = openai.OpenAI(max_retries=0).responses.create(
        model="gpt-6.2-sol", input="one two", background=True,
        extra_body={"background_options": {"completion_window": "2h"}},
        extra_headers={"x-demo-reply": '{"id": "resp_1", "body": %s}'})
print(asked.status)
"""

POLL = """
import openai, otel_cost
otel_cost.instrument()
client = openai.OpenAI(max_retries=0)
with otel_cost.attribution(feature="poller"):
    print(client.responses.retrieve("resp_1").status, client.responses.retrieve("resp_1").status)
"""


def test_a_response_of_the_background_costs_what_its_window_costs(
    desk: Desk, path: Path, environ: dict[str, str]
) -> None:
    queued = '{"status": "queued", "usage": null, "output": []}'
    assert programs.output(ASK % queued, environ) == ["queued"]
    desk.later.said["/v1/responses/resp_1"] = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "background": True,
        "model": "gpt-6.2-sol",
        "service_tier": "default",
        "output": [],
        "usage": {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000},
    }
    for _ in range(2):
        assert programs.output(POLL, environ) == ["completed completed"]
        [row] = ledgers.documents(path)
        assert (row["outcome"], row["attribution"]["feature"]) == ("ok", "report")
        assert row["context"]["window"] == "2h"
        assert [m["name"] for m in row["cost"]["lines"][0]["multipliers"]] == ["window=2h"]
        assert row["cost"]["status"] == "exact"
