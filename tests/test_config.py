"""Shows how every environment variable is read, and what a bad one leads to."""

from collections.abc import Mapping
from typing import Any

import pytest

from otel_cost import config
from otel_cost.attribution.context import UNATTRIBUTED, Attribution
from otel_cost.config import DEFAULT_LANGFUSE, Langfuse, Settings

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-secret"}
NOTHING_SAID = Settings(
    disabled=False,
    attribution=UNATTRIBUTED,
    ledger=None,
    unpriced="zero",
    langfuse=None,
    service=None,
    environment=None,
    problems=(),
)


def setting(name: str, environ: Mapping[str, str]) -> Any:
    """One setting of an environment in which nothing is wrong."""
    settings = config.read(environ)
    assert settings.problems == ()
    return getattr(settings, name)


def problem(environ: Mapping[str, str]) -> str:
    """The one thing that is wrong with an environment."""
    (said,) = config.read(environ).problems
    return said


def test_nothing_said_is_the_default_everywhere() -> None:
    assert config.read({}) == NOTHING_SAID


def test_the_processs_own_environment_is_read_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_COST_LEDGER", "sqlite:///a.db")
    assert config.read().ledger == "sqlite:///a.db"


@pytest.mark.parametrize("name", config.VARIABLES)
@pytest.mark.parametrize("value", ["", "  ", "\t"])
def test_a_blank_variable_says_nothing(name: str, value: str) -> None:
    assert config.read({name: value}) == NOTHING_SAID


@pytest.mark.parametrize("name", ["OTEL_COST_DISABLED", "OTEL_SDK_DISABLED"])
@pytest.mark.parametrize(
    ("value", "disabled"),
    [
        ("true", True),
        ("True", True),
        (" TRUE ", True),
        ("1", True),
        ("yes", True),
        ("on", True),
        ("false", False),
        ("0", False),
        ("No", False),
        ("off", False),
    ],
)
def test_flags(name: str, value: str, disabled: bool) -> None:
    assert setting("disabled", {name: value}) is disabled


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("OTEL_COST_FEATURE", "search", "attribution", Attribution(feature="search")),
        ("OTEL_COST_TEAM", "core", "attribution", Attribution(team="core")),
        (
            "OTEL_COST_TAGS",
            " plan=pro , region = eu%2Cwest ,, note=a=b",
            "attribution",
            Attribution(tags=(("note", "a=b"), ("plan", "pro"), ("region", "eu,west"))),
        ),
        ("OTEL_COST_LEDGER", "sqlite:///costs.db", "ledger", "sqlite:///costs.db"),
        ("OTEL_COST_UNPRICED", "infer", "unpriced", "infer"),
        ("OTEL_COST_UNPRICED", "zero", "unpriced", "zero"),
        ("OTEL_SERVICE_NAME", "shop", "service", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop", "service", "shop"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "prod", "environment", "prod"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod", "environment", "prod"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod", "environment", "prod"),
    ],
)
def test_each_variable_is_understood(name: str, value: str, field: str, expected: object) -> None:
    assert setting(field, {name: value}) == expected


@pytest.mark.parametrize(
    ("own", "field", "expected"),
    [
        ({"OTEL_SERVICE_NAME": "shop"}, "service", "shop"),
        ({"LANGFUSE_TRACING_ENVIRONMENT": "prod"}, "environment", "prod"),
    ],
)
def test_a_variable_of_its_own_stands_above_the_resource_attributes(
    own: dict[str, str], field: str, expected: str
) -> None:
    resource = "service.name=other,deployment.environment.name=other"
    assert setting(field, {**own, "OTEL_RESOURCE_ATTRIBUTES": resource}) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_COST_DISABLED", "perhaps"),
        ("OTEL_SDK_DISABLED", "2"),
        ("OTEL_COST_TAGS", "broken"),
        ("OTEL_COST_TAGS", "a=b,=c"),
        ("OTEL_COST_UNPRICED", "x"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name"),
        ("LANGFUSE_BASE_URL", "cloud.langfuse.com"),
        ("LANGFUSE_BASE_URL", "ftp://cloud.langfuse.com"),
        ("LANGFUSE_BASE_URL", "https://"),
        ("LANGFUSE_BASE_URL", "http://[::1"),
        ("LANGFUSE_HOST", "localhost:3000"),
    ],
)
def test_a_bad_value_is_named_and_the_default_stays(name: str, value: str) -> None:
    settings = config.read({**KEYS, name: value})
    (said,) = settings.problems
    assert said.startswith(f"{name} {value!r} is ignored: ")
    assert config.VARIABLES[name].meaning in said
    assert settings == Settings(
        **{
            **{name: getattr(NOTHING_SAID, name) for name in NOTHING_SAID.__slots__},
            "langfuse": Langfuse("pk-lf-1", "sk-lf-secret", DEFAULT_LANGFUSE),
            "problems": (said,),
        }
    )


