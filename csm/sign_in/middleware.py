"""What is looked at with every request: its address, the age of its session, the second factor."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from accounts import audit
from csm.sign_in import second_factor, sessions
from csm.sign_in.adapters import AccountAdapter
from csm.sign_in.proxies import client_address

Answer = Callable[[HttpRequest], HttpResponseBase]
# A session is written as seen at most so often, in seconds: a write per request would cost more than it.
SEEN_EVERY: Final = 300
_MACHINES = "/api/"
# What is open to those who have yet to set up their second factor.
_WAY_TO_SET_UP: Final = {
    "mfa_activate_totp",
    "mfa_view_recovery_codes",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "login",
    "logout",
    "favicon",
    "healthz",
    "readyz",
}


class Address:
    """What is recorded during a request is recorded with its address."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with audit.from_address(client_address(request)):
            return self.get_response(request)


class Sessions:
    """Sessions end when nobody used them for a while, and some hours after the log-in in any case."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = timezone.now()
            if self._is_over(request, now):
                AccountAdapter(request).logout(request)
            else:
                self._see(request, now)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        if not request.user.is_authenticated or name in _WAY_TO_SET_UP:
            return None
        if not second_factor.is_missing(request):
            return None
        if request.path.startswith(_MACHINES):
            return JsonResponse({"detail": "Set up a second factor first."}, status=403)
        return redirect("mfa_activate_totp")

    @staticmethod
    def _is_over(request: HttpRequest, now: datetime) -> bool:
        seen, since = request.session.get("seen"), request.session.get("since")
        idle: int = settings.SESSION_IDLE_MINUTES * 60
        at = now.timestamp()
        if idle and seen is not None and at - seen > idle:
            return True
        return since is not None and at - since > settings.SESSION_COOKIE_AGE

    @staticmethod
    def _see(request: HttpRequest, now: datetime) -> None:
        idle: int = settings.SESSION_IDLE_MINUTES * 60
        every = min(SEEN_EVERY, idle / 4) if idle else SEEN_EVERY
        at, seen = now.timestamp(), request.session.get("seen")
        # A clock that was put back does not keep a session from being written.
        if seen is not None and 0 <= at - seen < every:
            return
        request.session.setdefault("since", at)
        request.session["seen"] = at
        sessions.note(request, at=now)
