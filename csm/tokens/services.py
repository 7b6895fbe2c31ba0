"""Making and revoking API tokens. The token itself exists only in what `create` returns."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from csm.lib.errors import WorkbenchError
from csm.models import ApiToken, User

MOST = 20


def create(
    user: User, *, name: str, scopes: Iterable[str], days: int | None, by: Any, at: datetime
) -> tuple[ApiToken, str]:
    """A new token of `user` and its text, which cannot be had again; `days` None never expires.

    Raises WorkbenchError for another's account, beyond `MOST` tokens.
    """
    if by.pk != user.pk:
        raise WorkbenchError("A token is made by the one whose rights it has.")
    if ApiToken.objects.filter(user=user).count() >= MOST:
        raise WorkbenchError(f"You have {MOST} tokens, the most there can be. Revoke one first.")
    with transaction.atomic():
        made, text = ApiToken.objects.create(
            user,
            expiry=None if days is None else timedelta(days=days),
            name=name,
            scopes=sorted(scopes),
        )
        audit.record(
            audit.Kind.ACCESS,
            f"made the API token “{name}”",
            by=by,
            at=at,
            detail={"begins": made.token_key, "may": made.scopes, "days": days},
        )
    return made, text


def revoke(token: ApiToken, *, by: Any, at: datetime) -> None:
    """The token stops working with the next call. Raises WorkbenchError for another's."""
    if token.user_id != by.pk and not by.is_admin:
        raise WorkbenchError("A token is revoked by its owner or an admin.")
    with transaction.atomic():
        token.delete()
        audit.record(
            audit.Kind.ACCESS,
            f"revoked the API token “{token.name}”",
            by=by,
            at=at,
            detail={"begins": token.token_key, "user": token.user.get_username()},
        )


def revoke_all(user: User, *, by: Any, at: datetime) -> int:
    """Revoke every token of `user`, who may log in no more; how many there were."""
    found = list(ApiToken.objects.filter(user=user).select_related("user"))
    for token in found:
        revoke(token, by=by, at=at)
    return len(found)
