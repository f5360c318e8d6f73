"""Shows which hosts and queues an allow-list allows, by whatever way they are written."""

import random
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import pytest
import urllib3

from otel_cost.attribution.hosts import allow_list
from tests.sizes import full_size, soak

LIST = allow_list(
    (
        "api.corp",
        "exact.example.com.",
        "*.svc.internal",
        "localhost",
        "10.0.0.0/8",
        "192.168.1.7",
        "fd00::/8",
        "::1",
        "queue:reports",
    )
)

HOSTS = [
    "api.corp",
    "API.Corp",
    "api.corp.",
    "exact.example.com",
    "a.svc.internal",
    "a.b.svc.internal.",
    "localhost",
    "10.1.2.3",
    "192.168.1.7",
    "::1",
    "[::1]",
    "fd12:3456::1",
    "[FD12:3456::1]",
    "::ffff:10.1.2.3",
    "[::ffff:a01:203]",
]
NOT_HOSTS = [
    "",
    ".",
    "api.corp..",
    "api.corp.evil.com",
    "evilapi.corp",
    "x.api.corp",
    "svc.internal",
    ".svc.internal",
    "evilsvc.internal",
    "a.svc.internal.evil.com",
    "a..svc.internal",
    "192.168.1.8",
    "11.0.0.1",
    "10.1.2.3.",
    "10.1.2.3.evil.com",
    "10.1.2",
    "010.1.2.3",
    "167838211",  # 10.1.2.3 as one number
    "0xa010203",
    "0xa.1.2.3",
    "10.66051",
    "::ffff:11.0.0.1",
    "::1%eth0",
    "[::1",
    "::1]",
    "[10.1.2.3]",
    "[api.corp]",
    "api.corp\u3002",  # an ideographic full stop
    "loca\u017fhost",  # its capital letter is an ASCII S
    "api.corp\n",
    " api.corp",
    "api.corp/",
    "api.corp\\",
    "api.corp@evil.com",
    "api.corp:80",
    "/run/api.corp",
]


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_on_the_list(host: str) -> None:
    assert LIST.host(host)


@pytest.mark.parametrize("host", NOT_HOSTS)
def test_hosts_not_on_the_list(host: str) -> None:
    assert not LIST.host(host)


@pytest.mark.parametrize(
    ("authority", "known"),
    [
        ("api.corp", True),
        ("api.corp:8080", True),
        ("API.corp.:443", True),
        ("[::1]:80", True),
        ("10.9.9.9:5000", True),
        ("::1", False),  # nobody can tell where a port would begin
        ("api.corp:", True),
        ("api.corp:http", False),
        ("api.corp:80:80", False),
        ("api.corp@evil.com", False),
        ("evil.com@api.corp", False),
        ("evil.com:80@api.corp", False),
        ("evil.com#api.corp", False),
        ("api.corp, evil.com", False),
        ("", False),
    ],
)
def test_authorities(authority: str, known: bool) -> None:
    assert LIST.authority(authority) is known


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("http://api.corp", True),
        ("HTTPS://API.CORP:8443/v1?x=http://evil.com#y", True),
        ("grpc://a.svc.internal/x", True),
        ("http://user:secret@api.corp/x", True),
        ("http://REDACTED:REDACTED@api.corp/x", True),
        ("http://[::1]:80/", True),
        ("http://10.0.0.1?x", True),
        ("http://api.corp/\n", True),
        ("http://internal@evil.com/", False),
        ("http://api.corp@evil.com/", False),
        ("http://api.corp:80@evil.com/", False),
        ("http://api.corp:@evil.com", False),
        ("http://a@api.corp@evil.com/", False),
        ("http://evil.com@api.corp@api.corp/", False),
        ("http://api.corp\\@evil.com/", False),
        ("http://evil.com\\@api.corp/", False),
        ("http://evil.com\\.svc.internal/", False),
        ("http://evil.com#@api.corp/", False),
        ("http://evil.com?@api.corp/", False),
        ("http://evil.com/@api.corp/", False),
        ("http://evil.com\t@api.corp/", False),
        ("http://api.corp%2eevil.com/", False),
        ("http://api.corp%00.evil.com/", False),
        ("http://167838211/", False),
        ("evil.comhttp://api.corp", False),  # to urllib3 the host is evil.comhttp
        ("http\u017f://api.corp", False),
        ("http:///api.corp", False),
        ("http:api.corp", False),
        ("//api.corp/x", False),
        ("/api.corp", False),
        (" http://api.corp", False),
        ("api.corp", False),
        ("", False),
    ],
)
def test_urls(url: str, known: bool) -> None:
    assert LIST.url(url) is known


PIECES = (
    *("http://", "https://", "HTTP:", "//", "/", "@", "\\", "#", "?", ":", "80", "api.corp"),
    *("evil.com", "x.svc.internal", ".", "..", "10.0.0.1", "0x0a.0.0.1", "167772161", "[::1]", "["),
    *("]", "%40", "%2e", "%", "a", " ", "\t", "\n", "user:pw", "&", "\u3002", "\uff0e", "\u017f"),
)
URLS = 500_000 if full_size else 4_000
CLIENTS: tuple[Callable[[str], str | None], ...] = (
    lambda url: httpx2.URL(url).host,
    lambda url: urlsplit(url).hostname,
    lambda url: urllib3.util.parse_url(url).host,
)
"""Where HTTP clients take the request to."""


@soak
def test_clients_go_to_the_host_that_was_allowed(
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(1)
    allowed = 0
    for _ in range(URLS):
        url = "http://" + "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        if LIST.url(url):
            allowed += 1
            for goes_to in CLIENTS:
                with suppress(httpx2.InvalidURL, ValueError, urllib3.exceptions.LocationParseError):
                    assert LIST.host(goes_to(url) or ""), url
    assert allowed > URLS // 100
    record_property("claim", f"{URLS:,} URLs, {allowed:,} allowed: no client goes elsewhere")


def test_queues() -> None:
    assert LIST.queue("reports")
    assert LIST.queue("Reports")
    assert not LIST.queue("reports.evil")
    assert not LIST.queue("*")
    assert not LIST.host("reports")
    assert allow_list(("queue:*",)).queue("any")
    assert not allow_list(("queue:*",)).host("any")


def test_an_empty_list_allows_nothing() -> None:
    nothing = allow_list(())
    assert not any(map(nothing.host, (*HOSTS, *NOT_HOSTS)))
    assert not nothing.queue("")


def test_a_network_of_everything_is_for_addresses_only() -> None:
    every = allow_list(("0.0.0.0/0", "::/0"))
    assert every.host("8.8.8.8")
    assert every.host("2001:db8::1")
    assert not every.host("api.corp")
    assert not every.host("134744072")
