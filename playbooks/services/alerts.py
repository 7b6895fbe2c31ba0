"""What people do with alerts: take, give away, snooze, wake, say it is no risk, answer with a playbook, undo.

Each act on one alert or hundreds is one transaction and one batch, which undoes it. Rows are locked and
compared with the version the person saw: of two who act at once the second is told who was first. Whoever may
see an alert is decided by the doors with `playbooks.access`; `bulk` asks it itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.access import may_write
from accounts.models import Account
from playbooks.access import alerts_changeable_by, alerts_seen_by
from playbooks.models import (
    Alert,
    AlertChange,
    Intervention,
    InterventionChange,
    PlaybookVersion,
)
from playbooks.services import alert_deeds as deeds
from playbooks.services import interventions, notices
from playbooks.services.alert_changes import (
    AlertError,
    Deed,
    Kind,
    Refusal,
    Result,
    apply,
    happened,
    hindrances,
    last_changes,
    locked,
    restored,
)

# Acts on more at once are refused: nobody means it, and undoing must stay possible.
MOST: Final = 5_000
# A plan with its tasks is dozens of rows.
MOST_PLANS: Final = 200

ACTIONS: Final = ("take", "assign", "snooze", "wake", "dismiss", "start")


def take(alert: Alert, *, by: Any, at: datetime, seen: int | None = None) -> Result:
    """Own it. Raises AlertError naming who has it already. `seen` is the version the person looked at."""
    return _one(alert, deeds.take(by, at), by=by, at=at, seen=seen)


def assign(
    alert: Alert, *, to: Any, by: Any, at: datetime, reason: str = "", seen: int | None = None
) -> Result:
    """Give it to a colleague, who is told and takes it themselves.

    Raises AlertError when they could not see the account or change anything.
    """
    return _one(alert, deeds.assign(to, [alert.account_id], reason), by=by, at=at, seen=seen, to=to)


def snooze(
    alert: Alert, *, until: date, reason: str, by: Any, at: datetime, seen: int | None = None
) -> Result:
    """Out of the lists until a day; it stays open. `until`: after today, at most 180 days ahead."""
    return _one(alert, deeds.snooze(until, reason, by, at), by=by, at=at, seen=seen)


def wake(alert: Alert, *, by: Any, at: datetime, seen: int | None = None) -> Result:
    """End its snooze now."""
    return _one(alert, deeds.wake(by, at), by=by, at=at, seen=seen)


def dismiss(alert: Alert, *, reason: str, by: Any, at: datetime, seen: int | None = None) -> Result:
    """It is no risk, because of `reason`: ends it, and counts against its trigger's precision."""
    return _one(alert, deeds.dismiss(reason, by, at), by=by, at=at, seen=seen)


@transaction.atomic
def start_playbook(
    alert: Alert,
    *,
    by: Any,
    at: datetime,
    version: PlaybookVersion | None = None,
    owner: Any = None,
    seen: int | None = None,
) -> Result:
    """Answer it with a plan: of `version`, else of the playbook its trigger recommends.

    Whoever starts it takes it when nobody has; the first-response clock is met. Where the playbook runs on
    the account already, the alert joins that plan. Raises AlertError when it is over, another's or answered.
    """
    found = _start([alert.pk], version, by=by, at=at, owner=owner, seen=_seen(alert, seen))
    if found.refused:
        raise AlertError(found.refused[0].why)
    return found


