"""Who a colleague is to the provider of single sign-on, and undoing that."""

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from accounts import audit
from csm.models import User
from csm.sign_in import sessions


def of(user: User) -> SocialAccount | None:
    """The identity of `user`, if they ever came by single sign-on."""
    found: SocialAccount | None = SocialAccount.objects.filter(user=user).order_by("pk").first()
    return found


def has_another_way(user: User) -> bool:
    """Whether `user` gets in without single sign-on; where it is the only door, admins have a hatch."""
    return user.has_usable_password() and (not settings.OIDC_ONLY or user.is_admin)


def detach(user: User, *, by: User, at: datetime, but: str | None = None) -> bool:
    """Forget who `user` is to the provider, and end their sessions but the one of key `but`.

    Whether there was something to forget. Whoever the provider next vouches for with the address of
    `user` is `user` from then on.
    """
    with transaction.atomic():
        rows = SocialAccount.objects.filter(user=user)
        known_as = sorted(rows.values_list("uid", flat=True))
        if not known_as:
            return False
        rows.delete()
        whose = "the own log-in" if by.pk == user.pk else str(user)
        audit.record(
            audit.Kind.ACCESS,
            f"detached {whose} from {settings.OIDC_NAME}",
            by=by,
            at=at,
            detail={"user": user.username, "known there as": ", ".join(known_as)[:200]},
        )
        sessions.end_all(user, by=by, at=at, but=but, why="single sign-on detached")
    return True
