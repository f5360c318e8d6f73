"""The example dialect of docs/ownership.md works as it stands there."""

import re
import tomllib
from pathlib import Path
from typing import Any

from otel_cost.spans.dialects.dialect import Dialect

PAGE = (Path(__file__).parents[2] / "docs" / "ownership.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_example_reads_a_span() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    dialect = names["DIALECT"]
    assert isinstance(dialect, Dialect)
    assert dialect.kind("acme.llm.chat", {}) == "call"
    assert dialect.kind("acme.db", {}) == "other"
    said = {"acme.model": "gpt-4o", "acme.sent": 10, "acme.received": 5}
    call = dialect.read("acme.llm.chat", said)
    assert (call.provider, call.model) == ("openai", "gpt-4o")
    assert call.usage is not None
    assert call.usage.total_tokens == 15


def test_the_entry_point_is_in_our_group() -> None:
    groups = tomllib.loads(block("toml"))["project"]["entry-points"]
    module, _, name = groups["otel_cost_dialect"]["acme"].partition(":")
    assert (module, name) == ("acme_tracing.cost", "DIALECT")
