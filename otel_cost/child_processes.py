"""Has what a child process of `multiprocessing` recorded written before the child ends.

Children that were forked end without running what `atexit` knows.
"""

import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

_LAST = -100
"""After the finalisers of queues and pools, which have higher priorities."""


class AtEndOfChild:
    """Calls `end` at the end of every such child of this process, or of this one if it is one."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._registered = False
        self._register()
        process: Any = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            self._finalize()
        if hasattr(os, "register_at_fork"):
            register = weakref.WeakMethod(self._register)
            os.register_at_fork(after_in_child=lambda: (again := register()) and again())

    def _register(self) -> None:
        """Have `_finalize` called where a child begins: it forgets what was registered before.

        A child has loaded this module of `multiprocessing` in any case.
        """
        util: Any = sys.modules.get("multiprocessing.util")
        if util is not None and not self._registered:
            self._registered = True
            util.register_after_fork(self, AtEndOfChild._finalize)

    def _finalize(self) -> None:
        util: Any = sys.modules["multiprocessing.util"]
        util.Finalize(None, self._end, exitpriority=_LAST)
