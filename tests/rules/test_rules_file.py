"""Shows how the file of rules is read, and that a bad one is named and stops nothing."""

from pathlib import Path

import pytest

import otel_cost
from otel_cost import Rule
from otel_cost.attribution.rules_file import RulesError, load_rules
from tests import wiring

GOOD = """
[[rules]]
when.route = "/summarize/*"
feature = "summarization"

[[rules]]
when = { task = ["reports.*", "mail.*"], span = "nightly *", module = "jobs.*" }
feature = "reports"
team = "data"

[[rules]]
when.feature = "summar*"
team = "search"
"""


def test_every_key(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_rules(str(file)) == (
        Rule(feature="summarization", route="/summarize/*"),
        Rule("reports", "data", (), ["reports.*", "mail.*"], "nightly *", "jobs.*"),
        Rule(team="search", when_feature="summar*"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules]]\nwhen.rout = '/x'\nfeature = 'x'", "rule 1: when.rout is not known; there are"),
        ("[[rules]]\nroute = '/x'\nfeature = 'x'", "rule 1: route is not known; there are when,"),
        ("[[rules]]\nwhen = '/x'\nfeature = 'x'", "rule 1: when is no table"),
        ("[[rules]]\nwhen.route = 7\nfeature = 'x'", "rule 1: route must be a pattern"),
        ("[[rules]]\nwhen.feature = 'x'\nfeature = 'y'", "rule 1: a rule by feature"),
        ("[[rules]]\nfeature = 'y'", "rule 1: a rule needs a condition.*when.feature"),
        ("[[rule]]\nwhen.route = '/x'", "'rule' is not known; rules are tables"),
        ("rules = 7", "rules are tables"),
        ("[[rules]\n", "line 1"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError, match=said) as refused:
        load_rules(str(file))
    assert str(refused.value).startswith(str(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.toml"):
        load_rules(str(tmp_path / "none.toml"))
    folder_and_bytes = tmp_path / "bytes.toml"
    folder_and_bytes.write_bytes(b"\xff\xfe")
    for path in (tmp_path, folder_and_bytes):
        with pytest.raises(RulesError, match=path.name):
            load_rules(str(path))


def test_the_environment_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[[rules]]\nwhen.module = '*'\nfeature = 'here'", encoding="utf-8")
    with wiring.clean_slate(monkeypatch):
        monkeypatch.setenv("OTEL_COST_RULES", str(file))
        otel_cost.instrument()
        assert otel_cost.current().feature == "here"
        otel_cost.shutdown()
        file.write_text("[[rules]]\nfeature = 'here'", encoding="utf-8")
        otel_cost.instrument(rules=[Rule(module="*", team="code")])
        assert otel_cost.current() == otel_cost.Attribution(team="code")
    (message,) = wiring.said(caplog)
    assert "OTEL_COST_RULES" in message
    assert "rule 1: a rule needs a condition" in message
