"""Triggers as admins change them: every change a `TriggerChange` with who and why."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.text import slugify

from accounts import audit
from csm.lib.errors import WorkbenchError
from playbooks.models import Alert, AlertChange, Trigger, TriggerChange
from playbooks.rules import Rule, Scope
from playbooks.services import attention

# What an admin edits; the other columns are kept by the services.
FIELDS: Final = (
    "name",
    "description",
    "family",
    "severity",
    "rule",
    "exit_rule",
    "exit_days",
    "scope",
    "cooldown_days",
    "playbook_id",
)
# What a replay tries out.
DRAFT: Final = ("rule", "exit_rule", "exit_days", "scope", "cooldown_days")
_CHUNK: Final = 2_000


class TriggerError(WorkbenchError):
    """A trigger that cannot be changed so; the text says why and what to do."""


def draft_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a trigger's values (or of `vars(trigger)`) that decides when it fires."""
    return {name: values[name] for name in DRAFT}


@transaction.atomic
def save(
    trigger: Trigger | None,
    values: Mapping[str, Any],
    *,
    by: Any,
    at: datetime,
    note: str = "",
    revision: int | None = None,
) -> Trigger:
    """Make a trigger (switched off) or change one; `values` holds any of `FIELDS`.

    `revision` is the one its editor started from. Raises RuleError for a rule or scope that cannot be read
    and TriggerError when somebody else changed it meanwhile. Saving what is there already changes nothing.
    """
    if unknown := sorted(set(values) - set(FIELDS)):
        raise ValueError(f"no fields of a trigger: {', '.join(unknown)}")
    if "rule" in values:
        Rule.parse(values["rule"])
    Rule.maybe(values.get("exit_rule"))
    Scope.parse(values.get("scope", {}))
    if trigger is None:
        made = Trigger.objects.create(key=_free_key(str(values["name"])), **values)
        _note(made, {name: [None, getattr(made, name)] for name in FIELDS}, by, at, note)
        return made
    found = _locked(trigger, revision)
    changed = {
        name: [getattr(found, name), value]
        for name, value in values.items()
        if getattr(found, name) != value
    }
    if changed:
        for name, (_, value) in changed.items():
            setattr(found, name, value)
        found.revision += 1
        found.save()
        _note(found, changed, by, at, note)
    return found


def copy(trigger: Trigger, *, by: Any, at: datetime) -> Trigger:
    """Another trigger with the same values, switched off."""
    values = {name: getattr(trigger, name) for name in FIELDS}
    values["name"] = f"{trigger.name[:108]} (copy)"
    return save(None, values, by=by, at=at, note=f"Copied from {trigger.name}.")


@transaction.atomic
def switch(
    trigger: Trigger,
    on: bool,
    *,
    by: Any,
    at: datetime,
    as_of: date,
    note: str = "",
    end_open: bool = False,
    revision: int | None = None,
) -> int:
    """Switch a trigger on or off; returns how many open alerts were ended with it.

    With `end_open` its open alerts are withdrawn with `note` as the reason, otherwise they stay until they
    clear. Raises TriggerError when somebody else changed it meanwhile. Already so: nothing happens.
    """
    found = _locked(trigger, revision if revision is not None and trigger.is_active != on else None)
    if found.is_active == on:
        return 0
    found.is_active = on
    found.revision += 1
    found.save(update_fields=["is_active", "revision", "updated_at"])
    _note(found, {"is_active": [not on, on]}, by, at, note)
    if on or not end_open:
        return 0
    reason = note or "The trigger was switched off."
    return _withdraw(found, by=by, at=at, as_of=as_of, reason=reason[:255])


def _withdraw(trigger: Trigger, *, by: Any, at: datetime, as_of: date, reason: str) -> int:
    opened = list(
        trigger.alerts.filter(state__in=Alert.OPEN_STATES)
        .select_for_update()
        .order_by("pk")
        .values_list("pk", "account_id", "state")
    )
    for start in range(0, len(opened), _CHUNK):
        chunk = opened[start : start + _CHUNK]
        Alert.objects.filter(pk__in=[pk for pk, _, _ in chunk]).update(
            state=Alert.State.WITHDRAWN,
            ended_on=as_of,
            ended_at=at,
            ended_by=by,
            end_reason=reason,
            version=F("version") + 1,
        )
        AlertChange.objects.bulk_create(
            AlertChange(
                alert_id=pk,
                account_id=account,
                kind=AlertChange.Kind.WITHDRAWN,
                on=as_of,
                at=at,
                by=by,
                before={"state": state},
                after={"state": Alert.State.WITHDRAWN.value},
                reason=reason,
            )
            for pk, account, state in chunk
        )
    if opened:
        attention.refresh([account for _, account, _ in opened], at=at)
    return len(opened)


def _locked(trigger: Trigger, revision: int | None) -> Trigger:
    found = Trigger.objects.select_for_update().get(pk=trigger.pk)
    if revision is not None and found.revision != revision:
        last = found.changes.select_related("by").first()
        who = (
            (last.by.get_full_name() or last.by.get_username()) if last and last.by else "Somebody"
        )
        when = f" at {timezone.localtime(last.at):%H:%M on %-d %b}" if last else ""
        raise TriggerError(
            f"{who} changed {found.name}{when}, while you had it open: look at it as it is now, then "
            "change it again."
        )
    return found


def _note(trigger: Trigger, changed: Mapping[str, Any], by: Any, at: datetime, note: str) -> None:
    TriggerChange.objects.create(
        trigger=trigger, revision=trigger.revision, at=at, by=by, changed=dict(changed), note=note
    )
    audit.record(
        audit.Kind.TUNING,
        f"changed the trigger {trigger.name}" if trigger.revision > 1 else f"made {trigger.name}",
        by=by,
        at=at,
        detail={
            "before": {name: before for name, (before, _) in changed.items()},
            "after": {name: after for name, (_, after) in changed.items()},
            **({"note": note} if note else {}),
        },
    )


def _free_key(name: str) -> str:
    """A key nobody has, and no address of another page."""
    base = slugify(name)[:52].strip("-") or "trigger"
    if base in ("new", "load"):
        base = f"{base}-trigger"
    taken = set(Trigger.objects.filter(key__startswith=base).values_list("key", flat=True))
    number = 2
    key = base
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key
