"""Runs what docs/attribution.md and docs/rules.md show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from otel_cost.attribution.rules_file import load_rules

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "code", [*blocks("attribution.md", "python"), *blocks("rules.md", "python")]
)
def test_what_is_shown_runs(code: str) -> None:
    """In an interpreter of its own: `configure()` makes the global provider."""
    shown = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(shown, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_file_of_rules_that_is_shown_is_one(tmp_path: Path) -> None:
    (text,) = blocks("rules.md", "toml")
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    assert [rule.feature or rule.team for rule in load_rules(str(file))] == [
        "summarization",
        "reports",
        "search",
        "discovery",
    ]
