"""Who stands for a role on an account, and who says so."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction

from accounts import audit
from accounts.models import Account, Team
from csm.lib.errors import WorkbenchError
from playbooks.models import Absence, RoleHolder, StepRole

# Follow from the account itself: nobody is named for them.
OF_THE_ACCOUNT: Final = frozenset({StepRole.CSM.value})
_SEE_EVERYTHING: Final = frozenset({"executive", "admin"})


@dataclass(frozen=True)
class _Person:
    id: int
    sees_all: bool
    teams: frozenset[int]

    def sees(self, account: "_Where") -> bool:
        return self.sees_all or account.team in self.teams or account.owner == self.id


@dataclass(frozen=True)
class _Where:
    owner: int | None
    team: int | None


def holders(
    account_ids: Collection[int],
    roles: Iterable[str],
    *,
    on: date | None = None,
    accounts: Collection[Account] | None = None,
) -> dict[tuple[int, str], int | None]:
    """Who does a role's steps on each account: {(account id, role): user id}.

    The holder of the account's team, then (for managers) a manager of that team, then the holder for
    everywhere, then the account's owner, who is also the CSM; None when it has no owner either. Whoever is
    inactive or may not see the account is passed over. With `on`, those away that day are represented by
    their cover. `accounts` are those of the ids where the caller has them. Five queries at most.
    """
    wanted = set(roles)
    rows = (
        Account.objects.filter(pk__in=account_ids).only("owner", "team")
        if accounts is None
        else accounts
    )
    wheres = {row.pk: _Where(row.owner_id, row.team_id) for row in rows}
    teams = {where.team for where in wheres.values() if where.team is not None}
    named = _named(wanted - OF_THE_ACCOUNT)
    managers = _managers(teams) if StepRole.MANAGER in wanted else {}
    covers = _covers(on) if on is not None else {}
    people = _people({*named.values(), *managers.values(), *covers.values()})
    found: dict[tuple[int, str], int | None] = {}
    for pk, where in wheres.items():
        for role in wanted:
            candidates: list[int | None] = []
            if where.team is not None:
                candidates.append(named.get((role, where.team)))
                if role == StepRole.MANAGER:
                    candidates.append(managers.get(where.team))
            candidates.append(named.get((role, None)))
            holder = next((c for c in candidates if c in people and people[c].sees(where)), None)
            holder = holder or where.owner
            cover = covers.get(holder) if holder is not None else None
            if cover in people and people[cover].sees(where):
                holder = cover
            found[pk, role] = holder
    return found


def _named(roles: Collection[str]) -> dict[tuple[str, int | None], int]:
    rows = RoleHolder.objects.filter(role__in=roles).values_list("role", "team_id", "user_id")
    return {(role, team): user for role, team, user in rows}


def _managers(teams: Collection[int]) -> dict[int, int]:
    """The longest-serving manager of each team."""
    members = (
        Team.members.through.objects.filter(
            team__in=teams, user__role="manager", user__is_active=True
        )
        .order_by("-user_id")
        .values_list("team_id", "user_id")
    )
    return dict(members)


def _covers(on: date) -> dict[int, int]:
    away = Absence.objects.filter(first_on__lte=on, last_on__gte=on, cover__isnull=False)
    return dict(away.order_by("-id").values_list("user_id", "cover_id"))


def _people(ids: Collection[int]) -> dict[int | None, _Person]:
    """The active ones among `ids`, by id."""
    found: dict[int | None, _Person] = {}
    users: Any = get_user_model().objects.filter(pk__in=ids, is_active=True)
    for pk, role, is_superuser, team in users.values_list("pk", "role", "is_superuser", "teams"):
        teams = found[pk].teams if pk in found else frozenset[int]()
        sees_all = is_superuser or role in _SEE_EVERYTHING
        found[pk] = _Person(pk, sees_all, teams | ({team} if team is not None else set()))
    return found


@transaction.atomic
def name_holder(role: str, *, team: Team | None, user: Any, by: Any) -> None:
    """Say who stands for a role in a team, or everywhere (`team` None); `user` None: nobody.

    Plans that run already keep their assignees. Raises WorkbenchError when the role follows from the
    account, or when the colleague could not see the accounts they would get work on.
    """
    if not by.is_admin:
        raise WorkbenchError("Only an admin says who holds a role.")
    if role not in StepRole.values or role in OF_THE_ACCOUNT:
        raise WorkbenchError("The CSM of an account is its owner: assign the account instead.")
    where = f"in {team}" if team else "everywhere"
    if user is None:
        for row in RoleHolder.objects.filter(role=role, team=team):
            _log(row, by, f"Nobody is {StepRole(role).label} {where} any more")
            row.delete()
        return
    if not user.is_active:
        raise WorkbenchError(f"{user} no longer works here: name somebody who does.")
    if team is not None and not (
        user.is_superuser or user.role in _SEE_EVERYTHING or team.pk in user.team_ids
    ):
        raise WorkbenchError(
            f"{user} is not in {team} and would not see its accounts: add them to the team first."
        )
    row, _ = RoleHolder.objects.update_or_create(role=role, team=team, defaults={"user": user})
    _log(row, by, f"{user} is {StepRole(role).label} {where}")


def _log(row: RoleHolder, by: Any, text: str) -> None:
    LogEntry.objects.log_actions(by.pk, [row], CHANGE, change_message=text, single_object=True)
    audit.record(audit.Kind.TUNING, f"role: {text}", by=by)
