"""Two accounts become one: alerts, plans, notes and clocks go along, and nothing is open twice."""

from datetime import datetime
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from accounts.models import Account
from accounts.trust.followers import Follower
from playbooks.models import (
    Alert,
    AlertChange,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
    Note,
    Notice,
)
from playbooks.services import attention
from playbooks.services.plan_endings import Ending, close_all

_WHY: Final = "The same is open on {}, which this account was merged into."


def make_room(kept: Account, merged: Account, by: Any, at: datetime) -> None:
    """End what is open on both: the alert, the plan and the clock of the account that is kept go on."""
    on = timezone.localdate(at)
    why = _WHY.format(kept.name)[:255]
    _withdraw(kept, merged, by=by, at=at, why=why)
    theirs = Intervention.objects.filter(
        account=kept, state__in=Intervention.OPEN_STATES, playbook_version__isnull=False
    ).values("playbook_version__playbook")
    plans = list(
        Intervention.objects.select_for_update(of=("self",)).filter(
            account=merged,
            state__in=Intervention.OPEN_STATES,
            playbook_version__playbook__in=theirs,
        )
    )
    ending = Ending(Intervention.Outcome.CANCELLED, why)
    close_all(plans, {plan.pk: ending for plan in plans}, by=by, at=at, on=on)
    running = Clock.objects.filter(account=kept, state__in=Clock.OPEN_STATES).values("rule")
    Clock.objects.filter(account=merged, state__in=Clock.OPEN_STATES, rule__in=running).update(
        state=Clock.State.DROPPED, outcome="Merged into another account"
    )


def _withdraw(kept: Account, merged: Account, *, by: Any, at: datetime, why: str) -> None:
    on = timezone.localdate(at)
    theirs = Alert.objects.filter(account=kept, state__in=Alert.OPEN_STATES).values("trigger")
    both = Alert.objects.filter(account=merged, state__in=Alert.OPEN_STATES, trigger__in=theirs)
    states = dict(both.select_for_update(of=("self",)).values_list("pk", "state"))
    # Withdrawn counts in no measure, and starts no cool-down should the merge be undone.
    gone = Alert.State.WITHDRAWN
    Alert.objects.filter(pk__in=list(states)).update(
        state=gone,
        ended_on=on,
        ended_at=at,
        ended_by=by,
        end_reason=why,
        version=F("version") + 1,
    )
    AlertChange.objects.bulk_create(
        AlertChange(
            alert_id=pk,
            account_id=merged.pk,
            kind=AlertChange.Kind.WITHDRAWN,
            on=on,
            at=at,
            by=by,
            before={"state": state},
            after={"state": gone.value},
            reason=why,
        )
        for pk, state in states.items()
    )


def _done(account_ids: list[int], at: datetime) -> None:
    attention.refresh(account_ids, at=at)


FOLLOWER: Final = Follower(
    tables=(
        Alert,
        AlertChange,
        Clock,
        Handover,
        Intervention,
        InterventionChange,
        InterventionTask,
        Note,
        Notice,
    ),
    make_room=make_room,
    done=_done,
)
