"""How often one may call: a fixed window per token (or person), counted in the shared cache."""

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


def rate() -> tuple[int, int]:
    """Calls and seconds of API_RATE. Raises ImproperlyConfigured with the remedy."""
    found = _RATE.fullmatch(settings.API_RATE)
    if not found:
        units = ", ".join(_SECONDS)
        raise ImproperlyConfigured(
            f"API_RATE={settings.API_RATE!r} is no rate: write number/unit (600/min); units: {units}."
        )
    return int(found[1]), _SECONDS[found[2]]


class RateLimit(BaseThrottle):
    """DRF's throttle. The count stands in `request.allowance`, for the headers of every answer."""

    left: Allowance

    def allow_request(self, request: Request, view: Any) -> bool:
        limit, seconds = rate()
        now = time.time()
        window, passed = divmod(now, seconds)
        caller = f"token:{request.auth.pk}" if request.auth else f"user:{request.user.pk}"
        count = _count(f"api-rate:{caller}:{int(window)}", seconds)
        reset = max(1, round(seconds - passed))
        self.left = Allowance(limit, max(0, limit - count), reset)
        request._request.allowance = self.left
        return count <= limit

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
