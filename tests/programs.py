"""Small programs, each run to its end in a process of its own that has slow imports done."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from otel_cost.demo.providers import LocalProviders

ROOT = Path(__file__).parent.parent

CALLS = """
import os, signal, sys
import openai
import otel_cost

client = openai.OpenAI(max_retries=0)
QUESTION = [{"role": "user", "content": "one two three"}]

def chat(**more):
    return client.chat.completions.create(model="gpt-4o", messages=QUESTION, **more)

def chunks():
    return chat(stream=True, stream_options={"include_usage": True})
"""
"""What most programs start with: a client, and functions that call it."""

# It forks for each program. The child leaves the loop and runs the program at the top level of the
# interpreter, so that it ends exactly as a program of its own does.
_FORKER = """
import gc, json, os, signal, sys
import openai, sqlalchemy
import sqlalchemy.dialects.sqlite
import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace.export
openai.OpenAI(api_key="sk-test").chat.completions  # loads what it needs
gc.freeze()
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
os.environ.clear()
os.environ.update(job["environ"])
for number, path in enumerate((os.devnull, job["out"], job["err"])):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
signal.alarm(60)
exec(compile(job["code"], "program", "exec"))
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; a negative status is the signal that ended it."""

    status: int
    out: str
    err: str


@cache
def _forker() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _FORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=kept(),
    )

    def stop() -> None:
        process.communicate()

    atexit.register(stop)
    return process


def kept() -> dict[str, str]:
    """The environment of the tests, without what would configure anything of this."""
    ours = ("OTEL_", "LANGFUSE_", "OPENAI_", "ANTHROPIC_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


def run(code: str, environ: Mapping[str, str] | None = None) -> Ended:
    """Run a program with openai, SQLAlchemy and the SDK of OpenTelemetry loaded beforehand."""
    forker = _forker()
    assert forker.stdin is not None
    assert forker.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        job = {
            "code": code,
            "environ": {**kept(), **(environ or {})},
            "out": str(out),
            "err": str(err),
        }
        forker.stdin.write(json.dumps(job) + "\n")
        forker.stdin.flush()
        status = int(forker.stdout.readline())
        return Ended(status, out.read_text(), err.read_text())


def output(code: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines that a program prints, which ends well and says nothing on stderr."""
    ended = run(code, environ)
    assert (ended.status, ended.err) == (0, "")
    return ended.out.splitlines()


def towards(providers: LocalProviders, **more: str) -> dict[str, str]:
    """The environment of a program that talks to the local providers."""
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": providers.openai_url, **more}
