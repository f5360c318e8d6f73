"""A Celery application with a broker in memory, and a worker of it on a thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from opentelemetry.trace import Tracer

from tests.apps.recipes import recipe

_SOON = 0.01


class Queue:
    """Does one kind of task, whatever it is that is to be done."""

    def __init__(self) -> None:
        self.work: Callable[[str], None] | None = None
        app = Celery("apps", broker="memory://", backend="cache+memory://")
        app.conf.update(
            broker_transport_options={"polling_interval": _SOON}, worker_hijack_root_logger=False
        )

        def do(name: str) -> None:
            assert self.work is not None
            self.work(name)

        self.app, self._task = app, app.task(name="apps.do")(do)

    def do(self, name: str) -> None:
        """Have it done by the worker, and wait for that."""
        self._task.delay(name).get(timeout=60, interval=_SOON)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Tasks are done, inside."""
        # A worker sets levels and handlers of the whole process, unless somebody else does.
        setup_logging.connect(_leave)
        with start_worker(self.app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
            yield


def _leave(**_: Any) -> None:
    """Leave logging as it is."""


@contextmanager
def telling(tracer: Tracer) -> Iterator[None]:
    """Tasks carry who they are for, inside, by the recipe."""
    module = recipe("Celery")
    module["tracer"] = tracer
    signals: list[tuple[Any, Callable[..., Any]]] = [
        (before_task_publish, module["sending"]),
        (task_prerun, module["beginning"]),
        (task_postrun, module["ending"]),
    ]
    try:
        yield
    finally:
        for signal, handler in signals:
            signal.disconnect(handler)
