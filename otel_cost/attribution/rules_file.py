"""The file of rules: TOML, with every mistake named by rule and key."""

import tomllib
from collections.abc import Mapping
from typing import Any

from otel_cost.attribution.rules import Rule
from otel_cost.reading import file_text

_WHEN = {
    "route": "route",
    "task": "task",
    "span": "span",
    "module": "module",
    "feature": "when_feature",
}
"""What stands under `when`, and the field of a rule that it is."""
_RESULTS = ("feature", "team")
_EXAMPLE = 'as in [[rules]], when.route = "/summarize/*", feature = "summarization"'


class RulesError(ValueError):
    """A file of rules that cannot be used; the message says where and why."""


def load_rules(path: str) -> tuple[Rule, ...]:
    """The rules of the file at `path`.

    Raises:
        RulesError: it cannot be read, is no TOML, or a rule in it makes no sense.

    """
    try:
        document = tomllib.loads(file_text(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(f"{path}: {error}") from None
    rules = document.pop("rules", [])
    if document or not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        strange = f"{next(iter(document))!r} is not known; " if document else ""
        raise RulesError(f"{path}: {strange}rules are tables {_EXAMPLE}")
    return tuple(_rule(f"{path}: rule {number}", rule) for number, rule in enumerate(rules, 1))


def _rule(where: str, table: Mapping[str, Any]) -> Rule:
    when = table.get("when", {})
    if not isinstance(when, dict):
        raise RulesError(f"{where}: when is no table; write it {_EXAMPLE}")
    _known(where, table, ("when", *_RESULTS), "")
    _known(where, when, tuple(_WHEN), "when.")
    said = {name: table[name] for name in _RESULTS if name in table}
    try:
        return Rule(**said, **{_WHEN[name]: value for name, value in when.items()})
    except (TypeError, ValueError) as error:
        raise RulesError(f"{where}: {error}".replace("when_feature", "when.feature")) from None


def _known(where: str, table: Mapping[str, Any], names: tuple[str, ...], prefix: str) -> None:
    for name in table:
        if name not in names:
            known = ", ".join(prefix + each for each in names)
            raise RulesError(f"{where}: {prefix}{name} is not known; there are {known}")
