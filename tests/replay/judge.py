"""Holds what came of a recording against what the call was: right, less than that, or wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias, get_args

from opentelemetry.sdk.trace import ReadableSpan

from otel_cost.attributes import CHARGE_ID_KEY, OBSERVATION_MESSAGE
from otel_cost.charge import Charge, Cost, Part, PricingContext
from otel_cost.pricing.engine import Engine
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS, UNIT_METERS, Meter, Quantity, Usage
from tests.replay import worth
from tests.replay.recording import RecordedSpan, Recording
from tests.replay.stage import Played
from tests.replay.truth import Truth, truth

Word: TypeAlias = Literal["right", "partial", "unmetered", "no span", "wrong"]
WORDS: Sequence[Word] = get_args(Word)
"""From best to worst."""


class Verdict(NamedTuple):
    """How far the charges of a recording are the truth, and what keeps them from it."""

    word: Word
    reasons: tuple[str, ...] = ()


_OPERATIONS = {
    "chat",
    "completion",
    "embedding",
    "embeddings",
    "image",
    "responses",
    "speech_to_text",
    "text_completion",
}
_CALLS = {"LLM", "EMBEDDING", "generation", "embedding"}
_CHEAPER: Mapping[str, Meter] = {
    "input_audio": "input",
    "cache_write_30m": "input",
    "cache_write_12h": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "input",
    "output_audio": "output",
}
"""What a meter that the book has no price for costs at least."""


def judge(recording: Recording, played: Played, engine: Engine) -> Verdict:
    """The verdict on one recording; `engine` has the prices that were in force."""
    truths = truth(recording.library, recording.case)
    charges = sorted(played.charges, key=lambda charge: charge.started_at)
    problems = tuple(worth.problems(charges, played.spans))
    if problems:
        return Verdict("wrong", problems)
    if not truths:
        return _worst(_of_free(charge) for charge in charges)
    if not charges:
        return _of_nothing(recording)
    if len(charges) != len(truths):
        return Verdict("wrong", (f"{len(truths)} calls, {len(charges)} charges",))
    messages = _messages(played.spans)
    return _worst(
        of_charge(what, charge, engine, messages.get(charge.charge_id, ""))
        for what, charge in zip(truths, charges, strict=True)
    )


def is_call(span: RecordedSpan) -> bool:
    """Whether a span stands for a billable call; said without the help of our dialects."""
    said = span.attributes
    if "count_tokens" in span.name:
        return False
    for name in ("openinference.span.kind", "langfuse.observation.type"):
        if name in said:
            return said[name] in _CALLS
    return said.get("gen_ai.operation.name") in _OPERATIONS or "llm.request.type" in said


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts) or [Verdict("right")]
    word = max(found, key=lambda each: WORDS.index(each.word)).word
    reasons = dict.fromkeys(r for each in found if each.word == word for r in each.reasons)
    return Verdict(word, tuple(reasons))


def _of_free(charge: Charge) -> Verdict:
    if charge.cost.effective_usd or charge.usage.total_tokens:
        return Verdict("wrong", (f"nothing was billed, charged {_text(charge)}",))
    if charge.cost.status == "exact":
        return Verdict("right")
    return Verdict("unmetered", ("Nothing was billed, which its span does not say.",))


def _of_nothing(recording: Recording) -> Verdict:
    calls = [span for span in recording.spans if is_call(span)]
    if calls:
        return Verdict("wrong", (f"{calls[0].name} ended, and nothing was charged",))
    if recording.left_open:
        return Verdict("no span", ("The span of the call never ends.",))
    return Verdict("no span", ("The call has no span.",))


def of_charge(what: Truth, charge: Charge, engine: Engine, message: str) -> Verdict:
    """The verdict on the charge of one call; `message` is what its span tells people."""
    if problems := tuple(_problems(what, charge, engine)):
        return Verdict("wrong", problems)
    status = charge.cost.status
    reasons = (message,) if message else tuple(f"Not known: {m}." for m in charge.cost.unpriced)
    if status == "unmetered":
        return Verdict("unmetered", reasons)
    if _is_true(what, charge, engine):
        return Verdict("right")
    if status == "exact":
        return Verdict("wrong", (f"exact, but {_text(charge)} of {_wire(what)}",))
    if not reasons:
        return Verdict("wrong", (f"{status} without a reason: {_text(charge)}",))
    return Verdict("partial", reasons)


def _is_true(what: Truth, charge: Charge, engine: Engine) -> bool:
    if what.said == "refused":
        return charge.cost.status == "exact"
    if what.said != "all":
        return False
    cost = _priced(what, charge, engine)
    said = (charge.cost.status, charge.cost.effective_usd, set(charge.cost.unpriced))
    same = said == (cost.status, cost.effective_usd, set(cost.unpriced))
    return same and _by_model(what, charge.parts) == _by_model(what, what.parts)


def _problems(what: Truth, charge: Charge, engine: Engine) -> Iterator[str]:
    """What no charge of this call may say, however little its span told."""
    if charge.provider != what.provider:
        yield f"provider {charge.provider}, not {what.provider}"
    used, wire = _summed(charge.parts), _summed(what.parts)
    nameless = charge.cost.status == "unpriced" and charge.model == "unknown"
    if used and not nameless and charge.model not in {what.model, what.requested}:
        yield f"model {charge.model}, not {what.model}"
    guessed = charge.cost.status == "estimated" and what.said == "nothing"
    for side in () if guessed else (INPUT_METERS, OUTPUT_METERS, *((m,) for m in UNIT_METERS)):
        counted, sent = (sum(found[m] for m in side) for found in (used, wire))
        if counted > sent:
            yield f"{counted} {side[0]} tokens, the wire carried {sent}"
    if not guessed and charge.cost.effective_usd > (limit := _ceiling(what, charge, engine)):
        yield f"${charge.cost.effective_usd} is more than ${limit}: {_text(charge)}"
    if charge.cost.status == "unmetered" and (charge.parts or charge.cost.effective_usd):
        yield f"unmetered, but {_text(charge)}"
    if what.said == "some" and used and "output" not in charge.cost.unpriced:
        yield f"the stream broke off, and its output counts as known: {_text(charge)}"


def _priced(what: Truth, charge: Charge, engine: Engine) -> Cost:
    context = PricingContext(charge.started_at, tier=what.tier, geo=what.geo)
    return engine.price(what.provider, what.parts, context)


def _ceiling(what: Truth, charge: Charge, engine: Engine) -> Decimal:
    """What the call cost, meters without a price at the least they can have cost."""
    cost = _priced(what, charge, engine)
    if not cost.unpriced:
        return cost.effective_usd
    parts = []
    for model, usage in what.parts:
        quantities: Counter[Meter] = Counter()
        for meter, quantity in usage.quantities.items():
            quantities[_CHEAPER.get(meter, meter)] += int(quantity)
        parts.append(Part(model, Usage(quantities)))
    context = PricingContext(charge.started_at, tier=what.tier)
    return max(
        cost.effective_usd,
        engine.price(what.provider, parts, context).effective_usd,
        engine.price(what.provider, what.parts, context).effective_usd,
    )


def _by_model(what: Truth, parts: Iterable[Part]) -> Mapping[tuple[str, Meter], Quantity]:
    """What each model used in all, the one that answered by its full name."""
    found: Counter[tuple[str, Meter]] = Counter()
    for model, usage in parts:
        named = what.model if model == what.requested else model
        for meter, quantity in usage.quantities.items():
            if quantity:
                found[named, meter] += int(quantity)
    return found


def _summed(parts: Iterable[Part]) -> "Counter[Meter]":
    found: Counter[Meter] = Counter()
    for _, usage in parts:
        for meter, quantity in usage.quantities.items():
            found[meter] += int(quantity)
    return found


def _messages(spans: Iterable[ReadableSpan]) -> Mapping[str, str]:
    """What the spans that carry a charge tell people of it, by charge id."""
    found = {}
    for span in spans:
        said = span.attributes or {}
        if message := said.get(OBSERVATION_MESSAGE):
            found[str(said.get(CHARGE_ID_KEY)).strip('"')] = str(message)
    return found


def _text(charge: Charge) -> str:
    parts = "; ".join(f"{model} {dict(usage.quantities)}" for model, usage in charge.parts)
    return f"{charge.cost.status} ${charge.cost.effective_usd} for {parts or 'no usage'}"


def _wire(what: Truth) -> str:
    return "; ".join(f"{model} {dict(usage.quantities)}" for model, usage in what.parts)
