"""What people do with alerts: rules, races, bulk and undo."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from playbooks.models import Alert, AlertChange, Intervention, Notice
from playbooks.services import alerts, interventions
from playbooks.services.alert_changes import AlertError
from tests.playbooks.conftest import NOW

TOMORROW = timezone.localdate(NOW) + timedelta(days=1)


@pytest.fixture
def alert(book, make_alert):
    return make_alert(book[1])


def latest(alert):
    return Alert.objects.get(pk=alert.pk)


def test_taking_makes_it_ones_own_and_is_put_down(alert, owner):
    result = alerts.take(alert, by=owner, at=NOW)
    found = latest(alert)
    assert (found.taken_by, found.taken_at, found.owner) == (owner, NOW, owner)
    assert (found.acted_at, found.version) == (NOW, alert.version + 1)
    change = found.changes.get()
    assert (change.kind, change.by, change.batch) == ("taken", owner, result.batch)
    assert change.before == {"taken_by_id": None, "taken_at": None, "acted_at": None}


def test_the_second_is_told_who_took_it(alert, owner, manager):
    alerts.take(alert, by=owner, at=NOW)
    # With the page as it was, with a fresh one, and by the one who has it.
    with pytest.raises(AlertError, match=r"owner took it on 21 Nov 2026, 09:00"):
        alerts.take(alert, by=manager, at=NOW)
    with pytest.raises(AlertError, match=r"owner took it on"):
        alerts.take(latest(alert), by=manager, at=NOW)
    with pytest.raises(AlertError, match=r"You have taken it already"):
        alerts.take(latest(alert), by=owner, at=NOW)
    assert AlertChange.objects.count() == 1


def test_what_a_colleague_took_only_managers_act_on(alert, owner, colleague, manager):
    alerts.take(alert, by=colleague, at=NOW)
    for act in (
        lambda **who: alerts.dismiss(latest(alert), reason="Fine", **who),
        lambda **who: alerts.snooze(latest(alert), until=TOMORROW, reason="Later", **who),
    ):
        with pytest.raises(AlertError, match="colleague took it"):
            act(by=owner, at=NOW)
    alerts.dismiss(latest(alert), reason="Known", by=manager, at=NOW)
    assert latest(alert).state == "dismissed"


def test_snoozing_ends_and_needs_a_day_and_a_reason(alert, owner):
    on = timezone.localdate(NOW)
    for until, reason, fault in (
        (on, "Holiday", "after today"),
        (on + timedelta(days=181), "Holiday", "180 days at most"),
        (TOMORROW, "  ", "Say why"),
        (TOMORROW, "x" * 256, "255 letters"),
    ):
        with pytest.raises(AlertError, match=fault):
            alerts.snooze(alert, until=until, reason=reason, by=owner, at=NOW)
    alerts.snooze(alert, until=on + timedelta(days=180), reason="Holiday", by=owner, at=NOW)
    found = latest(alert)
    assert found.state == "open"
    assert (found.snooze_reason, found.acted_at) == ("Holiday", NOW)
    alerts.wake(found, by=owner, at=NOW)
    assert latest(alert).snoozed_until is None
    with pytest.raises(AlertError, match="not snoozed"):
        alerts.wake(latest(alert), by=owner, at=NOW)


def test_not_a_risk_ends_it_for_good_until_undone(alert, owner, manager):
    result = alerts.dismiss(alert, reason="Planned pause", by=owner, at=NOW)
    found = latest(alert)
    assert (found.state, found.end_reason, found.ended_by) == ("dismissed", "Planned pause", owner)
    with pytest.raises(AlertError, match=r"owner marked it as not a risk on 21 Nov 2026"):
        alerts.take(found, by=manager, at=NOW)
    with pytest.raises(AlertError, match="nothing to undo"):
        alerts.undo(result.batch, by=manager, at=NOW)
    assert alerts.undo(result.batch, by=owner, at=NOW).done == (alert.pk,)
    found = latest(alert)
    assert (found.state, found.ended_at, found.end_reason, found.acted_at) == (
        "open",
        None,
        "",
        None,
    )
    assert [change.kind for change in found.changes.all()] == ["undone", "dismissed"]
    with pytest.raises(AlertError, match="undone already"):
        alerts.undo(result.batch, by=owner, at=NOW)


def test_giving_it_away_tells_the_new_owner_who_takes_it(alert, owner, colleague, outsider):
    alerts.take(alert, by=owner, at=NOW)
    with pytest.raises(AlertError, match="another team"):
        alerts.assign(latest(alert), to=outsider, by=owner, at=NOW)
    alerts.assign(latest(alert), to=colleague, by=owner, at=NOW)
    found = latest(alert)
    assert (found.owner, found.taken_by, found.taken_at) == (colleague, None, None)
    assert list(Notice.objects.values_list("user", "kind")) == [(colleague.pk, "assigned")]


def test_executives_are_given_nothing(alert, owner, executive):
    with pytest.raises(AlertError, match="works on accounts"):
        alerts.assign(alert, to=executive, by=owner, at=NOW)


def test_a_playbook_answers_it_once(alert, owner, make_playbook, make_clock):
    version = make_playbook()
    clock = make_clock(alert.account)
    with pytest.raises(AlertError, match="recommends no playbook"):
        alerts.start_playbook(alert, by=owner, at=NOW)
    alert.trigger.playbook = version.playbook
    alert.trigger.save()
    result = alerts.start_playbook(latest(alert), by=owner, at=NOW)
    found = latest(alert)
    assert found.intervention == result.plans[0]
    assert (found.taken_by, found.acted_at) == (owner, NOW)
    clock.refresh_from_db()
    assert clock.state == "met"
    with pytest.raises(AlertError, match="answers it already"):
        alerts.start_playbook(latest(alert), version=version, by=owner, at=NOW)
    assert Intervention.objects.count() == 1


def test_a_second_alert_joins_the_plan_that_runs(
    alert, book, owner, make_alert, make_trigger, make_playbook
):
    version = make_playbook()
    second = make_alert(alert.account, make_trigger("login-decline"))
    both = alerts.bulk([alert.pk, second.pk], "start", by=owner, at=NOW, version=version)
    assert len(both.plans) == 1
    assert latest(alert).intervention == latest(second).intervention == both.plans[0]
    third = make_alert(alert.account, make_trigger("dormant"))
    joined = alerts.start_playbook(third, version=version, by=owner, at=NOW)
    assert (joined.plans, joined.joined) == ((), both.plans)


def test_undoing_a_start_cancels_the_plan_nobody_touched(
    alert, owner, book, make_alert, make_playbook
):
    version, other = make_playbook(), make_alert(book[0])
    result = alerts.bulk([alert.pk, other.pk], "start", by=owner, at=NOW, version=version)
    worked_on = next(plan for plan in result.plans if plan.account_id == other.account_id)
    interventions.set_cause(worked_on, by=owner, at=NOW, cause="value", text="No report")
    back = alerts.undo(result.batch, by=owner, at=NOW)
    assert back.done == (alert.pk,)
    assert [(each.alert_id, "worked on the plan" in each.why) for each in back.refused] == [
        (other.pk, True)
    ]
    assert latest(alert).intervention is None
    assert sorted(Intervention.objects.values_list("outcome", flat=True)) == ["", "cancelled"]


def test_bulk_names_those_it_left_and_undo_those_that_moved_on(
    book, owner, colleague, manager, make_alert
):
    mine, taken, over, foreign = (make_alert(account) for account in (*book[:3], book[3]))
    alerts.take(taken, by=manager, at=NOW)
    alerts.dismiss(over, reason="Known", by=owner, at=NOW)
    ids = [mine.pk, taken.pk, over.pk, foreign.pk]
    result = alerts.bulk(ids, "take", by=owner, at=NOW)
    assert result.done == (mine.pk,)
    assert {each.alert_id: each.why.split(" on 21")[0] for each in result.refused} == {
        taken.pk: "manager took it",
        over.pk: "owner marked it as not a risk",
        foreign.pk: "It is not yours to act on.",
    }
    snoozed = alerts.bulk(
        [mine.pk, taken.pk], "snooze", by=manager, at=NOW, until=TOMORROW, reason="Fair"
    )
    alerts.take(latest(foreign), by=colleague, at=NOW)
    # `mine` is owner's: a manager may act for them.
    assert set(snoozed.done) == {mine.pk, taken.pk}
    alerts.wake(latest(taken), by=manager, at=NOW)
    back = alerts.undo(snoozed.batch, by=manager, at=NOW)
    assert back.done == (mine.pk,)
    assert "manager ended its snooze" in back.refused[0].why
    assert latest(mine).snoozed_until is None
    assert latest(mine).taken_by == owner


def test_undo_leaves_an_alert_whose_trigger_fired_again(alert, owner, make_alert):
    result = alerts.dismiss(alert, reason="Fine", by=owner, at=NOW)
    make_alert(alert.account)
    back = alerts.undo(result.batch, by=owner, at=NOW)
    assert back.done == ()
    assert "newer alert" in back.refused[0].why


def test_bulk_says_what_it_saw_has_changed(alert, owner, manager):
    seen = {alert.pk: alert.version}
    alerts.snooze(alert, until=TOMORROW, reason="Later", by=owner, at=NOW)
    result = alerts.bulk([alert.pk], "dismiss", by=manager, at=NOW, seen=seen, reason="Fine")
    assert result.done == ()
    assert "owner snoozed it until 22 Nov 2026" in result.refused[0].why


def test_statements_do_not_grow_with_the_alerts(make_account, north, owner, make_alert):
    made = [make_alert(make_account(owner=owner, team=north)) for _ in range(40)]

    def count(batch):
        ids = [each.pk for each in batch]
        with CaptureQueriesContext(connection) as queries:
            alerts.undo(alerts.bulk(ids, "take", by=owner, at=NOW).batch, by=owner, at=NOW)
        return len(queries)

    count(made[:1])  # what is remembered per process
    assert count(made[1:3]) == count(made[3:])


def at_once(act, users):
    """What each was told, "" for who won. In memory SQLite has one connection: there one comes second."""
    threads = connection.vendor != "sqlite" or "memory" not in str(connection.settings_dict["NAME"])
    together = Barrier(len(users) if threads else 1)

    def run(user):
        try:
            together.wait(10)
            act(by=user, at=NOW)
            return ""
        except AlertError as error:
            return str(error)
        finally:
            if threads:
                connection.close()

    if not threads:
        return [run(user) for user in users]
    with ThreadPoolExecutor(len(users)) as pool:
        return list(pool.map(run, users))


@pytest.mark.django_db(transaction=True)
def test_two_take_it_at_the_same_moment_and_one_wins(alert, owner, manager):
    told = dict(
        zip((owner, manager), at_once(partial(alerts.take, alert), (owner, manager)), strict=True)
    )
    winner = latest(alert).taken_by
    (loser,) = {owner, manager} - {winner}
    assert told[winner] == ""
    assert f"{winner} took it on" in told[loser]
    assert AlertChange.objects.filter(kind="taken").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_start_a_playbook_at_the_same_moment_and_one_plan_runs(
    alert, owner, manager, make_playbook
):
    start = partial(alerts.start_playbook, alert, version=make_playbook())
    told = sorted(at_once(start, (owner, manager)))
    assert told[0] == ""
    assert "started a playbook for it" in told[1]
    assert Intervention.objects.count() == 1
