"""T11 and T12: the lists of accounts and the pages beside them against a bare page, from a real web server.

Every page is asked in turn with the bare page over one connection to one worker: a busy moment hits both.
Those near the target are asked more often than those far from it: a few tell that 2 × or 20 × is not 4 ×.
The pages that came out worst are asked again, more often: of hundreds of medians the largest is else the
one that had bad luck.
"""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from csm.bench.cases import COUNTED, FIRST, QUEUE, Case, cases
from csm.bench.report import PORTFOLIO, TARGETS
from csm.bench.server import serving
from csm.models import User

BARE: Final = "/bare/"
REQUESTS: Final = 10
# So few of a page that is nowhere near the target: not within these shares of it.
FEW: Final = 4
_NEAR: Final = (0.7, 2.0)
_TARGET: Final = next(each.target for each in TARGETS if each.id == "T11")
# How many of the worst are asked again, and how often.
WORST: Final = 12
AGAIN: Final = 40
# The same of those that are far above the target even so.
_ENOUGH: Final = 12
# Pages nobody has looked at yet, one after the other as people turn them.
WALK: Final = 40
_WALKED: Final = (
    f"{PORTFOLIO}, all, by account",
    f"{PORTFOLIO}, all, by score",
    f"{QUEUE}, all",
)

Say = Callable[[str], None]
Get = Callable[[str, str], bytes]
_NEXT = re.compile(r'rel="next" href="([^"]+)"')


def measure(say: Say, requests: int = REQUESTS, only: str = "") -> dict[str, Any]:
    """{"T11": …, "T12": …} of a scored book; `only` asks just for pages with that in their name.

    `requests` are made of each page near the target.

    T11: {"median": the portfolio's worst ratio, "worst": its name, "usual": that of the first page of all,
    "kinds": the same of each kind, "pages": {name: figures}}. T12: {"median": the most statements of a page
    whose figures are remembered, "cold": of one that remembers nothing, "pages": {name: statements}}.
    """
    asked = [each for each in cases() if only in each.name]
    say(f"Counting the statements of {len(asked)} pages …")
    warm, cold = _statements(asked)
    with serving() as get:
        ask = _Asking(get)
        found = {}
        for case in asked:
            found[case.name] = ask.figures(case, min(FEW, requests))
            if _is_near(found[case.name]):
                found[case.name] = ask.figures(case, requests)
            say(f"{case.name}: {found[case.name]['ratio_p50']} × bare")
        worst = sorted(found, key=lambda name: -found[name]["ratio_p50"])
        for case in asked:
            if case.name in worst[:WORST] or case.name in _worst_of_kinds(asked, found):
                far = found[case.name]["ratio_p50"] > _NEAR[1] * _TARGET
                found[case.name] = ask.figures(case, _ENOUGH if far else AGAIN)
        for case in asked:
            if case.name in _WALKED:
                found[f"{case.name}, unseen"] = ask.unseen(case)
    for name, figures in found.items():
        figures["queries"] = warm.get(name, 0)
    return {
        "T11": _told(found) | {"accounts": Account.objects.count()},
        "T12": {
            "median": max(warm.values()),
            "cold": max(cold.values()),
            "pages": _most(asked, warm),
            "cold_pages": _most(asked, cold),
        },
    }


def _is_near(figures: dict[str, Any]) -> bool:
    """Whether a few more requests may change what is said of a page."""
    least, most = _NEAR
    return least * _TARGET <= float(figures["ratio_p50"]) <= most * _TARGET


