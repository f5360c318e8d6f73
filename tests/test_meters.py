"""The meters of a call, summed up and put on a span under the names that others read."""

import json
from decimal import Decimal

from otel_cost import attributes
from otel_cost.charge import Cost
from otel_cost.measured import Measured
from otel_cost.usage import INPUT_METERS, Meter, Quantity, Usage

ZERO = Decimal(0)
CACHED = Usage({"input": 7, "cache_read": 100, "cache_read_audio": 20, "cache_read_image": 3})


def on_span(usage: Usage) -> dict[str, object]:
    call = Measured("c", "openai", "chat", 0, model="gpt-realtime", usage=usage)
    return attributes.of_call(call, Cost("exact", ZERO, ZERO))


def test_what_was_cached_is_part_of_what_was_sent() -> None:
    assert (CACHED.input_tokens, CACHED.cache_read_tokens, CACHED.total_tokens) == (130, 123, 130)
    one_each: dict[Meter, Quantity] = dict.fromkeys(INPUT_METERS, 1)
    assert Usage(one_each).input_tokens == len(INPUT_METERS)


def test_cached_tokens_are_one_number_and_buckets_of_their_own_on_a_span() -> None:
    said = on_span(CACHED)
    assert said[attributes.CACHE_READ_TOKENS] == 123
    assert said[attributes.INPUT_TOKENS] == 130
    assert json.loads(str(said[attributes.USAGE_DETAILS])) == {
        "input": 7,
        "input_cached_tokens": 100,
        "input_cached_audio_tokens": 20,
        "input_cached_image_tokens": 3,
        "total": 130,
    }


def test_units_are_no_tokens_on_a_span() -> None:
    said = on_span(Usage({"training_tokens": 9, "images": 2}))
    assert json.loads(str(said[attributes.USAGE_DETAILS])) == {"input": 0, "output": 0, "total": 0}
    assert attributes.CACHE_READ_TOKENS not in said
