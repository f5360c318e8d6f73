"""The wiring: what `configure()`, `instrument()` and the processor switch on and off."""

import atexit
import os
import threading
from collections.abc import Iterable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from otel_cost import config, every_provider, faults, seen
from otel_cost.attribution import propagation
from otel_cost.attribution.baggage import Vocabulary
from otel_cost.attribution.in_force import IN_FORCE
from otel_cost.attribution.rules import Rule
from otel_cost.attribution.values import Attribution
from otel_cost.attribution.who import Who
from otel_cost.installation import Installation
from otel_cost.pricing.configured import checked
from otel_cost.pricing.own import Price
from otel_cost.processors import of_sdk, processors_of, with_inner
from otel_cost.recorder import Sink
from otel_cost.spans.processor import StampingProcessor

LOCK = threading.RLock()
_installed: Installation | None = None


def installed(ledger: str | None = None) -> Installation | None:
    """The one installation, made on first use; `None` where otel_cost is switched off.

    A `ledger` named in code takes the place of the environment's; raises `ValueError` for one that
    cannot be written.
    """
    global _installed  # noqa: PLW0603 - the one installed configuration
    with LOCK:
        if _installed is None:
            settings = config.read()
            for problem in settings.problems:
                faults.warn_once("bad_setting", problem, f"otel_cost: {problem}")
            if settings.disabled:
                return None
            made = Installation(settings)
            if ledger is None and settings.ledger is not None:
                _start_ledger_of_environment(made, settings.ledger)
            elif ledger is not None:
                made.start_ledger(ledger)
            _installed = made
            IN_FORCE.installed = made.recorder
            atexit.register(made.at_exit)
        elif ledger is not None:
            _installed.start_ledger(ledger)
        return _installed


def _start_ledger_of_environment(installation: Installation, url: str) -> None:
    try:
        installation.start_ledger(url)
    except ValueError as error:
        faults.warn_once("bad_setting", "OTEL_COST_LEDGER", f"otel_cost: no ledger: {error}")


class CostSpanProcessor(StampingProcessor):
    """Add it to the tracer provider you have, before or after any other processor.

    It stamps attribution on LLM spans and, unless `hooks` is false, records every call of the
    openai and anthropic SDKs, on a span of the same provider and in the ledger if
    `OTEL_COST_LEDGER` is set.

        provider.add_span_processor(otel_cost.CostSpanProcessor())
    """

    def __init__(self, *, hooks: bool = True) -> None:
        installation = installed()
        if installation is None:
            super().__init__(None)
            return
        super().__init__(
            installation.judging,
            self._in_use,
            stamps_all=installation.settings.stamp == "all",
        )
        installation.recorder.owners = installation.judging.ownership
        installation.processors.add(self)
        installation.tracers.follow(self)
        if hooks:
            installation.hooks.install(installation.recorder)

    def _in_use(self, span: Span) -> None:
        """It is added to a provider, then; one processor there is enough, and comes first."""
        installation = _installed
        if installation is not None:
            installation.tracers.look_again()
            provider = of_sdk(trace.get_tracer_provider())
            if installation.everywhere and provider and self in processors_of(provider):
                attach(installation, provider)
        for other in with_inner([span._span_processor]):
            if other is self:
                return
            if isinstance(other, StampingProcessor) and other.active:
                self.rest()
                return


def instrument(
    tracer_provider: trace.TracerProvider | None = None,
    *,
    ledger: str | None = None,
    prices: Iterable[Price] | None = None,
    rules: Iterable[Rule] | None = None,
) -> None:
    """Record every call of the openai and anthropic SDKs, without a span processor.

    Spans go to `tracer_provider`, else to the provider of the first `CostSpanProcessor`, else to
    the global one. `ledger` (`sqlite:///path`) takes the place of `OTEL_COST_LEDGER`. `prices` hold
    before those of `OTEL_COST_PRICES` and the price book, `rules` before those of
    `OTEL_COST_RULES`; both replace those given before. Calling it again changes nothing else.

    Raises:
        TypeError: `tracer_provider` is not a tracer provider, one of `prices` no `Price`, or one of
            `rules` no `Rule`.
        ValueError: `ledger` is not the address of a ledger, or another one is being written; or one
            of `prices` makes no sense: the message names it and the field.

    """
    if tracer_provider is not None and not isinstance(tracer_provider, trace.TracerProvider):
        raise TypeError(f"tracer_provider must be a TracerProvider, not {tracer_provider!r}")
    if ledger is not None and not isinstance(ledger, str):
        raise TypeError(f"ledger must be a URL such as sqlite:///path, not {ledger!r}")
    overrides = None if prices is None else checked(prices)
    given = None if rules is None else _checked_rules(rules)
    with LOCK:
        installation = installed(ledger)
        if installation is None:
            return
        if overrides is not None:
            installation.use_prices(overrides)
        if given is not None:
            installation.use_rules(given)
        if tracer_provider is not None:
            installation.tracers.use(tracer_provider)
        installation.hooks.install(installation.recorder)


def _checked_rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    found = tuple(rules)
    for rule in found:
        if not isinstance(rule, Rule):
            raise TypeError(f"rules must be otel_cost.Rule objects, not {rule!r}")
    return found


