"""`otel-cost prices`: what the price book says, whether it is fresh, and a newer one."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from otel_cost.cli.options import PricesOption
from otel_cost.cli.output import fail, print_out

prices = typer.Typer(
    name="prices",
    no_args_is_help=True,
    help="Look at the price book, check it, update it. Example: otel-cost prices show gpt-4o",
)

_STALE = 1
_TIMEOUT_S = 30
_MAX_BYTES = 64 * 1024 * 1024

_At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="DATE", help="A day (UTC); today unless given.", show_default=False
    ),
]
_Provider = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who sells it; everyone unless given.", show_default=False),
]


@prices.command()
def show(
    model: Annotated[str, typer.Argument(help="A model as a provider calls it.")],
    provider: _Provider = None,
    at: _At = None,
    file: PricesOption = None,
) -> None:
    """Show a model's rates and rules, where they come from, and what ends when.

    Example: otel-cost prices show gpt-6.2-sol --at 2027-03-01
    """
    from otel_cost.cli import price_text
    from otel_cost.cli.pricing import load_layers

    day = _day(at)
    layers = load_layers(file)
    sellers = [provider] if provider else layers.sellers(model)
    blocks = [
        text for seller in sellers if (text := price_text.model(layers, seller, model, day.date()))
    ]
    if not blocks:
        sold = f" of {provider}" if provider else ""
        fail(f"no price is known for {model!r}{sold}; calls to it are unpriced")
    print_out("\n".join(blocks))


@prices.command("list")
def list_models(provider: _Provider = None) -> None:
    """List the models that have prices, one per line, as provider and model.

    Example: otel-cost prices list --provider anthropic
    """
    from otel_cost.pricing.book import Book
    from otel_cost.pricing.updates import current

    book = current() or Book()
    known = book.providers
    wanted = known if provider is None else (book.provider_id(provider),)
    if wanted[0] not in known:
        fail(f"there is no provider {provider!r}; choose from {', '.join(known)}")
    print_out("".join(f"{name}\t{model}\n" for name in wanted for model in book.models(name)))


@prices.command()
def check(at: _At = None, file: PricesOption = None) -> None:
    """Say which prices have ended or should be looked at again; exit status 1 if there are any.

    Example: otel-cost prices check
    """
    from otel_cost.cli.pricing import load_layers, load_prices
    from otel_cost.pricing import review

    day = _day(at)
    said = load_prices(file)
    layers = load_layers(file)
    stale = [line for book in layers.books[:1] for line in review.stale(book, day.date())]
    if said is not None:
        stale += review.ended(said, int(day.timestamp()) * 1_000_000_000)
    print_out("".join(f"{line}\n" for line in stale))
    if stale:
        raise typer.Exit(_STALE)
    typer.echo(f"{layers.version}: nothing has ended, nothing is to be looked at again", err=True)


@prices.command()
def update(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            envvar="OTEL_COST_PRICES_FROM",
            metavar="URL|FILE",
            help="Where the newer book is: https://…, or a file.",
            show_default=False,
        ),
    ] = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Take a book in which models are gone or rates changed more than tenfold.",
        ),
    ] = False,
) -> None:
    """Replace the price book by a newer one; the one in use stays wherever that cannot be done.

    Example: otel-cost prices update --from https://prices.example.com/price_book.json
    """
    from otel_cost.pricing import updates
    from otel_cost.pricing.transport import BookError

    if source is None:
        fail("no book is named; give --from URL or FILE, or set OTEL_COST_PRICES_FROM")
    try:
        version = updates.install(_fetched(source), accept_changes=accept_changes)
    except BookError as error:
        fail(f"{source} is refused: {error}")
    except (OSError, ValueError) as error:
        fail(f"{source}: {getattr(error, 'strerror', None) or error}")
    newer = updates.current()
    in_use = newer.version if newer is not None else "the bundled one, which is as new"
    print_out(f"The price book is {version} (in use: {in_use}).\n")


def _fetched(source: str) -> bytes:
    """The bytes of a file or an address; raises `OSError` or `ValueError`."""
    if "://" not in source:
        return Path(source).read_bytes()
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, urlopen

    parts = urlsplit(source)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ValueError("a book is fetched by https only, or from this machine")
    try:
        with urlopen(Request(source), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            raw: bytes = answer.read(_MAX_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise ValueError(f"HTTP status {error.code}") from error
    return raw


def _day(at: str | None) -> datetime:
    """Now, or midnight (UTC) of a day."""
    if at is None:
        return datetime.now(UTC)
    try:
        day = date.fromisoformat(at)
    except ValueError:
        fail(f"--at {at} is no day such as {datetime.now(UTC).date()}")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
