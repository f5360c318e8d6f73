"""Clients of the real SDKs for hosts that are elsewhere: every request goes to the local server."""

import re
from typing import Any

import httpx2
import openai

from otel_cost.demo.providers import LocalProviders

_AZURE = re.compile(r"^/openai(/deployments/[^/]+|/v1)")


def _to(request: httpx2.Request, target: httpx2.URL) -> httpx2.Request:
    url = request.url.copy_with(scheme="http", host=target.host, port=target.port)
    request.url = url.copy_with(path=_AZURE.sub("/v1", url.path))
    return request


class _Transport(httpx2.HTTPTransport):
    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = httpx2.URL(target)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return super().handle_request(_to(request, self._target))


class _AsyncTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = httpx2.URL(target)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await super().handle_async_request(_to(request, self._target))


def openai_at(host: str, providers: LocalProviders, **options: Any) -> openai.OpenAI:
    """A client whose base URL is `host/v1`, or `host` where that has a path."""
    http = httpx2.Client(transport=_Transport(providers.openai_url))
    path = "" if "/" in host else "/v1"
    options = {"api_key": "local", "max_retries": 0, **options}
    return openai.OpenAI(base_url=f"https://{host}{path}", http_client=http, **options)


def async_openai_at(host: str, providers: LocalProviders, **options: Any) -> openai.AsyncOpenAI:
    """The asynchronous twin of `openai_at`."""
    http = httpx2.AsyncClient(transport=_AsyncTransport(providers.openai_url))
    options = {"api_key": "local", "max_retries": 0, **options}
    return openai.AsyncOpenAI(base_url=f"https://{host}/v1", http_client=http, **options)


def azure(version: str, providers: LocalProviders) -> openai.AzureOpenAI:
    """An Azure client of an API version; its deployment is `gpt-4o`."""
    return openai.AzureOpenAI(
        azure_endpoint="https://shop.openai.azure.com",
        api_version=version,
        api_key="local",
        max_retries=0,
        http_client=httpx2.Client(transport=_Transport(providers.openai_url)),
    )
