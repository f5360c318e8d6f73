"""Who a call is for, by everything that its context and its place say."""

from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from otel_cost.attribution.baggage import BAGGAGE_KEY, Vocabulary, entries_of, own
from otel_cost.attribution.context import KEYS, received, said
from otel_cost.attribution.values import UNATTRIBUTED, Attribution

TO_PROVIDER = otel_context.create_key("otel_cost-to-provider")
"""There in the context of a request to a provider, for as long as its SDK is at work."""
SAYING = KEYS | {BAGGAGE_KEY}
"""In a context without any of these nobody says who a call is for."""


class Places(Protocol):
    """Tells whom a call is for by where it is made."""

    def fill(self, who: Attribution, context: Context) -> Attribution:
        """`who`, with what it does not say taken from the place of `context`."""

    def team_of(self, who: Attribution) -> Attribution:
        """`who`, with the team of its feature where it says none."""


class Who:
    """Who a call is for: what `attribution` says, Langfuse, baggage, a sister service, the rules.

    The first that says a field holds. Defaults come after all of these.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, trust: bool, defaults: Attribution = UNATTRIBUTED
    ) -> None:
        self.vocabulary = vocabulary
        self.trusts = trust
        """Whether everybody is believed."""
        self._defaults = defaults
        self.places: Places | None = None
        """The rules, where there are any."""

    def __call__(self, context: Context | None = None) -> Attribution:
        """Who a call made in `context` is for, by default in the current one."""
        if context is None:
            context = otel_context.get_current()
        found = UNATTRIBUTED if SAYING.isdisjoint(context) else self.said(context)
        return self.placed(found, context)

    def placed(self, who: Attribution, context: Context) -> Attribution:
        """`who`, with what it does not say taken from the place of `context`, by the rules."""
        return who if self.places is None else self.places.fill(who, context)

    def completed(self, who: Attribution) -> Attribution:
        """`who`, with the defaults of this process for what it does not say."""
        found = who.over(self._defaults)
        return found if self.places is None else self.places.team_of(found)

    def discreet(self, context: Context) -> Context:
        """The context that a provider may see: without baggage that says who a call is for."""
        inner = self.vocabulary.without_private(context) if BAGGAGE_KEY in context else context
        return otel_context.set_value(TO_PROVIDER, True, inner)

    def honest(self, context: Context) -> Context:
        """The context for a span of ours, which Langfuse's processor would write baggage on."""
        if self.trusts or BAGGAGE_KEY not in context:
            return context
        return self.vocabulary.without_strangers(context)

    def said(self, context: Context) -> Attribution:
        """Whom a call made in `context` is for without the rules."""
        found = said(context)
        if BAGGAGE_KEY in context:
            entries = entries_of(context) if self.trusts else own(context)
            found = found.over(self.vocabulary.read(entries))
        return found.over(received(context))
