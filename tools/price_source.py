"""Reads the data of genai-prices: names of meters, conditions, match clauses, dates."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeAlias

from genai_prices import types as source

Json: TypeAlias = dict[str, Any]

_METERS = {
    "input_mtok": "input",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "cache_read_mtok": "cache_read",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_reasoning_mtok": "reasoning",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_interpreter",
    "audio_hours": "seconds",
    "input_mchars": "characters",
    "requests_kcount": "requests",
}
"""Names of rates in the source, and of our meters."""

_UNUSED = frozenset(
    {
        "input_audio_hours",  # always beside an equal audio_hours
        "input_document_kpages",
        "input_annotated_document_kpages",
        "input_text_messages_kcount",
        "input_video_mtok",
        "output_video_mtok",
        "output_citation_mtok",
    }
)
"""Rates in the source that no meter of ours counts."""


def compiled_model(model: source.ModelInfo) -> Json:
    """One model of the source as the book has it."""
    prices = model.prices if isinstance(model.prices, list) else [model.prices]
    compiled: Json = {
        "id": model.id,
        "match": _clauses([model.match]),
        "prices": [_dated(price) for price in prices],
    }
    if model.id.endswith(":free") and compiled["prices"] == [{"rates": {}}]:
        compiled["prices"] = [{"rates": {"input": "0", "output": "0"}}]
    if variants := _variants(model):
        compiled["variants"] = variants
    return compiled


def _variants(model: source.ModelInfo) -> list[Json]:
    compiled: list[Json] = []
    for variant in model.price_variants or ():
        when = sorted(_condition(name, value) for name, value in variant.when.items())
        if when == ["tier=default"]:
            continue
        dated = {"when": when, **_dated(variant)}
        if dated not in compiled:
            compiled.append(dated)
    seen = [(tuple(v["when"]), v.get("from")) for v in compiled]
    if len(seen) != len(set(seen)):
        raise SystemExit(
            f"{model.id}: `priority` and `fast` are one tier, but differ in the source"
        )
    return compiled


def _condition(name: str, value: str) -> str:
    if (name, value) == ("processing", "batch"):
        return "batch"
    if name == "service_tier":
        return f"tier={'priority' if value == 'fast' else value}"
    return f"{name}={value}"


def _dated(price: source.ModelPrice | source.ConditionalPrice | source.PriceVariant) -> Json:
    if isinstance(price, source.ModelPrice):
        return {"rates": _rates(price)}
    compiled: Json = {"rates": _rates(price.prices)}
    if isinstance(price.constraint, source.StartDateConstraint):
        compiled["from"] = price.constraint.start_date.isoformat()
    elif isinstance(price.constraint, source.TimeOfDateConstraint):
        compiled["daily"] = [
            price.constraint.start_time.strftime("%H:%M"),
            price.constraint.end_time.strftime("%H:%M"),
        ]
    return compiled


def _rates(price: source.ModelPrice) -> Json:
    rates: Json = {}
    if price.input_audio_hours not in (None, price.audio_hours):
        raise SystemExit(f"an input_audio_hours that is not its audio_hours: {price}")
    for name, rate in vars(price).items():
        if rate is None or name in _UNUSED:
            continue
        if isinstance(rate, source.TieredPrices):
            tiers = [[tier.start, plain(tier.price)] for tier in rate.tiers]
            rates[_METERS[name]] = [plain(rate.base), *tiers]
        else:
            rates[_METERS[name]] = plain(rate)
    return rates


def _clauses(clauses: Iterable[source.MatchLogic]) -> Json:
    """Alternatives of the source's match logic, grouped by kind."""
    compiled: dict[str, list[Any]] = {}
    for clause in clauses:
        if isinstance(clause, source.ClauseOr):
            for kind, values in _clauses(clause.or_).items():
                compiled.setdefault(kind, []).extend(values)
        elif isinstance(clause, source.ClauseAnd):
            compiled.setdefault("all", []).append([_clauses([each]) for each in clause.and_])
        elif isinstance(clause, source.ClauseRegex):
            compiled.setdefault("regex", []).append(clause.regex)
        else:
            ((name, value),) = vars(clause).items()
            compiled.setdefault(name.removesuffix("_with"), []).append(value.lower())
    return compiled


def plain(number: Decimal) -> str:
    """A decimal as plain digits, without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
