"""Making and revoking API tokens. The token itself exists only in what `create` returns."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from csm.lib.errors import WorkbenchError
from csm.models import ApiToken, User

MOST = 20


def create(
    user: User, *, name: str, scopes: Iterable[str], days: int | None, by: Any
) -> tuple[ApiToken, str]:
    """A new token of `user` and its text, which cannot be had again; `days` None never expires.

    Raises WorkbenchError for another's account, beyond `MOST` tokens.
    """
    if by.pk != user.pk:
        raise WorkbenchError("A token is made by the one whose rights it has.")
    if ApiToken.objects.filter(user=user).count() >= MOST:
        raise WorkbenchError(f"You have {MOST} tokens, the most there can be. Revoke one first.")
    made, text = ApiToken.objects.create(
        user,
        expiry=None if days is None else timedelta(days=days),
        name=name,
        scopes=sorted(scopes),
    )
    return made, text


def revoke(token: ApiToken, *, by: Any) -> None:
    """The token stops working with the next call. Raises WorkbenchError for another's."""
    if token.user_id != by.pk and not by.is_admin:
        raise WorkbenchError("A token is revoked by its owner or an admin.")
    token.delete()
