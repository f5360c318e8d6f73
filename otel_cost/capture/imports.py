"""Running something right after a module is imported, without importing it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from otel_cost import faults

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # they load the resources machinery, and nothing asks for them by type
    Loader = MetaPathFinder = object

Then = Callable[[ModuleType], None]


class AfterImport(MetaPathFinder):
    """Calls `then[name](module)` once each named module is there, now or later."""

    def __init__(self, then: Mapping[str, Then]) -> None:
        self._then = then

    def install(self) -> bool:
        """Call for the modules that are there; watch for the others.

        Returns `False`, and calls nothing, where it was installed already.
        """
        if self in sys.meta_path:
            return False
        sys.meta_path.insert(0, self)
        for name in self._then:
            module = sys.modules.get(name)
            if module is not None:
                self.loaded(module)
        return True

    def uninstall(self) -> None:
        """Stop watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec the other finders give for a watched module, our loader around its own."""
        if fullname not in self._then:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)):
                if spec.loader is not None:
                    spec.loader = _TellingLoader(spec.loader, self)
                return spec
        return None

    def loaded(self, module: ModuleType) -> None:
        """Call what waits for `module`. An import never fails because of us."""
        try:
            self._then[module.__name__](module)
        except Exception as error:  # noqa: BLE001 - the guard of this border
            faults.caught(f"instrumenting {module.__name__}", error)


class _TellingLoader(Loader):
    """Loads as `loader` does, then tells."""

    def __init__(self, loader: Loader, watcher: AfterImport) -> None:
        self._loader = loader
        self._watcher = watcher

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._watcher.loaded(module)
