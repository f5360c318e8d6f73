"""Model definitions as Langfuse has them: a regular expression, a unit, a start date, prices."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from otel_cost.pricing.own import Own, PriceError, period, usd
from otel_cost.pricing.sheet import ALWAYS
from otel_cost.usage import INPUT_METERS, OUTPUT_METERS

Json: TypeAlias = Mapping[str, Any]

UNITS: Mapping[str, tuple[str, int]] = {
    "CHARACTERS": ("characters", 1),
    "IMAGES": ("images", 1),
    "MILLISECONDS": ("seconds", 1000),
    "SECONDS": ("seconds", 1),
}
"""The meter that counts a unit, and how many units are one of the meter's; `TOKENS` has many."""

USAGE_KEYS: Mapping[str, str] = {
    "prompt_tokens": "input",
    "input_tokens": "input",
    "completion_tokens": "output",
    "output_tokens": "output",
    "input_cached_tokens": "cache_read",
    "input_cached_audio_tokens": "cache_read_audio",
    "input_cached_image_tokens": "cache_read_image",
    "input_cache_read": "cache_read",
    "cache_read_input_tokens": "cache_read",
    "input_cache_creation": "cache_write",
    "cache_creation_input_tokens": "cache_write",
    "cache_write_tokens": "cache_write",
    "input_cache_creation_5m": "cache_write_5m",
    "input_cache_creation_30m": "cache_write_30m",
    "input_cache_creation_1h": "cache_write_1h",
    "input_cache_creation_12h": "cache_write_12h",
    "input_audio_tokens": "input_audio",
    "input_image_tokens": "input_image",
    "output_audio_tokens": "output_audio",
    "output_image_tokens": "output_image",
    "output_reasoning": "reasoning",
    "output_reasoning_tokens": "reasoning",
    "reasoning_tokens": "reasoning",
    "web_search_queries": "web_search",
}
"""Langfuse's names of usage, and our meters; other names stand for meters of that name."""

_FIELDS = frozenset(
    {
        "model_name",
        "provider",
        "match_pattern",
        "unit",
        "start_date",
        "input_price",
        "output_price",
        "total_price",
        "prices",
        "inherit",
        "tokenizer",
        "tokenizer_config",
    }
)
_TOKENIZERS = ("openai", "claude")
_TOKENIZER_CONFIG = ("tokenizerModel", "tokensPerMessage", "tokensPerName")


class Tokenizer(NamedTuple):
    """How the tokens of a model's text are counted."""

    name: str | None = None
    """`openai`, `claude`, or `None`: by the name of the model."""
    model: str | None = None
    """The model whose encoding it is, where that is another one."""
    per_message: int = 3
    """Tokens that each message costs beside its text."""
    per_name: int = 1
    """Tokens that the name of who says a message costs beside itself."""


@dataclass(frozen=True, slots=True)
class Definition(Own):
    """The prices of a definition, and how tokens are counted that nobody reports."""

    tokenizer: Tokenizer | None = None


def tokenizer_for(
    definitions: Iterable[Own], provider: str, model: str, instant: int
) -> Tokenizer | None:
    """What the latest definition that matches says of counting, if there is one that does."""
    found = [
        d
        for d in definitions
        if isinstance(d, Definition)
        and d.tokenizer is not None
        and d.start <= instant
        and d.provider in {None, provider.strip().lower()}
        and d.matches(model)
    ]
    return max(reversed(found), key=lambda d: d.start).tokenizer if found else None


def definition(table: Json) -> Own:
    """One `[[definition]]` ready for use; raises `PriceError`."""
    if strange := sorted(table.keys() - _FIELDS):
        raise PriceError(strange[0], f"is unknown; a definition has {', '.join(sorted(_FIELDS))}")
    unit = table.get("unit", "TOKENS")
    if unit != "TOKENS" and unit not in UNITS:
        raise PriceError("unit", f"is {unit!r}; choose TOKENS, {', '.join(sorted(UNITS))}")
    start, _ = period(table.get("start_date"), None)
    name, provider = table.get("model_name"), table.get("provider")
    if not isinstance(name, str) or not name:
        raise PriceError("model_name", "is missing; give the definition a name")
    if provider is not None and not isinstance(provider, str):
        raise PriceError("provider", f"is {provider!r}; name a provider, or none")
    return Definition(
        provider=None if provider is None else provider.strip().lower(),
        matches=pattern(table.get("match_pattern")),
        exact=False,
        rates=_rates(table, unit),
        start=start,
        end=ALWAYS[1],
        when=frozenset(),
        inherit=bool(table.get("inherit", False)),
        price_id=f"org:{name}@{table.get('start_date', 'undated')}",
        tokenizer=_tokenizer(table),
    )


