"""How often one may call: a fixed window per token, person or write key, counted in the shared cache."""

import re
import time
from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

_SECONDS = {"s": 1, "min": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(_SECONDS)})")


class Allowance(NamedTuple):
    """What is left of a window: calls allowed and remaining, seconds until the next."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


def rate(setting: str = "API_RATE") -> tuple[int, int]:
    """Calls and seconds of that setting. Raises ImproperlyConfigured with the remedy."""
    said: str = getattr(settings, setting)
    found = _RATE.fullmatch(said)
    if not found:
        units = ", ".join(_SECONDS)
        raise ImproperlyConfigured(
            f"{setting}={said!r} is no rate: write number/unit (600/min); units: {units}."
        )
    return int(found[1]), _SECONDS[found[2]]


def counted(caller: str, setting: str) -> tuple[bool, Allowance]:
    """Count this call of `caller`: whether the rate of `setting` allows it, and what is left."""
    limit, seconds = rate(setting)
    window, passed = divmod(time.time(), seconds)
    count = _count(f"rate:{setting}:{caller}:{int(window)}", seconds)
    reset = max(1, round(seconds - passed))
    return count <= limit, Allowance(limit, max(0, limit - count), reset)


class RateLimit(BaseThrottle):
    """DRF's throttle. The count stands in `request.allowance`, for the headers of every answer."""

    left: Allowance

    def allow_request(self, request: Request, view: Any) -> bool:
        caller = f"token:{request.auth.pk}" if request.auth else f"user:{request.user.pk}"
        allowed, self.left = counted(caller, "API_RATE")
        request._request.allowance = self.left
        return allowed

    def wait(self) -> int:
        return self.left.reset


def _count(key: str, seconds: int) -> int:
    """This call's number in its window; both steps are atomic in every cache we run on."""
    while True:
        if cache.add(key, 1, timeout=seconds * 2):
            return 1
        try:
            return int(cache.incr(key))
        except ValueError:
            # Dropped between the two: count anew.
            continue
