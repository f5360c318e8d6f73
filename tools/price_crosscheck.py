"""Compares every rate of a price book with litellm's price list, read out of its wheel."""

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from otel_cost.charge import PricingContext
from otel_cost.pricing.book import Book
from otel_cost.pricing.sheet import Rate, Sheet, conditions, sheet_for

Json: TypeAlias = Mapping[str, Any]

DIFFERENCES = Path(__file__).with_name("price_differences.toml")
_MEMBER = "litellm/model_prices_and_context_window_backup.json"

_PROVIDERS: Mapping[str, tuple[str, str]] = {
    "anthropic": ("anthropic", ""),
    "azure": ("azure", "azure/"),
    "azure_ai": ("azure", "azure_ai/"),
    "baseten": ("baseten", "baseten/"),
    "bedrock": ("aws", ""),
    "bedrock_converse": ("aws", ""),
    "cerebras": ("cerebras", "cerebras/"),
    "cloudflare": ("cloudflare", "cloudflare/"),
    "cohere": ("cohere", ""),
    "cohere_chat": ("cohere", ""),
    "databricks": ("databricks", "databricks/"),
    "deepseek": ("deepseek", "deepseek/"),
    "elevenlabs": ("elevenlabs", "elevenlabs/"),
    "fireworks_ai": ("fireworks", "fireworks_ai/"),
    "gemini": ("google", "gemini/"),
    "groq": ("groq", "groq/"),
    "meta": ("meta", "meta/"),
    "meta_llama": ("meta", "meta_llama/"),
    "minimax": ("minimax", "minimax/"),
    "mistral": ("mistral", "mistral/"),
    "moonshot": ("moonshotai", "moonshot/"),
    "novita": ("novita", "novita/"),
    "openai": ("openai", ""),
    "ovhcloud": ("ovhcloud", "ovhcloud/"),
    "perplexity": ("perplexity", "perplexity/"),
    "text-completion-openai": ("openai", ""),
    "together_ai": ("together", "together_ai/"),
    "typesafe": ("typesafe", "typesafe/"),
    "vertex_ai": ("google", "vertex_ai/"),
    "vertex_ai-anthropic_models": ("google", "vertex_ai/"),
    "vertex_ai-embedding-models": ("google", ""),
    "vertex_ai-language-models": ("google", ""),
    "voyage": ("voyageai", "voyage/"),
    "xai": ("x-ai", "xai/"),
    "zai": ("zai", "zai/"),
}
"""Their word for a provider: the book's, and what stands before their model names."""

_METERS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_second": "seconds",
    "input_cost_per_character": "characters",
    "search_context_cost_per_query": "web_search",
    "file_search_cost_per_1k_calls": "file_search",
}
_TIERS = {"batches": "batch", "flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}
_FIELD = re.compile(
    rf"(?P<meter>{'|'.join(sorted(_METERS, key=len, reverse=True))})"
    r"(?:_above_(?P<thousands>\d+)k_tokens)?"
    rf"(?:_(?P<tier>{'|'.join(_TIERS)}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One rate on which the two lists disagree (USD per unit of the book)."""

    provider: str
    model: str
    meter: str
    when: str
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.model} {self.meter} {self.when} {self.ours:f} {self.theirs:f}"


def read_wheel(wheel: Path, sha256: str) -> Json:
    """Their list; exits where `wheel` is not the file that was pinned."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(_MEMBER)
    listed = hashlib.sha256(raw).hexdigest()
    if listed != sha256:
        raise SystemExit(
            f"{wheel.name} (sha256 {found}) holds another list than the pinned one: "
            f"{listed}, not {sha256}"
        )
    priced: Json = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    return priced


def compare(book: Book, listed: Json, day: str) -> tuple[int, list[Difference]]:
    """How many rates both know on `day`, and those that differ."""
    instant = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    compared, differing = 0, []
    for key, theirs in sorted(listed.items()):
        provider, prefix = _PROVIDERS.get(str(theirs.get("litellm_provider")), ("", ""))
        name = key.removeprefix(prefix)
        if not provider or ("/" in name and provider in {"aws", "azure"}):
            continue  # region/model: a price of one region
        entry = book.find(provider, name)
        if entry is None:
            continue
        for field, value in theirs.items():
            for meter, when, over, their_rate in _their_rates(field, value):
                context = PricingContext(
                    instant,
                    tier=when if when != "batch" else None,
                    batch=when == "batch",
                )
                wanted = conditions(book.rules, context)
                sheet = sheet_for(entry, wanted, instant, book.rules)
                rate = _rate(sheet, meter, over)
                if rate is None or (rate.estimated and meter not in entry.disputed):
                    continue
                compared += 1
                ours = rate.cost(rate.per)
                if abs(ours - their_rate * rate.per) > Decimal("1e-9"):
                    said = (when or "standard") + (f">{over}" if over else "")
                    theirs_per = (their_rate * rate.per).quantize(Decimal("1e-9")).normalize()
                    differing.append(
                        Difference(provider, name, meter, said, ours.normalize(), theirs_per)
                    )
    return compared, sorted(set(differing))


def _their_rates(field: str, value: Any) -> Iterator[tuple[str, str, int, Decimal]]:
    """Meter, tier, prompt size and USD per single unit; nothing for a field that has no meter."""
    said = _FIELD.fullmatch(field)
    if said is None:
        return
    meter = _METERS[said["meter"]]
    if isinstance(value, dict):
        value = value.get("search_context_size_medium")
    if not isinstance(value, Decimal):
        return
    if meter == "file_search":
        value /= 1000
    over = int(said["thousands"] or 0) * 1000
    yield meter, _TIERS.get(said["tier"] or "", ""), over, value


def _rate(sheet: Sheet, meter: str, over: int) -> Rate | None:
    if over == 0:
        return sheet.rates.get(meter)
    return next((rates.get(meter) for start, rates in sheet.long if start <= over), None)


def _groups() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads(DIFFERENCES.read_text(encoding="utf-8"))[
        "difference"
    ]
    for group in listed:
        if missing := {"provider", "reason", "source", "checked_on", "rates"} - group.keys():
            raise SystemExit(f"{DIFFERENCES.name}: {sorted(missing)} missing in {group}")
    return listed


def disputed() -> Iterator[tuple[str, str, str]]:
    """Provider, model of the book and meter of the rates whose difference is open."""
    for group in _groups():
        for model, meters in group.get("open", {}).items():
            yield from ((group["provider"], model, meter) for meter in meters)


def check(book: Book, wheel: Path, pinned: Json, day: str) -> str:
    """A sentence on what was compared; exits where a difference is not signed off."""
    compared, found = compare(book, read_wheel(wheel, pinned["json_sha256"]), day)
    signed = {f"{group['provider']} {line}" for group in _groups() for line in group["rates"]}
    now = {f"{each.provider} {each}" for each in found}
    problems = [f"not signed off: {line}" for line in sorted(now - signed)]
    problems += [f"signed off, but no longer so: {line}" for line in sorted(signed - now)]
    if problems:
        raise SystemExit(
            "\n".join(problems)
            + f"\n{len(problems)} problems: correct the overlay, or give reason and source in "
            f"{DIFFERENCES.name} (model meter when ours litellm's)"
        )
    return (
        f"cross-checked with litellm {pinned['version']}: {compared} rates, "
        f"{len(now)} signed-off differences"
    )
