"""The book is compared with a second list; a difference that is not signed off fails the build."""

import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.pricing.test_book import ROOT, _needs_the_source

PINNED = tomllib.loads((ROOT / "tools/price_overlay.toml").read_text(encoding="utf-8"))["litellm"]
AGREED = {
    "gpt-4o": {
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "input_cost_per_token_priority": 4.25e-06,
    },
    "claude-opus-5": {
        "litellm_provider": "anthropic",
        "cache_creation_input_token_cost_above_1hr": 1e-05,
        "input_cost_per_token_batches": 2.5e-06,
    },
    "unheard-of": {"litellm_provider": "openai", "input_cost_per_token": 1},
}
CODE = """
import sys, tomllib
from pathlib import Path
sys.path.insert(0, "tools")
import price_crosscheck
from otel_cost.pricing.book import Book
wheel, signed, digest = sys.argv[1:]
price_crosscheck.DIFFERENCES = Path(signed)
pinned = {"version": "1.0", "json_sha256": digest}
print(price_crosscheck.check(Book(), Path(wheel), pinned, "2026-11-21"))
"""


def check(
    folder: Path, listed: dict[str, Any], signed: str, digest: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """The cross-check of the bundled book with a list, given the signed-off differences."""
    raw = json.dumps(listed).encode()
    with zipfile.ZipFile(folder / "list.whl", "w") as wheel:
        wheel.writestr("litellm/model_prices_and_context_window_backup.json", raw)
    (folder / "signed.toml").write_text(signed)
    found = digest or hashlib.sha256(raw).hexdigest()
    paths = [str(folder / "list.whl"), str(folder / "signed.toml"), found]
    return subprocess.run(
        [sys.executable, "-c", CODE, *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def signed(*rates: str) -> str:
    facts = 'provider = "openai"\nreason = "r"\nsource = "s"\nchecked_on = "2026-11-21"\n'
    return f"[[difference]]\n{facts}rates = {json.dumps(rates)}\n"


def changed() -> dict[str, Any]:
    return {**AGREED, "gpt-4o": {**AGREED["gpt-4o"], "output_cost_per_token": 1.2e-05}}


def test_equal_rates_pass(tmp_path: Path) -> None:
    done = check(tmp_path, AGREED, "difference = []")
    assert done.stdout == "cross-checked with litellm 1.0: 5 rates, 0 signed-off differences\n"


def test_a_new_difference_fails_and_is_said(tmp_path: Path) -> None:
    done = check(tmp_path, changed(), "difference = []")
    assert done.returncode == 1
    assert "not signed off: openai gpt-4o output standard 10 12" in done.stderr


def test_a_signed_off_difference_passes(tmp_path: Path) -> None:
    done = check(tmp_path, changed(), signed("gpt-4o output standard 10 12"))
    assert done.stdout.endswith("5 rates, 1 signed-off differences\n")


def test_a_signature_that_nothing_needs_any_more_fails(tmp_path: Path) -> None:
    done = check(tmp_path, AGREED, signed("gpt-4o output standard 10 12"))
    assert done.returncode == 1
    assert "signed off, but no longer so: openai gpt-4o output" in done.stderr


def test_another_list_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path, AGREED, "difference = []", digest="0" * 64)
    assert done.returncode == 1
    assert "holds another list than the pinned one" in done.stderr


def test_every_signature_has_a_reason_and_a_source() -> None:
    text = (ROOT / "tools/price_differences.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["difference"]
    assert sum(len(group["rates"]) for group in groups) > 100
    for group in groups:
        assert len(group["reason"]) > 20
        assert group["source"].startswith("https://")
        assert group["checked_on"] <= "2026-11-21"


def test_without_the_wheel_the_build_says_how_to_get_it(tmp_path: Path) -> None:
    _needs_the_source()
    done = subprocess.run(
        [sys.executable, "tools/build_price_book.py", "--out", str(tmp_path / "book")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert "not cross-checked" in done.stdout
    assert f"pip download --no-deps --dest /tmp litellm=={PINNED['version']}" in done.stdout
    assert PINNED["wheel"] in done.stdout


@pytest.mark.parametrize("name", ["wheel_sha256", "json_sha256"])
def test_the_list_is_pinned(name: str) -> None:
    assert len(PINNED[name]) == 64
