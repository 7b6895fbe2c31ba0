"""Triggers are changed by one person at a time, with who and why."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from csm.models import User
from playbooks.models import Alert, AlertChange, Trigger
from playbooks.rules import RuleError
from playbooks.services import trigger_changes
from playbooks.services.trigger_changes import TriggerError
from tests.conftest import NIGHT

pytestmark = pytest.mark.django_db
RULE = {"match": "all", "conditions": [{"score": "value", "op": "<", "value": 20}]}


def at() -> Any:
    return timezone.now()


def test_a_new_one_is_off_and_its_key_is_nobody_elses_address(admin: User) -> None:
    values = {"name": "New", "family": "leading", "rule": RULE}

    first = trigger_changes.save(None, values, by=admin, at=at(), note="Because")
    second = trigger_changes.save(None, values, by=admin, at=at())

    assert (first.is_active, first.key, second.key) == (False, "new-trigger", "new-trigger-2")
    change = first.changes.get()
    assert (change.by, change.note, change.changed["rule"]) == (admin, "Because", [None, RULE])


def test_a_change_names_what_was_and_what_is(
    admin: User, make_trigger: Callable[..., Trigger]
) -> None:
    trigger = make_trigger()

    kept = trigger_changes.save(
        trigger, {"name": trigger.name, "cooldown_days": 3}, by=admin, at=at(), note="Sooner"
    )
    again = trigger_changes.save(trigger, {"cooldown_days": 3}, by=admin, at=at())

    assert (kept.revision, again.revision) == (2, 2)
    assert trigger.changes.get().changed == {"cooldown_days": [14, 3]}


def test_of_two_editors_the_second_is_told(
    admin: User, manager: User, make_trigger: Callable[..., Trigger]
) -> None:
    trigger = make_trigger()
    trigger_changes.save(trigger, {"cooldown_days": 3}, by=manager, at=at(), revision=1)

    with pytest.raises(TriggerError, match="manager changed Emergency"):
        trigger_changes.save(trigger, {"cooldown_days": 5}, by=admin, at=at(), revision=1)
    trigger.refresh_from_db()
    assert trigger.cooldown_days == 3


def test_a_rule_nobody_can_read_is_refused(
    admin: User, make_trigger: Callable[..., Trigger]
) -> None:
    trigger = make_trigger()
    for values in (
        {"rule": {"match": "all", "conditions": []}},
        {"exit_rule": {"conditions": [{"score": "value"}]}},
        {"scope": {"colour": ["red"]}},
    ):
        with pytest.raises(RuleError):
            trigger_changes.save(trigger, values, by=admin, at=at())
    assert not trigger.changes.exists()


def test_a_copy_is_off_and_the_same(admin: User, make_trigger: Callable[..., Trigger]) -> None:
    trigger = make_trigger(scope={"industry": ["Retail"]}, exit_days=4)

    made = trigger_changes.copy(trigger, by=admin, at=at())

    assert not made.is_active
    assert made.key != trigger.key
    for name in trigger_changes.DRAFT:
        assert getattr(made, name) == getattr(trigger, name)


def test_switching_off_keeps_or_withdraws_its_alerts(
    admin: User,
    make_trigger: Callable[..., Trigger],
    make_account: Callable[..., Account],
    make_alert: Callable[..., Alert],
) -> None:
    trigger, other = make_trigger(), make_trigger("other")
    mine = make_alert(make_account(), trigger)
    held = make_alert(make_account(), trigger, state="held")
    theirs = make_alert(make_account(), other)

    def switch(on: bool, **how: Any) -> int:
        return trigger_changes.switch(trigger, on, by=admin, at=at(), as_of=NIGHT, **how)

    assert switch(False) == 0
    mine.refresh_from_db()
    assert mine.is_open

    assert switch(True) == 0
    assert switch(False, end_open=True, note="Too loud") == 2
    for alert in (mine, held):
        alert.refresh_from_db()
        assert (alert.state, alert.ended_by, alert.end_reason) == ("withdrawn", admin, "Too loud")
        assert alert.version == 2
    theirs.refresh_from_db()
    assert theirs.is_open
    told = AlertChange.objects.filter(kind="withdrawn").order_by("alert_id")
    assert [(row.alert_id, row.before["state"]) for row in told] == [
        (mine.pk, "open"),
        (held.pk, "held"),
    ]
    # Pressed twice, nothing happens twice.
    assert switch(False, end_open=True, note="Again") == 0
    assert trigger.changes.count() == 3
