"""Alerts open, hold, wake and end as their triggers say, once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Freeze, Reading
from playbooks.models import Absence, Alert, AlertChange, Policy, Trigger
from playbooks.services import alert_rows, evaluation
from playbooks.services.triggers import load_library
from scoring.engine.spec import UNKNOWN_BAND
from scoring.metrics.catalogue import forget_definitions
from scoring.models import Snapshot
from tests.conftest import NIGHT

AT = datetime(2026, 11, 21, 2, tzinfo=UTC)
QUIET = {
    "rule": {"conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 14}]},
    "exit_rule": {"conditions": [{"metric": "days_since_last_activity", "op": "<=", "value": 7}]},
}


@pytest.fixture
def silent(make_trigger):
    """Fires above 14 quiet days, over at 7 or fewer for two days."""
    return make_trigger("silent", exit_days=2, cooldown_days=10, **QUIET)


@pytest.fixture
def account(make_account, owner):
    return make_account("Quiet Quays", owner=owner)


@pytest.fixture
def night(account, score_book, silent):
    """Tell the account's quiet days of a night and judge it: `night(20, after=3)`."""
    run = score_book({account: {}})

    def judge(days, after=0, **values):
        on = NIGHT + timedelta(days=after)
        metrics = {} if days is None else {"days_since_last_activity": days}
        Reading.objects.update_or_create(
            account=account, on=on, source="generic", defaults={"metrics": metrics | values}
        )
        if days is None:
            Reading.objects.all().delete()
        return evaluation.evaluate(
            run,
            as_of=on,
            first_id=account.pk,
            last_id=account.pk,
            at=AT + timedelta(days=after),
        )

    return judge


def only(**filters):
    return Alert.objects.get(**filters)


def kinds(alert):
    return [change.kind for change in alert.changes.order_by("id")]


def test_it_opens_once_with_what_was_seen(night, account, owner, silent):
    report = night(20)
    alert = only()
    assert report.opened == {"silent": 1}
    assert (alert.account, alert.trigger, alert.owner) == (account, silent, owner)
    assert (alert.state, alert.opened_on, alert.last_held_on) == ("open", NIGHT, NIGHT)
    assert alert.arr_amount == account.arr_amount
    snapshot = Snapshot.objects.get(account=account)
    assert alert.score == snapshot.score
    assert alert.band_name
    [seen] = alert.evidence
    assert (seen["key"], seen["value"], seen["threshold"], seen["holds"]) == (
        "days_since_last_activity",
        20,
        14,
        True,
    )
    assert kinds(alert) == ["opened"]

    assert not night(20).opened
    assert not night(21, after=1).opened
    alert.refresh_from_db()
    assert alert.last_held_on == NIGHT + timedelta(days=1)
    assert Alert.objects.count() == AlertChange.objects.count() == 1


def test_between_rule_and_exit_it_stays(night):
    night(20)
    night(10, after=1)
    alert = only()
    assert (alert.state, alert.last_held_on, alert.exit_since) == ("open", NIGHT, None)


def test_it_clears_when_its_exit_held_long_enough(night):
    night(20)
    night(7, after=1)
    assert only().exit_since == NIGHT + timedelta(days=1)
    night(6, after=2)
    alert = only()
    assert (alert.state, alert.ended_on) == ("cleared", NIGHT + timedelta(days=2))
    assert alert.end_reason == "Its exit condition held for 2 days."
    assert kinds(alert) == ["opened", "cleared"]


@pytest.mark.parametrize("between", [10, 20, None])
def test_a_break_in_the_exit_starts_the_days_again(night, between):
    night(20)
    night(7, after=1)
    night(between, after=2)
    assert only().exit_since is None
    night(7, after=3)
    assert only().state == "open"


def test_unknown_neither_opens_nor_clears(night):
    night(None)
    assert not Alert.objects.exists()
    night(20, after=1)
    for after in (2, 3, 4):
        night(None, after=after)
    assert only().state == "open"


