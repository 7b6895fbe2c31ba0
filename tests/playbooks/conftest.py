"""Builders of triggers, alerts, playbooks, plans and clocks: rows as the services leave them."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from accounts.models import Account
from playbooks.models import (
    Alert,
    Clock,
    ClockRule,
    Intervention,
    InterventionTask,
    Playbook,
    PlaybookStep,
    PlaybookVersion,
    Severity,
    Trigger,
)
from tests.conftest import NIGHT

# The morning after the night.
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def make_trigger(db: None) -> Callable[..., Trigger]:
    """A switched-on trigger for a score below 30, with the given values changed."""

    def make(key: str = "emergency", **values: Any) -> Trigger:
        defaults: dict[str, Any] = {
            "name": key.replace("-", " ").capitalize(),
            "family": Trigger.Family.REAL_TIME,
            "severity": Severity.HIGH,
            "rule": {
                "match": "all",
                "conditions": [{"score": "value", "op": "<", "value": 30}],
            },
            "is_active": True,
        }
        return Trigger.objects.create(key=key, **(defaults | values))

    return make


@pytest.fixture
def make_alert(make_trigger: Callable[..., Trigger]) -> Callable[..., Alert]:
    """An open alert of an account's owner, opened at 02:00 of `on`; ended states end it the same day."""

    def make(
        account: Account, trigger: Trigger | None = None, on: date = NIGHT, **values: Any
    ) -> Alert:
        trigger = trigger or Trigger.objects.filter(key="emergency").first() or make_trigger()
        at = datetime.combine(on, time(2), UTC)
        if values.get("state", "open") not in Alert.OPEN_STATES:
            values = {"ended_on": on, "ended_at": at} | values
        defaults: dict[str, Any] = {
            "severity": trigger.severity,
            "opened_on": on,
            "opened_at": at,
            "last_held_on": on,
            "owner_id": account.owner_id,
            "arr_amount": account.arr_amount,
        }
        return Alert.objects.create(account=account, trigger=trigger, **(defaults | values))

    return make


@pytest.fixture
def make_playbook(db: None) -> Callable[..., PlaybookVersion]:
    """A published playbook with a step per title; answers its version."""

    def make(
        key: str = "rescue",
        *,
        steps: Sequence[str | dict[str, Any]] = ("Call", "Agree on a plan"),
        kind: str = Playbook.Kind.TRIGGER,
        **values: Any,
    ) -> PlaybookVersion:
        playbook = Playbook.objects.create(key=key, name=key.capitalize(), kind=kind)
        version = PlaybookVersion.objects.create(playbook=playbook, number=1, **values)
        for position, step in enumerate(steps, 1):
            told = {"title": step} if isinstance(step, str) else step
            PlaybookStep.objects.create(version=version, position=position, **told)
        version.state, version.published_at = PlaybookVersion.State.ACTIVE, NOW
        version.save()
        return version

    return make


@pytest.fixture
def make_plan(db: None) -> Callable[..., Intervention]:
    """An open plan of the account's owner with an open task per title."""

    def make(
        account: Account,
        *,
        tasks: Sequence[str | dict[str, Any]] = ("Call",),
        started_on: date = NIGHT,
        **values: Any,
    ) -> Intervention:
        defaults: dict[str, Any] = {
            "title": f"Plan for {account.name}",
            "owner": account.owner,
            "started_at": NOW,
            "target_on": started_on + timedelta(days=30),
        }
        plan = Intervention.objects.create(
            account=account, started_on=started_on, **(defaults | values)
        )
        for position, task in enumerate(tasks, 1):
            told: dict[str, Any] = {"title": task} if isinstance(task, str) else task
            usual = {"assignee": plan.owner, "due_on": NIGHT + timedelta(days=7)}
            InterventionTask.objects.create(
                intervention=plan, account=account, position=position, **(usual | told)
            )
        return plan

    return make


@pytest.fixture
def make_clock(db: None) -> Callable[..., Clock]:
    """A running clock; `key` of ClockRule.Key."""

    def make(account: Account, key: str = "first_response", **values: Any) -> Clock:
        rule = ClockRule.objects.get_or_create(key=key, defaults={"hours": 48})[0]
        defaults: dict[str, Any] = {
            "owner": account.owner,
            "reason": "Health score 24, below 30",
            "started_at": NOW,
            "due_at": NOW + timedelta(hours=48),
        }
        return Clock.objects.create(account=account, rule=rule, **(defaults | values))

    return make
