"""How every command ends: one line for an error, whole files, quiet pipes."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import typer

BAD_INPUT = 2


def fail(message: object) -> NoReturn:
    """Say in one line what is wrong, and exit with `BAD_INPUT`."""
    typer.echo(f"otel-cost: {' '.join(str(message).split())}", err=True)
    raise typer.Exit(BAD_INPUT)


def print_out(text: str) -> None:
    """Write to standard output; a reader that has gone away, as `head` does, ends it quietly."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def write_file(path: Path, text: str) -> None:
    """Replace `path` by a file that holds `text`, at once or not at all.

    What is not a regular file, such as a pipe, is written to. Raises `OSError`.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="") as out:
            out.write(text)
        return
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with draft.open("x", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            draft.unlink()
        raise