def _tokenizer(table: Json) -> Tokenizer | None:
    name, config = table.get("tokenizer"), table.get("tokenizer_config", {})
    if name is None and not config:
        return None
    if name is not None and name not in _TOKENIZERS:
        raise PriceError("tokenizer", f"is {name!r}; choose {' or '.join(_TOKENIZERS)}")
    if not isinstance(config, Mapping):
        raise PriceError("tokenizer_config", f"is {config!r}; write a table")
    if strange := sorted(config.keys() - set(_TOKENIZER_CONFIG)):
        raise PriceError(strange[0], f"is unknown; write {', '.join(_TOKENIZER_CONFIG)}")
    model = config.get("tokenizerModel")
    if model is not None and not isinstance(model, str):
        raise PriceError("tokenizerModel", f"is {model!r}; name a model")
    for key in ("tokensPerMessage", "tokensPerName"):
        value = config.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PriceError(key, f"is {value!r}, which is no whole number")
    usual = Tokenizer()
    return Tokenizer(
        name,
        model,
        config.get("tokensPerMessage", usual.per_message),
        config.get("tokensPerName", usual.per_name),
    )


def pattern(said: object) -> Callable[[str], bool]:
    """Whether a regular expression of RE2 is found in a name; raises `PriceError`."""
    if not isinstance(said, str) or not said:
        raise PriceError("match_pattern", f"is {said!r}; write a regular expression")
    try:
        re2 = import_module("re2")
    except ImportError:
        raise PriceError(
            "match_pattern", 'needs google-re2; install it: pip install "otel-cost[prices]"'
        ) from None
    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(said, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode() if isinstance(reason, bytes) else reason
        raise PriceError("match_pattern", f"{said!r} is refused by RE2: {text}") from None
    return lambda name: found.search(name) is not None


def _rates(table: Json, unit: str) -> dict[str, tuple[Decimal, int]]:
    said: dict[str, Decimal] = {}
    for key in ("input", "output", "total"):
        if (price := table.get(f"{key}_price")) is not None:
            said[key] = usd(price, f"{key}_price")
    prices = table.get("prices", {})
    if not isinstance(prices, Mapping):
        raise PriceError("prices", f"is {prices!r}; write a table of usage keys and prices")
    for key, price in prices.items():
        if key in said:
            raise PriceError("prices", f"has {key}, and so has {key}_price")
        said[key] = usd(price, key)
    if not said:
        raise PriceError("prices", "are missing: input_price, output_price, total_price or prices")
    if "total" in said and ("input" in said or "output" in said):
        raise PriceError("total_price", "is for input and output together; give it alone")
    if unit != "TOKENS":
        return _in_unit(said, unit)
    rates = {USAGE_KEYS.get(k, k): (p, 1) for k, p in said.items() if k != "total"}
    if "total" in said:
        for meter in (*INPUT_METERS, *OUTPUT_METERS):
            rates.setdefault(meter, (said["total"], 1))
    return rates


def _in_unit(said: Mapping[str, Decimal], unit: str) -> dict[str, tuple[Decimal, int]]:
    """Whatever is said to be input, output or total is one count of the unit."""
    meter, in_one = UNITS[unit]
    alike = {price for key, price in said.items() if key in {"input", "output", "total"}}
    if len(alike) > 1:
        raise PriceError(
            "output_price", f"differs from input_price, but {unit} are counted once; give one"
        )
    rates = {USAGE_KEYS.get(k, k): (p, 1) for k, p in said.items()}
    for key in ("input", "output", "total"):
        rates.pop(key, None)
    if alike:
        rates[meter] = (alike.pop() * in_one, 1)
    return rates
