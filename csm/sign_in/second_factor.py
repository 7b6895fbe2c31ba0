"""Who needs a second factor, who has one, and taking one away that was lost."""

import base64
import hashlib
from datetime import datetime
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.encoding import force_bytes

from accounts import audit
from csm.models import User
from csm.sign_in import sessions

Type = Authenticator.Type
_KEPT = "second_factor"


def is_required_of(user: User) -> bool:
    """Whether `user` works with a second factor only."""
    asked: str = settings.REQUIRE_SECOND_FACTOR
    return asked == "all" or (asked == "admins" and user.is_admin)


def has_one(user: User) -> bool:
    """Whether `user` has set one up."""
    return Authenticator.objects.filter(user=user, type=Type.TOTP).exists()


def is_missing(request: HttpRequest) -> bool:
    """Whether the colleague of `request` has to set one up first. Found once a session."""
    user: Any = request.user
    if not is_required_of(user) or request.session.get(_KEPT) == user.pk:
        return False
    provided = settings.OIDC_IS_SECOND_FACTOR and any(
        record.get("method") == "socialaccount"
        for record in get_authentication_records(request, user)
    )
    if provided or has_one(user):
        request.session[_KEPT] = user.pk
        return False
    return True


def reset(user: User, *, by: User, at: datetime) -> bool:
    """Take away the second factor of `user`, who lost it, and end their sessions; whether there was one."""
    with transaction.atomic():
        found = Authenticator.objects.filter(user=user).delete()[0]
        if found:
            audit.record(
                audit.Kind.ACCESS,
                f"reset the second factor of {user}",
                by=by,
                at=at,
                detail={"user": user.username},
            )
            sessions.end_all(user, by=by, at=at, why="second factor reset")
    return bool(found)


def check_code(user: User, code: str) -> Authenticator | None:
    """The authenticator of `user` that `code` is right for; a code is right once.

    Which one was used last is kept with the secret, so that no cache has to be shared for it.
    """
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update().filter(user=user).order_by("-type")
        for row in rows:
            if row.type == Type.RECOVERY_CODES and row.wrap().validate_code(code):
                return row
            if row.type == Type.TOTP and _is_fresh(row, code):
                return row
    return None


def _is_fresh(row: Authenticator, code: str) -> bool:
    secret = decrypt(row.data["secret"])
    for step in yield_hotp_counters_from_time():
        expected = format_hotp_value(hotp_value(secret, step))
        if not compare_user_code(actual=code, expected=expected):
            continue
        if step <= row.data.get("last_step", 0):
            return False
        row.data = row.data | {"last_step": step}
        row.save(update_fields=["data"])
        return True
    return False


def _keys() -> MultiFernet:
    return MultiFernet(
        Fernet(
            base64.urlsafe_b64encode(hashlib.sha256(b"second factor:" + force_bytes(key)).digest())
        )
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def encrypt(text: str) -> str:
    """A secret as it is kept: a copy of the database alone opens nothing."""
    return _keys().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The secret `encrypt` kept. Raises cryptography.fernet.InvalidToken under another SECRET_KEY."""
    return _keys().decrypt(text.encode()).decode()
