"""The demo, run as its users run it."""

import csv
import os
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from otel_cost.demo.providers import LocalProviders
from otel_cost.demo.replay import Job, replay
from otel_cost.demo.trace import Row
from otel_cost.ledger.queries import read_charges
from otel_cost.ledger.sqlite import open_for_reading
from tests.demo.running import otel_cost
from tests.otlp_receiver import OtlpReceiver
from tests.sizes import full_size, soak

LIVE = {
    "OPENAI_API_KEY": "demo",
    "ANTHROPIC_API_KEY": "demo",
    "LANGFUSE_PUBLIC_KEY": "pk-lf-demo",
    "LANGFUSE_SECRET_KEY": "sk-lf-demo",
}
MILLION = 1_000_000
MOST_ROWS = 100_000 if full_size else 200


def ledger_of(folder: Path, name: str = "otel_cost_demo.db") -> list[dict[str, Any]]:
    with open_for_reading(folder / name) as connection:
        return list(read_charges(connection))


def breakdown_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "spend_breakdown.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo ran, over what was left of an earlier run."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("otel_cost_demo.db", "otel_cost_demo.db-wal", "spend_breakdown.csv"):
        (folder / name).write_text("left over")
    run = otel_cost(folder, "demo")
    assert (run.returncode, run.stderr) == (0, "")
    (folder / "output.txt").write_text(run.stdout)
    return folder


def test_the_rows_add_up_to_the_ledger(demo_folder: Path) -> None:
    rows, charges = breakdown_of(demo_folder), ledger_of(demo_folder)
    assert sum(int(row["calls"]) for row in rows) == len(charges)
    cost = sum(Decimal(charge["cost"]["effective_usd"]) for charge in charges)
    assert sum(Decimal(row["cost_usd"]) for row in rows) == cost > 0
    features = {charge["attribution"]["feature"] or "unattributed" for charge in charges}
    assert {row["feature"] for row in rows} == features
    assert "unattributed" in features


def test_the_workload_is_mixed(demo_folder: Path) -> None:
    charges = ledger_of(demo_folder)
    assert {c["provider"] for c in charges} == {"openai", "anthropic"}
    assert len({c["attribution"]["team"] for c in charges}) >= 5
    assert len({c["attribution"]["user_id"] for c in charges}) >= 8
    meters = Counter(meter for c in charges for meter, count in c["usage"].items() if count)
    assert meters.keys() >= {"input", "cache_read", "cache_write_5m", "output", "reasoning"}
    assert any(c["first_token_at"] for c in charges)


def test_what_went_wrong_is_told_apart(demo_folder: Path) -> None:
    charges = ledger_of(demo_folder)
    found = Counter((c["outcome"], c["cost"]["status"]) for c in charges)
    assert found.keys() == {
        ("ok", "exact"),
        ("ok", "unpriced"),
        ("error", "exact"),
        ("aborted", "partial"),
    }
    [refused] = [c for c in charges if c["outcome"] == "error"]
    assert Decimal(refused["cost"]["effective_usd"]) == 0
    [unknown] = [c for c in charges if c["cost"]["status"] == "unpriced"]
    assert unknown["model"] == "acme-finetuned-7b"


def test_the_demo_says_what_to_do_next(demo_folder: Path) -> None:
    output = (demo_folder / "output.txt").read_text()
    assert "tracer_provider.add_span_processor(CostSpanProcessor())" in output
    assert "spend_breakdown.csv" in output
    for row in breakdown_of(demo_folder):
        assert row["feature"] in output


def test_a_ledger_that_is_named_is_added_to(tmp_path: Path) -> None:
    replay([Row(500, 5)], Job("f", "t", "gpt-4o", f"sqlite:///{tmp_path}/own.db"), [0].append)
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "now,1000,10\n" * 3)
    run = otel_cost(
        tmp_path,
        *("demo", "--replay", "trace.csv", "--feature", "f", "--team", "t"),
        *("--model", "claude-haiku-4-5", "--ledger", "sqlite:///own.db", "--limit", "2"),
        environ={"OTEL_COST_LEDGER": "sqlite:///environment.db"},
    )
    assert run.returncode == 0, run.stderr
    assert "2 calls, 2,000 input tokens, 20 output tokens" in run.stdout
    charges = ledger_of(tmp_path, "own.db")
    assert [c["provider"] for c in charges] == ["openai", "anthropic", "anthropic"]
    assert not (tmp_path / "otel_cost_demo.db").exists()
    assert not (tmp_path / "environment.db").exists()


