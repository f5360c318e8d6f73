"""Every environment variable: its default, what it means, and how a wrong value is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from otel_cost import reading
from otel_cost.reading import Adjusted, shown

Group = Literal["attribution", "capture", "pricing", "propagation", "Langfuse", "OpenTelemetry"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: what it decides, how it is read, and what it means."""

    name: str
    group: Group
    setting: str
    """What it decides. Of several that decide the same, the first that is set holds."""
    read: Callable[[str], Any]
    """Raises `ValueError` with what is wrong, `Adjusted` for what can be used in part."""
    default: Any
    meaning: str
    """For people, in one sentence."""
    example: str
    see: str = ""
    """Where in the documentation there is more."""
    secret: bool = False
    """Whether its value is never shown."""

    def understood(self, raw: str) -> tuple[Any, str]:
        """What a value says, and the problem with it: one sentence, empty where there is none.

        A value that cannot be used says the default. Never raises.
        """
        try:
            if len(raw) > reading.LONGEST:
                raise ValueError(f"it is longer than {reading.LONGEST:,} characters")
            return self.read(raw), ""
        except Adjusted as error:
            return error.value, self._problem(raw, "is not used as it is", error)
        except ValueError as error:
            return self.default, self._problem(raw, "is ignored", error)

    def _problem(self, raw: str, what: str, error: ValueError) -> str:
        value = "" if self.secret else f" {shown(raw)}"
        return (
            f"{self.name}{value} {what}: {error}. "
            f"Write for example {self.name}={self.example}. Its meaning: {self.meaning}"
        )


