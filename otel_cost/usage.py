"""The vocabulary of what is counted: meters, and usage as quantities per meter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

InputMeter = Literal[
    "input",
    "input_audio",
    "input_image",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_write_5m",
    "cache_write_30m",
    "cache_write_1h",
    "cache_write_12h",
]
OutputMeter = Literal["output", "output_audio", "output_image", "reasoning"]
UnitMeter = Literal[
    "web_search",
    "file_search",
    "code_interpreter",
    "seconds",
    "characters",
    "images",
    "training_tokens",
]

Meter: TypeAlias = InputMeter | OutputMeter | UnitMeter
"""What is counted. Meters are disjoint: a token is in exactly one of them.

`input` is uncached text input, `output` excludes `reasoning`, `output_audio` and `output_image`;
`training_tokens` are what a fine-tuning job was trained on, neither sent nor received by a call.
"""

INPUT_METERS: tuple[InputMeter, ...] = get_args(InputMeter)
OUTPUT_METERS: tuple[OutputMeter, ...] = get_args(OutputMeter)
UNIT_METERS: tuple[UnitMeter, ...] = get_args(UnitMeter)
CACHE_READ_METERS: tuple[InputMeter, ...] = ("cache_read", "cache_read_audio", "cache_read_image")
"""What was sent and was in the provider's cache."""

_INPUT = frozenset[str](INPUT_METERS)
_OUTPUT = frozenset[str](OUTPUT_METERS)
_CACHE_READ = frozenset[str](CACHE_READ_METERS)

Quantity: TypeAlias = int | Decimal
"""Tokens and other countable units are `int`; seconds may be a fractional `Decimal`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call, or one part of it, used: a quantity per meter.

    A meter that is absent was not reported; a meter that is present with 0 was reported as 0.
    """

    quantities: Mapping[Meter, Quantity]

    @property
    def input_tokens(self) -> int:
        """All tokens sent, cached or not (tokens)."""
        return self._tokens(_INPUT)

    @property
    def output_tokens(self) -> int:
        """All tokens received, reasoning included (tokens)."""
        return self._tokens(_OUTPUT)

    @property
    def cache_read_tokens(self) -> int:
        """What of `input_tokens` was read from the provider's cache (tokens)."""
        return self._tokens(_CACHE_READ)

    @property
    def total_tokens(self) -> int:
        """`input_tokens` and `output_tokens` together (tokens)."""
        return self.input_tokens + self.output_tokens

    def _tokens(self, meters: frozenset[str]) -> int:
        tokens: Quantity = 0
        for meter, quantity in self.quantities.items():
            if meter in meters:
                tokens += quantity
        return int(tokens)


NO_USAGE = Usage({})
"""Nothing was reported."""


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of several usages, meter by meter."""
    sums: dict[Meter, Quantity] = {}
    for usage in usages:
        for meter, quantity in usage.quantities.items():
            sums[meter] = sums.get(meter, 0) + quantity
    return Usage(sums)
