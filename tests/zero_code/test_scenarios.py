"""Shows that without code each call arrives at Langfuse once, with its price and for whom it is."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_cost.demo.providers import LocalProviders
from tests import programs
from tests.otlp_receiver import OtlpReceiver
from tests.zero_code.stage import APP, BIN, PATH, Stage, run

INSTRUMENT = str(BIN / "opentelemetry-instrument")
RUN = (sys.executable, "-m", "otel_cost.cli", "run")
CALL = APP + "chat()\n"


@pytest.fixture
def stage(providers: LocalProviders) -> Iterator[Stage]:
    with OtlpReceiver() as langfuse:
        yield Stage(providers, langfuse)


@pytest.fixture
def app(tmp_path: Path) -> str:
    """The path of an application that makes a call."""
    path = tmp_path / "app.py"
    path.write_text(CALL)
    return str(path)


def test_only_the_keys_of_langfuse(stage: Stage, app: str) -> None:
    """Upstream's distro alone would choose an exporter that is not installed."""
    environ = {k: v for k, v in stage.environ().items() if not k.endswith("_EXPORTER")}
    ended = run([INSTRUMENT, "--cost_feature", "search", sys.executable, app], environ)
    assert ended.err == ""
    stage.has_each_once(ended)


INITIALIZE = """
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
"""
"""What a program of `opentelemetry-instrument` begins with."""


def instrumented(stage: Stage, **environ: str) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "langfuse", **environ}
    ended = programs.run(INITIALIZE + CALL, stage.environ(**environ))
    assert "Traceback" not in ended.err, ended.err
    stage.has_each_once(ended)


def test_the_upstream_distro_with_our_exporter(stage: Stage) -> None:
    instrumented(stage)


def test_no_distro(stage: Stage) -> None:
    """Nobody makes a tracer provider, then."""
    instrumented(stage, OTEL_PYTHON_DISTRO="none", OTEL_PYTHON_CONFIGURATOR="none")


def test_the_propagator_by_its_name(stage: Stage) -> None:
    instrumented(stage, OTEL_PROPAGATORS="tracecontext,baggage,otel_cost")


CONFIG = """
file_format: "1.0"
propagator:
  composite_list: "tracecontext,baggage,otel_cost"
tracer_provider:
  sampler:
    otel_cost:
  processors:
    - batch:
        exporter:
          langfuse:
"""


def test_a_configuration_file(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "otel.yaml"
    file.write_text(CONFIG)
    instrumented(stage, OTEL_CONFIG_FILE=str(file))


LANGFUSE = """
import langfuse
client_of_langfuse = langfuse.Langfuse()
"""


def test_the_langfuse_sdk_in_the_application(stage: Stage) -> None:
    """A span that ended before its processor was there is sent by ours, the next by its own."""
    parts = ("import otel_cost.auto", CALL, LANGFUSE, "chat()", "client_of_langfuse.flush()")
    stage.has_each_once(programs.run("\n".join(parts), stage.environ()))
    senders = {request.headers.get("x-langfuse-sdk-name") for request in stage.langfuse.requests}
    assert senders == {None, "python"}


LOGFIRE = """
import logfire
logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
"""


@pytest.mark.skipif(importlib.util.find_spec("logfire") is None, reason="logfire is not installed")
@pytest.mark.parametrize("order", ["auto first", "logfire first", "a call first"])
def test_logfire_in_the_application(stage: Stage, order: str) -> None:
    parts = {
        "auto first": ("import otel_cost.auto", LOGFIRE, APP),
        "logfire first": (LOGFIRE, "import otel_cost.auto", APP),
        "a call first": ("import otel_cost.auto", CALL, LOGFIRE),
    }[order]
    code = "\n".join(parts) + "\nwith logfire.span('work'):\n    chat()\n"
    stage.has_each_once(programs.run(code, stage.environ()))


OWN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
own = TracerProvider()
"""
GLOBAL = OWN + "trace.set_tracer_provider(own)\n"
PRIVATE = OWN + "tracer = own.get_tracer('the application')\n"


@pytest.mark.parametrize(
    "parts",
    [
        (GLOBAL, "import otel_cost.auto", APP),
        ("import otel_cost.auto", CALL, GLOBAL),
    ],
    ids=["provider first", "a call first"],
)
def test_a_global_provider_of_the_application(stage: Stage, parts: tuple[str, ...]) -> None:
    code = (
        "\n".join(parts)
        + """
with trace.get_tracer('the application').start_as_current_span('work') as work:
    chat()
assert trace.get_tracer_provider() is own
print(hex(work.get_span_context().trace_id)[2:].zfill(32), file=sys.stderr)
"""
    )
    ended = programs.run("import sys\n" + code, stage.environ())
    spans = stage.has_each_once(ended)
    assert spans[-1].trace_id == ended.err.strip(), "it is a trace of its own"


@pytest.mark.parametrize(
    "parts",
    [
        ("import otel_cost.auto", PRIVATE, APP),
        ("import otel_cost.auto", CALL, PRIVATE),
    ],
    ids=["provider first", "a call first"],
)
def test_a_private_provider_of_the_application(stage: Stage, parts: tuple[str, ...]) -> None:
    code = (
        "\n".join(parts)
        + """
with tracer.start_as_current_span('work') as work:
    chat()
print(hex(work.get_span_context().trace_id)[2:].zfill(32), file=sys.stderr)
"""
    )
    ended = programs.run("import sys\n" + code, stage.environ())
    spans = stage.has_each_once(ended)
    assert spans[-1].trace_id == ended.err.strip(), "it is a trace of its own"


def test_one_import(stage: Stage) -> None:
    ended = programs.run("import otel_cost.auto\n" + CALL, stage.environ())
    assert ended.err == ""
    stage.has_each_once(ended)


def test_otel_cost_run(stage: Stage, app: str) -> None:
    ended = run([*RUN, sys.executable, app], stage.environ())
    assert ended.err == ""
    stage.has_each_once(ended)


EXPORTS_ITSELF = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
own.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[-1])))
"""


def test_an_exporter_of_the_application_that_sends_to_langfuse(stage: Stage) -> None:
    code = "\n".join(("import sys, otel_cost.auto", GLOBAL, EXPORTS_ITSELF, CALL))
    code = code.replace("sys.argv[-1]", repr(stage.langfuse.base_url + PATH))
    stage.has_each_once(programs.run(code, stage.environ()))


@pytest.mark.parametrize(
    "steps",
    [
        "import otel_cost.auto; configure(); configure()",
        "configure(own); import otel_cost.auto; trace.set_tracer_provider(own)",
        "processor(); import otel_cost.auto; trace.set_tracer_provider(own)",
        "configure(own); processor(); import otel_cost.auto; processor(); configure(own)",
    ],
)
def test_with_code_besides_in_any_order(stage: Stage, steps: str) -> None:
    code = f"""
from otel_cost import configure, CostSpanProcessor
def processor():
    own.add_span_processor(CostSpanProcessor())
{OWN}
{steps}
{CALL}
"""
    stage.has_each_once(programs.run(code, stage.environ()))
