"""What allauth asks us: who may come in, what is counted, what is recorded.

allauth makes these with a request, or none; where it gives none, `context.request` is the present one.
"""

import time
from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts import audit
from csm.models import Role, User
from csm.sign_in import second_factor, tries
from csm.sign_in.proxies import NOWHERE, client_address

# Who proved who they are within these seconds is not asked again before a change of their own safety.
RECENT = 300


def record(what: str, **more: Any) -> None:
    """Add a log-in to the trail."""
    audit.record(audit.Kind.LOG_IN, what, at=timezone.now(), **more)


def record_failure(username: str, user: User | None, why: str) -> None:
    """Add a failed log-in. A name nobody has is not kept: it may be a password in the wrong field."""
    detail = {"why": why} | ({"user": user.username} if user else {})
    record("failed to log in", by_name=username if user else "unknown name", detail=detail)


class AccountAdapter(DefaultAccountAdapter):
    """Log-in by password."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "Please enter a correct username and password. "
        "Note that both fields may be case-sensitive.",
        "too_many_login_attempts": f"Too many failed tries. Wait {settings.LOGIN_LOCK_MINUTES} minutes, "
        "or ask an admin to let you in.",
        "rate_limited": f"Too many failed tries. Wait {settings.LOGIN_LOCK_MINUTES} minutes.",
        "incorrect_password": "This is not your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account for themselves; admins make them."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or NOWHERE

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Its messages are not in our words: the pages say what happened."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Addresses of colleagues are not verified: the audit trail tells."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Whoever the credentials are of; counted and recorded. Raises ValidationError when locked out."""
        at, name = timezone.now(), str(credentials.get("username", ""))
        keys = tries.allowed(name, client_address(request))
        if not tries.take(keys, at=at):
            raise self.validation_error("too_many_login_attempts")
        found: Any = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if found is not None:
            tries.give_back(keys)
            return found
        user = User.objects.filter(username__iexact=name).first()
        record_failure(name, user, "not active" if user and not user.is_active else "password")
        _record_locks(keys, user, at)
        return None

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        record_failure(user.username, user, "not active")
        return render(request, "account/account_inactive.html", status=403)

    def login(self, request: HttpRequest, user: Any) -> None:
        ways = [each["method"] for each in get_authentication_records(request, user)]
        super().login(request, user)
        way = "single sign-on" if "socialaccount" in ways else "password"
        detail = {"with": way, "second factor": "mfa" in ways}
        record("logged in", by=user, detail=detail)

    def logout(self, request: HttpRequest) -> None:
        user: Any = request.user
        super().logout(request)
        record("logged out", by=user)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        request = context.request
        records = get_authentication_records(request, request.user)
        if records and time.time() - records[-1]["at"] < RECENT:
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))


def _record_locks(keys: dict[str, int], user: User | None, at: Any) -> None:
    locked, until = tries.lock(keys, at=at)
    for key in sorted(locked):
        kind, _, which = key.partition(":")
        who = user.username if user else "unknown name"
        record(
            "was locked out after too many tries",
            by_name=f"address {which}" if kind == "address" else who,
            detail={"locked": kind, "until": until.isoformat(timespec="seconds")},
        )


def count_code(user: User, code: str) -> Any:
    """`second_factor.check_code`, counted and recorded. Raises ValidationError when wrong or locked out."""
    at = timezone.now()
    keys = {tries.of_factor(user): settings.LOGIN_TRIES}
    if not tries.take(keys, at=at):
        raise AccountAdapter().validation_error("too_many_login_attempts")
    found = second_factor.check_code(user, code)
    if found is None:
        record_failure(user.username, user, "second factor")
        _record_locks(keys, user, at)
        raise SecondFactorAdapter().validation_error("incorrect_code")
    tries.give_back(keys)
    return found


class SecondFactorAdapter(DefaultMFAAdapter):
    """The second factor: secrets encrypted at rest, kept where it is required."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong, too old or used. Wait for the next one.",
        "cannot_delete_authenticator": "A second factor is required here: it cannot be taken away.",
    }

    def encrypt(self, text: str) -> str:
        return second_factor.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return second_factor.decrypt(encrypted_text)

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return not second_factor.is_required_of(authenticator.user)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """See `AccountAdapter.send_notification_mail`."""


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Who comes from the provider: those we know by an address it verified, and others only if told to."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """See `AccountAdapter.send_notification_mail`."""

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        reason = str(kwargs.get("exception") or kwargs.get("error") or "refused")[:200]
        record(
            "failed to log in", by_name="single sign-on", detail={"why": "provider", "said": reason}
        )

    def authenticate_by_email(self, sociallogin: Any) -> None:
        """Not allauth's matching, which would take the password away: `pre_social_login` does it."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Asked for somebody we do not know."""
        if not (settings.OIDC_CREATE == "csm" and verified_email(sociallogin)):
            self._refuse(request, "nobody has this address")
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Find the colleague by the verified address, the first time; later by what the provider calls them."""
        if sociallogin.state.get("process") != "login":
            self._refuse(request, "asked for something else than a log-in")
        claims = sociallogin.account.extra_data
        told, signed = claims.get("userinfo") or {}, claims.get("id_token") or {}
        # Whoever answers for another than the signed token names is not believed (OpenID Connect 5.3.2).
        if not signed or (told and told.get("sub") != signed.get("sub")):
            self._refuse(request, "the provider contradicts itself")
        if sociallogin.is_existing:
            return
        email = verified_email(sociallogin)
        if not email:
            self._refuse(request, "the address is not verified")
        found = list(User.objects.filter(email__iexact=email)[:2])
        if len(found) > 1:
            self._refuse(request, "several colleagues have this address")
        if not found:
            return
        if not found[0].is_active:
            record_failure(found[0].username, found[0], "not active")
            raise ImmediateHttpResponse(
                render(request, "account/account_inactive.html", status=403)
            )
        # A second identity for somebody who has one is somebody else who took over the address.
        if SocialAccount.objects.filter(user=found[0]).exists():
            self._refuse(request, "the colleague has another identity there")
        sociallogin.connect(request, found[0])
        audit.record(
            audit.Kind.ACCESS,
            f"connected {found[0]} with {settings.OIDC_NAME}",
            by=found[0],
            at=timezone.now(),
            detail={"email": email},
        )

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """A colleague made by OIDC_CREATE: a CSM of no team, who sees nothing yet; no password."""
        made = sociallogin.user
        made.role, made.is_staff, made.is_superuser = Role.CSM, False, False
        made.email = verified_email(sociallogin)
        super().save_user(request, sociallogin, form)
        audit.record(
            audit.Kind.ACCESS,
            f"made the user {made.username}",
            at=timezone.now(),
            by_name=settings.OIDC_NAME,
            detail={"email": made.email, "role": made.role},
        )
        return made

    def _refuse(self, request: HttpRequest, why: str) -> NoReturn:
        record("failed to log in", by_name="single sign-on", detail={"why": why})
        page = render(request, "socialaccount/authentication_error.html", status=403)
        raise ImmediateHttpResponse(page)


def verified_email(sociallogin: Any) -> str:
    """The address the provider vouches for, in lower case; empty when it vouches for none.

    True and nothing else: some providers write the word "false".
    """
    claims = sociallogin.account.extra_data
    for told in (claims.get("userinfo") or {}, claims.get("id_token") or {}):
        if told.get("email"):
            return str(told["email"]).lower() if told.get("email_verified") is True else ""
    return ""