def configure(
    tracer_provider: TracerProvider | None = None,
    *,
    ledger: str | None = None,
    prices: Iterable[Price] | None = None,
    rules: Iterable[Rule] | None = None,
) -> None:
    """Switch everything on: hooks, processor, and the export to Langfuse if its keys are set.

    Without `tracer_provider` the global one is used, and made if there is none. Calling it again
    changes nothing that is on. Arguments and errors are those of `instrument`.
    """
    if tracer_provider is not None and not hasattr(tracer_provider, "add_span_processor"):
        raise TypeError(
            f"tracer_provider must be a TracerProvider of the SDK, not {tracer_provider!r}"
        )
    with LOCK:
        instrument(tracer_provider, ledger=ledger, prices=prices, rules=rules)
        installation = installed()
        if installation is None:
            return
        if tracer_provider is None:
            provider = _global_provider()
        else:
            provider = of_sdk(tracer_provider) or tracer_provider
        if provider is not None:
            attach(installation, provider)
        propagation.install_beside()


def attach(installation: Installation, provider: TracerProvider) -> None:
    """Add our processors to a provider, unless they are there."""
    there = processors_of(provider)
    if not any(processor in there for processor in installation.processors):
        processor = CostSpanProcessor(hooks=False)
        installation.tracers.follow(processor, provider)
        provider.add_span_processor(processor)
    if not any(way_out in there for way_out in installation.exits):
        _add_exit(installation, provider)
    # Last registered runs first: streams must end before the provider shuts itself down.
    atexit.unregister(installation.at_exit)
    atexit.register(installation.at_exit)


def _add_exit(installation: Installation, provider: TracerProvider) -> None:
    try:
        way_out = installation.exit_of(provider)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        hint = f"Nothing is sent to Langfuse. Check OTEL_BSP_* and OTEL_EXPORTER_*: {error}"
        faults.caught("making the exporter", error, kind="bad_setting", hint=hint)
        return
    if way_out is not None:
        provider.add_span_processor(way_out)


def _global_provider() -> TracerProvider | None:
    try:
        provider = of_sdk(trace.get_tracer_provider())
        if provider is None:
            provider = made_provider()
            trace.set_tracer_provider(provider)
    except Exception as error:  # noqa: BLE001 - the guard of this border
        say_no_provider(error)
        return None
    return provider


def made_provider() -> TracerProvider:
    """A provider as the environment says; raises what the SDK does where that makes no sense."""
    return TracerProvider(sampler=_sampler())


def say_no_provider(error: Exception) -> None:
    """The variables of the SDK keep it from making a provider, but not the application."""
    hint = f"Calls are charged, but there are no spans: {error}"
    faults.caught("making a tracer provider", error, kind="bad_setting", hint=hint)


def _sampler() -> Sampler | None:
    """Ours, where it is asked for: the SDK by itself knows no sampler of others by its name."""
    if os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() != "otel_cost":
        return None
    from otel_cost.spans.sampler import from_environment

    return from_environment(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))


def uninstrument() -> None:
    """Take the hooks off both SDKs again; sinks and ledger keep what they were given."""
    with LOCK:
        if _installed is not None:
            _installed.hooks.uninstall()


def add_sink(sink: Sink) -> None:
    """Have `sink(charge)` called once for every charge finished from now on, in order.

    It is called on a thread of its own. What it raises is counted and logged, and stops no other
    sink; where it is too slow for long, what does not fit its queue is given up and counted.

    Raises:
        TypeError: `sink` cannot be called.

    """
    if not callable(sink):
        raise TypeError(f"a sink must be callable with a Charge, not {sink!r}")
    with LOCK:
        installation = installed()
        if installation is not None:
            installation.recorder.add_sink(sink)
            installation.catch_sigterm()


def current() -> Attribution:
    """Who a call made here and now is for, the defaults and rules of the process included."""
    installation = _installed
    if installation is None:
        return Who(Vocabulary({}), trust=False)()
    return installation.recorder.attribute()


def diagnostics() -> dict[str, Any]:
    """What this process has seen so far, ready for JSON.

    `hooks`: whether each SDK's calls are recorded. `scopes`: for each instrumentation scope how
    many spans carry a hooked call (`owner`), are charged themselves (`priced`), tell of a call once
    more (`duplicate`) or are never calls (`around`), and how many of the charged ones are not
    wholly known, with the reasons. `counts`: what went wrong, by kind. `advice`: what to change.
    `settings`: each with where it came from, and `problems` with them; keys are not shown.
    `otel-cost doctor` shows it.
    """
    installation = _installed
    if installation is None:
        return seen.as_dict({}, [], [], [], [])
    return installation.diagnostics()


def flush(timeout: float = 10.0) -> bool:
    """Wait until every charge so far has reached every sink, the ledger included.

    Returns `False` if that takes longer than `timeout` seconds. Spans for Langfuse are sent too.
    """
    installation = _installed
    return installation is None or installation.flush(timeout)


def shutdown(timeout: float = 10.0) -> bool:
    """Undo `configure()` and `instrument()`: take the hooks off, flush, close ledger and sinks.

    Returns `False` if flushing takes longer than `timeout` seconds. A processor that was added to a
    provider stays there and does nothing more.
    """
    global _installed
    with LOCK:
        installation, _installed = _installed, None
        every_provider.stop(TracerProvider)
        IN_FORCE.installed = None
        propagation.remove_beside()
    if installation is None:
        return True
    atexit.unregister(installation.at_exit)
    return installation.close(timeout)