def bulk(
    alert_ids: Collection[int],
    action: str,
    *,
    by: Any,
    at: datetime,
    seen: Mapping[int, int] | None = None,
    **values: Any,
) -> Result:
    """One of `ACTIONS` on many alerts: each is done whole or left and named with the reason.

    `values` are those of the action. `seen`: version by alert id, as the person looked at them. Raises
    AlertError when the act itself makes no sense. Constant statements, per playbook where plans start.
    """
    most = MOST_PLANS if action == "start" else MOST
    if len(alert_ids) > most:
        raise AlertError(f"That are {len(alert_ids):,} alerts; at most {most:,} go at once.")
    on = timezone.localdate(at)
    allowed = alerts_changeable_by(by, on=on).filter(pk__in=alert_ids)
    mine = dict(allowed.values_list("pk", "account_id"))
    others = alerts_seen_by(by).filter(pk__in=set(alert_ids) - set(mine))
    foreign = tuple(
        Refusal(pk, name, "It is not yours to act on.")
        for pk, name in others.values_list("pk", "account__name")
    )
    batch = uuid4()
    if action == "start":
        found = _start(list(mine), by=by, at=at, seen=seen, **values)
        return replace(found, refused=(*found.refused, *foreign))
    to = values.get("to")
    makers = {
        "take": lambda: deeds.take(by, at),
        "assign": lambda: deeds.assign(to, mine.values(), values.get("reason", "")),
        "snooze": lambda: deeds.snooze(values["until"], values["reason"], by, at),
        "wake": lambda: deeds.wake(by, at),
        "dismiss": lambda: deeds.dismiss(values["reason"], by, at),
    }
    if action not in makers:
        raise AlertError("Nobody knows how to do that to an alert.")
    with transaction.atomic():
        deed = makers[action]()
        done, refused = apply(locked(list(mine)), deed, by=by, at=at, batch=batch, seen=seen)
        if to is not None:
            _tell(to, done, by=by, at=at, batch=batch)
    return Result(batch, tuple(alert.pk for alert in done), (*refused, *foreign))


@transaction.atomic
def _start(
    ids: Collection[int],
    version: PlaybookVersion | None = None,
    *,
    by: Any,
    at: datetime,
    owner: Any = None,
    seen: Mapping[int, int] | None = None,
) -> Result:
    """Plans for some alerts; an account gets each playbook once. Constant queries per playbook."""
    batch = uuid4()
    # Accounts first, as starting a plan locks them: two that start at once cannot wait for each other.
    accounts = Account.objects.select_for_update(of=("self",)).filter(alerts__in=ids)
    whose = {account.pk: account for account in accounts.order_by("pk")}
    rows = locked(ids)
    hindered = hindrances(rows, deeds.unanswered(by, at), by=by, seen=seen)
    recommended = _recommended(rows) if version is None else {}
    groups: dict[PlaybookVersion, list[Alert]] = {}
    for row in rows:
        chosen = version or recommended.get(row.trigger.playbook_id)
        if row.pk in hindered:
            continue
        if chosen is None:
            hindered[row.pk] = f"“{row.trigger}” recommends no playbook: choose one."
        else:
            groups.setdefault(chosen, []).append(row)
    plans: list[Intervention] = []
    joined: list[Intervention] = []
    answers: dict[int, Intervention] = {}
    for chosen, group in groups.items():
        begun, running = interventions.start_many(
            [whose[pk] for pk in {row.account_id for row in group}],
            by=by,
            at=at,
            on=timezone.localdate(at),
            version=chosen,
            batch=batch,
            owner=owner,
        )
        by_account = running | {plan.account_id: plan for plan in begun}
        answers |= {row.pk: by_account[row.account_id] for row in group}
        plans += begun
        joined += running.values()
    _answer([row for row in rows if row.pk in answers], answers, by=by, at=at, batch=batch)
    refused = [
        Refusal(row.pk, row.account.name, hindered[row.pk]) for row in rows if row.pk in hindered
    ]
    return Result(batch, tuple(answers), tuple(refused), tuple(plans), tuple(joined))


def _answer(
    rows: Collection[Alert],
    answers: Mapping[int, Intervention],
    *,
    by: Any,
    at: datetime,
    batch: UUID,
) -> None:
    """Link alerts with the plans that answer them; nobody has to look at an answered one again tonight."""

    def values(alert: Alert) -> dict[str, Any]:
        return {"intervention_id": answers[alert.pk].pk} | deeds.taking(alert, by, at)

    apply(rows, Deed(Kind.STARTED, values), by=by, at=at, batch=batch)


