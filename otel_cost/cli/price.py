"""`otel-cost price`: prices calls that are written down as JSON lines."""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_cost.cli.options import PricesOption
from otel_cost.cli.output import BAD_INPUT, fail, print_out

if TYPE_CHECKING:
    from otel_cost.charge import Cost


def price(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="JSON lines; standard input unless given.",
            show_default=False,
        ),
    ] = None,
    prices: PricesOption = None,
) -> None:
    """Price calls, one JSON object per line in and out.

    In: provider, model, usage as the provider reports it; and, where they are known, id, flavor
    (chat, responses, embeddings, images, transcription, realtime, anthropic), resp_extra (further
    fields of the response), ctx (service_tier, batch, speed, inference_geo, region,
    completion_window, size, quality) and ts.

    Example: otel-cost price calls.jsonl
    """
    from otel_cost.cli.priced_calls import CallError, read_call
    from otel_cost.cli.pricing import load_engine

    engine = load_engine(prices)
    bad = 0
    for number, line in _lines(file):
        if not line.strip():
            continue
        try:
            call = read_call(line)
        except CallError as error:
            bad += 1
            typer.echo(f"otel-cost: line {number}: {error}", err=True)
            continue
        cost = engine.price(call.provider, call.parts, call.context, call.stated)
        print_out(_answer(call.call_id, cost, engine.book_version))
    if bad:
        raise typer.Exit(BAD_INPUT)


def _lines(file: Path | None) -> Iterator[tuple[int, str]]:
    try:
        if file is None or str(file) == "-":
            yield from enumerate(sys.stdin, 1)
            return
        with file.open(encoding="utf-8") as source:
            yield from enumerate(source, 1)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file or 'standard input'}: {getattr(error, 'strerror', None) or error}")


def _answer(call_id: Any, cost: "Cost", book: str) -> str:
    said = cost.as_dict()
    answer = {} if call_id is None else {"id": call_id}
    answer |= {
        "total_usd": said["effective_usd"],
        "status": said["status"],
        "unpriced": said["unpriced"],
        "lines": [
            {
                "part": line["part"],
                "meter": line["meter"],
                "quantity": line["quantity"],
                "rate_usd": line["rate_usd"],
                "per": line["per"],
                "multipliers": line["multipliers"],
                "cost_usd": line["effective_usd"],
                "source": line["price_id"],
            }
            for line in said["lines"]
        ],
        "book": book,
    }
    return json.dumps(answer, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    """An id that was written as a fraction stays as it was written."""
    return str(value) if isinstance(value, Decimal) else repr(value)