def test_without_an_exit_it_ends_when_the_rule_is_false(night, silent):
    Trigger.objects.update(exit_rule={}, exit_days=1)
    night(20)
    night(None, after=1)
    assert only().state == "open"
    night(14, after=2)
    assert only().state == "cleared"


def test_cool_down(night):
    night(20)
    Alert.objects.update(state="dismissed", ended_on=NIGHT, ended_at=AT)
    for after in (0, 1, 9):
        assert not night(30, after=after).opened
    assert night(30, after=10).opened == {"silent": 1}


def test_what_was_dismissed_today_does_not_come_back_today(night):
    Trigger.objects.update(cooldown_days=0)
    night(20)
    Alert.objects.update(state="dismissed", ended_on=NIGHT, ended_at=AT)
    assert not night(20).opened
    assert night(20, after=1).opened


def test_a_snooze_ends(night):
    night(20)
    until = NIGHT + timedelta(days=2)
    Alert.objects.update(snoozed_until=until, version=4)
    night(20, after=1)
    assert only().snoozed_until == until
    assert night(20, after=2).woken == 1
    assert (only().snoozed_until, only().version) == (None, 5)
    assert kinds(only()) == ["opened", "woken"]


def test_scope_and_switch(night, silent):
    Trigger.objects.update(scope={"industry": ["Retail"]})
    assert not night(20).opened
    Trigger.objects.update(scope={"industry": ["Technology"]}, is_active=False)
    assert not night(20).opened
    Trigger.objects.update(is_active=True)
    night(20)
    # Switched off it opens nothing, but what is open still ends.
    Trigger.objects.update(is_active=False)
    night(5, after=1)
    night(5, after=2)
    assert only().state == "cleared"


def test_an_absent_owner_is_covered(night, owner, colleague):
    Absence.objects.create(
        user=owner, cover=colleague, first_on=NIGHT, last_on=NIGHT + timedelta(days=3)
    )
    night(20)
    assert only().owner == colleague


def test_a_churned_account_ends_its_alerts(night, account):
    night(20)
    account.churned_on = NIGHT + timedelta(days=1)
    account.save()
    night(20, after=1)
    assert (only().state, only().end_reason) == ("cleared", "The account has churned.")


def freeze(good_on=NIGHT):
    return Freeze.objects.create(
        source="generic", feed="metrics", reason="by_hand", good_on=good_on, opened_on=NIGHT
    )


def test_a_frozen_source_holds_new_ones_and_leaves_open_ones_alone(night, account, make_account):
    night(20)
    freeze()
    night(5, after=1)
    night(5, after=2)
    alert = only()
    # The value is that of the last good day, and nobody takes it for today's.
    assert (alert.state, alert.last_held_on, alert.exit_since) == ("open", NIGHT, None)


def test_held_ones_are_withdrawn_when_the_rule_does_not_hold(night, account):
    frozen = freeze()
    assert night(20).held == 1
    assert only().state == "held"
    assert not night(20, after=1).opened
    frozen.lifted_on = NIGHT + timedelta(days=2)
    frozen.save()
    assert night(3, after=2).withdrawn == 1
    assert only().state == "withdrawn"
    # It told nobody, so nothing has to cool down.
    assert night(20, after=3).opened == {"silent": 1}


def test_what_nobody_knows_neither_releases_nor_withdraws(night):
    frozen = freeze()
    night(20)
    frozen.lifted_on = NIGHT + timedelta(days=1)
    frozen.save()
    report = night(None, after=1)
    assert (only().state, report.released, report.withdrawn) == ("held", 0, 0)
    assert night(20, after=2).released == 1


def test_days_of_a_freeze_are_no_days_on_which_the_exit_held(night):
    night(20)
    night(5, after=1)
    assert only().exit_since == NIGHT + timedelta(days=1)
    frozen = freeze(NIGHT + timedelta(days=1))
    night(5, after=2)
    frozen.lifted_on = NIGHT + timedelta(days=3)
    frozen.save()
    night(5, after=3)
    assert (only().state, only().exit_since) == ("open", NIGHT + timedelta(days=3))
    night(5, after=4)
    assert only().state == "cleared"


