"""Shows what `otel-cost price` makes of calls, and of lines that are none."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli.app import app

DATA = Path(__file__).parents[1] / "pricing"
LINES = (DATA / "calls.jsonl").read_text(encoding="utf-8")
CASES = {case["id"]: case for case in json.loads((DATA / "cases.json").read_text())}
CHAT = {"prompt_tokens": 1000, "completion_tokens": 100}

Price = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Price:
    monkeypatch.delenv("OTEL_COST_PRICES", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def price(*lines: Any, arguments: tuple[str, ...] = ()) -> Result:
        text = "".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines)
        return CliRunner().invoke(app, ["price", *arguments], input=text)

    return price


def call(**fields: Any) -> dict[str, Any]:
    return {"provider": "openai", "model": "gpt-4o", "usage": CHAT, **fields}


def answers(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_worked_case_costs_what_the_price_list_says(run: Price, tmp_path: Path) -> None:
    done = run(LINES.rstrip("\n"))
    assert (done.exit_code, done.stderr) == (0, "")
    assert [answer["id"] for answer in answers(done)] == [*CASES]
    for answer in answers(done):
        case = CASES[answer["id"]]
        assert Decimal(answer["total_usd"]) == Decimal(case["usd"]), case["id"]
        assert answer["status"] == case["status"], case["id"]
        assert Decimal(answer["total_usd"]) == sum(Decimal(x["cost_usd"]) for x in answer["lines"])


def test_a_line_says_how_it_came_about(run: Price) -> None:
    (answer,) = answers(run(call(model="gpt-5.4", ctx={"region": "eu"}, ts="2026-11-15T12:00:00Z")))
    assert "id" not in answer
    assert answer["book"].startswith("2026-11-21+")
    assert answer["lines"][0] == {
        "part": 0,
        "meter": "input",
        "quantity": 1000,
        "rate_usd": "2.5",
        "per": 1_000_000,
        "multipliers": [{"name": "region=eu", "factor": "1.1"}],
        "cost_usd": "0.00275",
        "source": "bundled:openai/gpt-5.4@undated",
    }


@pytest.mark.parametrize(
    ("fields", "status", "unpriced"),
    [
        ({"model": "gpt-7-foo"}, "unpriced", ["input", "output"]),
        ({"provider": "nobody"}, "unpriced", ["input", "output"]),
        ({"ctx": {"service_tier": "mystery"}}, "unpriced", ["input", "output"]),
        ({"ctx": {"region": "moon"}}, "unpriced", ["input", "output"]),
        ({"ctx": {"completion_window": "99h"}}, "unpriced", ["input", "output"]),
        ({"ctx": {"requested_service_tier": "mystery"}}, "exact", []),
        ({"resp_extra": {"service_tier": "mystery"}}, "unpriced", ["input", "output"]),
        (
            {
                "flavor": "responses",
                "usage": {"input_tokens": 5, "output_tokens": 1},
                "resp_extra": {"output": [{"type": "file_search_call", "id": "a"}]},
                "ctx": {"service_tier": "mystery"},
            },
            "partial",
            ["input", "output"],
        ),
        ({"usage": None}, "unmetered", []),
    ],
)
def test_what_is_not_known_is_said_on_the_line(
    run: Price, fields: dict[str, Any], status: str, unpriced: list[str]
) -> None:
    done = run(call(**fields))
    assert done.exit_code == 0
    (answer,) = answers(done)
    assert (answer["status"], answer["unpriced"]) == (status, unpriced)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "this is not JSON"),
        ("[1]", "not a JSON object"),
        ('{"provider": "openai", "model": "m", "usage": {"prompt_tokens": NaN}}', "NaN"),
        ({"model": "m", "usage": CHAT}, "provider is missing"),
        (call(model=7), "model is 7"),
        (call(usage=[]), "usage is [], not an object"),
        (call(usage={"tokens": 5}), "usage has no key that counts anything: tokens"),
        (call(usage={"prompt_tokens": -1}), "usage.prompt_tokens is -1, which is negative"),
        (call(usage={"prompt_tokens": 1.5}), "usage.prompt_tokens is 1.5, and tokens are whole"),
        (call(usage={"prompt_tokens": "5"}), "usage.prompt_tokens is '5', which is no number"),
        (
            call(usage={"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}),
            "usage.prompt_tokens_details.cached_tokens is 2, more than the 1",
        ),
        (call(usage={"input": 5, "output": 1}, flavor="meter"), "flavor is 'meter'"),
        (call(ctx={"teir": "flex"}), "ctx.teir is unknown"),
        (call(ctx={"batch": "yes"}), "ctx.batch is 'yes', not true or false"),
        (call(ts="yesterday"), "ts is 'yesterday'"),
        (call(resp_extra=1), "resp_extra is 1"),
    ],
)
def test_a_line_that_is_no_call_is_named_and_the_others_are_priced(
    run: Price, line: Any, said: str
) -> None:
    done = run(call(id="a"), line, "", call(id="b"))
    assert done.exit_code == 2
    assert [answer["id"] for answer in answers(done)] == ["a", "b"]
    (complaint,) = done.stderr.splitlines()
    assert complaint.startswith("otel-cost: line 2: ")
    assert said in complaint


@pytest.mark.parametrize(
    ("provider", "usage", "meters"),
    [
        ("openai", CHAT, ["input", "output"]),
        ("openai", {"input_tokens": 2, "output_tokens": 1}, ["input", "output"]),
        (
            "anthropic",
            {"input_tokens": 2, "cache_read_input_tokens": 9, "output_tokens": 1},
            ["input", "output", "cache_read"],
        ),
        ("openai", {"type": "duration", "seconds": 1.5}, ["seconds"]),
        ("openai", {"input": 2, "output": 1, "reasoning": 1}, ["input", "output", "reasoning"]),
    ],
)
def test_usage_without_a_flavor_is_read_by_its_words(
    run: Price, provider: str, usage: dict[str, Any], meters: list[str]
) -> None:
    (answer,) = answers(run(call(provider=provider, model="unknown", usage=usage)))
    assert sorted(answer["unpriced"]) == sorted(meters)


def test_a_file_and_a_price_file(run: Price, tmp_path: Path) -> None:
    calls, prices = tmp_path / "calls.jsonl", tmp_path / "prices.toml"
    calls.write_text(json.dumps(call()) + "\n")
    prices.write_text('[[discount]]\nx = "0.5"\n')
    done = run(arguments=(str(calls), "--prices", str(prices)))
    (answer,) = answers(done)
    assert answer["total_usd"] == "0.00175"
    assert " org:" in answer["book"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl",), "none.jsonl: No such file or directory"),
        (("--prices", "none.toml"), "none.toml: the price file cannot be read"),
    ],
)
def test_files_that_cannot_be_read(run: Price, arguments: tuple[str, ...], said: str) -> None:
    done = run(arguments=arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"otel-cost: {said}")
    assert done.stderr.count("\n") == 1
