"""Everything that is switched on in one process, and how it ends."""

import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer

from otel_cost import config, faults, seen
from otel_cost.attribution.rules import Rule, Rules
from otel_cost.capture.hooks import Hooks
from otel_cost.child_processes import AtEndOfChild
from otel_cost.config import Settings
from otel_cost.pricing.configured import ConfiguredPrices
from otel_cost.pricing.own import Price
from otel_cost.recorder import Recorder
from otel_cost.spans.judging import judging
from otel_cost.spans.processor import StampingProcessor
from otel_cost.spans.tracers import Tracers

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from otel_cost.charge import Charge
    from otel_cost.export.once import LangfuseProcessor
    from otel_cost.inference.estimates import Estimates
    from otel_cost.settlement import Submission

EXIT_TIMEOUT = 10.0
"""How long the end of the process may wait for the sinks (seconds)."""
SIGTERM_TIMEOUT = 2.0


class Installation:
    """Everything that is switched on in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tracers = Tracers()
        self._prices = ConfiguredPrices(settings.prices)
        self.recorder = Recorder(settings, self.tracers, self._prices.engine())
        if settings.infer_usage:
            self.recorder.estimates = self._estimates()
        self._rules = _rules_of_file(settings.rules)
        self.use_rules(())
        self.hooks = Hooks()
        self.judging = judging(self.recorder, self.hooks.covers)
        self.ledger: str | None = None
        self._prices_in_code = 0
        self._close_ledger: Callable[[], None] = _nothing
        self.processors = weakref.WeakSet[StampingProcessor]()
        self.exits = weakref.WeakSet["LangfuseProcessor"]()
        """What hands spans of a provider on to the exporter, for every provider that has it."""
        self._batches: BatchSpanProcessor | None = None
        self.everywhere = False
        """Whether tracer providers that are made from now on are attached to."""
        self._at_end_of_child = AtEndOfChild(self.at_end_of_child)
        self._sigterm: Callable[[int, FrameType | None], None] | None = None

    def _estimates(self) -> "Estimates":
        from otel_cost.inference.counting import Inference
        from otel_cost.inference.estimates import Estimates

        organisation = self._prices.organisation
        return Estimates(Inference(() if organisation is None else organisation.definitions))

    def start_ledger(self, url: str) -> None:
        """Write every charge from now on to the ledger at `url`."""
        if self.ledger == url:
            return
        if self.ledger is not None:
            raise ValueError(
                f"the ledger is {self.ledger!r} already; call otel_cost.shutdown() before {url!r}"
            )
        from otel_cost.ledger.writer import LedgerWriter

        writer = LedgerWriter(url, self._settled)
        self.recorder.add_outlet("the ledger", writer.write, persistent=True)
        self._close_ledger = writer.close
        self.ledger = url
        self.catch_sigterm()

    def exit_of(self, provider: TracerProvider) -> "LangfuseProcessor | None":
        """A new processor that sends the LLM spans of `provider` to Langfuse, if its keys are set.

        All providers share one exporter, with one thread.
        """
        langfuse = self.settings.langfuse
        if langfuse is None:
            return None
        from otel_cost.export.once import LangfuseProcessor

        if self._batches is None:
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            from otel_cost.export.langfuse import LangfuseExporter

            self._batches = BatchSpanProcessor(LangfuseExporter(langfuse))
            self.catch_sigterm()
        made = LangfuseProcessor(provider, self._batches, langfuse)
        self.exits.add(made)
        return made

    def _settled(self, submission: "Submission", charge: "Charge") -> "Charge":
        """What takes the place of a pending charge in the ledger."""
        from otel_cost.ledger.settling import merged

        insists = self.recorder.settlements.insists(charge.charge_id)
        return merged(submission, charge, self.recorder.engine.price, insists=insists)

    def use_prices(self, prices: tuple[Price, ...]) -> None:
        """Price by these from now on, before any price file and book."""
        self.recorder.engine = self._prices.engine(prices)
        self._prices_in_code = len(prices)

    def use_rules(self, rules: tuple[Rule, ...]) -> None:
        """Attribute by these from now on, before those of the file."""
        found = (*rules, *self._rules)
        self.recorder.who.places = Rules(found) if found else None

    def flush(self, timeout: float) -> bool:
        """Have every charge reach every sink, and every span Langfuse."""
        deadline = time.monotonic() + timeout
        done = self.recorder.flush(timeout)
        if self._batches is not None:
            done &= _within(deadline - time.monotonic(), self._batches.force_flush)
        return done

    def flush_all(self, timeout: float) -> bool:
        """Have every charge reach every sink, and every span every exporter of the provider."""
        deadline = time.monotonic() + timeout
        done = self.flush(timeout)
        processor = getattr(self.tracers(), "span_processor", None)
        if processor is not None:
            done &= _within(deadline - time.monotonic(), processor.force_flush)
        return done

    def diagnostics(self) -> dict[str, Any]:
        """What this process has seen so far, ready for JSON."""
        tally = self.judging.tally
        return seen.as_dict(
            {sdk: self.hooks.covers(sdk) for sdk in ("openai", "anthropic")},
            tally.rows(seen.COLUMNS),
            list(tally.advice),
            [row._asdict() for row in self._effective()],
            list(self.settings.problems),
        )

    def _effective(self) -> Iterator[config.Effective]:
        return config.effective(os.environ, ledger=self.ledger, prices=self._prices_in_code)

    def catch_sigterm(self) -> None:
        """Flush on SIGTERM, if nobody else handles it; the exit status stays that of the signal."""
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return

        def terminate(number: int, _: FrameType | None) -> None:
            # On a thread: the signal may have come in the middle of something that holds a lock.
            _within(SIGTERM_TIMEOUT, self._settle)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, terminate)
        self._sigterm = terminate

    def _settle(self) -> None:
        self._settle_unfinished()
        self.flush(SIGTERM_TIMEOUT)

    def _settle_unfinished(self) -> None:
        """Charge what is open; whatever still waits for a span to end waits no longer."""
        self.recorder.settle_unfinished()
        self.recorder.owners.settle(patient=False)

    def at_exit(self) -> None:
        """Finish what is open and flush the sinks; providers flush their spans themselves."""
        try:
            self._settle_unfinished()
            self.recorder.flush(EXIT_TIMEOUT)
            self._close_ledger()
            if self.settings.diagnostics is not None:
                seen.write(self.diagnostics(), self.settings.diagnostics)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("flushing at exit", error)

    def at_end_of_child(self) -> None:
        """The same in a child process, where no provider is told of the end."""
        try:
            self._settle_unfinished()
            self.flush_all(EXIT_TIMEOUT)
            self._close_ledger()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("flushing at the end of a child process", error)

    def close(self, timeout: float) -> bool:
        """Undo everything that can be undone."""
        deadline = time.monotonic() + timeout
        self.hooks.uninstall()
        self._settle_unfinished()
        for processor in self.processors:
            processor.rest()
        done = self.recorder.close(timeout)
        self._close_ledger()
        if self._batches is not None:
            done &= _within(deadline - time.monotonic(), self._batches.force_flush)
            done &= _within(deadline - time.monotonic(), self._batches.shutdown)
        for way_out in self.exits:
            way_out.rest()
        main = threading.current_thread() is threading.main_thread()
        if main and self._sigterm and signal.getsignal(signal.SIGTERM) is self._sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return done


def _rules_of_file(path: str | None) -> tuple[Rule, ...]:
    if path is None:
        return ()
    from otel_cost.attribution.rules_file import RulesError, load_rules

    try:
        return load_rules(path)
    except RulesError as error:
        message = f"otel_cost: OTEL_COST_RULES is ignored: {error}"
        faults.warn_once("bad_setting", "OTEL_COST_RULES", message)
        return ()


def detached() -> Recorder:
    """A recorder that hands on nothing, for helpers that price where otel_cost is switched off."""
    settings = config.read()
    return Recorder(settings, NoOpTracer, ConfiguredPrices(settings.prices).engine())


def _nothing() -> None:
    """Do nothing."""


def _within(timeout: float, work: Callable[[], Any]) -> bool:
    """Do `work` on a thread and wait for it at most `timeout` seconds: the SDK ignores its own."""
    done = threading.Event()

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught("flushing", error)
        done.set()

    threading.Thread(target=run, name="otel_cost flush", daemon=True).start()
    return done.wait(timeout)
