"""Calls that a later call settles: the one id that both have, and what the first one said."""

import hashlib
import json
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from otel_cost.attribution.values import UNATTRIBUTED, Attribution
from otel_cost.charge import Charge, PricingContext
from otel_cost.measured import Measured

_REMEMBERED = 10_000
"""How many submissions one process remembers."""
_SETTLED = 1 << 16
"""How many settlements one process remembers, by id alone: a whole batch, and more."""

_OF_ONE_ACCOUNT = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
"""Hosts that belong to one account each: whatever key opens them."""
_LATER = frozenset("89abcdef")
"""What a settled id starts with. All others start with the time, which does so from 2262 on."""


def account(client: Any) -> str:
    """The fingerprint of the account that a client of either SDK uses."""
    # A key that a function provides changes from hour to hour.
    provided = getattr(client, "_api_key_provider", None) is not None
    key = getattr(client, "api_key", None) or getattr(client, "auth_token", None)
    return fingerprint(
        getattr(client.base_url, "host", None),
        getattr(client, "organization", None),
        getattr(client, "project", None),
        None if provided else key,
    )


def fingerprint(host: object, organization: object, project: object, key: object) -> str:
    """Whose account it is, in 16 hex digits: by organisation and project if stated, else the key.

    The key cannot be found out from it. Only text says something: `organization` of an anthropic
    client is a set of endpoints.
    """
    place = _text(host).lower()
    if _text(organization) or _text(project):
        return _digest(place, "organization", _text(organization), _text(project))[:16]
    if _text(key) and not place.endswith(_OF_ONE_ACCOUNT):
        return _digest(place, "key", _text(key))[:16]
    return _digest(place)[:16]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def settled_id(provider: str, account: str, *parts: str) -> str:
    """The charge id of what `account` knows by `parts`, the same in every process.

    No id of `recorder.new_charge_id` is like it.
    """
    digest = _digest(provider, account, *parts)
    return f"{int(digest[0], 16) | 8:x}{digest[1:32]}"


def may_be_settled(charge_id: str) -> bool:
    """Whether `charge_id` may be of `settled_id`; surely not if it is of `new_charge_id`."""
    return charge_id[:1] in _LATER


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Submission(NamedTuple):
    """What the call that is settled later said, and the settlement may not know."""

    attribution: Attribution
    context: PricingContext
    """Its instant is the start of the submission."""
    request_model: str | None = None
    service: str | None = None
    environment: str | None = None
    trace_id: str | None = None
    span_id: str | None = None

    @classmethod
    def of_call(cls, call: Measured) -> "Submission":
        """What a call said that this process submitted."""
        said = (getattr(call, name) for name in PricingContext._fields[1:])
        return cls(call.attribution, PricingContext(call.started_at, *said), call.request_model)

    @classmethod
    def of_charge(cls, charge: Charge) -> "Submission":
        """What a pending charge says."""
        return cls(
            charge.attribution,
            charge.context,
            charge.request_model,
            charge.service,
            charge.environment,
            charge.trace_id,
            charge.span_id,
        )

    def who(self, otherwise: Attribution) -> Attribution:
        """Who submitted it; `otherwise` where nobody said. The two are not mixed."""
        return otherwise if self.attribution == UNATTRIBUTED else self.attribution

    def completed(self, context: PricingContext) -> PricingContext:
        """`context` at the instant of the submission, with what it does not say taken from it."""
        pairs: Iterator[tuple[Any, Any]] = zip(context[1:], self.context[1:], strict=True)
        return PricingContext(self.context.priced_at, *(said or known for said, known in pairs))

    def complete(self, call: Measured) -> None:
        """Put on a settlement what it does not know."""
        call.attribution = self.who(call.attribution)
        call.request_model = call.request_model or self.request_model
        call.started_at = self.context.priced_at
        for name, value in zip(PricingContext._fields[1:], self.context[1:], strict=True):
            if value and not getattr(call, name):
                setattr(call, name, value)


class Settlements:
    """What this process has submitted and settled: of the latest, so that memory is bounded.

    For any thread.
    """

    def __init__(self, remembered: int = _REMEMBERED, settled: int = _SETTLED) -> None:
        self._submitted = _Latest(remembered)
        self._settled = _Latest(settled)
        self._explicit = _Latest(remembered)
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            renew = weakref.WeakMethod(self._renew_lock)
            os.register_at_fork(after_in_child=lambda: (again := renew()) and again())

    def _renew_lock(self) -> None:
        """In a child: another thread of the parent may have held it."""
        self._lock = threading.Lock()

    def submitted(self, call: Measured) -> None:
        """A call is over as far as it goes, and pending: give it the id that its settlement has.

        It needs provider, account and response id. One without a response id keeps its own id, and
        so does one whose response id was submitted before: some servers say a constant one.
        """
        if call.response_id is None:
            return
        shared = settled_id(call.provider, call.account, call.response_id)
        with self._lock:
            if shared in self._submitted:
                return
            call.charge_id = shared
            self._submitted.put(shared, Submission.of_call(call))

    def settles(self, call: Measured) -> bool:
        """Whether `call`, which says how a submission ended, is the first to say so here.

        It gets the id of the submission, and what that knew if it was made in this process. What is
        not the first is no charge. A call without a response id is always the first.
        """
        if call.response_id is None:
            return True
        shared = settled_id(call.provider, call.account, call.response_id)
        if not self.claim(shared):
            return False
        call.charge_id = shared
        if (submission := self.submission(shared)) is not None:
            submission.complete(call)
        return True

    def claim(self, charge_id: str) -> bool:
        """Whether the caller is the first to settle `charge_id` in this process."""
        with self._lock:
            if charge_id in self._settled:
                return False
            self._settled.put(charge_id, None)
            return True

    def is_settled(self, charge_id: str) -> bool:
        """Whether this process has settled it."""
        with self._lock:
            return charge_id in self._settled

    def submission(self, charge_id: str) -> Submission | None:
        """What its submission said, if this process made it."""
        with self._lock:
            found: Submission | None = self._submitted.get(charge_id)
            return found

    def insist(self, charge_id: str) -> None:
        """Who its settlement is for was said with it: that holds over what the submission said."""
        with self._lock:
            self._explicit.put(charge_id, None)

    def insists(self, charge_id: str) -> bool:
        """Whether `insist` was called for it."""
        with self._lock:
            return charge_id in self._explicit


class _Latest(OrderedDict[str, Any]):
    """The latest so many entries."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: str, value: Any) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)
