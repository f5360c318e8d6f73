"""Shows that the model of the Langfuse server agrees with every recorded pair of the real one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.langfuse_rules import inferred, store

RESOURCE = {"deployment.environment": "prod"}


def recorded() -> list[dict[str, Any]]:
    """The recorded pairs, or nothing where the test data are not at hand."""
    root = os.environ.get("OTEL_COST_TEST_DATA")
    path = Path(root, "fixtures", "langfuse_ingest.json") if root else None
    if path is None or not path.is_file():
        return []
    pairs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return pairs


PAIRS = recorded()


@pytest.mark.skipif(not PAIRS, reason="OTEL_COST_TEST_DATA is not set")
def test_all_pairs_are_there() -> None:
    assert len(PAIRS) == 54


@pytest.mark.skipif(not PAIRS, reason="OTEL_COST_TEST_DATA is not set")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["case"])
def test_stores_what_the_server_stored(pair: dict[str, Any]) -> None:
    assert store(pair["scope"], pair["attributes"], RESOURCE) == pair["stored"]


USAGE = {"langfuse.observation.usage_details": '{"input": 0, "output": 0, "total": 0}'}
COST = {"langfuse.observation.cost_details": '{"total": 0}'}
MODEL = {"langfuse.observation.model.name": "some-model"}


@pytest.mark.parametrize(
    ("attributes", "made_up"),
    [
        (MODEL, {"usage", "cost"}),
        (MODEL | USAGE, {"cost"}),
        (MODEL | USAGE | COST, set()),
        (MODEL | COST, set()),
        (MODEL | {"langfuse.observation.usage_details": "{}"}, {"usage", "cost"}),
        (MODEL | USAGE | {"gen_ai.usage.cost": 0.1}, set()),
        (MODEL | {"gen_ai.usage.input_tokens": 3}, {"cost"}),
        (MODEL | {"gen_ai.operation.name": "invoke_agent"}, set()),
        ({}, set()),
    ],
)
def test_says_what_the_server_would_make_up(attributes: dict[str, Any], made_up: set[str]) -> None:
    assert inferred(attributes) == made_up


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("checkout", "checkout"), ("1e5", "100000"), ("1.0", "1"), ("null", ""), ('"x"', "x")],
)
def test_decodes_metadata_of_the_langfuse_sdk_only(sent: str, kept: str) -> None:
    attributes = {"langfuse.trace.metadata.feature": sent}
    sdk = store({"name": "langfuse-sdk", "version": "5.0.4"}, attributes)
    other = store({"name": "otel_cost", "version": "5.0.4"}, attributes)
    assert (sdk["metadata"], other["metadata"]) == ({"feature": kept}, {"feature": sent})
