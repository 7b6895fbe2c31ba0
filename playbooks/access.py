"""Who may see and change which alert, plan and task. Every list a person gets of them starts here.

Seen: those of accounts one may see. Changed: those of accounts one may change, one's own, and those of
colleagues one covers for while they are away. Executives change nothing; a refused object answers 404.
"""

from datetime import date
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet

from accounts.access import changeable_by, may_write, visible_to
from accounts.models import Account
from playbooks.models import Absence, Alert, Clock, Intervention, InterventionTask, Note

Row = TypeVar("Row", bound=Model)


def alerts_seen_by(user: Any) -> QuerySet[Alert]:
    """Alerts `user` may read."""
    return _seen(Alert.objects.all(), user)


def alerts_changeable_by(user: Any, *, on: date) -> QuerySet[Alert]:
    """Alerts `user` may act on."""
    return _changeable(Alert.objects.all(), user, "owner", on)


def interventions_seen_by(user: Any) -> QuerySet[Intervention]:
    """Plans `user` may read."""
    return _seen(Intervention.objects.all(), user)


def interventions_changeable_by(user: Any, *, on: date) -> QuerySet[Intervention]:
    """Plans `user` may change."""
    return _changeable(Intervention.objects.all(), user, "owner", on)


def tasks_seen_by(user: Any) -> QuerySet[InterventionTask]:
    """Tasks `user` may read."""
    return _seen(InterventionTask.objects.all(), user)


def tasks_changeable_by(user: Any, *, on: date) -> QuerySet[InterventionTask]:
    """Tasks `user` may do: of plans they may change, and those given to them."""
    rows = InterventionTask.objects.all()
    if not may_write(user):
        return rows.none()
    return rows.filter(
        Q(account__in=changeable_by(user).order_by().values("pk"))
        | own(user, "intervention__owner", on)
        | own(user, "assignee", on)
    ).filter(account__in=visible_to(user).order_by().values("pk"))


def clocks_seen_by(user: Any) -> QuerySet[Clock]:
    """Clocks `user` may read."""
    return _seen(Clock.objects.all(), user)


def notes_seen_by(user: Any) -> QuerySet[Note]:
    """Notes `user` may read."""
    return _seen(Note.objects.all(), user)


def readers_of(account: Account) -> QuerySet[Any]:
    """Colleagues who may see an account, by name: those that a note on it can mention."""
    users: Any = get_user_model().objects
    sees = Q(role__in=("executive", "admin")) | Q(is_superuser=True)
    if account.owner_id is not None:
        sees |= Q(pk=account.owner_id)
    if account.team_id is not None:
        sees |= Q(teams=account.team_id)
    found: QuerySet[Any] = (
        users.filter(sees, is_active=True)
        .distinct()
        .order_by("first_name", "last_name", "username")
    )
    return found


def covered_by(user: Any, *, on: date) -> list[int]:
    """Ids of the colleagues `user` stands in for on a day."""
    return list(_covered(user, on))


def _covered(user: Any, on: date) -> QuerySet[Absence, int]:
    away = Absence.objects.order_by().filter(cover=user, first_on__lte=on, last_on__gte=on)
    return away.values_list("user_id", flat=True)


def own(user: Any, path: str, on: date) -> Q:
    """What is `user`'s own or that of whom they stand in for; no query of its own."""
    return Q(**{path: user}) | Q(**{f"{path}__in": _covered(user, on)})


def _seen(rows: QuerySet[Row], user: Any) -> QuerySet[Row]:
    return rows.filter(account__in=visible_to(user).order_by().values("pk"))


def _changeable(rows: QuerySet[Row], user: Any, owner: str, on: date) -> QuerySet[Row]:
    if not may_write(user):
        return rows.none()
    accounts = changeable_by(user).order_by().values("pk")
    return _seen(rows.filter(own(user, owner, on) | Q(account__in=accounts)), user)
