"""Telling people: what happened, once each, in the workbench and by the ways each of them wants.

A notice is one row per colleague and event. What leaves the house is a `Delivery`, written in the same
transaction and sent later by `services.delivery`: a mail server that is down holds up nobody's work.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Team
from playbooks.models import (
    Absence,
    Alert,
    Delivery,
    InterventionTask,
    Notice,
    NoticeSetting,
    Webhook,
)

# Rows handled in one go.
CHUNK: Final = 500
# Kinds that are one event whoever is told of it; of the others each colleague has their own.
_SHARED: Final = {Notice.Kind.ALERT, Notice.Kind.CLOCK, Notice.Kind.PLAN}


@dataclass(frozen=True)
class Telling:
    """One thing to tell one colleague; `about` names it, so that nobody is told twice."""

    user_id: int
    kind: str
    title: str
    url: str
    about: str
    body: str = ""
    account_id: int | None = None
    severity: int | None = None


@transaction.atomic
def tell(tellings: Sequence[Telling], *, at: datetime) -> int:
    """Write notices and the deliveries each colleague and webhook wants; returns how many are new.

    What somebody has muted, or alerts quieter than they asked for, they are not told; webhooks go by their
    own filters. Inactive colleagues are told nothing. Statements grow with `CHUNK`s, not with tellings.
    """
    return sum(
        _tell(tellings[start : start + CHUNK], at) for start in range(0, len(tellings), CHUNK)
    )


def _tell(tellings: Sequence[Telling], at: datetime) -> int:
    users: dict[int, Any] = get_user_model().objects.in_bulk({each.user_id for each in tellings})
    settings = {each.user_id: each for each in NoticeSetting.objects.filter(user__in=list(users))}
    wanted = {
        (each.user_id, each.about): each
        for each in tellings
        if each.user_id in users
        and users[each.user_id].is_active
        and wants(settings.get(each.user_id), each)
    }
    known = Notice.objects.filter(
        user__in={pair[0] for pair in wanted}, about__in={pair[1] for pair in wanted}
    )
    told = set(known.values_list("user_id", "about"))
    new = [each for pair, each in wanted.items() if pair not in told]
    # Another telling may have come first since: its row stays, and so do its deliveries.
    Notice.objects.bulk_create([_notice(each, at) for each in new], ignore_conflicts=True)
    rows = {
        (row.user_id, row.about): row
        for row in Notice.objects.filter(
            user__in={each.user_id for each in new}, about__in={each.about for each in new}
        )
    }
    deliveries = [
        *_mails(new, rows, users, settings, at),
        *_hooks([each for each in tellings if each.user_id in users], rows, users, at),
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(new)


def wants(setting: NoticeSetting | None, telling: Telling) -> bool:
    """Whether somebody with this setting (None: the defaults) is to be told."""
    setting = setting or NoticeSetting()
    if telling.kind in setting.muted:
        return False
    loud = telling.severity is None or telling.severity >= setting.min_severity
    return loud or telling.kind != Notice.Kind.ALERT


def _notice(each: Telling, at: datetime) -> Notice:
    return Notice(
        user_id=each.user_id,
        kind=each.kind,
        title=each.title[:200],
        body=each.body,
        url=each.url[:255],
        account_id=each.account_id,
        severity=each.severity,
        about=each.about,
        at=at,
    )


def _mails(
    new: Iterable[Telling],
    rows: Mapping[tuple[int, str], Notice],
    users: Mapping[int, Any],
    settings: Mapping[int, NoticeSetting],
    at: datetime,
) -> Iterator[Delivery]:
    """Mails for those who want them at once; the daily digest reads the notices themselves."""
    for each in new:
        row, setting = rows.get((each.user_id, each.about)), settings.get(each.user_id)
        at_once = setting is not None and setting.mail == NoticeSetting.Mail.AT_ONCE
        if row is not None and at_once and users[each.user_id].email:
            yield Delivery(
                channel=Delivery.Channel.MAIL,
                notice=row,
                user_id=each.user_id,
                about=f"mail:{row.pk}",
                next_at=at,
                created_at=at,
            )


def _hooks(
    tellings: Sequence[Telling],
    rows: Mapping[tuple[int, str], Notice],
    users: Mapping[int, Any],
    at: datetime,
) -> list[Delivery]:
    """Messages to the webhooks that want them: a colleague's own, their team's, the house's."""
    hooks = list(Webhook.objects.filter(is_active=True))
    if not hooks:
        return []
    accounts = Account.objects.in_bulk({e.account_id for e in tellings if e.account_id is not None})
    teams: dict[int, set[int]] = defaultdict(set)
    if any(hook.team_id for hook in hooks):
        members = Team.members.through.objects.filter(user__in=list(users))
        for user_id, team_id in members.values_list("user_id", "team_id"):
            teams[user_id].add(team_id)
    found: dict[str, Delivery] = {}
    for each in tellings:
        account = accounts.get(each.account_id) if each.account_id else None
        for hook in hooks:
            if not _hook_wants(hook, each, account, teams[each.user_id]):
                continue
            shared = hook.user_id is None and each.kind in _SHARED
            about = f"hook:{hook.pk}:{each.about}" + ("" if shared else f":{each.user_id}")
            found.setdefault(
                about[:160],
                Delivery(
                    channel=Delivery.Channel.WEBHOOK,
                    notice=rows.get((each.user_id, each.about)),
                    webhook=hook,
                    about=about[:160],
                    payload=_payload(each, account, users[each.user_id], at),
                    next_at=at,
                    created_at=at,
                ),
            )
    return list(found.values())


