"""Undone tasks as a list to work off: what is late first, then what is due, waits, or asks for approval."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from accounts.access import in_scope
from playbooks.access import covered_by, tasks_changeable_by, tasks_seen_by
from playbooks.models import Intervention, InterventionTask

State = InterventionTask.State
# Key → heading, in the order of the list.
GROUPS: Final = {
    "approve": "To approve",
    "overdue": "Overdue",
    "today": "Today",
    "week": "This week",
    "later": "Later",
    "undated": "Without a day",
    "waiting": "Waiting for earlier tasks",
}
_RANK: Final = {key: place for place, key in enumerate(GROUPS)}


def undone(
    user: Any, scope: str, *, on: date, colleague: int | None = None
) -> QuerySet[InterventionTask]:
    """Tasks of open plans not done yet that `user` may read.

    "mine": given to `user`, or to somebody they stand in for; "team": on accounts of their teams, or theirs;
    else all. With `colleague` those given to that person, whatever the scope.
    """
    found = tasks_seen_by(user).filter(
        state__in=InterventionTask.UNDONE_STATES,
        intervention__state__in=Intervention.OPEN_STATES,
    )
    if colleague is not None:
        return found.filter(assignee=colleague)
    if scope not in ("mine", "team"):
        return found
    mine = Q(assignee__in=[user.pk, *covered_by(user, on=on)])
    if scope == "mine":
        return found.filter(mine)
    of_team = in_scope(user, "team").order_by().values("pk")
    return found.filter(mine | Q(account__in=of_team))


def ranked(tasks: QuerySet[InterventionTask], *, on: date) -> Any:
    """`tasks` with `rank`, their place among GROUPS as of a day."""
    return tasks.annotate(
        rank=Case(
            *(
                When(condition, then=Value(_RANK[key]))
                for key, condition in _conditions(on).items()
            ),
            default=Value(_RANK["undated"]),
            output_field=IntegerField(),
        )
    )


def counts(tasks: QuerySet[InterventionTask], *, on: date) -> dict[str, int]:
    """How many per group as of a day. One query."""
    found = dict(ranked(tasks, on=on).order_by().values_list("rank").annotate(n=Count("pk")))
    return {key: found.get(place, 0) for key, place in _RANK.items()}


def in_group(tasks: QuerySet[InterventionTask], group: str, *, on: date) -> Any:
    """Ranked tasks of one group, or all of them for an unknown one."""
    found = ranked(tasks, on=on)
    return found.filter(rank=_RANK[group]) if group in _RANK else found


def rank_of(group: str) -> int:
    """The place of a group."""
    return _RANK[group]


def group_of(rank: int) -> str:
    """The key of a rank."""
    return list(GROUPS)[rank]


def listed(tasks: Any, *, by_account: bool = False) -> Any:
    """Ranked tasks in their order, with what a row shows."""
    order = ("account__name", "account_id", "rank") if by_account else ("rank",)
    return tasks.select_related("account", "intervention", "assignee").order_by(
        *order, "due_on", "position", "pk"
    )


def changeable(user: Any, tasks: Sequence[InterventionTask], *, on: date) -> set[int]:
    """Ids of those of `tasks` that `user` may change; one query."""
    wanted = [task.pk for task in tasks]
    return set(tasks_changeable_by(user, on=on).filter(pk__in=wanted).values_list("pk", flat=True))


def colleagues(user: Any) -> list[Any]:
    """Who has undone tasks that `user` may read, by name."""
    users: Any = get_user_model().objects
    given = tasks_seen_by(user).filter(
        state__in=InterventionTask.UNDONE_STATES, intervention__state__in=Intervention.OPEN_STATES
    )
    return list(
        users.filter(pk__in=given.order_by().values("assignee").distinct()).order_by(
            "first_name", "last_name", "username"
        )
    )


def _conditions(on: date) -> dict[str, Q]:
    sunday = on + timedelta(days=6 - on.weekday())
    return {
        "approve": Q(state=State.TO_APPROVE),
        "waiting": Q(state=State.WAITING),
        "overdue": Q(due_on__lt=on),
        "today": Q(due_on=on),
        "week": Q(due_on__gt=on, due_on__lte=sunday),
        "later": Q(due_on__gt=sunday),
    }