def test_a_rule_nobody_can_read_is_left_out_and_told(night, make_trigger):
    make_trigger("broken", rule={"conditions": [{"wish": 1}]})
    report = night(20)
    assert report.opened == {"silent": 1}
    assert "names one of" in report.faults["broken"]


def test_counting_triggers_see_what_opened_the_same_night(night, make_trigger):
    for number in range(2):
        make_trigger(f"lead-{number}", family="leading", position=900, **QUIET)
    make_trigger(
        "several",
        position=1,
        rule={"conditions": [{"open_triggers": "leading", "op": ">=", "value": 2}]},
        exit_rule={"conditions": [{"open_triggers": "leading", "op": "<=", "value": 0}]},
    )
    night(20)
    assert only(trigger__key="several").evidence[0]["value"] == 2
    night(5, after=1)
    states = dict(Alert.objects.values_list("trigger__key", "state"))
    assert states["lead-0"] == states["lead-1"] == states["several"] == "cleared"


def test_the_loudest_come_first_and_the_rest_is_overflow(
    make_account, make_alert, make_trigger, owner, colleague
):
    loud, low = make_trigger("loud", severity=4), make_trigger("low", severity=1)
    accounts = [make_account(owner=owner, arr_amount=n) for n in (1, 2, 3)]
    alerts = {
        (n, trigger.key): make_alert(account, trigger)
        for n, account in enumerate(accounts)
        for trigger in (loud, low)
    }
    other = make_alert(make_account(owner=colleague), low)
    nobodys = make_alert(make_account(owner=None), low)
    assert alert_rows.spread_overflow(NIGHT, 4) == 2
    over = set(Alert.objects.filter(overflow=True).values_list("pk", flat=True))
    assert over == {alerts[0, "low"].pk, alerts[1, "low"].pk}
    assert not {other.pk, nobodys.pk} & over
    assert alert_rows.spread_overflow(NIGHT, Policy.current().alert_cap) == 0
    assert not Alert.objects.filter(overflow=True).exists()


def test_queries_do_not_grow_with_accounts(make_account, score_book, owner):
    load_library()

    def book(n):
        return {make_account(owner=owner): {"days_since_last_activity": 20} for _ in range(n)}

    def counted(run, on):
        forget_definitions()
        with CaptureQueriesContext(connection) as caught:
            report = evaluation.evaluate(run, as_of=on, first_id=0, last_id=10**9, at=AT)
        return len(caught), report

    few, report = counted(score_book(book(2)), NIGHT)
    assert report.accounts == 2
    Alert.objects.all().delete()
    many, report = counted(score_book(book(20)), NIGHT)
    assert report.accounts == 22
    assert report.opened.total() > 22
    assert many == few


def test_by_day_only_the_accounts_asked_for(night, account, make_account, report, owner):
    others = [make_account(owner=owner) for _ in range(3)]
    night(5)
    for each in others:
        report(each, NIGHT, days_since_last_activity=30)
    asked = {others[0].pk, others[2].pk}
    done = evaluation.evaluate_accounts(asked, at=AT)
    assert done.accounts == 2
    assert set(Alert.objects.values_list("account_id", flat=True)) == asked
    assert not evaluation.evaluate_accounts(asked, at=AT).opened


def test_a_score_too_thin_for_a_band_is_unknown(account, score_book, make_trigger):
    make_trigger()  # A score below 30.
    run = score_book({account: {}})
    here = {"first_id": account.pk, "last_id": account.pk, "at": AT}
    night = Snapshot.objects.filter(account=account)

    night.update(score=10.0, band=UNKNOWN_BAND)
    assert not evaluation.evaluate(run, as_of=NIGHT, **here).opened

    night.update(band=0)
    assert evaluation.evaluate(run, as_of=NIGHT, **here).opened == {"emergency": 1}
