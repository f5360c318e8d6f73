"""Whose id a charge has: its own, whatever the server says, unless a later call settles it."""

from pathlib import Path
from typing import Any

import pytest

import otel_cost
from otel_cost.attributes import OUTCOME_KEY
from otel_cost.demo.directives import header
from otel_cost.demo.providers import LocalProviders
from tests import ledgers
from tests.capture.ways import WAYS, Way, client
from tests.recording import Recording


@pytest.mark.parametrize("said", ["same", ""])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_two_calls_with_one_response_id_are_two_charges(
    way: Way, said: str, recorded: Recording, providers: LocalProviders, tmp_path: Path
) -> None:
    ledger = tmp_path / "costs.db"
    otel_cost.instrument(ledger=f"sqlite:///{ledger}")
    way.call(providers, id=said)
    way.call(providers, id=said)
    first, second = recorded.charges
    assert first.charge_id != second.charge_id
    assert len(ledgers.documents(ledger)) == len(recorded.spans) == 2


def test_a_background_response_is_pending_and_settled_once(
    recorded: Recording, providers: LocalProviders
) -> None:
    queued: dict[str, Any] = {"status": "queued", "usage": None, "output": [], "background": True}
    with client("openai", providers) as openai, otel_cost.attribution(feature="nightly"):
        openai.responses.create(
            model="gpt-5",
            input="hello",
            background=True,
            extra_headers=header(id="resp-1", body=queued),
        )
    charge = recorded.charge
    assert (charge.outcome, charge.cost.status) == ("pending", "unmetered")
    assert charge.attribution.feature == "nightly"
    assert (recorded.span.attributes or {})[OUTCOME_KEY] == "pending"