@transaction.atomic
def undo(batch: UUID, *, by: Any, at: datetime) -> Result:
    """Put back what a batch of one's own changed, where nothing happened since; the others are named.

    An alert that was ended is open again; a plan nobody has worked on is cancelled. Raises AlertError when
    there is nothing of `by` to undo.
    """
    rows = AlertChange.objects.filter(batch=batch, by=by).exclude(kind=Kind.UNDONE)
    ids = list(rows.values_list("alert", flat=True))
    alerts = {alert.pk: alert for alert in locked(ids)}
    changes = list(rows.filter(undone_at=None).order_by("pk"))
    if not (changes and may_write(by)):
        raise AlertError("There is nothing to undo: it was undone already, or it was not yours.")
    kept = _plans_kept(batch, changes, by=by, at=at)
    last = last_changes(list(alerts))
    reopened = _reopened_since(alerts.values())
    refused: list[Refusal] = []
    given: dict[int, dict[str, Any]] = {}
    for change in changes:
        alert = alerts[change.alert_id]
        why = ""
        if last[alert.pk].pk != change.pk:
            why = happened(alert, last[alert.pk])
        elif alert.intervention_id in kept:
            why = "Somebody has worked on the plan since: close the plan instead."
        elif not alert.is_open and alert.pk in reopened:
            why = "Its trigger has opened a newer alert since."
        if why:
            refused.append(Refusal(alert.pk, alert.account.name, why))
        else:
            given[alert.pk] = restored(change.before)
    deed = Deed(Kind.UNDONE, lambda alert: given[alert.pk], counts_as_acting=False)
    apply([alerts[pk] for pk in given], deed, by=by, at=at, batch=None)
    AlertChange.objects.filter(
        pk__in=[change.pk for change in changes if change.alert_id in given]
    ).update(undone_at=at)
    return Result(batch, tuple(given), tuple(refused))


def _plans_kept(batch: UUID, changes: Iterable[AlertChange], *, by: Any, at: datetime) -> set[int]:
    """Cancel the plans a batch started; those that are left because somebody worked on them."""
    if not any(change.kind == Kind.STARTED for change in changes):
        return set()
    interventions.undo(batch, by=by, at=at)
    begun = InterventionChange.objects.filter(batch=batch, kind=InterventionChange.Kind.STARTED)
    return set(begun.filter(undone_at=None).values_list("intervention", flat=True))


def _reopened_since(alerts: Iterable[Alert]) -> set[int]:
    """Those of ended alerts whose trigger has another one open on the account."""
    over = {(a.account_id, a.trigger_id): a.pk for a in alerts if not a.is_open}
    if not over:
        return set()
    newer = Alert.objects.filter(
        state__in=Alert.OPEN_STATES, account__in={account for account, _ in over}
    )
    return {over[pair] for pair in newer.values_list("account_id", "trigger_id") if pair in over}


@transaction.atomic
def _one(
    alert: Alert, deed: Deed, *, by: Any, at: datetime, seen: int | None, to: Any = None
) -> Result:
    batch = uuid4()
    rows = [_locked_one(alert)]
    done, refused = apply(rows, deed, by=by, at=at, batch=batch, seen=_seen(alert, seen))
    if refused:
        raise AlertError(refused[0].why)
    if to is not None:
        _tell(to, done, by=by, at=at, batch=batch)
    return Result(batch, (alert.pk,))


def _locked_one(alert: Alert) -> Alert:
    rows = locked([alert.pk])
    if not rows:
        raise AlertError("This alert is gone: its account was deleted.")
    return rows[0]


def _seen(alert: Alert, seen: int | None) -> dict[int, int]:
    return {alert.pk: alert.version if seen is None else seen}


def _recommended(alerts: Iterable[Alert]) -> dict[int | None, PlaybookVersion]:
    """The active version of the playbooks their triggers recommend, by playbook."""
    versions = PlaybookVersion.objects.select_related("playbook").filter(
        playbook__in={alert.trigger.playbook_id for alert in alerts} - {None},
        playbook__is_active=True,
        state=PlaybookVersion.State.ACTIVE,
    )
    return {version.playbook_id: version for version in versions}


def _tell(to: Any, alerts: Collection[Alert], *, by: Any, at: datetime, batch: UUID) -> None:
    """Tell the new owner once, however many there are."""
    if not alerts or to.pk == by.pk:
        return
    one = next(iter(alerts)) if len(alerts) == 1 else None
    told = notices.Telling(
        user_id=to.pk,
        kind="assigned",
        title=f"{by} gave you “{one.trigger}” of {one.account}"[:200]
        if one
        else f"{by} gave you {len(alerts):,} alerts",
        url=reverse("alert", args=[one.pk]) if one else f"{reverse('alerts')}?scope=mine",
        about=f"alerts:assigned:{batch}",
        account_id=one.account_id if one else None,
        severity=max(alert.severity for alert in alerts),
    )
    notices.tell([told], at=at)
