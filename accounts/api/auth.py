"""Who calls: a token in the Authorization header, or the browser's session."""

from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed

_USED_AGAIN_AFTER = timedelta(hours=1)


class BearerTokens(TokenAuthentication):
    """`Authorization: Bearer <token>`. `request.auth` is the token, `request.user` its owner."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        try:
            token.decode("ascii")
        except UnicodeDecodeError:
            raise AuthenticationFailed("Invalid token.") from None
        user, found = super().authenticate_credentials(token)
        now = timezone.now()
        if found.last_used_at is None or now - found.last_used_at > _USED_AGAIN_AFTER:
            _note_use(found.pk, now)
        return user, found

    def _cleanup_token(self, auth_token: Any) -> bool:
        # Expired tokens stay listed until their owner removes them, so that they learn why a program stopped.
        return bool(auth_token.is_expired)


def _note_use(pk: str, now: Any) -> None:
    """Best effort: a reader must not wait for an import that holds the one writer's lock of SQLite."""
    patience = connection.settings_dict["OPTIONS"].get("timeout", 5)
    sqlite = connection.vendor == "sqlite"
    try:
        if sqlite:
            _wait_at_most(0)
        with transaction.atomic():
            get_token_model().objects.filter(pk=pk).update(last_used_at=now)
    except DatabaseError:
        pass
    finally:
        if sqlite:
            _wait_at_most(patience)


def _wait_at_most(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
