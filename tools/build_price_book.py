"""Compiles the bundled price book from the data of genai-prices and the overlay beside this file.

    python tools/build_price_book.py [--out FOLDER] [--litellm WHEEL] [--transport FILE]

The result depends on nothing but those two inputs, byte for byte. With `--litellm` every rate that
litellm has too is compared, and a difference that is not signed off fails the build.
"""

import argparse
import importlib.metadata
import json
import tempfile
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, cast

import price_crosscheck
import price_source
from genai_prices.data import providers as source_providers

from otel_cost.pricing import transport
from otel_cost.pricing.book import BUNDLED, Book, matches

Json: TypeAlias = dict[str, Any]

OVERLAY = Path(__file__).with_name("price_overlay.toml")


def main() -> None:
    """Build the book into `--out`, the package's own folder by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=BUNDLED)
    parser.add_argument("--litellm", type=Path, metavar="WHEEL")
    parser.add_argument("--transport", type=Path, metavar="FILE", help="the book as one file, too")
    asked = parser.parse_args()
    overlay = tomllib.loads(OVERLAY.read_text(encoding="utf-8"))
    installed = importlib.metadata.version("genai-prices")
    if installed != overlay["book"]["genai_prices"]:
        raise SystemExit(
            f"the overlay is checked against genai-prices {overlay['book']['genai_prices']}, "
            f"but {installed} is installed"
        )
    parts = _parts(overlay)
    files = {f"{name}.json": _part_text(part) for name, part in parts.items()}
    files["index.json"] = _index_text(overlay, files)
    with tempfile.TemporaryDirectory() as draft:
        _write(files, Path(draft))
        print(_cross_check(Path(draft), asked.litellm, overlay))
    _write(files, asked.out)
    if asked.transport is not None:
        asked.transport.write_text(transport.pack(files), encoding="utf-8", newline="\n")
    models = sum(len(part["models"]) for part in parts.values())
    print(
        f"{json.loads(files['index.json'])['version']}: {models} models of {len(parts)} providers, "
        f"{sum(map(len, files.values()))} bytes"
    )


def _parts(overlay: Json) -> dict[str, Json]:
    """Each provider's part of the book: the source's models, changed as the overlay says."""
    parts: dict[str, Json] = {
        p.id: {"factors": [], "models": [price_source.compiled_model(m) for m in p.models]}
        for p in source_providers
    }
    for change in overlay.get("model", ()):
        _add_model(parts[change["provider"]], change)
    for change in overlay.get("replace", ()):
        _replace(parts[change["provider"]], change)
    for change in overlay.get("rates", ()):
        _add_rates(parts[change["provider"]], change)
    for change in overlay.get("review", ()):
        _fact(_named(parts[change["provider"]], change["id"]), change)
    for change in overlay.get("factor", ()):
        fields = {name: value for name, value in change.items() if name != "provider"}
        parts[change["provider"]]["factors"].append(fields)
    for provider, model, meter in price_crosscheck.disputed():
        found = _named(parts[provider], model)
        found["disputed"] = sorted({*found.get("disputed", ()), meter})
    return parts


def _write(files: Mapping[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in {path.name for path in folder.glob("*.json")} - files.keys():
        (folder / stale).unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _cross_check(folder: Path, wheel: Path | None, overlay: Json) -> str:
    pinned = overlay["litellm"]
    if wheel is None:
        return (
            "not cross-checked; to do so: pip download --no-deps --dest /tmp "
            f"litellm=={pinned['version']}, then add --litellm /tmp/{pinned['wheel']}"
        )
    return price_crosscheck.check(Book(folder), wheel, pinned, overlay["book"]["date"])


def _add_model(part: Json, change: Json) -> None:
    fields = ("id", "match", "prices", "variants")
    model = {name: change[name] for name in fields if name in change}
    _fact(model, change)
    part["models"].insert(0, model)


def _named(part: Json, model: str) -> Json:
    for listed in part["models"]:
        if listed["id"] == model:
            return cast(Json, listed)
    raise SystemExit(f"the overlay names {model}, which the book does not have")


def _fact(model: Json, change: Json) -> None:
    """Note where a change of `model` comes from."""
    names = ("source", "checked_on", "review_after", "note")
    fact = {name: change[name] for name in names if name in change}
    if fact not in model.setdefault("facts", []):
        model["facts"].append(fact)


def _replace(part: Json, change: Json) -> None:
    model = _named(part, change["id"])
    variants = [v for v in model["variants"] if v["when"] == change["when"]]
    if len(variants) != 1:
        raise SystemExit(f"an overlay entry replaces {len(variants)} variants: {change}")
    variants[0]["rates"] = change["rates"]
    _fact(model, change)


def _add_rates(part: Json, change: Json) -> None:
    """Adds rates, given or as a multiple of another one, to models that have none of their own."""
    touched = 0
    for model in part["models"]:
        if not matches(change["match"], model["id"]):
            continue
        for dated in (*model["prices"], *model.get("variants", ())):
            touched += _extend(dated["rates"], change)
        _fact(model, change)
    if not touched:
        raise SystemExit(f"an overlay entry changes nothing: {change}")


def _extend(rates: Json, change: Mapping[str, Any]) -> int:
    before = len(rates)
    beside = change.get("beside")
    if beside is not None and beside not in rates:
        return 0
    for meter, rate in change.get("set", {}).items():
        rates.setdefault(meter, rate)
    for meter, of in change.get("times", {}).items():
        rates.setdefault(meter, _times(rates[of["rate"]], Decimal(of["x"])))
    return len(rates) - before


def _times(rate: str | list[Any], x: Decimal) -> str | list[Any]:
    if isinstance(rate, str):
        return price_source.plain(Decimal(rate) * x)
    return [_times(rate[0], x), *([start, _times(tier, x)] for start, tier in rate[1:])]


def _index_text(overlay: Json, files: Mapping[str, str]) -> str:
    providers: Json = {}
    for provider in source_providers:
        providers[provider.id] = {"api": provider.api_pattern}
        others = overlay["fallback"].get(provider.id, provider.fallback_model_providers)
        if others:
            providers[provider.id]["fallback"] = list(others)
    index = {
        "aliases": overlay["aliases"],
        "providers": providers,
        "rules": overlay["rules"],
        "schema": transport.SCHEMA,
        "source": overlay["book"]["source"],
    }
    digest = transport.digest(index, files)
    index["version"] = f"{overlay['book']['date']}+{digest[:12]}"
    index["sha256"] = digest
    return json.dumps(index, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def _part_text(part: Json) -> str:
    """One model per line, so that a changed price is one changed line."""
    lists = (
        f'"{name}":[{",".join(f"{chr(10)}{_compact(item)}" for item in part[name])}]'
        for name in ("factors", "models")
    )
    return "{" + ",\n".join(lists) + "}\n"


_compact = transport.compact


if __name__ == "__main__":
    main()
