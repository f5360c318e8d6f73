"""Shows how every environment variable is read, and what a bad one leads to."""

import timeit
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_cost import config, variables
from otel_cost.attribution.hosts import allow_list
from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.config import Langfuse, Settings
from otel_cost.variables import DEFAULT_LANGFUSE, VARIABLES

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


@pytest.mark.parametrize("name", variables.VARIABLES)
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


WRONG: Mapping[str, tuple[str, ...]] = {
    "OTEL_COST_DISABLED": ("perhaps", "truefalse"),
    "OTEL_SDK_DISABLED": ("2",),
    "OTEL_COST_TAGS": ("broken", "a=b,=c"),
    "OTEL_COST_BAGGAGE_KEYS": ("app.feature", "price=app.price", "feature=", "tag.=x"),
    "OTEL_COST_STAMP": ("some",),
    "OTEL_COST_INCLUDE_USAGE": ("true",),
    "OTEL_COST_INFER_USAGE": ("maybe",),
    "OTEL_COST_CAPTURE_CONTENT": ("all",),
    "OTEL_COST_DUPLICATES": ("drop",),
    "OTEL_COST_UNPRICED": ("x",),
    "OTEL_COST_PROPAGATE_TO": (
        "*",
        "https://a.corp/x",
        "a.corp:8080",
        "10.0.0.5/8",
        "10.0.0.0/99",
        "2130706433",
        "127.1",
        "a..b",
        "queue:",
        "bücher.example",
        "\u212aafka.corp",
    ),
    "OTEL_COST_TRUST_INBOUND": ("sisters",),
    "OTEL_COST_PROPAGATION_KEY": ("too-short", "x" * 16 + ",too-short"),
    "OTEL_COST_PROPAGATION_TTL": ("0", "-1", "1.5", "86401", "1m", "9" * 5000, "٣٠"),
    "OTEL_COST_WIRE": ("both",),
    "LANGFUSE_PUBLIC_KEY": ("pk-lf 1", "pk-lf-ü"),
    "LANGFUSE_SECRET_KEY": ("sk-lf-1\nsk-lf-2",),
    "LANGFUSE_BASE_URL": (
        "cloud.langfuse.com",
        "ftp://cloud.langfuse.com",
        "https://",
        "http://[::1",
        "https://langfuse.example:99999",
        "https://langfuse.example:0",
        "https://langfuse.example?x=1",
        "https://langfuse.example#x",
        "https://lang fuse.example",
        "https://lang\tfuse.example",
    ),
    "LANGFUSE_HOST": ("localhost:3000",),
    "OTEL_RESOURCE_ATTRIBUTES": ("service.name",),
    **dict.fromkeys(
        (
            *("OTEL_COST_RULES", "OTEL_COST_LEDGER", "OTEL_COST_DIAGNOSTICS"),
            *("OTEL_COST_PRICES", "OTEL_COST_PRICES_FROM"),
        ),
        ("a\x1b[31mb", "\udc80.toml", "a" * 4097),
    ),
}
"""What no variable of that name can say."""
NAMES = {
    "LANGFUSE_TRACING_ENVIRONMENT",
    "OTEL_COST_FEATURE",
    "OTEL_COST_TEAM",
    "OTEL_SERVICE_NAME",
}
"""Of any text they hold what can be kept is."""


def test_of_every_variable_it_is_known_what_is_wrong() -> None:
    assert {*WRONG, *NAMES} == set(VARIABLES)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, said in WRONG.items() for v in said])
def test_a_bad_value_is_named_and_the_default_stays(name: str, value: str) -> None:
    variable = VARIABLES[name]
    settings = config.read({name: value})
    said = settings.problems[0]
    assert said.startswith(name)
    assert " is ignored: " in said
    assert f". Write for example {name}={variable.example}. Its meaning: {variable.meaning}" in said
    assert said.isprintable()
    assert len(said) < 900
    assert replace(settings, problems=()) == NOTHING_SAID


@pytest.mark.parametrize("name", VARIABLES)
def test_every_example_can_be_written(name: str) -> None:
    variable = VARIABLES[name]
    if variable.secret:
        return  # only the form of it
    value, problem = variable.understood(variable.example)
    assert problem == ""
    assert value != variable.default or name == "LANGFUSE_HOST"


