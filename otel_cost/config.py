"""Every environment variable, read and validated in one place, and where each setting came from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from otel_cost.attribution.values import Attribution, make
from otel_cost.reading import printable, readable, shown
from otel_cost.variables import DEVELOPMENT, VARIABLES


@dataclass(frozen=True, slots=True)
class Langfuse:
    """Where and as whom to send spans."""

    public_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    base_url: str = field(repr=False)
    """Scheme, host and path, without a trailing slash. It may hold a password."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, with defaults for what it does not."""

    disabled: bool
    attribution: Attribution
    ledger: str | None = field(repr=False)
    unpriced: Literal["zero", "infer"]
    langfuse: Langfuse | None
    service: str | None
    environment: str | None
    problems: tuple[str, ...]
    """One sentence for each variable that is not used as it is; where it cannot be used at all, its
    default is in force."""
    prices: str | None = None
    """The path of a price file."""
    infer_usage: bool = False
    """Whether to estimate the tokens of calls whose answer does not say them."""
    include_usage: Literal["auto", "always", "never"] = "auto"
    """Where to ask chat streams for usage on the application's behalf."""
    capture_content: bool = False
    """Whether prompts and completions go on spans."""
    duplicates: Literal["zero", "keep"] = "zero"
    """Whether duplicates get zeros in what other backends than Langfuse sum, too."""
    diagnostics: str | None = None
    """The path of a file to write what the process has seen to when it ends."""
    stamp: Literal["llm", "all"] = "llm"
    """Which spans carry the attribution."""
    rules: str | None = None
    """The path of a file of rules."""
    baggage_keys: Mapping[str, str] = field(default_factory=dict)
    """What baggage entries of the application's own say: the field, by the key."""
    propagate_to: tuple[str, ...] = ()
    """Hosts and networks that may know who a call is for, in lower case."""
    trust_inbound: bool = False
    """Whether everybody is believed who says who a call is for."""
    propagation_keys: tuple[str, ...] = field(default=(), repr=False)
    """Secrets of services that believe each other: the first signs."""
    propagation_ttl: int = 60
    """How long a signature holds (seconds)."""
    wire: Literal["header", "baggage"] = "header"
    """How attribution travels to other services."""


class Effective(NamedTuple):
    """One setting as it is in force, fit to be shown."""

    group: str
    name: str
    """The variable that decides it first of all, or what in code does."""
    value: Any
    """Ready for JSON; what a secret has is `***`."""
    origin: str
    """`default`, `code`, or the variable that it came from."""


DEFAULT = "default"
CODE = "code"
HIDDEN = "***"

_OF_RESOURCE: Mapping[str, tuple[str, ...]] = {
    "service": ("service.name",),
    "environment": ("deployment.environment.name", "deployment.environment"),
}
"""What resource attributes say, where no variable of its own does; the first attribute holds."""

_FIELDS = frozenset(Settings.__slots__) - {"disabled", "attribution", "langfuse", "problems"}
"""The settings that one variable says, as it is."""


class _Resolved:
    """What the environment says of each setting, and which variable says it."""

    __slots__ = ("origins", "problems", "values")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []
        for variable in VARIABLES.values():
            self.values.setdefault(variable.setting, variable.default)
            raw = environ.get(variable.name)
            if raw is None or not raw.strip():
                continue
            value, problem = variable.understood(raw)
            if problem:
                self.problems.append(problem)
            if value != variable.default or not problem:
                self._say(variable.setting, value, variable.name)
        for setting, names in _OF_RESOURCE.items():
            said = (printable(self.values["resource"].get(name, "")) for name in names)
            value = next(filter(None, said), None)
            if value is not None:
                self._say(setting, value, "OTEL_RESOURCE_ATTRIBUTES")

    def _say(self, setting: str, value: Any, origin: str) -> None:
        if setting not in self.origins:
            self.values[setting] = value
            self.origins[setting] = origin


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ`, by default the process's own. Never raises."""
    source = os.environ if environ is None else environ
    found = _Resolved(source)
    values = found.values
    langfuse = _langfuse(found)
    problems = (*found.problems, *_unknown(source))
    return Settings(
        disabled=values["disabled"] or values["sdk_disabled"],
        attribution=make(values["feature"], values["team"], tags=values["tags"]),
        langfuse=langfuse,
        problems=problems,
        **{name: values[name] for name in _FIELDS},
    )


def effective(
    environ: Mapping[str, str], *, ledger: str | None = None, prices: int = 0
) -> Iterator[Effective]:
    """Every setting as it is in force, and where it came from, secrets masked. Never raises.

    What was set in code: the `ledger`, and how many `prices`.
    """
    found = _Resolved(environ)
    if ledger is not None and ledger != found.values["ledger"]:
        found.values["ledger"], found.origins["ledger"] = ledger, CODE
    told: set[str] = {"resource"}
    for variable in VARIABLES.values():
        setting = variable.setting
        if setting in told:
            continue
        told.add(setting)
        value, origin = found.values[setting], found.origins.get(setting, DEFAULT)
        hidden = variable.secret and origin != DEFAULT
        shown_value = HIDDEN if hidden else readable(value)
        yield Effective(variable.group, variable.name, shown_value, origin)
        if setting == "prices" and prices:
            yield Effective(variable.group, "configure(prices=)", prices, CODE)


_NAMED = 5
"""How many unknown variables are named."""


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with variables that are called like ours and are none."""
    names = sorted(
        name
        for name in environ
        if name.startswith("OTEL_COST") and name not in VARIABLES and name not in DEVELOPMENT
    )
    for name in names[:_NAMED]:
        yield f"{shown(name)[1:-1]} is no variable of otel_cost{_closest(name)}."
    if len(names) > _NAMED:
        yield f"{len(names) - _NAMED} more variables that begin with OTEL_COST are none of its own."


def _closest(name: str) -> str:
    from difflib import get_close_matches

    ours = [each for each in VARIABLES if each.startswith("OTEL_COST_")]
    close = get_close_matches(name[:64], ours, n=1, cutoff=0.8)
    if close:
        return f"; perhaps {close[0]} is meant"
    return "; `otel-cost config` shows those there are"


def _langfuse(found: _Resolved) -> Langfuse | None:
    values, problems = found.values, found.problems
    public, secret = values["langfuse_public_key"], values["langfuse_secret_key"]
    if public is None and secret is None:
        return None
    if public is None or secret is None:
        missing = "LANGFUSE_PUBLIC_KEY" if public is None else "LANGFUSE_SECRET_KEY"
        if not any(problem.startswith(missing) for problem in problems):
            problems.append(f"nothing is sent to Langfuse: {missing} is not set, its twin is.")
        return None
    if public.startswith("sk-") or secret.startswith("pk-"):
        problems.append(
            "nothing is sent to Langfuse: LANGFUSE_PUBLIC_KEY holds a secret key (sk-…) or "
            "LANGFUSE_SECRET_KEY a public one (pk-…); exchange them."
        )
        return None
    return Langfuse(public, secret, values["langfuse_base_url"])
