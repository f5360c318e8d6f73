"""The attach points: a hook on `request` of each SDK's base client, installed when it loads.

`request` is called once per logical call, retries included; no client class of either SDK
overrides it; and it is looked up late, so that methods bound before still come through it.
"""

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from otel_cost import faults
from otel_cost.attributes import NATIVE_ANTHROPIC_SCOPE
from otel_cost.capture import anthropic, openai
from otel_cost.capture.imports import AfterImport
from otel_cost.capture.request import (
    Sdk,
    begin,
    claim_native,
    failed,
    hide,
    processed,
    returned,
    sent,
    unhide,
)
from otel_cost.capture.websockets import MODULES
from otel_cost.recorder import Recorder

_SDKS: Mapping[str, Sdk] = {
    "openai._base_client": Sdk(openai.ENDPOINTS, openai.platform),
    "anthropic._base_client": Sdk(anthropic.ENDPOINTS, anthropic.platform, NATIVE_ANTHROPIC_SCOPE),
}


SDKS = ("openai", "anthropic")


class Hooks:
    """The hooks of one installation. Without a recorder they let every call straight through."""

    def __init__(self) -> None:
        self._live: list[Recorder] = []
        """The recorder. Emptied for good by `uninstall`: hooks that a foreign wrapper still holds
        must not come back to life beneath new ones."""
        self._patched: list[tuple[type, str, Any, Any]] = []
        self._covered = set[str]()
        self._wanted = set[str]()
        """The modules of the SDKs whose calls are to be recorded."""
        self._after_import = AfterImport(
            {name: functools.partial(self._attach, sdk) for name, sdk in _SDKS.items()}
            | dict.fromkeys(MODULES, self._attach_websockets)
        )

    def install(self, recorder: Recorder, sdks: Iterable[str] = SDKS) -> None:
        """Record the calls of `sdks` from now on, loaded already or not."""
        if not self._live:
            self._live.append(recorder)
        new = {name for name in _SDKS if name.startswith(tuple(sdks))} - self._wanted
        self._wanted |= new
        if not self._after_import.install():
            for name in new & sys.modules.keys():
                self._after_import.loaded(sys.modules[name])

    def uninstall(self) -> None:
        """Put back what was there. A wrapper somebody put around ours stays, and works."""
        self._live.clear()
        self._live = []
        self._covered.clear()
        self._wanted.clear()
        self._after_import.uninstall()
        self._put_back(self._patched)
        self._patched.clear()

    def let_go(self, sdk: str) -> None:
        """Put back what was there in one SDK; a hook that a foreign wrapper holds stays on."""
        self._covered.discard(sdk)
        self._wanted -= {name for name in _SDKS if name.startswith(sdk)}
        theirs = [point for point in self._patched if point[0].__module__.startswith(sdk)]
        self._put_back(theirs)
        self._patched = [point for point in self._patched if point not in theirs]

    @staticmethod
    def _put_back(points: list[tuple[type, str, Any, Any]]) -> None:
        for owner, name, ours, original in reversed(points):
            if owner.__dict__.get(name) is ours:
                setattr(owner, name, original)

    def covers(self, sdk: str) -> bool:
        """Whether every call of `openai` or `anthropic` passes through here."""
        return sdk in self._covered

    def _attach(self, sdk: Sdk, module: ModuleType) -> None:
        if module.__name__ not in self._wanted:
            return
        sync = self._replace(module, "SyncAPIClient", "request", self._sync_request, sdk)
        if self._replace(module, "AsyncAPIClient", "request", self._async_request, sdk) and sync:
            self._covered.add(module.__name__.partition(".")[0])
        if sdk.native_scope is not None:
            name = "_process_response"
            self._replace(module, "SyncAPIClient", name, _sync_process_response, sdk)
            self._replace(module, "AsyncAPIClient", name, _async_process_response, sdk)

    def _attach_websockets(self, module: ModuleType) -> None:
        from otel_cost.capture.websockets.attach import points

        for owner, name, hook in points(module):
            original = owner.__dict__[name]
            self._put(owner, name, original, hook(original, self._live))

    def _replace(
        self,
        module: ModuleType,
        owner_name: str,
        name: str,
        hook: Callable[[Sdk, Any], Callable[..., Any]],
        sdk: Sdk,
    ) -> bool:
        owner = getattr(module, owner_name, None)
        original = None if owner is None else owner.__dict__.get(name)
        if owner is None or original is None:
            point = f"{module.__name__}.{owner_name}.{name}"
            faults.warn_once(
                "missing_attach_point",
                point,
                f"otel_cost: this version has no {point}; calls through it are not recorded.",
            )
            return False
        self._put(owner, name, original, hook(sdk, original))
        return True

    def _put(self, owner: type, name: str, original: Any, hook: Callable[..., Any]) -> None:
        ours = functools.wraps(original)(hook)
        setattr(owner, name, ours)
        self._patched.append((owner, name, ours, original))

    def _sync_request(self, sdk: Sdk, original: Any) -> Callable[..., Any]:
        live = self._live

        def request(client: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = live[0] if live else None
            call = begin(recorder, sdk, client, options, kwargs)
            if call is None:
                token = hide(recorder)
                try:
                    return original(client, cast_to, options, *args, **kwargs)
                finally:
                    unhide(token)
            try:
                result = original(client, cast_to, sent(call, options), *args, **kwargs)
            except BaseException as error:
                failed(call, error)
                raise
            returned(call, result)
            return result

        return request

    def _async_request(self, sdk: Sdk, original: Any) -> Callable[..., Any]:
        live = self._live

        async def request(
            client: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any
        ) -> Any:
            recorder = live[0] if live else None
            call = begin(recorder, sdk, client, options, kwargs)
            if call is None:
                token = hide(recorder)
                try:
                    return await original(client, cast_to, options, *args, **kwargs)
                finally:
                    unhide(token)
            try:
                result = await original(client, cast_to, sent(call, options), *args, **kwargs)
            except BaseException as error:
                failed(call, error)
                raise
            returned(call, result)
            return result

        return request


def _sync_process_response(sdk: Sdk, original: Any) -> Callable[..., Any]:
    def process_response(client: Any, *args: Any, **kwargs: Any) -> Any:
        call = claim_native(sdk)
        result = original(client, *args, **kwargs)
        if call is not None:
            processed(call, client, result)
        return result

    return process_response


def _async_process_response(sdk: Sdk, original: Any) -> Callable[..., Any]:
    async def process_response(client: Any, *args: Any, **kwargs: Any) -> Any:
        call = claim_native(sdk)
        result = await original(client, *args, **kwargs)
        if call is not None:
            processed(call, client, result)
        return result

    return process_response
