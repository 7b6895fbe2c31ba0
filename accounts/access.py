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
from django.http import Http404

from accounts.models import Account

_ALL = {"executive", "admin"}


def visible_to(user: Any) -> QuerySet[Account]:
    """Accounts `user` may read."""
    if not (user.is_authenticated and user.is_active):
        return Account.objects.none()
    if user.is_superuser or user.role in _ALL:
        return Account.objects.all()
    if user.role in {"csm", "manager"}:
        # Resolved once and passed as constants: a sub-query in every page's filter costs more than this.
        teams = list(user.teams.values_list("id", flat=True))
        return Account.objects.filter(Q(owner=user) | Q(team__in=teams))
    return Account.objects.none()


def changeable_by(user: Any) -> QuerySet[Account]:
    """Accounts `user` may change."""
    if not (user.is_authenticated and user.is_active):
        return Account.objects.none()
    if user.is_superuser or user.role == "admin":
        return Account.objects.all()
    if user.role == "manager":
        return visible_to(user)
    if user.role == "csm":
        return Account.objects.filter(owner=user)
    return Account.objects.none()


def in_scope(user: Any, scope: str) -> QuerySet[Account]:
    """`visible_to` narrowed to the scope switch: "mine", "team" or "all"."""
    accounts = visible_to(user)
    if scope == "mine":
        return accounts.filter(owner=user)
    if scope == "team":
        return accounts.filter(team__in=list(user.teams.values_list("id", flat=True)))
    return accounts


def get_visible(user: Any, pk: int) -> Account:
    """The account, or 404 when it does not exist or is not `user`'s to see."""
    account = visible_to(user).select_related("owner", "team").filter(pk=pk).first()
    if account is None:
        raise Http404("No such account.")
    return account
