"""Pages against a bare one, from a real web server, in the database of this process."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from csm.bench.server import serving
from csm.demo.people import PEOPLE
from csm.models import Role, User

BARE = "/bare/"
PAGES = {
    "portfolio": "/portfolio/?scope=all",
    "at_risk": "/at-risk/?scope=all",
    "home": "/?scope=all",
    "insights": "/insights/?scope=all",
}


def _admin() -> User:
    person = next(person for person in PEOPLE if person.role == Role.ADMIN)
    return User.objects.get(username=person.username)


def measure(requests: int, pages: Mapping[str, str] = PAGES) -> dict[str, Any]:
    """Milliseconds per page beside a bare one, both from a real web server, asked in turn.

    A busy moment then hits both. One page after the other: a heavy one between them would leave the
    caches cold for both. Queries are counted in this process.
    """
    client = Client()
    client.force_login(_admin())
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    found: dict[str, Any] = {}
    with serving() as get:
        for name, url in {"bare": BARE, **pages}.items():
            for _ in range(4):  # templates and scorecards are read once per process
                get(url, cookie)
            taken: dict[str, list[float]] = {url: [], BARE: []}
            for _ in range(requests):
                for each in taken:
                    started = time.perf_counter()
                    get(each, cookie)
                    taken[each].append((time.perf_counter() - started) * 1000)
            found[name] = _page(taken[url], taken[BARE], queries_of(client, url))
    return found


def queries_of(client: Client, url: str) -> int:
    """Statements of one page, asked for a second time."""
    with override_settings(ROOT_URLCONF="csm.bench.urls", ALLOWED_HOSTS=["testserver"]):
        client.get(url)
        with CaptureQueriesContext(connection) as caught:
            client.get(url)
    return len(caught)


def _page(taken: list[float], bare: list[float], queries: int) -> dict[str, Any]:
    p50, p95 = (float(np.percentile(taken, share)) for share in (50, 95))
    bare_p50, bare_p95 = (float(np.percentile(bare, share)) for share in (50, 95))
    return {
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "ratio_p50": round(p50 / bare_p50, 2),
        "ratio_p95": round(p95 / bare_p95, 2),
        "queries": queries,
        "requests": len(taken),
    }
