"""The encodings of tiktoken, loaded on a thread of their own: it may fetch tables first."""

import os
import re
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from otel_cost import faults

Count: TypeAlias = Callable[[str], int]
"""How many tokens a text is."""

LONGEST_WAIT = 5.0
"""How long counting waits for an encoding that is being loaded (seconds)."""
_PAUSE = 300.0
"""How long after a failure it is tried again (seconds)."""
_NEWEST = "o200k_base"
"""The encoding of OpenAI's models that tiktoken does not know yet."""
_OPENAI = re.compile(
    r"(ft:)?(gpt-|chatgpt-|o\d|codex-|computer-use-|text-embedding-|davinci|babbage)"
)


def approximate(text: str) -> int:
    """A token for every four bytes of UTF-8, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def is_openai(model: str) -> bool:
    """Whether a model is OpenAI's, by its name."""
    return _OPENAI.match(_bare(model)) is not None


class Encodings:
    """Encodings by model, each loaded once. Call it from threads that may wait."""

    def __init__(self) -> None:
        self._loading: dict[tuple[int, str], _Loading] = {}

    def count(self, model: str) -> Count | None:
        """What counts the tokens of an OpenAI model; `None` where that cannot be had, said once."""
        # A child process has none of the threads that its parent loads with.
        key = (os.getpid(), _bare(model))
        loading = self._loading.get(key)
        if loading is None or loading.is_over():
            loading = self._loading[key] = _Loading(key[1])
        return loading.result()


class _Loading:
    """One encoding on its way."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = time.monotonic()
        self._done = threading.Event()
        self._count: Count | None = None
        self._failed_at: float | None = None
        threading.Thread(target=self._load, name="otel_cost encoding", daemon=True).start()

    def is_over(self) -> bool:
        """Whether it failed so long ago that it is worth another try."""
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() - failed_at > _PAUSE

    def result(self) -> Count | None:
        """The encoding, waited for until `LONGEST_WAIT` after its start."""
        left = self._started + LONGEST_WAIT - time.monotonic()
        if not self._done.wait(max(left, 0.0)):
            _unavailable("its tables have not come yet")
        return self._count

    def _load(self) -> None:
        try:
            encoding = _encoding(self._model)
            self._count = lambda text: len(encoding.encode_ordinary(text))
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no encoding
            self._failed_at = time.monotonic()
            _unavailable(f"{type(error).__name__}: {error}")
        finally:
            self._done.set()


def _encoding(model: str) -> Any:
    tiktoken = import_module("tiktoken")
    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        name = _NEWEST
    return tiktoken.get_encoding(name)


def _bare(model: str) -> str:
    return model.strip().lower().removeprefix("openai/")


def _unavailable(reason: str) -> None:
    faults.warn_once(
        "no_encoding",
        "tiktoken",
        "otel_cost: usage that is not reported cannot be estimated, such calls stay unmetered: "
        f"tiktoken cannot be used ({reason}). It needs otel-cost[tokens], and its tables: fetched "
        "once over the network, or found in the folder that TIKTOKEN_CACHE_DIR names.",
    )
