"""What `OTEL_TRACES_SAMPLER=otel_cost` samples, and what a bad argument leads to."""

from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest

from otel_cost.spans.sampler import from_environment
from tests import programs, wiring


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


ON = "root:AlwaysOnSampler"
OFF = "root:AlwaysOffSampler"
PARENT = (
    "remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,"
    "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler"
)
DEFAULT = f"root:ParentBased{{{ON},{PARENT}}}"


def ratio(share: float) -> str:
    return f"root:ParentBased{{root:TraceIdRatioBased{{{share}}},{PARENT}}}"


@pytest.mark.parametrize(
    ("argument", "root", "record"),
    [
        (None, DEFAULT, "llm"),
        ("", DEFAULT, "llm"),
        (" , ", DEFAULT, "llm"),
        ("0.01", ratio(0.01), "llm"),
        ("1", ratio(1.0), "llm"),
        (" 0 , record = all", ratio(0.0), "all"),
        ("record=all,0.25", ratio(0.25), "all"),
        ("record=all", DEFAULT, "all"),
        ("RECORD=LLM", DEFAULT, "llm"),
        ("always_on", ON, "llm"),
        ("Always_Off,record=all", OFF, "all"),
        ("parentbased_always_on", DEFAULT, "llm"),
        ("parentbased_always_off", f"root:ParentBased{{{OFF},{PARENT}}}", "llm"),
        ("traceidratio:0.5", "root:TraceIdRatioBased{0.5}", "llm"),
        ("parentbased_traceidratio:1e-2", ratio(0.01), "llm"),
    ],
)
def test_the_sampler_of_the_environment(
    argument: str | None, root: str, record: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = from_environment(argument)
    assert made.get_description() == f"CostSampler{{{root},record:{record}}}"
    assert wiring.said(caplog) == []


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("1.5", "1.5 is not from 0 to 1"),
        ("-0.1", "-0.1 is not from 0 to 1"),
        ("nan", "nan is not from 0 to 1"),
        ("1%", "'1%' is no sampler"),
        ("sometimes", "'sometimes' is no sampler"),
        ("sometimes:0.5", "'sometimes:0.5' is no sampler"),
        (":0.5", "':0.5' is no sampler"),
        ("traceidratio", "'traceidratio' is no sampler"),
        ("traceidratio:", "'traceidratio:' is no sampler"),
        ("0.1,record=some", "'record=some' is not understood here"),
        ("0.1,keep=all", "'keep=all' is not understood here"),
        ("0.1,always_on", "'always_on' is not understood here"),
        ("record=all,record=llm", "'record=llm' is not understood here"),
    ],
)
def test_a_bad_argument_of_the_environment_is_said_once_and_stops_nothing(
    argument: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        made = from_environment(argument)
        assert made.get_description() == f"CostSampler{{{DEFAULT},record:llm}}"
    (message,) = wiring.said(caplog)
    assert message.startswith(f"otel_cost: OTEL_TRACES_SAMPLER_ARG {argument!r} is ignored, ")
    assert f": {why}. Write a share of traces such as 0.01" in message


CONFIGURED = """
from opentelemetry import trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
print(trace.get_tracer_provider().sampler.get_description())
"""


@pytest.mark.parametrize(
    ("argument", "root"), [({}, DEFAULT), ({"OTEL_TRACES_SAMPLER_ARG": "0.01"}, ratio(0.01))]
)
def test_the_environment_names_it(argument: dict[str, str], root: str) -> None:
    environ = {
        "OTEL_TRACES_SAMPLER": "otel_cost",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        **argument,
    }
    assert programs.output(CONFIGURED, environ) == [f"CostSampler{{{root},record:llm}}"]


def test_the_entry_point_is_the_documented_one() -> None:
    (found,) = entry_points(group="opentelemetry_traces_sampler", name="otel_cost")
    assert found.load() is from_environment