def _told(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {}
    for name, figures in found.items():
        kind = kinds.setdefault(
            figures["kind"], {"median": 0.0, "worst": "", "ratios": [], "pages": 0}
        )
        kind["pages"] += 1
        kind["ratios"].append(figures["ratio_p50"])
        if figures["ratio_p50"] > kind["median"]:
            kind |= {"median": figures["ratio_p50"], "worst": name}
    for kind in kinds.values():
        kind["usual"] = round(float(np.median(kind.pop("ratios"))), 2)
    return kinds.get(PORTFOLIO, {"median": 0.0}) | {"kinds": kinds, "pages": found}


def _worst_of_kinds(asked: list[Case], found: dict[str, dict[str, Any]]) -> set[str]:
    """The worst page of each kind."""
    kinds = {case.kind for case in asked}
    return {
        max(
            (case.name for case in asked if case.kind == kind),
            key=lambda name: float(found[name]["ratio_p50"]),
        )
        for kind in kinds
    }


def _most(asked: list[Case], counts: dict[str, int]) -> dict[str, int]:
    """The most statements of a page of each kind."""
    most: dict[str, int] = {}
    for case in asked:
        most[case.kind] = max(most.get(case.kind, 0), counts.get(case.name, 0))
    return most


def _statements(asked: list[Case]) -> tuple[dict[str, int], dict[str, int]]:
    """Statements by page: with what is remembered, and with nothing of it. In this process."""
    warm: dict[str, int] = {}
    cold: dict[str, int] = {}
    clients: dict[int, Client] = {}
    with override_settings(ROOT_URLCONF="csm.bench.urls", ALLOWED_HOSTS=["testserver"]):
        for case in asked:
            client = clients.get(case.user.pk)
            if client is None:
                client = clients[case.user.pk] = Client()
                client.force_login(case.user)
            if case.kind in COUNTED and case.book == "all":
                continue  # counted in the background, not in a page
            client.get(case.url)
            warm[case.name] = _count(client, case.url)
            if case.place == FIRST:
                cache.clear()
                cold[case.name] = _count(client, case.url)
    return warm, cold


def _count(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        client.get(url)
    return len(caught)


class _Asking:
    """A server's pages asked for in turn with the bare one, each colleague by a session of their own."""

    def __init__(self, get: Get) -> None:
        self.get = get
        self.cookies: dict[int, str] = {}

    def cookie(self, user: User) -> str:
        if user.pk not in self.cookies:
            client = Client()
            client.force_login(user)
            key = client.cookies[settings.SESSION_COOKIE_NAME].value
            self.cookies[user.pk] = f"{settings.SESSION_COOKIE_NAME}={key}"
        return self.cookies[user.pk]

    def figures(self, case: Case, requests: int) -> dict[str, Any]:
        """The page as it is when somebody has looked at it before."""
        cookie = self.cookie(case.user)
        for _ in range(3):  # templates and scorecards are read once per process
            self.get(case.url, cookie)
        page, bare = [], []
        for _ in range(requests):
            page.append(self._milliseconds(case.url, cookie)[0])
            bare.append(self._milliseconds(BARE, cookie)[0])
        return _figures(page, bare) | {"kind": case.kind, "book": case.book, "url": case.url}

    def unseen(self, case: Case) -> dict[str, Any]:
        """The pages after it, each for the first time."""
        cookie, url = self.cookie(case.user), case.url
        path = url.split("?")[0]
        page, bare = [], []
        for _ in range(WALK):
            taken, body = self._milliseconds(url, cookie)
            page.append(taken)
            bare.append(self._milliseconds(BARE, cookie)[0])
            further = _NEXT.search(body.decode())
            if further is None:
                break
            url = path + unescape(further[1])
        return _figures(page[1:], bare[1:]) | {
            "kind": case.kind,
            "book": case.book,
            "url": case.url,
        }

    def _milliseconds(self, url: str, cookie: str) -> tuple[float, bytes]:
        started = time.perf_counter()
        body = self.get(url, cookie)
        return (time.perf_counter() - started) * 1000, body


def _figures(page: list[float], bare: list[float]) -> dict[str, Any]:
    p50, p95 = (float(np.percentile(page, share)) for share in (50, 95))
    bare_p50, bare_p95 = (float(np.percentile(bare, share)) for share in (50, 95))
    return {
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "bare_p50_ms": round(bare_p50, 2),
        "ratio_p50": round(p50 / bare_p50, 2),
        "ratio_p95": round(p95 / bare_p95, 2),
        "requests": len(page),
    }
