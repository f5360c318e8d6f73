"""Asking a chat stream for its usage, and keeping the application from noticing.

Without `stream_options.include_usage` a chat stream says no usage. Servers that do not know the
option refuse the call, so it is asked only where it is known to be understood; never where the
application has stream options of its own, nor where it reads the bytes itself.
"""

import copy
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from otel_cost.capture.endpoint import Platform
from otel_cost.readers.fields import fields

Policy: TypeAlias = Literal["auto", "always", "never"]

_OPTION = "stream_options"
_UNKNOWN_TO_IT = "data_sources"
"""Azure's "on your data" refuses the option."""
_RAW = "x-stainless-raw-response"
_AZURE_SINCE = "2024-09-01"
"""The first Azure API version that takes the option (openai-python#1469, langchain#30494)."""


def is_chat_stream(options: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a request to a chat endpoint is for a stream, by the arguments of the hook."""
    body = options.json_data
    return bool(arguments.get("stream")) and isinstance(body, dict) and bool(body.get("stream"))


def is_asked(body: Mapping[str, Any]) -> bool:
    """Whether the request itself asks for usage."""
    return bool(fields(body.get(_OPTION)).get("include_usage"))


def may_ask(
    policy: Policy, platform: Platform, client: Any, options: Any, body: Mapping[str, Any]
) -> bool:
    """Whether to ask for usage on the application's behalf; `body` is what is sent."""
    if policy == "never" or _OPTION in body or _UNKNOWN_TO_IT in body or _is_raw(options):
        return False
    return policy == "always" or _understands(platform, client)


def asking(options: Any) -> Any:
    """A copy of a request's options that asks for usage; the application's own stay as they are."""
    asked = copy.copy(options)
    vars(asked)["json_data"] = {**options.json_data, _OPTION: {"include_usage": True}}
    return asked


def hidden(chunk: Any) -> bool:
    """Whether a chunk is there only because we asked; any other loses what our asking has added."""
    usage = fields(chunk).get("usage")
    if usage is not None:
        return fields(chunk).get("choices") == []
    for name in ("__pydantic_fields_set__", "__fields_set__"):
        said = getattr(chunk, name, None)
        if isinstance(said, set):
            said.discard("usage")
            break
    return False


def _is_raw(options: Any) -> bool:
    headers = options.headers
    return isinstance(headers, Mapping) and any(str(name).lower() == _RAW for name in headers)


def _understands(platform: Platform, client: Any) -> bool:
    host = platform.host or ""
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        return True
    if platform.provider != "azure":
        return False
    version = getattr(client, "_api_version", None)
    if isinstance(version, str):
        return version >= _AZURE_SINCE
    return "/openai/v1" in str(client.base_url)
