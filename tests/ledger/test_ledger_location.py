"""Shows which ledger URLs are accepted, and that a refusal says what to write instead."""

from pathlib import Path

import pytest

from otel_cost.ledger.location import check_url, sqlite_path


def test_an_absolute_path() -> None:
    assert sqlite_path("sqlite:////var/lib/costs.db") == Path("/var/lib/costs.db")


def test_a_relative_path_is_that_of_the_folder_it_was_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_path("sqlite:///costs.db") == tmp_path / "costs.db"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("costs.db", "write sqlite:///costs.db"),
        ("/var/costs.db", "write sqlite:////var/costs.db"),
        ("sqlite:costs.db", "write sqlite:///costs.db"),
        ("", "write sqlite:///ledger.db"),
        ("sqlite://costs.db", "lacks a slash; write sqlite:///costs.db"),
        ("sqlite://", "in memory"),
        ("sqlite:///", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///costs.db?mode=memory", "question mark"),
        ("mysql://host/db", "a SQLite file: sqlite:///path"),
    ],
)
def test_what_is_refused_and_why(url: str, advice: str) -> None:
    with pytest.raises(ValueError, match="OTEL_COST_LEDGER=") as refusal:
        check_url(url)
    assert advice in str(refusal.value)
    assert repr(url) in str(refusal.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="--ledger=") as refusal:
        check_url("postgresql://app:s3cret@db.example/costs", "--ledger")
    assert "s3cret" not in str(refusal.value)
    assert "app:***@db.example" in str(refusal.value)