def test_live_calls_the_providers_of_the_environment(
    tmp_path: Path, fresh_providers: LocalProviders
) -> None:
    with OtlpReceiver(path="/api/public/otel/v1/traces") as langfuse:
        environ = {
            **LIVE,
            "OPENAI_BASE_URL": fresh_providers.openai_url,
            "ANTHROPIC_BASE_URL": fresh_providers.anthropic_url,
            "LANGFUSE_BASE_URL": langfuse.base_url,
        }
        run = otel_cost(tmp_path, "demo", "--live", "--model", "chat=gpt-4.1", environ=environ)
        assert run.returncode == 0, run.stderr
        charges = ledger_of(tmp_path)
        spans = langfuse.wait_for(len(charges))
    assert len(fresh_providers.requests) == len(charges) < 20
    assert {c["request_model"] for c in charges} >= {"gpt-4.1", "o4-mini", "claude-haiku-4-5"}
    written = {s.attributes["langfuse.observation.metadata.otel_cost_charge_id"] for s in spans}
    assert written == {c["charge_id"] for c in charges}


def test_live_names_every_missing_variable(tmp_path: Path) -> None:
    for left_out in ([*LIVE], ["LANGFUSE_SECRET_KEY"]):
        environ = {name: value for name, value in LIVE.items() if name not in left_out}
        run = otel_cost(tmp_path, "demo", "--live", environ=environ)
        assert run.returncode != 0
        assert run.stderr.count("\n") == 1
        assert [name for name in LIVE if name in run.stderr] == left_out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--replay", "x.csv", "--team", "t"], "--replay needs --feature, --model"),
        (["--feature", "f"], "--feature goes with --replay FILE"),
        (["--live", "--limit", "3"], "--limit goes with --replay FILE"),
        (["--live", "--replay", "x.csv"], "--live and --replay exclude each other"),
        (["--ledger", "costs.db"], "--ledger='costs.db' is not a URL"),
        (
            ["--replay", "x.csv", "--feature", "f", "--team", "t", "--model", "gpt-4o"],
            "x.csv: No such file",
        ),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    run = otel_cost(tmp_path, "demo", *arguments)
    assert run.returncode == 2
    assert run.stderr.startswith(f"otel-cost: {complaint}")
    assert run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_a_missing_sdk_is_told_in_one_line(tmp_path: Path, sdk: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        f"util.find_spec = lambda name, *more: None if name == {sdk!r} else find(name, *more)\n"
    )
    root = str(Path(__file__).parents[2])
    environ = {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    run = otel_cost(tmp_path, "demo", environ=environ)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert f"run: pip install {sdk}\n" in run.stderr


@soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "feature", "team", "model", "rates"),
    [
        ("code", "code", "devtools", "gpt-4o", ("2.5", "10")),
        ("conv", "conv", "assistant", "claude-haiku-4-5", ("1", "5")),
    ],
)
def test_a_real_trace_is_charged_to_the_token(
    tmp_path: Path,
    name: str,
    feature: str,
    team: str,
    model: str,
    rates: tuple[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    shared = os.environ.get("OTEL_COST_TEST_DATA")
    if shared is None:
        pytest.skip("OTEL_COST_TEST_DATA is not set: it says where the production traces are")
    trace = Path(shared) / "data" / f"AzureLLMInferenceTrace_{name}.csv"
    run = otel_cost(
        tmp_path,
        *("demo", "--replay", str(trace), "--feature", feature, "--team", team),
        *("--model", model, "--limit", str(MOST_ROWS), "--ledger", "sqlite:///t.db"),
    )
    assert run.returncode == 0, run.stderr
    with trace.open(newline="") as file:
        rows = list(islice(csv.DictReader(file), MOST_ROWS))
    read = sum(int(row["ContextTokens"]) for row in rows)
    written = sum(int(row["GeneratedTokens"]) for row in rows)
    cost = (read * Decimal(rates[0]) + written * Decimal(rates[1])) / MILLION

    charges = ledger_of(tmp_path, "t.db")
    assert len({c["charge_id"] for c in charges}) == len(rows)
    assert sum(c["usage"]["input"] for c in charges) == read
    assert sum(c["usage"]["output"] for c in charges) == written
    assert sum(Decimal(c["cost"]["effective_usd"]) for c in charges) == cost
    [row] = breakdown_of(tmp_path)
    assert (row["feature"], row["team"], row["calls"]) == (feature, team, str(len(rows)))
    assert (int(row["input_tokens"]), int(row["output_tokens"])) == (read, written)
    assert Decimal(row["cost_usd"]) == cost
    said = f"{len(rows):,} charges, {read:,} + {written:,} tokens, {cost} USD: as the file says"
    record_property("claim", f"replay of the {name} trace: {said}")
