"""Who calls: a token in the Authorization header, or the browser's session."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed

_USED_AGAIN_AFTER = timedelta(minutes=1)


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
            get_token_model().objects.filter(pk=found.pk).update(last_used_at=now)
        return user, found

    def _cleanup_token(self, auth_token: Any) -> bool:
        # Expired tokens stay listed until their owner removes them, so that they learn why a program stopped.
        return bool(auth_token.is_expired)
