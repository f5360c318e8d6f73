"""A Django site of a few URLs; a process has one at a time."""

import sys
import types
from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import clear_url_caches

_URLS: Any = types.ModuleType("urls_of_the_site")


def site(patterns: Sequence[Any], middleware: Sequence[str] = (), *, asgi: bool = False) -> Any:
    """The application of a site that has these URLs from now on, for WSGI or ASGI."""
    sys.modules[_URLS.__name__] = _URLS
    _URLS.urlpatterns = list(patterns)
    if not settings.configured:
        settings.configure(ROOT_URLCONF=_URLS.__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
        django.setup()
    settings.MIDDLEWARE = list(middleware)
    clear_url_caches()
    return get_asgi_application() if asgi else get_wsgi_application()