def test_the_setting_of_every_variable_is_used() -> None:
    known = {*Settings.__slots__, "feature", "team", "tags", "resource", "sdk_disabled"}
    known |= {"langfuse_public_key", "langfuse_secret_key", "langfuse_base_url"}
    known |= {"prices_from"}  # of a command
    assert {variable.setting for variable in VARIABLES.values()} <= known


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
MISPLACED = [
    {name: value}
    for name, variable in VARIABLES.items()
    if name in WRONG
    for value in (
        f"ftp://user:{SECRET}@langfuse.example",
        f"user:{SECRET}/@{SECRET}@langfuse.example",
        f"sk-lf-{SECRET}",
        f"pk-lf-{SECRET} x",
        f"mysql://db?password={SECRET}&x",
        "u:" + "x" * 60 + SECRET + "x" * 2000 + "@langfuse.example",
    )
    if variable.understood(value)[1]
]


@pytest.mark.parametrize(
    "environ",
    [
        *MISPLACED,
        {"LANGFUSE_SECRET_KEY": f"sk-lf-{SECRET}"},
        {"LANGFUSE_PUBLIC_KEY": f"sk-lf-{SECRET}", "LANGFUSE_SECRET_KEY": "pk-lf-1"},
        {"OTEL_COST_PROPAGATION_KEY": SECRET},
        {"OTEL_COST_PROPAGATION_KEY": f"{SECRET}-{SECRET}-{SECRET}"},
        {"OTEL_COST_LEDGER": f"postgresql://user:{SECRET}@db/costs"},
        {"OTEL_COST_LEDGER": f"postgresql://db/costs?user=u&password={SECRET}"},
        {**KEYS, "LANGFUSE_BASE_URL": f"https://user:{SECRET}@langfuse.example"},
        {**KEYS, "LANGFUSE_SECRET_KEY": SECRET},
        {"OTEL_COST_FEATRUE": SECRET},
    ],
)
def test_nothing_that_is_shown_repeats_a_secret(environ: dict[str, str]) -> None:
    settings = config.read(environ)
    assert SECRET not in repr(settings.problems)
    assert SECRET not in repr(settings)
    assert SECRET not in repr(list(config.effective(environ)))


@pytest.mark.parametrize(
    ("environ", "expected", "what"),
    [
        ({"OTEL_COST_FEATURE": "a\nb"}, Attribution("ab"), "OTEL_COST_FEATURE 'a\\nb'"),
        ({"OTEL_COST_TEAM": "x" * 201}, Attribution(team="x" * 200), "OTEL_COST_TEAM 'xxx"),
        ({"OTEL_COST_FEATURE": "\udc80"}, UNATTRIBUTED, "OTEL_COST_FEATURE '\\udc80'"),
        (
            {"OTEL_COST_TAGS": "plan=" + "x" * 201 + ",b=c%0a,\x01=d"},
            Attribution(tags=(("b", "c"), ("plan", "x" * 200))),
            "OTEL_COST_TAGS 'plan=xxx",
        ),
    ],
)
def test_of_a_name_what_can_be_kept_is_and_that_is_said(
    environ: dict[str, str], expected: Attribution, what: str
) -> None:
    assert config.read(environ).attribution == expected
    assert problem(environ).startswith(what)
    assert "is not used as it is: " in problem(environ)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("OTEL_COST_FEATRUE", "OTEL_COST_FEATURE"),
        ("OTEL_COST_TAG", "OTEL_COST_TAGS"),
        ("OTEL_COSTS_TEAM", "OTEL_COST_TEAM"),
        ("OTEL_COST_PROPAGATION_KEYS", "OTEL_COST_PROPAGATION_KEY"),
        ("OTEL_COST_ZZZZZZ", None),
        ("OTEL_COST", None),
    ],
)
def test_a_variable_that_nobody_reads_is_named(name: str, closest: str | None) -> None:
    meant = (
        f"perhaps {closest} is meant." if closest else "`otel-cost config` shows those there are."
    )
    assert problem({name: "x"}) == f"{name} is no variable of otel_cost; {meant}"


def test_of_many_that_nobody_reads_a_few_are_named() -> None:
    *named, more = config.read({f"OTEL_COST_X{n}": "" for n in range(1000)}).problems
    assert len(named) == 5
    assert more == "995 more variables that begin with OTEL_COST are none of its own."


def test_variables_of_others_and_those_of_the_tests_are_nobodys_business() -> None:
    others = ("OTEL_TRACES_SAMPLER", "LANGFUSE_DEBUG", "OTEL_CONFIG_FILE", "PATH")
    ours = ("OTEL_COST_TEST_DATA", "OTEL_COST_SOAK", "OTEL_COST_COMPAT", "OTEL_COST_PRICES_FROM")
    assert config.read(dict.fromkeys((*others, *ours), "x")) == NOTHING_SAID


