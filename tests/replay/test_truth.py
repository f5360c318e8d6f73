"""Checks the truths that recordings are judged by: against the requests, and what was answered."""

from collections.abc import Mapping
from typing import Any

import pytest

from otel_cost.usage import total
from tests.pricing.support import context
from tests.replay import recording
from tests.replay.prices import COMPLETE, engine
from tests.replay.recording import Recording
from tests.replay.truth import Truth, truth

LIBRARIES = recording.libraries()
needs_recordings = pytest.mark.skipif(not LIBRARIES, reason="OTEL_COST_TEST_DATA is not set")


def billed_requests(each: Recording) -> int:
    """The requests that ask for something billable; one that is made again counts once."""
    free = ("/count_tokens", "/otel/v1/traces", "/responses/resp_mock1")
    asked = [path for path in each.paths if not path.endswith(free)]
    return len(asked) - ("_retry_" in each.case)


def answered(result: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens in and out as the application saw them, where it did."""
    said = result.get("usage", result.get("then_usage"))
    if not isinstance(said, dict):
        return None
    if said.keys() & {"start", "delta"}:
        said = {**said.get("start", {}), **said.get("delta", {})}
    if "prompt_tokens" in said:
        return said["prompt_tokens"], said.get("completion_tokens", 0)
    cached = said.get("cache_read_input_tokens", 0) + said.get("cache_creation_input_tokens", 0)
    return said["input_tokens"] + cached, said["output_tokens"]


def tokens(what: Truth) -> tuple[int, int]:
    """Those of the answering model; what others used stands outside of the answer's totals."""
    used = total(part.usage for part in what.parts[:1])
    return used.input_tokens, used.output_tokens


@needs_recordings
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_truth_is_what_was_asked_and_answered(library: str) -> None:
    for each in recording.of_library(library):
        truths = truth(each.library, each.case)
        assert len(truths) == billed_requests(each), each.name
        seen = answered(each.result)
        if truths and truths[-1].said in {"all", "some"} and seen is not None:
            assert tokens(truths[-1]) == seen, each.name
        if truths and seen is not None and any(seen):
            assert truths[-1].parts, each.name


def test_a_case_that_nobody_knows_has_no_truth() -> None:
    with pytest.raises(KeyError):
        truth("otel-genai", "bananas_sync")


@pytest.mark.parametrize(
    "case",
    ["chat_sync", "chat_flex_sync", "responses_sync", "messages_sync", "beta_messages_sync"],
)
def test_the_price_file_has_a_price_for_every_meter(case: str) -> None:
    (what,) = truth("otel-genai", case)
    prices = engine(COMPLETE)
    cost = prices.price(what.provider, what.parts, context(tier=what.tier, geo=what.geo))
    assert cost.status == "exact", cost.unpriced
    metered = sum(len(part.usage.quantities) for part in what.parts)
    assert len({(line.part, line.rate_usd) for line in cost.lines}) == metered
