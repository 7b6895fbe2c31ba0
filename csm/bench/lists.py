"""T11 and T12: the lists of accounts against a bare page, in the database of this process.

Every page kind is asked in turn with the bare page over one connection to a real web server. A page far
down is reached as people reach it: by the address the page before it links to.
"""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db.models import Count
from django.test import Client, override_settings

from accounts.models import Account
from csm.bench.pages import queries_of
from csm.bench.server import serving
from csm.demo.people import PEOPLE
from csm.models import Role, User

BARE: Final = "/bare/"
REQUESTS: Final = 40
DEEP: Final = 100
# Of these T11 is the largest ratio.
_SORTS: Final = ("-score", "-arr", "renewal", "change_7d", "last_touch", "-predicted")
_SEARCHES: Final = ("q=a", "q=gro", "q=account+1", "q=nothing-like-it")

Say = Callable[[str], None]
_NEXT = re.compile(r'rel="next" href="([^"]+)"')


def measure(accounts: int, say: Say, requests: int = REQUESTS) -> dict[str, Any]:
    """{"T11": …, "T12": …, "pages": {name: figures}, "csv": …} of a scored book of `accounts`."""
    people = _people()
    asked: dict[str, tuple[str, str, int]] = {}
    # First, in this process: a server closes a connection that nobody uses for a moment.
    for name, (who, url) in _pages(people).items():
        client = Client()
        client.force_login(people[who])
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        address = _deep(client, url) if name.endswith(f"page {DEEP}") else url
        asked[name] = address, cookie, queries_of(client, address)
    found: dict[str, Any] = {}
    with serving() as get:
        for name, (address, key, queries) in asked.items():
            cookie = f"{settings.SESSION_COOKIE_NAME}={key}"
            found[name] = _against_bare(get, address, cookie, requests) | {"queries": queries}
            say(f"{name}: {found[name]['ratio_p50']} × bare, {queries} queries")
    lists = {name: each for name, each in found.items() if name.startswith("portfolio")}
    return {
        "accounts": accounts,
        "T11": {
            "value": max(each["ratio_p50"] for each in lists.values()),
            "worst": max(lists, key=lambda name: lists[name]["ratio_p50"]),
            "usual": lists["portfolio, all"]["ratio_p50"],
        },
        "T12": {
            "value": max(each["queries"] for each in found.values()),
            "portfolio": max(each["queries"] for each in lists.values()),
        },
        "pages": found,
        "csv": _file(people["admin"], say),
    }


def _people() -> dict[str, User]:
    """An admin; the colleagues with the most accounts and with the fewest."""
    admin = next(person for person in PEOPLE if person.role == Role.ADMIN)
    owners = list(
        Account.objects.exclude(owner=None)
        .filter(owner__role=Role.CSM)
        .order_by()
        .values("owner")
        .annotate(n=Count("pk"))
        .order_by("-n")
        .values_list("owner", flat=True)
    )
    return {
        "admin": User.objects.get(username=admin.username),
        "large book": User.objects.get(pk=owners[0]),
        "small book": User.objects.get(pk=owners[-1]),
    }


def _pages(people: dict[str, User]) -> dict[str, tuple[str, str]]:
    """Who asks for what, by the name of the page kind."""
    pages = {
        "portfolio, all": ("admin", "/portfolio/?scope=all"),
        f"portfolio, all, page {DEEP}": ("admin", "/portfolio/?scope=all"),
        "portfolio, all, last page": ("admin", "/portfolio/?scope=all&page=last"),
    }
    for sort in _SORTS:
        pages[f"portfolio, all, by {sort}"] = ("admin", f"/portfolio/?scope=all&sort={sort}")
    for who in ("large book", "small book"):
        for scope in ("mine", "team", "all"):
            pages[f"portfolio, {scope}, {who}"] = (who, f"/portfolio/?scope={scope}")
        for sort in ("-arr", "score"):
            name = f"portfolio, mine, by {sort}, {who}"
            pages[name] = (who, f"/portfolio/?scope=mine&sort={sort}")
    pages |= {
        "at risk, all": ("admin", "/at-risk/?scope=all"),
        f"at risk, all, page {DEEP}": ("admin", "/at-risk/?scope=all"),
        "at risk, mine, large book": ("large book", "/at-risk/?scope=mine"),
        "unknown, all": ("admin", "/at-risk/?scope=all&tab=unknown"),
    }
    pages |= {f"search, {text}": ("admin", f"/search/?{text}") for text in _SEARCHES}
    return pages


def _deep(client: Client, url: str) -> str:
    """The address of page `DEEP`, or of the last one before it."""
    path = url.split("?")[0]
    with override_settings(ROOT_URLCONF="csm.bench.urls", ALLOWED_HOSTS=["testserver"]):
        for _ in range(DEEP - 1):
            further = _NEXT.search(client.get(url).content.decode())
            if further is None:
                break
            url = path + unescape(further[1])
    return url


def _against_bare(
    get: Callable[[str, str], None], url: str, cookie: str, requests: int
) -> dict[str, Any]:
    for _ in range(4):  # templates and scorecards are read once per process
        get(url, cookie)
    taken: dict[str, list[float]] = {url: [], BARE: []}
    for _ in range(requests):
        for each, times in taken.items():
            started = time.perf_counter()
            get(each, cookie)
            times.append((time.perf_counter() - started) * 1000)
    page, bare = (np.percentile(times, (50, 95)) for times in taken.values())
    return {
        "p50_ms": round(float(page[0]), 2),
        "p95_ms": round(float(page[1]), 2),
        "bare_p50_ms": round(float(bare[0]), 2),
        "ratio_p50": round(float(page[0] / bare[0]), 2),
        "requests": requests,
    }


def _file(admin: User, say: Say) -> dict[str, Any]:
    """The whole portfolio as CSV, streamed in this process: rows, seconds, growth of its memory in MB."""
    say("Writing the whole portfolio as CSV …")
    client = Client()
    client.force_login(admin)
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        client.get("/portfolio/?scope=all")
        before, started, lines, size = _resident_mb(), time.perf_counter(), 0, 0
        response = client.get("/portfolio.csv?scope=all")
        first, most = None, before
        for piece in response.streaming_content:  # type: ignore[attr-defined]
            first = first or time.perf_counter() - started
            lines += piece.count(b"\n")
            size += len(piece)
            most = max(most, _resident_mb())
    seconds = time.perf_counter() - started
    return {
        "rows": lines - 1,
        "megabytes": round(size / 1e6, 1),
        "seconds": round(seconds, 1),
        "first_piece_seconds": round(first or 0.0, 2),
        "rows_per_second": round((lines - 1) / seconds),
        "memory_growth_mb": round(most - before, 1),
    }


def _resident_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmRSS"))
    return int(kilobytes) / 1024
