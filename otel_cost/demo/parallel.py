"""Replaying in several processes, because the SDKs keep a processor busy each."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import cast

from otel_cost.demo.errors import DemoError
from otel_cost.demo.replay import Job, replay
from otel_cost.demo.trace import Row

_WORTHWHILE = 3000
"""How many rows make up for the start of another process."""


def suited(rows: int) -> int:
    """How many processes suit that many rows."""
    return max(1, min(os.cpu_count() or 1, rows // _WORTHWHILE))


def replay_in_processes(
    rows: Sequence[Row], job: Job, progress: Callable[[int], None], processes: int
) -> None:
    """Like `replay`, with the rows dealt out to that many processes. Raises `DemoError`."""
    if processes == 1:
        replay(rows, job, progress)
        return
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    try:
        for number in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_work, args=(rows[number::processes], job, theirs)
            )
            process.start()
            theirs.close()
            running[ours] = process
        _follow(running, progress)
    except BaseException:
        for process in running.values():
            process.terminate()
        raise
    finally:
        for connection, process in running.items():
            process.join()
            connection.close()


def _work(rows: Sequence[Row], job: Job, parent: Connection) -> None:
    try:
        replay(rows, job, parent.send)
    except DemoError as error:
        parent.send(str(error))
    else:
        parent.send(None)


def _follow(running: dict[Connection, BaseProcess], progress: Callable[[int], None]) -> None:
    """Passes progress on until every process says that it is done."""
    left = set(running)
    while left:
        for connection in cast(list[Connection], wait(left)):
            try:
                said: int | str | None = connection.recv()
            except EOFError:
                raise DemoError("a replaying process ended before its work was done") from None
            if said is None:
                left.discard(connection)
            elif isinstance(said, str):
                raise DemoError(said)
            else:
                progress(said)
