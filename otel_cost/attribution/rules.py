"""Rules: feature and team by where a call is made, and team by feature."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from opentelemetry.context import Context

from otel_cost.attribution.place import Seen, look, one_form
from otel_cost.attribution.values import UNATTRIBUTED, Attribution, clean

Patterns: TypeAlias = str | Sequence[str]
"""One pattern or several, any of which is enough; `*` in them stands for any text."""

CONDITIONS = ("route", "task", "span", "module", "when_feature")
"""What a rule may ask for, by the names of its fields."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls made in a place are for a feature, a team or both.

    Every condition that is given must hold. `route`: of the request around the call, such as
    `/summarize/*` or `/items/{id}`, whatever framework it is and whatever it calls its parameters;
    its path where no route is known. `task`: the name of the Celery task.
    `span`: the name of any span around it. `module`: any module among the callers. `when_feature`:
    the feature, whoever has said it; such a rule gives a team.

        Rule(route="/summarize/*", feature="summarization")
        Rule(when_feature="summar*", team="search")

    Raises:
        TypeError: a value is no text.
        ValueError: it says neither feature nor team, has no condition, or gives a feature by one.

    """

    feature: str | None = None
    team: str | None = None
    route: Patterns = ()
    task: Patterns = ()
    span: Patterns = ()
    module: Patterns = ()
    when_feature: Patterns = ()

    def __post_init__(self) -> None:
        for name in ("feature", "team"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be text, not {value!r}")
            if value is not None and clean(name, value) != value:
                raise ValueError(f"{name} is no printable text of 1 to 200 characters: {value!r}")
        for name in CONDITIONS:
            value = getattr(self, name)
            patterns = (value,) if isinstance(value, str) else value
            if not isinstance(patterns, list | tuple) or not all(map(_is_pattern, patterns)):
                raise TypeError(f"{name} must be a pattern or several, not {value!r}")
        if self.feature is None and self.team is None:
            raise ValueError("a rule must say a feature or a team")
        if not any(getattr(self, name) for name in CONDITIONS):
            raise ValueError(f"a rule needs a condition: one of {', '.join(CONDITIONS)}")
        if self.feature is not None and self.when_feature:
            raise ValueError("a rule by feature can only say the team")


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and value != ""


class Rules:
    """Rules in force: of those that match, the first that says a field holds."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        made = [_Compiled(rule) for rule in rules]
        self._kinds = tuple({kind: None for each in made for kind in each.conditions})
        self._features = [each for each in made if each.rule.feature is not None]
        self._teams = [each for each in made if each.rule.team is not None]
        self._by_feature = [each for each in self._teams if not each.conditions]
        self._told = functools.lru_cache(_PLACES)(self._tell)

    def fill(self, who: Attribution, context: Context) -> Attribution:
        """`who`, with feature and team taken from the place of `context` where it says none."""
        if who.feature is not None and who.team is not None:
            return who
        told = self._told(who.feature, who.team, look(self._kinds, context))
        return who.over(told)

    def team_of(self, who: Attribution) -> Attribution:
        """`who`, with the team that its feature alone tells where it says none."""
        if who.team is not None or who.feature is None:
            return who
        for each in self._by_feature:
            if each.features(who.feature):
                return replace(who, team=each.rule.team)
        return who

    def _tell(self, feature: str | None, team: str | None, seen: tuple[Seen, ...]) -> Attribution:
        place = dict(zip(self._kinds, seen, strict=True))
        if feature is None:
            feature = next((e.rule.feature for e in self._features if e.holds(place, None)), None)
        if team is None:
            team = next((e.rule.team for e in self._teams if e.holds(place, feature)), None)
        found = Attribution(feature, team)
        return UNATTRIBUTED if found == UNATTRIBUTED else found


_PLACES = 1024
"""Of how many places the latest decisions are kept."""
_Holds: TypeAlias = Callable[[Seen], bool]


class _Compiled:
    """A rule with its patterns compiled."""

    __slots__ = ("conditions", "features", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.features = _compiled(rule.when_feature)
        self.conditions: dict[str, _Holds] = {
            name: _condition(name, getattr(rule, name))
            for name in CONDITIONS
            if getattr(rule, name) and name != "when_feature"
        }

    def holds(self, place: Mapping[str, Seen], feature: str | None) -> bool:
        """Whether all conditions hold in a place, for a feature that is known by now."""
        if self.rule.when_feature and (feature is None or not self.features(feature)):
            return False
        return all(holds(place[name]) for name, holds in self.conditions.items())


def _condition(name: str, patterns: Patterns) -> _Holds:
    if name != "route":
        matches = _compiled(patterns)
        return lambda seen: any(map(matches, seen))
    forms = tuple(map(one_form, _several(patterns)))
    route = _compiled(forms, parameter=r"\{\w+\}")
    path = _compiled(forms, parameter="[^/]+?")
    return lambda seen: bool(route(seen[0])) or any(map(path, seen[1:]))


def _several(patterns: Patterns) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


def _compiled(patterns: Patterns, *, parameter: str | None = None) -> Callable[[str], Any]:
    """Whether a text is matched by one of the patterns; `parameter` is what `{x}` stands for."""
    return _expression(_several(patterns), parameter).fullmatch


_NAMED = re.compile(r"(\{\w+\})")


@functools.lru_cache(maxsize=1024)
def _expression(patterns: tuple[str, ...], parameter: str | None) -> re.Pattern[str]:
    def fixed(part: str) -> str:
        if parameter is None:
            return re.escape(part)
        pieces = enumerate(_NAMED.split(part))
        return "".join(parameter if odd % 2 else re.escape(piece) for odd, piece in pieces)

    def whole(pattern: str) -> str:
        first, *others = map(fixed, pattern.split("*"))
        if not others:
            return first
        # What is between two stars is taken where it is found first: paths are anybody's to write,
        # and looking for another place takes a time that grows with a power of their length.
        between = "".join(f"(?>.*?{part})" for part in others[:-1])
        return f"{first}{between}.*{others[-1]}"

    return re.compile("|".join(map(whole, patterns)), re.DOTALL)
