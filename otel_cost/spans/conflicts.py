"""Stacks that do not work as installed, or work twice, and what to do about them."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from otel_cost import config
from otel_cost.spans.stacks import Release, Stack
from otel_cost.variables import VARIABLES

Level: TypeAlias = Literal["fix", "note"]
"""Something does not do what it is there for; or all is well and this is good to know."""


class Finding(NamedTuple):
    """One thing to know of a stack, in whole sentences."""

    level: Level
    about: str
    """A distribution or an environment variable."""
    what: str
    fix: str = ""
    """What to do; empty where nothing is."""


Rule: TypeAlias = Callable[[Stack], Iterator[Finding]]


def findings(stack: Stack) -> list[Finding]:
    """Everything that is known of this stack; what needs fixing first."""
    found = [finding for rule in _RULES for finding in rule(stack)]
    return sorted(found, key=lambda finding: finding.level)


_SUPPORTED: tuple[tuple[str, Release, Release], ...] = (
    ("opentelemetry-sdk", (1, 33), (2,)),
    ("openai", (1, 50), (4,)),
    ("anthropic", (0, 43), (3,)),
    ("langfuse", (3,), (6,)),
)
"""From which release on, and before which, a distribution is known to work beside us."""


def _support(stack: Stack) -> Iterator[Finding]:
    for name, first, beyond in _SUPPORTED:
        release = stack.release(name)
        if not release:
            continue
        oldest, newest = (".".join(map(str, numbers)) for numbers in (first, beyond))
        said = f"{name} {stack.versions[name]}"
        if release < first:
            yield Finding(
                "fix",
                name,
                f"{said} is older than what otel_cost works with.",
                f"Install {name} {oldest} or newer.",
            )
        elif release >= beyond:
            yield Finding(
                "note", name, f"{said} is newer than what otel_cost is tested with (<{newest})."
            )


def _settings(stack: Stack) -> Iterator[Finding]:
    settings = config.read(stack.environ)
    for problem in settings.problems:
        first = problem.partition(" ")[0]
        named = first if first.startswith(("OTEL_", "LANGFUSE_")) else None
        name = named or next((n for n in VARIABLES if n in problem), "environment")
        yield Finding("fix", name, f"{problem[0].upper()}{problem[1:].rstrip('.')}.")
    if settings.disabled:
        name = next(n for n in ("OTEL_COST_DISABLED", "OTEL_SDK_DISABLED") if stack.is_set(n))
        yield Finding("fix", name, "otel_cost is switched off.", f"Unset {name}.")


def _one_span_for_two_calls(stack: Stack) -> Iterator[Finding]:
    variable = "USE_OTEL_LITELLM_REQUEST_SPAN"
    if "litellm" not in stack.versions or stack.is_set("LITELLM_OTEL_V2"):
        return
    # LiteLLM itself takes no other word for it.
    if stack.said(variable) != "true":
        yield Finding(
            "fix",
            "litellm",
            "Where the application has a span open, LiteLLM's callback `otel` writes its calls "
            "onto that span: a second call overwrites the first. Calls that LiteLLM makes without "
            "the openai SDK, those to Anthropic among them, are charged from that span.",
            f"Set {variable}=true for the application; without that callback it changes nothing.",
        )


def _openai_v2(stack: Stack) -> Iterator[Finding]:
    name = "opentelemetry-instrumentation-openai-v2"
    if name not in stack.versions:
        return
    why = ""
    if (stack.release("openai") or ()) >= (3,) and "httpx" not in stack.versions:
        why = "it imports httpx, which openai 3 no longer brings"
    elif (stack.release("opentelemetry-util-genai") or ()) >= (1, 2):
        why = "it imports what opentelemetry-util-genai 1.2 no longer has"
    instead = "Install opentelemetry-instrumentation-genai-openai in its place."
    if why:
        yield Finding("fix", name, f"It cannot be imported and does nothing: {why}.", instead)
    else:
        yield Finding(
            "note",
            name,
            "It is superseded, and its spans lack cached and reasoning tokens and all calls of the "
            "Responses API. Calls that the hooks see are charged in full.",
            instead,
        )


def _idle_langchain(stack: Stack) -> Iterator[Finding]:
    name = "opentelemetry-instrumentation-genai-langchain"
    if name in stack.versions and "langchain" not in stack.versions:
        yield Finding(
            "fix",
            name,
            "It does nothing, and does not say so, unless the distribution langchain is installed; "
            "langchain-core is not enough.",
            "Install langchain.",
        )


def _watched_twice(stack: Stack) -> Iterator[Finding]:
    for sdk in ("openai", "anthropic", "langchain-core"):
        families = dict.fromkeys(x.family for x in stack.libraries if sdk in x.watches)
        if len(families) > 1:
            yield Finding(
                "note",
                sdk,
                f"Where several are switched on, {' and '.join(families)} each make a span of a "
                "call. One carries its cost, the others are made worth nothing: it costs CPU only.",
                "Keep one of them.",
            )


def _native_spans(stack: Stack) -> Iterator[Finding]:
    variable = "ANTHROPIC_OPEN_TELEMETRY"
    said = stack.said(variable)
    if (stack.release("anthropic") or ()) < (1, 14) or said == "false":
        return
    if said in {"0", "no", "off"}:
        yield Finding(
            "fix",
            variable,
            f"{said!r} does not switch the Anthropic SDK's own spans off.",
            f"Set {variable}=false.",
        )
    families = dict.fromkeys(x.family for x in stack.libraries if "anthropic" in x.watches)
    if families:
        yield Finding(
            "note",
            "anthropic",
            f"The SDK makes a span of each call itself, beside that of {' and '.join(families)}. "
            "One carries the cost, the others are made worth nothing.",
            f"To save that work, set {variable}=false.",
        )


def _pins(stack: Stack) -> Iterator[Finding]:
    openai, anthropic = stack.release("openai") or (), stack.release("anthropic") or ()
    if "openlit" in stack.versions and (openai >= (3,) or anthropic >= (1,)):
        yield Finding(
            "note",
            "openlit",
            f"OpenLIT {stack.versions['openlit']} may be an old one that pip has picked: the newer "
            "ones declare openai<3 and anthropic<1, though they work with those beyond.",
        )
    litellm = stack.release("litellm")
    if litellm and litellm < (1, 84) and openai >= (3,):
        yield Finding(
            "note",
            "litellm",
            f"LiteLLM {stack.versions['litellm']} is an old one, picked by pip because the newer "
            "ones declare openai<3.",
        )


_BYPASSING = ("litellm", "langchain-core", "pydantic-ai-slim")
"""Libraries that also call providers without the SDKs that are hooked."""
_RATIOS = ("traceidratio", "parentbased_traceidratio")
_NEVER = ("always_off", "parentbased_always_off")


def _dropped_calls(stack: Stack) -> Iterator[Finding]:
    libraries = [x.family for x in stack.libraries if x.distribution in _BYPASSING]
    variable = _dropping(stack)
    if variable and libraries:
        yield Finding(
            "note",
            variable,
            f"{' and '.join(libraries)} can call providers without the openai and anthropic SDKs. "
            "Such a call is charged from its span, so not at all where that is not sampled.",
            "Use CostSampler, or OTEL_TRACES_SAMPLER=otel_cost: see docs/sampling.md.",
        )


def _dropping(stack: Stack) -> str:
    """The variable that has spans dropped, if one does."""
    sampler = stack.said("OTEL_TRACES_SAMPLER")
    if sampler in _NEVER or (sampler in _RATIOS and stack.said("OTEL_TRACES_SAMPLER_ARG")):
        return "OTEL_TRACES_SAMPLER"
    return "LANGFUSE_SAMPLE_RATE" if stack.said("LANGFUSE_SAMPLE_RATE") else ""


def _sampler_of_nobody(stack: Stack) -> Iterator[Finding]:
    automatic = "opentelemetry-instrumentation" in stack.versions
    if stack.said("OTEL_TRACES_SAMPLER") == "otel_cost" and not automatic:
        yield Finding(
            "note",
            "OTEL_TRACES_SAMPLER",
            "The name otel_cost is understood by OpenTelemetry's automatic instrumentation, which "
            "is not installed. A TracerProvider() that the program makes samples everything.",
            "Write TracerProvider(sampler=otel_cost.CostSampler(...)).",
        )


_RULES: tuple[Rule, ...] = (
    _support,
    _settings,
    _one_span_for_two_calls,
    _openai_v2,
    _idle_langchain,
    _watched_twice,
    _native_spans,
    _pins,
    _dropped_calls,
    _sampler_of_nobody,
)
