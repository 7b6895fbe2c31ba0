"""The rules clocks run by: those that ship, and tuning them."""

from datetime import datetime
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction

from accounts import audit
from csm.lib.errors import WorkbenchError
from playbooks.models import Clock, ClockRule
from playbooks.sla import LEVELS

Key = ClockRule.Key
# Days after a clock was met in which the same reason, unbroken, starts no other.
AGAIN: Final = "again_after_days"

DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    Key.FIRST_RESPONSE: {
        "description": "Somebody answers when a health score is very low: takes the alert, starts a "
        "plan, or says here what was done.",
        "hours": 48,
        "params": {"below": 30, AGAIN: 30},
        "escalate_after_hours": {"executive": 8},
    },
    Key.ROOT_CAUSE: {
        "description": "An account in the lowest band with an open alert or plan gets a root cause "
        "written down.",
        "hours": 168,
        "params": {AGAIN: 30},
        "escalate_after_hours": {"executive": 24},
    },
    Key.EXECUTIVE: {
        "description": "The largest accounts in the lowest band by ARR are brought to executives at "
        "once. Kept when a plan has a sponsor, or when somebody says they look after it.",
        "hours": 24,
        "params": {"top": 200, AGAIN: 90},
        "escalate_after_hours": {},
    },
    Key.WEEKLY_REVIEW: {
        "description": "An account in the lowest band with an open plan is looked at every week: a "
        "note, or the review confirmed here. Starts again each time.",
        "hours": 168,
        "params": {},
        "escalate_after_hours": {"executive": 40},
    },
}


def ensure() -> dict[str, ClockRule]:
    """Every rule by key, those missing made with what ships."""
    found = {rule.key: rule for rule in ClockRule.objects.all()}
    for key, values in DEFAULTS.items():
        if key not in found:
            found[str(key)], _ = ClockRule.objects.get_or_create(key=key, defaults=values)
    return found


def locked(*keys: str) -> dict[str, ClockRule]:
    """The rules of these keys, or all, locked until the transaction ends: clocks have one writer at a time."""
    rules = ClockRule.objects.select_for_update().order_by("pk")
    return {rule.key: rule for rule in (rules.filter(key__in=keys) if keys else rules)}


@transaction.atomic
def save(rule: ClockRule, values: dict[str, Any], *, by: Any, at: datetime) -> list[int]:
    """Tune a rule; returns the ids of accounts whose clocks ended because it was switched off.

    `values`: description, hours, in_business_time, params, escalate_after_hours, is_active. Clocks that run
    keep their due time; escalation follows the rule at once. Raises WorkbenchError.
    """
    if not by.is_admin:
        raise WorkbenchError("Only an admin tunes clocks.")
    unknown = set(values["escalate_after_hours"]) - set(LEVELS)
    if unknown or any(
        hours is not None and hours < 0 for hours in values["escalate_after_hours"].values()
    ):
        raise WorkbenchError(
            "A breach goes to the manager and to executives, after hours from 0 on."
        )
    rule = ClockRule.objects.select_for_update().get(pk=rule.pk)
    changed = [name for name, value in values.items() if getattr(rule, name) != value]
    if not changed:
        return []
    told = "; ".join(f"{name}: {getattr(rule, name)} → {values[name]}" for name in changed)
    ClockRule.objects.filter(pk=rule.pk).update(**{name: values[name] for name in changed})
    LogEntry.objects.log_actions(by.pk, [rule], CHANGE, change_message=told, single_object=True)
    audit.record(
        audit.Kind.TUNING, f"changed the clock {rule}", by=by, at=at, detail={"change": told}
    )
    if values["is_active"]:
        return []
    ending = Clock.objects.filter(rule=rule, state__in=Clock.OPEN_STATES)
    accounts = list(ending.values_list("account_id", flat=True))
    ending.update(state=Clock.State.DROPPED, outcome="The rule was switched off")
    return accounts
