"""Sessions of colleagues: seen now and then, listed, ended."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from accounts import audit
from csm.models import User
from csm.sign_in.proxies import NOWHERE, client_address

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Open:
    """A session that is open: from which device and address, since when, when last seen."""

    pk: int
    device: str
    address: str
    since: datetime
    seen: datetime
    is_this: bool


def note(request: HttpRequest, *, at: datetime) -> None:
    """Write that the session of `request` is in use: one row, changed in place."""
    user: Any = request.user
    seen = {
        "user": user,
        "ip": client_address(request) or NOWHERE,
        "user_agent": request.META.get("HTTP_USER_AGENT", "")[:200],
        "last_seen_at": at,
    }
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults=seen,
        create_defaults=seen | {"created_at": at},
    )


def of(user: User, *, this: str | None = None) -> list[Open]:
    """The sessions of `user`, last seen first; `this` is the key of the one that asks."""
    return [
        Open(
            row.pk,
            device(row.user_agent),
            "unknown" if row.ip == NOWHERE else row.ip,
            row.created_at,
            row.last_seen_at,
            row.session_key == this,
        )
        for row in alive().filter(user=user).order_by("-last_seen_at")
    ]


def alive() -> Any:
    """Sessions that were neither ended nor forgotten."""
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    return UserSession.objects.filter(Exists(there))


def end(user: User, pk: int, *, by: User, at: datetime) -> bool:
    """End one session of `user`; whether there was one."""
    with transaction.atomic():
        return bool(_end(UserSession.objects.filter(user=user, pk=pk), user, by, at))


def end_all(user: User, *, by: User, at: datetime, but: str | None = None, why: str = "") -> int:
    """End the sessions of `user`, all or all but the one of key `but`; how many there were."""
    with transaction.atomic():
        return _end(
            UserSession.objects.filter(user=user).exclude(session_key=but), user, by, at, why
        )


def _end(rows: Any, user: User, by: User, at: datetime, why: str = "") -> int:
    keys: Iterable[str] = list(rows.values_list("session_key", flat=True))
    ended: int = Session.objects.filter(session_key__in=keys).delete()[0]
    rows.delete()
    if ended:
        whose = "own" if by.pk == user.pk else f"{user}’s"
        what = f"ended {ended} {whose} session{'s' if ended != 1 else ''}"
        detail = {"sessions": ended, "user": user.username} | ({"why": why} if why else {})
        audit.record(audit.Kind.ACCESS, what, by=by, at=at, detail=detail)
    return ended


def device(agent: str) -> str:
    """A user agent in words: "Firefox on Linux"."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[^\w./ -]", "", agent)[:40] or "Unknown device"
