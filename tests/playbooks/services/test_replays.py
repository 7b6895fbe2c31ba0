"""Replays: past nights judged by a draft, resumed where a killed worker stopped."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, Reading, SubscriptionEvent
from csm.lib.workers import worker_name
from csm.models import User
from csm.nightly import run_nightly
from playbooks.models import Alert, Replay, Trigger
from playbooks.rules import RuleError
from playbooks.services import replay_sums, replays
from playbooks.services.trigger_changes import TriggerError
from tests.conftest import NIGHT

pytestmark = pytest.mark.django_db
DRAFT: dict[str, Any] = {
    "rule": {
        "match": "all",
        "conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 30}],
    },
    "exit_rule": {},
    "exit_days": 1,
    "scope": {},
    "cooldown_days": 2,
}


def ago(days: int) -> Any:
    return NIGHT - timedelta(days=days)


def ask(by: User, **how: Any) -> Replay:
    given = {"draft": DRAFT, "name": "Silence", "days": 10, "by": by, "at": timezone.now()}
    return replays.ask(**(given | how))


@pytest.fixture
def silent(
    make_account: Callable[..., Account], owner: User, score_book: Callable[..., Any]
) -> list[Account]:
    """Told on NIGHT: two quiet for good, one that came back, one that never was quiet."""
    accounts = [make_account(f"Quiet {n}", owner=owner) for n in range(4)]
    score_book({account: {} for account in accounts})
    spans = ((9, 40), (9, 40)), ((5, 40),), ((9, 40), (6, 1), (4, 50)), ((9, 1),)
    for account, told in zip(accounts, spans, strict=True):
        for days, value in dict(told).items():
            Reading.objects.create(
                account=account, on=ago(days), metrics={"days_since_last_activity": value}
            )
    Reading.objects.filter(on=NIGHT).delete()
    return accounts


def test_nights_are_daily_up_to_a_quarter_and_weekly_beyond() -> None:
    assert replays.nights_of(NIGHT, 3) == [ago(2), ago(1), NIGHT]
    assert len(replays.nights_of(NIGHT, 90)) == 90
    weekly = replays.nights_of(NIGHT, 180)
    assert (len(weekly), weekly[-1], weekly[-1] - weekly[-2]) == (26, NIGHT, timedelta(days=7))


def test_what_it_would_have_done(silent: list[Account], admin: User, make_alert: Any) -> None:
    SubscriptionEvent.objects.create(
        account=silent[1], kind="downsell", on=ago(2), source="t", external_id="x"
    )
    silent[2].churned_on = ago(1)
    silent[2].save()
    make_alert(silent[0])

    replay = replays.work(ask(admin).pk)

    assert replay is not None
    assert (replay.state, replay.done, replay.total) == ("done", 10, 10)
    found = replay.result
    by_night = {day: n for day, n in found["by_night"] if n}
    # The one that came back after three nights fires again once the cool-down is over.
    assert by_night == {str(ago(9)): 2, str(ago(5)): 1, str(ago(4)): 1}
    assert (found["fired"], found["first_night"], found["accounts"]) == (4, 2, 3)
    assert found["cleared"] == 1
    assert (found["churned"], found["contracted"]) == (1, 1)
    assert (found["open_overlap"], found["overlaps"]) == (
        1,
        {str(Trigger.objects.get().pk): 1},
    )
    # Nothing is told of quiet 1 before its first reading.
    assert found["unknown"] == 4
    assert found["leads"] == {"8": 1, "3": 2}
    assert found["owners"] == {str(silent[0].owner_id): [4, 0]}
    newest = found["examples"][0]
    assert (newest["account_id"], newest["on"]) == (silent[2].pk, str(ago(4)))
    assert newest["churned_on"] == str(ago(1))
    assert newest["evidence"][0]["value"] == 50
    # Nobody was told anything.
    assert Alert.objects.count() == 1


def test_scope_and_own_exit(silent: list[Account], admin: User) -> None:
    Account.objects.filter(pk=silent[0].pk).update(industry="Retail")
    never = {"match": "all", "conditions": [{"score": "value", "op": ">", "value": 100}]}

    scoped = replays.work(ask(admin, draft=DRAFT | {"scope": {"industry": ["Retail"]}}).pk)
    kept = replays.work(ask(admin, draft=DRAFT | {"exit_rule": never}).pk)

    assert scoped is not None
    assert kept is not None
    assert (scoped.result["fired"], scoped.result["in_scope"]) == (1, 1)
    assert (kept.result["fired"], kept.result["cleared"]) == (3, 0)


def test_the_same_question_is_asked_once(silent: list[Account], admin: User) -> None:
    first = ask(admin)

    assert ask(admin) == first
    assert ask(admin, days=20) != first
    assert ask(admin, draft=DRAFT | {"cooldown_days": 9}) != first


def test_a_draft_nobody_can_read_and_a_book_without_nights(admin: User) -> None:
    with pytest.raises(RuleError):
        ask(admin, draft=DRAFT | {"rule": {"conditions": []}})
    with pytest.raises(TriggerError, match="No night"):
        ask(admin)


def test_a_killed_worker_is_gone_on_after(
    silent: list[Account], admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_nightly(NIGHT, shard_size=1)
    whole = replays.work(ask(admin).pk)
    assert whole is not None
    replay = ask(admin)
    judged = replay_sums.of_range
    ranges: list[int] = []

    def dies(*args: Any, **how: Any) -> Any:
        if len(ranges) == 2:
            raise KeyboardInterrupt
        ranges.append(how["first_id"])
        return judged(*args, **how)

    monkeypatch.setattr(replay_sums, "of_range", dies)
    with pytest.raises(KeyboardInterrupt):
        replays.work(replay.pk, worker="elsewhere:1:1")
    replay.refresh_from_db()
    assert (replay.state, replay.done, replay.result["ranges_done"]) == ("running", 20, 2)
    # Still leased: nobody else may take it.
    assert replays.work(replay.pk) is None

    Replay.objects.filter(pk=replay.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert list(replays.waiting()) == [replay]
    assert replays.is_stalled(Replay.objects.get(pk=replay.pk))
    # The lease of a process of this machine that has ended is free at once.
    ended = subprocess.Popen(["true"])
    ended.wait()
    host = worker_name().partition(":")[0]
    Replay.objects.filter(pk=replay.pk).update(
        lease_until=timezone.now() + timedelta(minutes=2), worker=f"{host}:{ended.pid}:1"
    )
    assert list(replays.waiting()) == [replay]
    monkeypatch.setattr(replay_sums, "of_range", judged)
    finished = replays.work(replay.pk)

    assert finished is not None
    assert (finished.state, finished.result) == ("done", whole.result)


def test_a_failure_is_told_on_the_row(
    silent: list[Account], admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = ask(admin)

    def breaks(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("nothing to divide")

    monkeypatch.setattr(replay_sums, "of_range", breaks)
    failed = replays.work(replay.pk)

    assert failed is not None
    assert failed.state == "failed"
    assert "nothing to divide" in failed.error
    assert replays.work(replay.pk) is None