TEXT = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [*"=,.:/@*?#%[] -", "feature", "tag.", "http://", "queue:", "10.0.0.0/8", "%0a", "\udc80"]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("name", VARIABLES)
@given(value=TEXT)
def test_whatever_a_variable_holds_is_understood_or_named(name: str, value: str) -> None:
    variable = VARIABLES[name]
    understood, said = variable.understood(value)
    if said:
        assert said.startswith(name)
        assert said.isprintable()
        assert f"{name}={variable.example}" in said
    if name == "OTEL_COST_PROPAGATE_TO":
        allow_list(understood)
    assert isinstance(config.read({name: value}), Settings)


ENDLESS = [
    *("," * 65_000, "a" * 65_000, "1." * 32_000, "=," * 32_000, "s@" * 32_000, "0x" * 32_000),
    *("http://[" + ":" * 65_000, "/" * 65_000, "%" * 65_000, "sk-" * 20_000, "," * 1_000_000),
]


@pytest.mark.parametrize("value", ENDLESS, ids=lambda value: value[:8])
def test_no_value_is_slow_to_understand(value: str) -> None:
    taken = timeit.timeit(lambda: [v.understood(value) for v in VARIABLES.values()], number=1)
    assert taken < len(VARIABLES) * 0.1  # what is quadratic takes seconds for one


@pytest.mark.parametrize("name", VARIABLES)
def test_a_value_longer_than_any_is_not_looked_at(name: str) -> None:
    variable = VARIABLES[name]
    value, said = variable.understood("," * 65_537)
    assert value == variable.default
    assert "is ignored: it is longer than 65,536 characters. Write for example " in said


def origins(environ: Mapping[str, str], **in_code: Any) -> dict[str, tuple[object, str]]:
    """What is in force that is no default, and where it came from, by name."""
    return {
        row.name: (row.value, row.origin)
        for row in config.effective(environ, **in_code)
        if row.origin != "default"
    }


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"OTEL_COST_STAMP": "llm"}, {"OTEL_COST_STAMP": ("llm", "OTEL_COST_STAMP")}),
        ({"OTEL_COST_STAMP": "wrong"}, {}),
        ({"OTEL_COST_TEAM": " "}, {}),
        (
            {"LANGFUSE_HOST": "https://old.example"},
            {"LANGFUSE_BASE_URL": ("https://old.example", "LANGFUSE_HOST")},
        ),
        (
            {"LANGFUSE_HOST": "https://old.example", "LANGFUSE_BASE_URL": "https://new.example"},
            {"LANGFUSE_BASE_URL": ("https://new.example", "LANGFUSE_BASE_URL")},
        ),
        (
            {"LANGFUSE_HOST": "https://old.example", "LANGFUSE_BASE_URL": "new.example"},
            {"LANGFUSE_BASE_URL": ("https://old.example", "LANGFUSE_HOST")},
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,deployment.environment=b"},
            {
                "OTEL_SERVICE_NAME": ("a", "OTEL_RESOURCE_ATTRIBUTES"),
                "LANGFUSE_TRACING_ENVIRONMENT": ("b", "OTEL_RESOURCE_ATTRIBUTES"),
            },
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "c"},
            {"OTEL_SERVICE_NAME": ("c", "OTEL_SERVICE_NAME")},
        ),
        (
            {"OTEL_COST_PROPAGATION_KEY": "k" * 16},
            {"OTEL_COST_PROPAGATION_KEY": ("***", "OTEL_COST_PROPAGATION_KEY")},
        ),
    ],
)
def test_where_each_setting_came_from(
    environ: dict[str, str], expected: dict[str, tuple[object, str]]
) -> None:
    assert origins(environ) == expected


def test_what_is_set_in_code_stands_above_the_environment() -> None:
    environ = {"OTEL_COST_LEDGER": "sqlite:///a.db"}
    in_code = origins(environ, ledger="sqlite:///b.db", prices=2)
    assert in_code == {
        "OTEL_COST_LEDGER": ("sqlite:///b.db", "code"),
        "configure(prices=)": (2, "code"),
    }
    same = origins(environ, ledger="sqlite:///a.db")
    assert same == {"OTEL_COST_LEDGER": ("sqlite:///a.db", "OTEL_COST_LEDGER")}


def test_every_variable_has_a_row_or_tells_one_of_another() -> None:
    shown = [row.name for row in config.effective({})]
    assert shown == [n for n in VARIABLES if n not in {"LANGFUSE_HOST", "OTEL_RESOURCE_ATTRIBUTES"}]


@pytest.mark.parametrize("own", [{}, {n: v.example for n, v in VARIABLES.items()}])
def test_reading_the_environment_costs_no_time(own: dict[str, str]) -> None:
    environ = {**{f"OTHER_{n}": "x" * 50 for n in range(100)}, **own}
    assert min(timeit.repeat(lambda: config.read(environ), number=1, repeat=50)) < 0.001
