"""Shows that the end of a process, however it comes, loses no charge and changes no exit status."""

from pathlib import Path

import pytest

from otel_cost.attributes import OUTCOME_KEY
from otel_cost.demo.providers import LocalProviders
from tests import ledgers, programs
from tests.otlp_receiver import OtlpReceiver
from tests.programs import CALLS, Ended

KILL = "os.kill(os.getpid(), signal.SIGTERM)"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def run(code: str, providers: LocalProviders, ledger: Path) -> Ended:
    environ = programs.towards(providers, OTEL_COST_LEDGER=ledgers.url(ledger))
    return programs.run(CALLS + "otel_cost.instrument()\n" + code, environ)


def outcomes(ledger: Path) -> list[str]:
    return sorted(document["outcome"] for document in ledgers.documents(ledger))


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("raise RuntimeError('boom')", 1),
        ("sys.exit(3)", 3),
        (KILL, -15),
        ("os.kill(os.getpid(), signal.SIGINT)", -2),
    ],
)
def test_a_charge_survives_the_end_right_after_its_call(
    providers: LocalProviders, ledger: Path, end: str, status: int
) -> None:
    ended = run(f"print(chat().id)\n{end}", providers, ledger)
    assert ended.status == status, ended.err
    assert ("boom" in ended.err) == ("boom" in end)
    assert "otel_cost:" not in ended.err
    (document,) = ledgers.documents(ledger)
    assert document["outcome"] == "ok"
    assert document["cost"]["status"] == "exact"
    if status != -15:  # a signal loses what Python has not written out yet
        assert document["response_id"] == ended.out.strip()


@pytest.mark.parametrize(("end", "status"), [("", 0), ("sys.exit(3)", 3), (KILL, -15)])
def test_a_stream_open_at_the_end_is_aborted(
    providers: LocalProviders, ledger: Path, end: str, status: int
) -> None:
    code = f"""
unread = chunks()
begun = chunks(); next(begun)
inner = iter(chunks()); next(inner)
dropped = chunks(); next(dropped); del dropped
chat()
{end}
"""
    ended = run(code, providers, ledger)
    assert ended.status == status, ended.err
    assert "otel_cost" not in ended.err
    assert outcomes(ledger) == ["aborted"] * 4 + ["ok"]


@pytest.mark.parametrize("configure", ["configure()", "configure(provider)"])
def test_the_span_of_a_stream_open_at_the_end_is_exported(
    providers: LocalProviders, configure: str
) -> None:
    code = f"""
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
otel_cost.{configure}
stream = chunks()
next(stream)
"""
    with OtlpReceiver() as langfuse:
        environ = programs.towards(
            providers,
            LANGFUSE_PUBLIC_KEY="pk-test",
            LANGFUSE_SECRET_KEY="sk-test",
            LANGFUSE_BASE_URL=langfuse.base_url,
        )
        ended = programs.run(CALLS + code, environ)
        assert (ended.status, ended.err) == (0, "")
        assert [span.attributes[OUTCOME_KEY] for span in langfuse.spans] == ["aborted"]


def test_shutdown_settles_a_stream_that_is_open(providers: LocalProviders, ledger: Path) -> None:
    ended = run("stream = chunks()\nnext(stream)\notel_cost.shutdown()", providers, ledger)
    assert (ended.status, ended.err) == (0, "")
    assert outcomes(ledger) == ["aborted"]


def test_a_worker_process_that_flushes_loses_nothing(
    providers: LocalProviders, ledger: Path
) -> None:
    code = """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested

def work():
    with openai.OpenAI(max_retries=0) as own:
        for _ in range(3):
            own.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    assert otel_cost.flush()

chat()
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
chat()
sys.exit(worker.exitcode)
"""
    ended = run(code, providers, ledger)
    assert ended.status == 0, ended.err
    models = sorted(document["request_model"] for document in ledgers.documents(ledger))
    assert models == ["gpt-4o"] * 2 + ["gpt-4o-mini"] * 3


@pytest.mark.parametrize("end", ["sys.exit()", KILL])
def test_a_forked_child_leaves_the_calls_of_its_parent_alone(
    providers: LocalProviders, ledger: Path, end: str
) -> None:
    code = f"""
stream = chunks()
next(stream)
child = os.fork()
if child == 0:
    {end}
os.waitpid(child, 0)
for chunk in stream:
    pass
"""
    ended = run(code, providers, ledger)
    assert ended.status == 0, ended.err
    assert outcomes(ledger) == ["ok"]


IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
OWN = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (f"{OWN}\notel_cost.instrument()\nchat()\n{KILL}", 7),
        (f"otel_cost.instrument()\n{OWN}\nchat()\n{KILL}", 7),
        (f"otel_cost.instrument()\n{OWN}\nchat()\notel_cost.shutdown()\n{KILL}", 7),
        (f"{IGNORE}\notel_cost.instrument()\nchat()\n{KILL}", 0),
        (f"otel_cost.instrument()\nchat()\notel_cost.shutdown()\n{KILL}", -15),
    ],
)
def test_the_applications_own_handling_of_sigterm_stays(
    providers: LocalProviders, ledger: Path, code: str, status: int
) -> None:
    environ = programs.towards(providers, OTEL_COST_LEDGER=ledgers.url(ledger))
    ended = programs.run(CALLS + code, environ)
    assert (ended.status, ended.err) == (status, "")
    assert outcomes(ledger) == ["ok"]


def test_a_sink_that_hangs_holds_up_sigterm_for_two_seconds_at_most(
    providers: LocalProviders, ledger: Path
) -> None:
    code = """
import threading, time
otel_cost.add_sink(lambda charge: threading.Event().wait())
chat()
handler = signal.getsignal(signal.SIGTERM)
began, kill = time.monotonic(), os.kill
os.kill = lambda *what: (print(time.monotonic() - began, flush=True), kill(*what))
handler(signal.SIGTERM, None)
"""
    ended = run(code, providers, ledger)
    assert ended.status == -15, ended.err
    assert 1.9 < float(ended.out) < 3.5
    assert outcomes(ledger) == ["ok"]


@pytest.mark.parametrize("call", ["instrument()", "shutdown()", "add_sink(print)"])
def test_anything_may_be_called_from_another_thread(
    providers: LocalProviders, ledger: Path, call: str
) -> None:
    code = f"""
import threading
failed = []
threading.excepthook = lambda args: failed.append(args.exc_value)
thread = threading.Thread(target=lambda: otel_cost.{call})
chat()
thread.start()
thread.join()
print(failed, flush=True)
{KILL}
"""
    ended = run(code, providers, ledger)
    assert ended.out.strip() == "[]"
    assert ended.status == -15, ended.err
    assert outcomes(ledger) == ["ok"]