_ATTRIBUTION = (
    Variable(
        "OTEL_COST_FEATURE",
        "attribution",
        "feature",
        reading.name,
        None,
        "Feature of calls that name none.",
        "search",
    ),
    Variable(
        "OTEL_COST_TEAM",
        "attribution",
        "team",
        reading.name,
        None,
        "Team of calls that name none.",
        "core",
    ),
    Variable(
        "OTEL_COST_TAGS",
        "attribution",
        "tags",
        reading.tags,
        {},
        "Tags of all calls, separated by commas, percent-encoded where needed.",
        "plan=pro,region=eu",
    ),
    Variable(
        "OTEL_COST_BAGGAGE_KEYS",
        "attribution",
        "baggage_keys",
        reading.baggage_keys,
        {},
        "Baggage entries that say who a call is for, beside `otel_cost.*`, by field.",
        "feature=app.feature,team=app.team",
    ),
    Variable(
        "OTEL_COST_RULES",
        "attribution",
        "rules",
        reading.place,
        None,
        "File of rules that tell feature and team by route, task, span or module.",
        "rules.toml",
    ),
    Variable(
        "OTEL_COST_STAMP",
        "attribution",
        "stamp",
        reading.one_of("llm", "all"),
        "llm",
        "Which spans carry the attribution: those of LLM work (`llm`), or `all` of a trace.",
        "all",
    ),
)
_CAPTURE = (
    Variable(
        "OTEL_COST_LEDGER",
        "capture",
        "ledger",
        reading.place,
        None,
        "Ledger to write; needs `otel-cost[ledger]`.",
        "sqlite:///costs.db",
        see="ledger.md",
    ),
    Variable(
        "OTEL_COST_INCLUDE_USAGE",
        "capture",
        "include_usage",
        reading.one_of("auto", "always", "never"),
        "auto",
        "Whether chat streams are asked for their usage where the application does not: "
        "`auto` (where the server is known to understand), `always` or `never`.",
        "never",
        see="capture.md#usage-of-chat-streams",
    ),
    Variable(
        "OTEL_COST_INFER_USAGE",
        "capture",
        "infer_usage",
        reading.flag,
        False,
        "Estimate the tokens of calls whose answer does not say them: `true` or `false`.",
        "true",
        see="pricing.md#missing-usage",
    ),
    Variable(
        "OTEL_COST_CAPTURE_CONTENT",
        "capture",
        "capture_content",
        reading.flag,
        False,
        "Put prompts and completions on spans: `true` or `false`.",
        "true",
        see="capture.md#time-and-content",
    ),
    Variable(
        "OTEL_COST_DUPLICATES",
        "capture",
        "duplicates",
        reading.one_of("zero", "keep"),
        "zero",
        "Spans of other libraries that tell of a call again: usage and cost become `zero` for "
        "every backend, or `keep` what backends other than Langfuse read.",
        "keep",
        see="ownership.md#the-other-spans-of-the-call",
    ),
    Variable(
        "OTEL_COST_DIAGNOSTICS",
        "capture",
        "diagnostics",
        reading.place,
        None,
        "File to write when the process ends, for `otel-cost doctor FILE`.",
        "diagnostics.json",
        see="ownership.md#what-it-saw",
    ),
    Variable(
        "OTEL_COST_DISABLED",
        "capture",
        "disabled",
        reading.flag,
        False,
        "Switch all of otel_cost off: `true` or `false`.",
        "true",
    ),
)
_PRICING = (
    Variable(
        "OTEL_COST_PRICES",
        "pricing",
        "prices",
        reading.place,
        None,
        "Price file of your own.",
        "prices.toml",
        see="pricing.md#the-price-file",
    ),
    Variable(
        "OTEL_COST_PRICES_FROM",
        "pricing",
        "prices_from",
        reading.place,
        None,
        "Where `otel-cost prices update` finds a newer price book: a URL (https) or a file.",
        "https://prices.example.com/price_book.json",
        see="pricing.md#a-newer-book",
    ),
    Variable(
        "OTEL_COST_UNPRICED",
        "pricing",
        "unpriced",
        reading.one_of("zero", "infer"),
        "zero",
        "What Langfuse gets for a call without a price: an explicit `zero`, or nothing, so that it "
        "may `infer` one from its own table.",
        "infer",
        see="langfuse.md#why-zeros",
    ),
)
_PROPAGATION = (
    Variable(
        "OTEL_COST_PROPAGATE_TO",
        "propagation",
        "propagate_to",
        reading.hosts,
        (),
        "Hosts and queues that may know who a call is for: names, `*.suffix`, addresses, networks "
        "and `queue:NAME`, separated by commas.",
        "api.internal,*.svc.cluster.local,10.0.0.0/8",
    ),
    Variable(
        "OTEL_COST_TRUST_INBOUND",
        "propagation",
        "trust_inbound",
        reading.flag,
        False,
        "Believe whom other services say a call is for, whoever they are: `true` or `false`.",
        "true",
    ),
    Variable(
        "OTEL_COST_PROPAGATION_KEY",
        "propagation",
        "propagation_keys",
        reading.keys,
        (),
        "Secrets by which services that believe each other sign: the first signs, all are "
        "believed; separated by commas.",
        "$(openssl rand -hex 32)",
        secret=True,
    ),
    Variable(
        "OTEL_COST_PROPAGATION_TTL",
        "propagation",
        "propagation_ttl",
        reading.seconds,
        60,
        "How long a signature holds (seconds).",
        "30",
    ),
    Variable(
        "OTEL_COST_WIRE",
        "propagation",
        "wire",
        reading.one_of("header", "baggage"),
        "header",
        "How attribution travels to other services: in a `header` of its own, or as W3C "
        "`baggage`, which services hand on to whoever they call.",
        "baggage",
    ),
)
DEFAULT_LANGFUSE = "https://cloud.langfuse.com"
_LANGFUSE = (
    Variable(
        "LANGFUSE_PUBLIC_KEY",
        "Langfuse",
        "langfuse_public_key",
        reading.key,
        None,
        "Public key of the Langfuse project.",
        "pk-lf-…",
        see="langfuse.md#sending",
        secret=True,
    ),
    Variable(
        "LANGFUSE_SECRET_KEY",
        "Langfuse",
        "langfuse_secret_key",
        reading.key,
        None,
        "Secret key of the Langfuse project.",
        "sk-lf-…",
        secret=True,
    ),
    Variable(
        "LANGFUSE_BASE_URL",
        "Langfuse",
        "langfuse_base_url",
        reading.base_url,
        DEFAULT_LANGFUSE,
        "Address of Langfuse.",
        "https://us.cloud.langfuse.com",
    ),
    Variable(
        "LANGFUSE_HOST",
        "Langfuse",
        "langfuse_base_url",
        reading.base_url,
        None,
        "The older name of `LANGFUSE_BASE_URL`.",
        "https://us.cloud.langfuse.com",
    ),
    Variable(
        "LANGFUSE_TRACING_ENVIRONMENT",
        "Langfuse",
        "environment",
        reading.name,
        None,
        "Environment of all calls.",
        "production",
    ),
)
_OPENTELEMETRY = (
    Variable(
        "OTEL_SERVICE_NAME",
        "OpenTelemetry",
        "service",
        reading.name,
        None,
        "Service of all calls.",
        "checkout",
    ),
    Variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        "OpenTelemetry",
        "resource",
        reading.pairs,
        {},
        "Service and environment of all calls where no variable of their own says them.",
        "service.name=checkout,deployment.environment.name=production",
    ),
    Variable(
        "OTEL_SDK_DISABLED",
        "OpenTelemetry",
        "sdk_disabled",
        reading.flag,
        False,
        "Switch otel_cost off together with the OpenTelemetry SDK: `true` or `false`.",
        "true",
    ),
)

VARIABLES: Mapping[str, Variable] = {
    variable.name: variable
    for group in (_ATTRIBUTION, _CAPTURE, _PRICING, _PROPAGATION, _LANGFUSE, _OPENTELEMETRY)
    for variable in group
}
DEVELOPMENT = frozenset({"OTEL_COST_TEST_DATA", "OTEL_COST_SOAK", "OTEL_COST_COMPAT"})
"""What the tests of otel_cost itself read."""
