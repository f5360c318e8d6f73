"""Shows what `otel-cost prices` says of the book, and how a newer one is taken or refused."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner, Result

from otel_cost.cli import price_text
from otel_cost.cli.app import app
from otel_cost.pricing.book import Book
from otel_cost.pricing.layers import Layers
from tests.pricing.test_updates import book, set_input

Prices = Callable[..., Result]


@pytest.fixture
def prices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Prices:
    monkeypatch.delenv("OTEL_COST_PRICES", raising=False)
    monkeypatch.delenv("OTEL_COST_PRICES_FROM", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(app, ["prices", *arguments])


def test_every_listed_model_has_an_answer(prices: Prices) -> None:
    listed = [line.split("\t") for line in prices("list").stdout.splitlines()]
    assert len(listed) >= 2000
    assert len({provider for provider, _ in listed}) >= 30
    layers, silent = Layers((Book(),)), []
    for provider, model in listed:
        text = price_text.model(layers, provider, model, date(2026, 11, 21))
        if text is None or ("USD per" not in text and "calls\n  to it are unpriced" not in text):
            silent.append((provider, model))
    assert silent == []


def test_show_says_rates_rules_dates_and_sources(prices: Prices) -> None:
    done = prices("show", "gpt-6.2-sol", "--provider", "openai", "--at", "2026-11-21")
    assert done.exit_code == 0
    for said in (
        "gpt-6.2-sol, sold by openai, on 2026-11-21 (book 2026-11-21+",
        "input                      2 USD per 1,000,000",
        "prompts of more than 272,000 input tokens, all of the request:",
        "tier=ultrafast: x 3 (not with batch) (until 2027-03-01)",
        "tier=ultrafast (from 2027-03-01): x 6",
        "models/gpt-6.2-sol (checked on 2026-11-21, to be reviewed after 2027-02-28)",
    ):
        assert said in done.stdout


def test_show_knows_what_a_price_was(prices: Prices) -> None:
    then = prices("show", "o3", "--provider", "openai", "--at", "2025-06-09").stdout
    now = prices("show", "o3", "--provider", "openai", "--at", "2025-06-10").stdout
    assert "input                     10 USD" in then
    assert "input                      2 USD" in now


def test_show_finds_who_sells_a_model(prices: Prices) -> None:
    done = prices("show", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert done.exit_code == 0
    assert "sold by aws" in done.stdout


def test_show_has_the_price_file_in_it(prices: Prices, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[azure.deployments]\nprod = "gpt-4o"\n[[discount]]\nx = "0.8"\n')
    done = prices("show", "prod", "--prices", str(file))
    assert "prod, sold by azure" in done.stdout
    assert "2.5 USD per 1,000,000 x 0.8 (discount:all)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "gpt-7-foo"), "no price is known for 'gpt-7-foo'; calls to it are unpriced"),
        (("show", "gpt-4o", "--at", "soon"), "--at soon is no day such as"),
        (("list", "--provider", "nobody"), "there is no provider 'nobody'; choose from anthropic"),
        (("update",), "no book is named; give --from URL or FILE"),
        (("update", "--from", "none.json"), "none.json: No such file or directory"),
        (("update", "--from", "http://example.com/b"), "fetched by https only"),
        (("update", "--from", "ftp://example.com/b"), "fetched by https only"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    prices: Prices, arguments: tuple[str, ...], said: str
) -> None:
    done = prices(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("otel-cost: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_list_of_one_provider(prices: Prices) -> None:
    lines = prices("list", "--provider", "aws.bedrock").stdout.splitlines()
    assert len(lines) > 50
    assert {line.partition("\t")[0] for line in lines} == {"aws"}


def test_check_names_what_is_due(prices: Prices) -> None:
    fresh = prices("check", "--at", "2026-11-21")
    assert (fresh.exit_code, fresh.stdout) == (0, "")
    assert "nothing has ended" in fresh.stderr
    due = prices("check", "--at", "2026-11-22")
    assert due.exit_code == 1
    assert due.stdout.startswith("openai/gpt-5.6-sol: review was due after 2026-11-21: $4 and $20")
    later = prices("check", "--at", "2027-03-01")
    assert "openai/gpt-6.2-sol: review was due after 2027-02-28" in later.stdout
    assert "ended" not in later.stdout, "the ultrafast price has a successor"


def test_check_names_contracts_that_ended(prices: Prices, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        '[[discount]]\nname = "old"\nx = "0.9"\nuntil = 2026-11-01\n'
        '[[contract]]\nprovider="openai"\nmodel="a"\nuntil=2026-11-01\nrates={input="1"}\n'
        '[[contract]]\nprovider="openai"\nmodel="b"\nuntil=2026-11-01\nrates={input="1"}\n'
        '[[contract]]\nprovider="openai"\nmodel="b"\nfrom=2026-11-01\nrates={input="2"}\n'
    )
    done = prices("check", "--at", "2026-11-21", "--prices", str(file))
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "org:openai/a@undated: the price has ended",
        "discount:old: the discount has ended",
    ]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A folder with a newer book, served on loopback."""
    (tmp_path / "book.json").write_bytes(book("2027-01-01", set_input("3")))
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Tests say what went wrong themselves."""


def test_update_over_http_is_used_afterwards(prices: Prices, served: str) -> None:
    before = prices("show", "gpt-4o", "--provider", "openai").stdout
    done = prices("update", "--from", f"{served}/book.json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("The price book is 2027-01-01+")
    after = prices("show", "gpt-4o", "--provider", "openai").stdout
    assert "2.5 USD per 1,000,000  bundled:openai/gpt-4o" in before
    assert "3 USD per 1,000,000  updated:openai/gpt-4o" in after


def test_an_update_that_is_not_there(prices: Prices, served: str) -> None:
    done = prices("update", "--from", f"{served}/none.json")
    assert done.exit_code == 2
    assert "none.json: HTTP status 404" in done.stderr


def test_a_refused_update_says_why_and_how_to_insist(prices: Prices, tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_bytes(book("2027-01-01", set_input("0.001")))
    done = prices("update", "--from", str(file))
    assert done.exit_code == 2
    assert "is refused: openai/gpt-4o input goes from 2.5 to 0.001 USD" in done.stderr
    assert "--accept-changes" in done.stderr
    assert prices("update", "--from", str(file), "--accept-changes").exit_code == 0
