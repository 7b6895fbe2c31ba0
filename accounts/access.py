"""Who may see and change which account. Every account queryset a person gets starts here.

| role | sees | changes |
|---|---|---|
| CSM | the accounts of their teams and their own | their own |
| manager | the accounts of their teams and their own | the same |
| executive | all | none |
| admin | all | all |

Anonymous, inactive and unknown roles see nothing. A refused object answers 404, never 403: whether it
exists is not theirs to know.
"""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.models import Account

_ALL = {"executive", "admin"}
_BY_TEAM = {"csm", "manager"}
_NOTHING = Q(pk__in=[])


def seen_by(user: Any, scope: str = "all") -> Q:
    """What `user` may read in a scope, as a condition on the columns `owner` and `team`.

    For accounts and for rows that carry an account's owner and team (`DailyRollup`) alike. Scopes: "mine",
    "team", and anything else for all they may see.
    """
    if not (user.is_authenticated and user.is_active):
        return _NOTHING
    everything = user.is_superuser or user.role in _ALL
    if not everything and user.role not in _BY_TEAM:
        return _NOTHING
    if scope == "mine":
        return Q(owner=user)
    if everything and scope != "team":
        return Q()
    # Resolved once and passed as constants: a sub-query in every page's filter costs more than this.
    in_teams = Q(team__in=user.team_ids)
    return in_teams if scope == "team" else in_teams | Q(owner=user)


def visible_to(user: Any) -> QuerySet[Account]:
    """Accounts `user` may read."""
    return Account.objects.filter(seen_by(user), merged_into=None)


def changeable_by(user: Any) -> QuerySet[Account]:
    """Accounts `user` may change."""
    if not (user.is_authenticated and user.is_active):
        return Account.objects.none()
    if user.is_superuser or user.role == "admin":
        return Account.objects.filter(merged_into=None)
    if user.role == "manager":
        return visible_to(user)
    if user.role == "csm":
        return Account.objects.filter(owner=user, merged_into=None)
    return Account.objects.none()


def may_change(user: Any, account: Account) -> bool:
    """Whether an account that `user` sees is among those they may change; no query."""
    if not may_write(user):
        return False
    return bool(
        user.is_superuser or user.role in {"admin", "manager"} or account.owner_id == user.pk
    )


def creates_accounts(user: Any) -> bool:
    """Whether `user` may make accounts and write to any; rows of unknown accounts are held for them only."""
    return bool(
        user.is_authenticated and user.is_active and (user.is_superuser or user.role == "admin")
    )


def may_assign(user: Any) -> bool:
    """Whether `user` may give accounts they change to another owner."""
    return creates_accounts(user) or bool(
        user.is_authenticated and user.is_active and user.role == "manager"
    )


def may_write(user: Any) -> bool:
    """Whether `user` may change any account at all."""
    if not (user.is_authenticated and user.is_active):
        return False
    return bool(user.is_superuser or user.role in {"admin", *_BY_TEAM})


def in_scope(user: Any, scope: str) -> QuerySet[Account]:
    """`visible_to` narrowed to the scope switch: "mine", "team" or "all"."""
    return Account.objects.filter(seen_by(user, scope), merged_into=None)


def require_admin(request: HttpRequest) -> Any:
    """The colleague, or 404 when they are no admin: that the page exists is not theirs to know."""
    user: Any = request.user
    if not user.is_admin:
        raise Http404("No such page.")
    return user
