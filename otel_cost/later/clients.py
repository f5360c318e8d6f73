"""What an explicit helper is given: a client, an id, an attribution; checked."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias

from otel_cost.attribution.values import Attribution, make
from otel_cost.capture import anthropic, openai
from otel_cost.capture.endpoint import Platform
from otel_cost.settlement import account

AttributionOf: TypeAlias = Callable[[str], Attribution | None]
"""Who is behind a custom id; `None` where nobody is known."""

_BASES = frozenset({"openai._base_client", "anthropic._base_client"})


class Known(NamedTuple):
    """A client, and what is known of it."""

    client: Any
    sdk: Literal["openai", "anthropic"]
    platform: Platform
    account: str


def known(client: Any, helper: str) -> Known:
    """What is known of `client`. Raises `TypeError` if it is no client that can be waited for."""
    if isinstance(client, ModuleType) and client.__name__ == "openai":
        client = client.batches._client
    for kind in type(client).__mro__:
        if kind.__module__ not in _BASES:
            continue
        if kind.__name__ == "AsyncAPIClient":
            raise TypeError(
                f"{helper}() waits for the provider and for the ledger: pass it a synchronous "
                f"client, not {type(client).__name__}; from a coroutine, await "
                f"asyncio.to_thread(otel_cost.{helper}, client, ...)"
            )
        if kind.__name__ == "SyncAPIClient":
            if kind.__module__.startswith("openai"):
                return Known(client, "openai", openai.platform(client), account(client))
            return Known(client, "anthropic", anthropic.platform(client), account(client))
    raise TypeError(
        f"client must be a client of the openai or anthropic SDK, not {type(client).__name__}"
    )


def check_id(value: object, name: str) -> None:
    """Raises `TypeError` or `ValueError` if `value` is no id."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {value!r}")
    if not value.strip():
        raise ValueError(f"{name} is empty")


def check_attribution(value: object) -> Attribution | None:
    """`value` with clean values. Raises `TypeError` if it is no attribution and not `None`."""
    if value is None:
        return None
    if not isinstance(value, Attribution):
        raise TypeError(f"attribution must be an otel_cost.Attribution, not {value!r}")
    return make(
        value.feature,
        value.team,
        value.user_id,
        value.session_id,
        value.customer,
        dict(value.tags),
    )
