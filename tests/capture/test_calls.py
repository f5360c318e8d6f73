"""Each way of calling: one charge and one span, with what the provider said."""

import json
from decimal import Decimal
from typing import Any

import pytest

import otel_cost
from otel_cost import attributes
from otel_cost.attributes import BUCKETS
from otel_cost.demo.providers import LocalProviders
from tests.capture.ways import APIS, WAYS, Way
from tests.recording import Recording, recording

AUDIO_OR_IMAGE = {"input_audio", "input_image", "output_audio"}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_one_charge_with_the_provider_s_own_usage(
    way: Way, recorded: Recording, providers: LocalProviders
) -> None:
    api = APIS[way.api]
    with otel_cost.attribution(feature="search", team="growth", user_id="u1", tier="gold"):
        way.call(providers, usage=api.usage, id="resp-1")
    charge = recorded.charge
    assert charge.usage.quantities == api.meters
    assert (charge.outcome, charge.usage_source) == ("ok", "provider")
    assert charge.response_id == (None if way.api == "embeddings" else "resp-1")
    assert charge.provider == api.sdk
    assert charge.request_model == api.model
    assert charge.model.startswith(api.model)
    assert charge.attribution.feature == "search"
    assert charge.attribution.tags == (("tier", "gold"),)
    assert (charge.service, charge.environment) == ("shop", "test")
    assert charge.started_at <= charge.ended_at
    assert (charge.first_token_at is not None) == way.streamed
    unpriced = set(charge.cost.unpriced)
    assert unpriced <= AUDIO_OR_IMAGE, "gpt-4o has no audio or image rate; all else is priced"
    assert charge.cost.effective_usd == sum(line.effective_usd for line in charge.cost.lines) > 0


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_one_span_that_says_what_the_charge_says(
    way: Way, recorded: Recording, providers: LocalProviders
) -> None:
    api = APIS[way.api]
    with otel_cost.attribution(
        feature="search", team="growth", user_id="u1", session_id="s1", customer="acme"
    ):
        way.call(providers, usage=api.usage)
    span, charge = recorded.span, recorded.charge
    said: Any = span.attributes
    kind = "embedding" if way.api == "embeddings" else "generation"
    assert said["langfuse.observation.type"] == kind
    assert said["langfuse.observation.model.name"] == charge.model
    for prefix in ("langfuse.trace.metadata.", "langfuse.observation.metadata."):
        for name, value in (("feature", "search"), ("team", "growth"), ("customer", "acme")):
            assert said[prefix + name] == value
    assert said["langfuse.trace.tags"] == ("feature:search", "team:growth")
    assert (said["user.id"], said["session.id"]) == ("u1", "s1")
    assert said["langfuse.observation.metadata.otel_cost_status"] == charge.cost.status
    assert said["langfuse.observation.metadata.otel_cost_charge_id"] == charge.charge_id
    assert said["langfuse.observation.metadata.service"] == "shop"
    usage = json.loads(said[attributes.USAGE_DETAILS])
    assert usage.pop("total") == charge.usage.total_tokens
    assert usage == {BUCKETS[meter]: tokens for meter, tokens in api.meters.items()}
    cost = json.loads(said[attributes.COST_DETAILS], parse_float=Decimal)
    assert cost["total"] == charge.cost.effective_usd
    assert said["gen_ai.usage.input_tokens"] == charge.usage.input_tokens
    assert said["gen_ai.usage.cost"] == float(charge.cost.effective_usd)
    assert f"{span.context.span_id:016x}" == charge.span_id
    assert f"{span.context.trace_id:032x}" == charge.trace_id


@pytest.mark.parametrize("way", [w for w in WAYS if not w.asynchronous], ids=str)
def test_the_application_is_given_the_same(way: Way, providers: LocalProviders) -> None:
    plain = way.call(providers, id="same")
    with recording():
        watched = way.call(providers, id="same")
    assert type(watched) is type(plain)
    plain, watched = (x if isinstance(x, list) else [x] for x in (plain, watched))
    assert [type(item) for item in watched] == [type(item) for item in plain]
    dumps = ([_comparable(item.model_dump()) for item in items] for items in (watched, plain))
    assert next(dumps) == next(dumps)


def _comparable(value: Any) -> Any:
    """Without the ids and times that differ from answer to answer."""
    if isinstance(value, dict):
        return {
            key: _comparable(item)
            for key, item in value.items()
            if not key.endswith(("created", "_at", "id"))
        }
    return [_comparable(item) for item in value] if isinstance(value, list) else value