def test_one_bad_value_does_not_hide_another_nor_a_good_one() -> None:
    settings = config.read(
        {"OTEL_COST_TAGS": "x", "OTEL_COST_UNPRICED": "y", "OTEL_COST_TEAM": "core"}
    )
    assert [said.split()[0] for said in settings.problems] == [
        "OTEL_COST_TAGS",
        "OTEL_COST_UNPRICED",
    ]
    assert settings.attribution == Attribution(team="core")


@pytest.mark.parametrize(
    ("value", "base_url"),
    [
        ("https://us.cloud.langfuse.com", "https://us.cloud.langfuse.com"),
        ("https://us.cloud.langfuse.com/", "https://us.cloud.langfuse.com"),
        (" https://us.cloud.langfuse.com// ", "https://us.cloud.langfuse.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("https://example.com/langfuse/", "https://example.com/langfuse"),
        ("https://example.com/api/public/otel/v1/traces", "https://example.com"),
        ("https://example.com/api/public/otel/v1/traces/", "https://example.com"),
        ("https://example.com/api/public/otel", "https://example.com"),
        ("https://example.com/api/public/", "https://example.com"),
        ("https://example.com/lf/api/public/otel/v1/traces", "https://example.com/lf"),
    ],
)
@pytest.mark.parametrize("name", ["LANGFUSE_BASE_URL", "LANGFUSE_HOST"])
def test_a_langfuse_address_may_be_written_as_it_is_found(
    name: str, value: str, base_url: str
) -> None:
    assert setting("langfuse", {**KEYS, name: value}).base_url == base_url


def test_the_newer_name_of_the_address_wins() -> None:
    both = {"LANGFUSE_BASE_URL": "https://new.example", "LANGFUSE_HOST": "https://old.example"}
    assert setting("langfuse", {**KEYS, **both}).base_url == "https://new.example"


def test_keys_are_stripped_and_an_address_alone_sends_nothing() -> None:
    padded = {name: f" {value}\n" for name, value in KEYS.items()}
    assert setting("langfuse", padded) == Langfuse("pk-lf-1", "sk-lf-secret", DEFAULT_LANGFUSE)
    assert setting("langfuse", {"LANGFUSE_BASE_URL": "https://example.com"}) is None


@pytest.mark.parametrize("missing", KEYS)
@pytest.mark.parametrize("how", ["unset", "blank"])
def test_half_of_the_keys_is_a_problem_that_names_the_other(missing: str, how: str) -> None:
    half = {**KEYS, missing: " "}
    if how == "unset":
        del half[missing]
    assert config.read(half).langfuse is None
    assert f"nothing is sent to Langfuse: {missing} is not set" in problem(half)


@pytest.mark.parametrize("pad", ["", " "])
def test_exchanged_keys_are_a_problem_that_says_so(pad: str) -> None:
    swapped = {
        "LANGFUSE_PUBLIC_KEY": pad + KEYS["LANGFUSE_SECRET_KEY"],
        "LANGFUSE_SECRET_KEY": pad + KEYS["LANGFUSE_PUBLIC_KEY"],
    }
    assert config.read(swapped).langfuse is None
    said = problem(swapped)
    assert "exchange them" in said
    assert set(KEYS) <= set(said.replace(",", " ").split())


SECRET = "hunter2"


@pytest.mark.parametrize(
    "environ",
    [
        {"LANGFUSE_SECRET_KEY": f"sk-lf-{SECRET}"},
        {"LANGFUSE_PUBLIC_KEY": f"sk-lf-{SECRET}"},
        {"LANGFUSE_PUBLIC_KEY": f"sk-lf-{SECRET}", "LANGFUSE_SECRET_KEY": "pk-lf-1"},
        {**KEYS, "LANGFUSE_BASE_URL": f"ftp://user:{SECRET}@langfuse.example"},
        {**KEYS, "LANGFUSE_BASE_URL": f"sk-lf-{SECRET}"},
        {**KEYS, "LANGFUSE_HOST": f"user:{SECRET}@langfuse.example"},
    ],
)
def test_no_problem_repeats_a_secret(environ: dict[str, str]) -> None:
    assert SECRET not in problem(environ)


def test_defaults_of_the_process_are_cleaned_as_any_attribution_is() -> None:
    environ = {"OTEL_COST_FEATURE": "a\nb", "OTEL_COST_TAGS": "plan=" + "x" * 201}
    assert config.read(environ).attribution == Attribution("ab", tags=(("plan", "x" * 200),))