def _hook_wants(
    hook: Webhook, each: Telling, account: Account | None, teams: Collection[int]
) -> bool:
    if each.kind not in hook.kinds:
        return False
    if each.severity is not None and each.severity < hook.min_severity:
        return False
    if hook.user_id is not None:
        return hook.user_id == each.user_id
    if hook.team_id is None:
        return True
    return hook.team_id == account.team_id if account else hook.team_id in teams


def _payload(each: Telling, account: Account | None, user: Any, at: datetime) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "title": each.title[:200],
        "body": each.body,
        "path": each.url,
        "about": each.about,
        "severity": each.severity,
        "account": {"id": account.external_id, "name": account.name} if account else None,
        "for": user.get_username(),
        "at": at.isoformat(),
    }


def mark_read(notices: Any, *, at: datetime) -> int:
    """Mark a queryset of one's own notices as read; returns how many were not."""
    return int(notices.filter(read_at=None).update(read_at=at))


def save_setting(user: Any, values: Mapping[str, Any]) -> NoticeSetting:
    """Keep how `user` wants to be told: mail, digest_hour, min_severity, muted."""
    return NoticeSetting.objects.update_or_create(user=user, defaults=dict(values))[0]


def night(*, as_of: date, at: datetime, opened: Collection[int]) -> None:
    """After a night: tell owners of the alerts it opened (ids), of tasks due, of overflow.

    Who covers for somebody absent is told as well. Repeating it tells nobody twice.
    """
    covers = _covers(timezone.localdate(at))
    ids = sorted(opened)
    overflow: dict[int, int] = defaultdict(int)
    for start in range(0, len(ids), CHUNK):
        alerts = Alert.objects.filter(
            pk__in=ids[start : start + CHUNK], state=Alert.State.OPEN, owner__isnull=False
        ).select_related("account", "trigger")
        tellings = []
        for alert in alerts:
            assert alert.owner_id is not None
            people = [alert.owner_id, *covers.get(alert.owner_id, ())]
            if alert.overflow:
                for user_id in people:
                    overflow[user_id] += 1
            else:
                tellings += [_opened(alert, user_id) for user_id in people]
        tell(tellings, at=at)
    tell([_overflow(user_id, many, as_of) for user_id, many in overflow.items()], at=at)
    _tell_of_tasks(covers, at)


def _opened(alert: Alert, user_id: int) -> Telling:
    lines = [
        f"{row.get('label', '')}: {row.get('text') or row.get('value')}"
        for row in alert.evidence
        if row.get("holds") is not False
    ]
    return Telling(
        user_id=user_id,
        kind=Notice.Kind.ALERT,
        title=f"{alert.trigger.name}: {alert.account.name}",
        body="; ".join(lines[:3]),
        url=reverse("alert", args=[alert.pk]),
        about=f"alert:{alert.pk}:opened",
        account_id=alert.account_id,
        severity=alert.severity,
    )


def _overflow(user_id: int, many: int, as_of: date) -> Telling:
    return Telling(
        user_id=user_id,
        kind=Notice.Kind.OVERFLOW,
        title=f"{many} more alert{'' if many == 1 else 's'} than your cap of the day",
        body="They are open and listed; you were not told of them one by one.",
        url=f"{reverse('alerts')}?state=overflow&scope=mine",
        about=f"overflow:{as_of.isoformat()}",
    )


def _tell_of_tasks(covers: Mapping[int, Collection[int]], at: datetime) -> None:
    """One notice a day to everybody who has tasks due or overdue."""
    today = timezone.localdate(at)
    due = (
        InterventionTask.objects.filter(
            state=InterventionTask.State.OPEN, due_on__lte=today, assignee__isnull=False
        )
        .values("assignee")
        .annotate(today=Count("pk", filter=Q(due_on=today)), late=Count("pk"))
        .order_by("assignee")
    )
    tellings = []
    for row in due:
        late = row["late"] - row["today"]
        said = [f"{row['today']} due today"] if row["today"] else []
        said += [f"{late} overdue"] if late else []
        for user_id in [row["assignee"], *covers.get(row["assignee"], ())]:
            own = user_id == row["assignee"]
            tellings.append(
                Telling(
                    user_id=user_id,
                    kind=Notice.Kind.TASK,
                    title=f"{'Tasks' if own else 'Tasks you cover for'}: {', '.join(said)}",
                    url=reverse("tasks") + ("" if own else f"?who={row['assignee']}"),
                    about=f"tasks:{today.isoformat()}:{row['assignee']}",
                )
            )
    tell(tellings, at=at)


def _covers(on: date) -> dict[int, list[int]]:
    """Who stands in for whom on a day."""
    found: dict[int, list[int]] = defaultdict(list)
    away = Absence.objects.filter(first_on__lte=on, last_on__gte=on, cover__isnull=False)
    for user_id, cover_id in away.values_list("user_id", "cover_id"):
        found[user_id].append(cover_id)
    return found
