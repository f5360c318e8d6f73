"""From the text of a call to its usage: an estimate, by the rules of the model's definition."""

from collections.abc import Sequence

from otel_cost.inference.conversation import Conversation
from otel_cost.inference.encodings import Count, Encodings, approximate, is_openai
from otel_cost.measured import Measured
from otel_cost.pricing.definitions import Tokenizer, tokenizer_for
from otel_cost.pricing.own import Own
from otel_cost.usage import Meter, Quantity, Usage

_PER_ANSWER = 3
"""OpenAI begins each answer with three tokens, which count as sent."""
_DEFAULT = Tokenizer()


class Inference:
    """Estimates usage from text. It may wait for tables: never on the application's threads."""

    def __init__(self, definitions: Sequence[Own] = ()) -> None:
        self._definitions = definitions
        self._encodings = Encodings()

    def estimate(self, call: Measured) -> None:
        """Set the usage of `call` to what its text comes to, and forget the text.

        Nothing is set where usage was reported, no answer came, or the tokens cannot be counted.
        """
        conversation, call.conversation = call.conversation, None
        if conversation is None or not conversation.heard or call.usage is not None:
            return
        model = call.served_model
        said = tokenizer_for(self._definitions, call.provider, model, call.started_at) or _DEFAULT
        count = self._count(said, model)
        if count is None:
            return
        quantities: dict[Meter, Quantity] = {"input": _sent(conversation, count, said)}
        lacking = set(conversation.lacking)
        if not conversation.embeds:
            texts = ("".join(pieces) for pieces in conversation.received.values())
            quantities["output"] = sum(map(count, texts))
            if not conversation.whole:
                lacking.add("output")
        call.usage, call.usage_source = Usage(quantities), "inferred"
        call.unknown = tuple(sorted(lacking))

    def _count(self, said: Tokenizer, model: str) -> Count | None:
        named = said.model or model
        if said.name == "openai" or (said.name is None and is_openai(named)):
            return self._encodings.count(named)
        return approximate


def _sent(conversation: Conversation, count: Count, said: Tokenizer) -> int:
    tokens = conversation.tokens + sum(map(count, conversation.texts))
    for message in conversation.messages:
        tokens += said.per_message + sum(map(count, message.texts))
        if message.named:
            tokens += said.per_name
    return tokens + (_PER_ANSWER if conversation.messages else 0)
