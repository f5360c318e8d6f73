"""Every environment variable, read and validated in one place."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from otel_cost.attribution.context import Attribution, make


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its default, how it is read, and what it means."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


@dataclass(frozen=True, slots=True)
class Langfuse:
    """Where and as whom to send spans."""

    public_key: str
    secret_key: str
    base_url: str
    """Scheme, host and path, without a trailing slash."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, with defaults for what it does not."""

    disabled: bool
    attribution: Attribution
    ledger: str | None
    unpriced: Literal["zero", "infer"]
    langfuse: Langfuse | None
    service: str | None
    environment: str | None
    problems: tuple[str, ...]
    """One sentence for each variable that could not be used; its default is in force."""
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


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"true", "1", "yes", "on"}:
        return True
    if lowered in {"false", "0", "no", "off", ""}:
        return False
    raise ValueError("it is neither true nor false")


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"it is none of {', '.join(words)}")
        return value

    return read


def pairs(value: str) -> dict[str, str]:
    """The `key=value` pairs of a comma-separated list, percent-decoded; raises `ValueError`."""
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in value.split(","))):
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{item!r} is not of the form key=value")
        found[key.strip()] = unquote(text.strip())
    return found


def _base_url(value: str) -> str:
    text = value.strip().rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it is not an http or https URL such as https://cloud.langfuse.com")
    for suffix in ("/api/public/otel/v1/traces", "/api/public/otel", "/api/public"):
        text = text.removesuffix(suffix)
    return text


VARIABLES: Mapping[str, Variable] = {
    v.name: v
    for v in (
        Variable("OTEL_COST_DISABLED", _flag, False, "Switches all of otel_cost off."),
        Variable("OTEL_SDK_DISABLED", _flag, False, "Switches otel_cost off with the OTel SDK."),
        Variable("OTEL_COST_FEATURE", _text, None, "Feature of calls that name none."),
        Variable("OTEL_COST_TEAM", _text, None, "Team of calls that name none."),
        Variable("OTEL_COST_TAGS", pairs, {}, "Tags of all calls: `key=value,key=value`."),
        Variable("OTEL_COST_LEDGER", _text, None, "Ledger to write: `sqlite:///path`."),
        Variable("OTEL_COST_PRICES", _text, None, "Price file of your own: `prices.toml`."),
        Variable(
            "OTEL_COST_INFER_USAGE",
            _flag,
            False,
            "Estimate the tokens of calls whose answer does not say them: `true` or `false`.",
        ),
        Variable(
            "OTEL_COST_INCLUDE_USAGE",
            _one_of("auto", "always", "never"),
            "auto",
            "Whether chat streams are asked for their usage where the application does not: "
            "`auto` (where the server is known to understand), `always` or `never`.",
        ),
        Variable(
            "OTEL_COST_CAPTURE_CONTENT",
            _flag,
            False,
            "Put prompts and completions on spans: `true` or `false`.",
        ),
        Variable(
            "OTEL_COST_UNPRICED",
            _one_of("zero", "infer"),
            "zero",
            "What Langfuse gets for a call without a price: an explicit `zero`, or nothing, so "
            "that it may `infer` one from its own table.",
        ),
        Variable(
            "OTEL_COST_DUPLICATES",
            _one_of("zero", "keep"),
            "zero",
            "Spans of other libraries that tell of a call again: usage and cost become `zero` for "
            "every backend, or `keep` what backends other than Langfuse read.",
        ),
        Variable(
            "OTEL_COST_DIAGNOSTICS",
            _text,
            None,
            "File to write when the process ends, for `otel-cost doctor FILE`: `diagnostics.json`.",
        ),
        Variable("LANGFUSE_PUBLIC_KEY", _text, None, "Public key of the Langfuse project."),
        Variable("LANGFUSE_SECRET_KEY", _text, None, "Secret key of the Langfuse project."),
        Variable("LANGFUSE_BASE_URL", _base_url, None, "Address of Langfuse."),
        Variable("LANGFUSE_HOST", _base_url, None, "The older name of `LANGFUSE_BASE_URL`."),
        Variable("LANGFUSE_TRACING_ENVIRONMENT", _text, None, "Environment of all calls."),
        Variable("OTEL_SERVICE_NAME", _text, None, "Service of all calls."),
        Variable("OTEL_RESOURCE_ATTRIBUTES", pairs, {}, "Service and environment, if not above."),
    )
}

_SECRET = re.compile(r"[^/@\s]*@|\b[sp]k-\S+")
"""A user and password in a URL, or a key where none belongs."""

DEFAULT_LANGFUSE = "https://cloud.langfuse.com"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ`, by default the process's own. Never raises."""
    source = os.environ if environ is None else environ
    problems: list[str] = []
    values = {name: _value(v, source, problems) for name, v in VARIABLES.items()}
    resource: Mapping[str, str] = values["OTEL_RESOURCE_ATTRIBUTES"]
    return Settings(
        disabled=values["OTEL_COST_DISABLED"] or values["OTEL_SDK_DISABLED"],
        attribution=make(
            values["OTEL_COST_FEATURE"], values["OTEL_COST_TEAM"], tags=values["OTEL_COST_TAGS"]
        ),
        ledger=values["OTEL_COST_LEDGER"],
        prices=values["OTEL_COST_PRICES"],
        infer_usage=values["OTEL_COST_INFER_USAGE"],
        include_usage=values["OTEL_COST_INCLUDE_USAGE"],
        capture_content=values["OTEL_COST_CAPTURE_CONTENT"],
        unpriced=values["OTEL_COST_UNPRICED"],
        duplicates=values["OTEL_COST_DUPLICATES"],
        diagnostics=values["OTEL_COST_DIAGNOSTICS"],
        langfuse=_langfuse(values, problems),
        service=values["OTEL_SERVICE_NAME"] or resource.get("service.name"),
        environment=values["LANGFUSE_TRACING_ENVIRONMENT"]
        or resource.get("deployment.environment.name")
        or resource.get("deployment.environment"),
        problems=tuple(problems),
    )


def _value(variable: Variable, environ: Mapping[str, str], problems: list[str]) -> Any:
    raw = environ.get(variable.name)
    if raw is None or not raw.strip():
        return variable.default
    try:
        return variable.read(raw)
    except ValueError as error:
        shown = "" if "KEY" in variable.name else f" {_SECRET.sub('***', raw)!r}"
        problems.append(
            f"{variable.name}{shown} is ignored: {error}. Its meaning: {variable.meaning}"
        )
        return variable.default


def _langfuse(values: Mapping[str, Any], problems: list[str]) -> Langfuse | None:
    public, secret = values["LANGFUSE_PUBLIC_KEY"], values["LANGFUSE_SECRET_KEY"]
    if public is None and secret is None:
        return None
    missing = [n for n in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY") if values[n] is None]
    if missing:
        problems.append(f"nothing is sent to Langfuse: {missing[0]} is not set, its twin is.")
        return None
    public, secret = public.strip(), secret.strip()
    if public.startswith("sk-") or secret.startswith("pk-"):
        problems.append(
            "nothing is sent to Langfuse: LANGFUSE_PUBLIC_KEY holds a secret key (sk-…) or "
            "LANGFUSE_SECRET_KEY a public one (pk-…); exchange them."
        )
        return None
    base_url = values["LANGFUSE_BASE_URL"] or values["LANGFUSE_HOST"] or DEFAULT_LANGFUSE
    return Langfuse(public, secret, base_url)
