"""The allow-list: which hosts and queues may know whom a request is for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

_QUEUE = "queue:"
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{0,5})?", re.IGNORECASE)
_URL = re.compile(
    r"(?:https?|wss?|grpcs?)://(?:[^@\\/?#\s]*@)?([^@/?#]*)(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Who may know. Whatever it does not understand, it does not allow."""

    names: frozenset[str]
    suffixes: tuple[str, ...]
    """Each with its leading dot."""
    networks: tuple[_Network, ...]
    queues: frozenset[str]
    every_queue: bool

    def host(self, text: str) -> bool:
        """Whether a host is allowed: a name or an address, with brackets or without, and no port.

        Nothing is resolved: networks are for addresses that are written as such.
        """
        if not text.isascii():
            return False
        lowered = text.lower()
        return self._allows(lowered[1:-1] if _in_brackets(lowered) else lowered)

    def authority(self, text: str) -> bool:
        """Whether the host of `host` or `host:port` is allowed."""
        parts = _AUTHORITY.fullmatch(text)
        return parts is not None and self.host(parts[1])

    def url(self, text: str) -> bool:
        """Whether the host of a URL is allowed, whatever user it names before it."""
        parts = _URL.fullmatch(text)
        return parts is not None and self.authority(parts[1])

    def queue(self, name: str) -> bool:
        """Whether a queue or topic is allowed; upper and lower case are the same."""
        return self.every_queue or name.lower() in self.queues

    def _allows(self, host: str) -> bool:
        address = _address(host)
        if address is not None:
            return any(a in network for network in self.networks for a in _spellings(address))
        if not _NAME.fullmatch(host):
            return False
        name = host.removesuffix(".")
        if _NUMERIC.fullmatch(name.rpartition(".")[2]):
            return False  # 2130706433 and 127.1 are addresses to some and names to others
        return name in self.names or name.endswith(self.suffixes)


def allow_list(entries: Iterable[str]) -> AllowList:
    """The allow-list of entries as in `OTEL_COST_PROPAGATE_TO`, in lower case.

    Raises `ValueError` for what is neither a name nor an address or network.
    """
    names: set[str] = set()
    suffixes: list[str] = []
    networks: list[_Network] = []
    queues: set[str] = set()
    for entry in entries:
        if entry.startswith(_QUEUE):
            queues.add(entry.removeprefix(_QUEUE))
        elif entry.startswith("*."):
            suffixes.append(entry[1:].removesuffix("."))
        elif "/" in entry or _address(entry) is not None:
            networks.append(ip_network(entry))
        else:
            names.add(entry.removesuffix("."))
    return AllowList(
        frozenset(names), tuple(suffixes), tuple(networks), frozenset(queues), "*" in queues
    )


def _in_brackets(text: str) -> bool:
    return text.startswith("[") and text.endswith("]") and ":" in text


def _address(text: str) -> _Address | None:
    if "%" in text or not (":" in text or text[-1:].isdecimal()):
        return None  # with a zone, or a name: finding that out below takes far longer
    try:
        return ip_address(text)
    except ValueError:
        return None


def _spellings(address: _Address) -> tuple[_Address, ...]:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (address,) if mapped is None else (address, mapped)
