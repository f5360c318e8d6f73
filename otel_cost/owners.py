"""What hooks and spans agree upon: how a hooked call finds the one span that carries it."""

from typing import Protocol

from opentelemetry.context import Context

from otel_cost.charge import Cost
from otel_cost.measured import Measured


class Hooked(Protocol):
    """A call in progress, as whoever owns it sees it. None of its methods raises."""

    @property
    def measured(self) -> Measured:
        """What is known of it so far."""

    @property
    def is_known(self) -> bool:
        """Whether what it used is known for good, though it has not ended."""

    def publish(self) -> Cost:
        """It is over, and nothing of it changes any more: publish its charge, once."""

    def move(self) -> None:
        """Open a span of its own: no other can carry it."""


class Owner(Protocol):
    """A span that was open before the call began, and is to carry it. None of this raises."""

    @property
    def waits(self) -> bool:
        """Whether the call is over, and the span has not ended."""

    def over(self) -> None:
        """The call is over: publish it, now or when the span ends."""

    def abandoned(self) -> None:
        """The call is about to end because nobody reads on; the span may never end."""


class Owners(Protocol):
    """Decides which span carries a call."""

    def elect(self, call: Hooked, context: Context) -> Owner | None:
        """The open span that is to carry `call`, made in `context`; `None`: one of its own."""

    def ended(self, measured: Measured) -> None:
        """A call has been published: spans that tell of it again are its duplicates."""

    def settle(self, *, patient: bool) -> None:
        """Give calls that are over a span of their own where their owner has not ended.

        With `patient`, only where it is not likely to.
        """


class NoOwners:
    """Without a processor no span of others is known: every call gets its own."""

    def elect(self, call: Hooked, context: Context) -> Owner | None:  # noqa: ARG002
        """None."""
        return None

    def ended(self, measured: Measured) -> None:
        """Nothing remembers it."""

    def settle(self, *, patient: bool) -> None:
        """Nothing waits."""
