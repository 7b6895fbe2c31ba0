"""The trigger night: claimed once, resumed where it stopped, repeated without harm."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from csm.nightly import after_night, run_nightly
from playbooks.models import Alert, AlertChange, Trigger, TriggerNight
from playbooks.services import alert_rows, evaluation, night, notices
from tests.conftest import NIGHT

AT = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(night, "PAUSE_SECONDS", 0)


@pytest.fixture
def run(make_account, owner, score_book, make_trigger):
    make_trigger(
        "silent",
        rule={"conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 14}]},
    )
    return score_book(
        {make_account(owner=owner): {"days_since_last_activity": 20} for _ in range(7)}
    )


def told():
    """The alerts without what differs between two ways to them."""
    return sorted(
        Alert.objects.values_list("account_id", "trigger__key", "state", "opened_on", "overflow")
    )


def test_a_night_opens_alerts_and_says_so(run, monkeypatch):
    told_of = {}
    monkeypatch.setattr(notices, "night", lambda **values: told_of.update(values))
    judged = night.work(night.ensure(run), at=AT, shard_size=3)
    assert (judged.state, judged.stage, judged.error) == ("done", "", "")
    assert judged.report["opened"] == {"silent": 7}
    assert judged.report["accounts"] == 7
    assert set(told_of["opened"]) == set(Alert.objects.values_list("pk", flat=True))

    again = night.work(judged, at=AT)
    assert again.finished_at == judged.finished_at
    assert Alert.objects.count() == AlertChange.objects.count() == 7


def test_the_same_night_scored_again_opens_nothing_twice(run):
    night.work(night.ensure(run), at=AT)
    before = told()
    second = run_nightly(NIGHT)
    judged = night.work(night.ensure(second), at=AT + timedelta(hours=1))
    assert judged.state == "done"
    assert TriggerNight.objects.count() == 2
    assert told() == before


def test_only_the_newest_night_that_pages_show(run, make_account):
    older = run_nightly(NIGHT - timedelta(days=1), history_only=True)
    assert night.ensure(older) is None
    assert night.ensure(run_nightly(NIGHT, "crm-engagement")) is None
    newer = run_nightly(NIGHT + timedelta(days=1))
    assert night.ensure(run) is None
    assert night.ensure(newer).as_of == NIGHT + timedelta(days=1)


def test_a_newer_night_takes_the_place_of_an_unfinished_one(run):
    left = night.ensure(run)
    night.ensure(run_nightly(NIGHT + timedelta(days=1)))
    left.refresh_from_db()
    assert left.state == "failed"
    assert "Replaced" in left.error
    assert night.work(left, at=AT).state == "failed"


def test_the_triggers_that_ship_are_there_by_the_first_night(make_account, score_book):
    after_night(score_book({make_account(): {}}))
    assert Trigger.objects.count() == 28
    assert TriggerNight.objects.get().state == "done"


def test_an_error_between_shards_costs_one_shard(run, monkeypatch):
    whole = night.work(night.ensure(run), at=AT, shard_size=3)
    expected, report = told(), whole.report
    Alert.objects.all().delete()
    TriggerNight.objects.all().delete()

    evaluate, calls = evaluation.evaluate, []

    def failing(*args, **values):
        calls.append(values["first_id"])
        if len(calls) == 2:
            # The alerts are written, the position is not.
            values["then"] = lambda done: 1 / 0
        return evaluate(*args, **values)

    monkeypatch.setattr(evaluation, "evaluate", failing)
    judged = night.work(night.ensure(run), at=AT, shard_size=3)
    assert judged.state == "done"
    assert calls[1] == calls[2]
    assert told() == expected
    assert judged.report == report


def test_it_gives_up_and_says_why(run, monkeypatch):
    monkeypatch.setattr(evaluation, "evaluate", lambda *args, **values: 1 / 0)
    judged = night.work(night.ensure(run), at=AT)
    assert judged.state == "failed"
    assert judged.error == "triggers: ZeroDivisionError: division by zero"
    assert judged.report["overflow"] == 0, "what follows was done all the same"


@pytest.mark.parametrize("broken", ["exits", "effects"])
def test_a_stage_that_fails_keeps_nobody_from_being_told(run, monkeypatch, broken):
    calls, told_of = [], []
    stage = {"exits": (night.exits, "night"), "effects": (night.effects, "refresh")}[broken]
    monkeypatch.setattr(*stage, lambda *args, **values: calls.append(1) or 1 / 0)
    monkeypatch.setattr(notices, "night", lambda **values: told_of.append(values["opened"]))
    judged = night.work(night.ensure(run), at=AT)
    assert len(calls) == night.MAX_ATTEMPTS
    assert len(told_of) == 1
    assert len(told_of[0]) == 7
    assert judged.state == "failed"
    assert judged.stage == ""
    assert list(judged.report["failures"]) == ["exit tests" if broken == "exits" else "effects"]
    assert night.waiting() is None


def test_a_stage_that_kills_its_workers_is_left_out(run):
    night.ensure(run)
    TriggerNight.objects.update(state="follow_up", stage="effects", attempts=night.MAX_ATTEMPTS)
    judged = night.work(TriggerNight.objects.get(), at=AT)
    assert judged.state == "failed"
    assert "workers were lost" in judged.report["failures"]["effects"]


def test_what_another_worker_holds_is_left_alone(run):
    held = night.ensure(run)
    TriggerNight.objects.update(
        worker="elsewhere:1", lease_until=timezone.now() + timedelta(minutes=1)
    )
    assert night.waiting() is None
    assert night.work(held, at=AT).state == "waiting"
    # Its lease ran out: it is gone.
    TriggerNight.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert night.waiting() == held
    assert night.work(held, at=AT).state == "done"


def test_who_lost_the_lease_writes_nothing(run, monkeypatch):
    evaluate = evaluation.evaluate

    def overtaken(*args, **values):
        TriggerNight.objects.update(worker="elsewhere:1")
        return evaluate(*args, **values)

    monkeypatch.setattr(evaluation, "evaluate", overtaken)
    judged = night.work(night.ensure(run), at=AT)
    assert (judged.worker, judged.position) == ("elsewhere:1", 0)
    assert not Alert.objects.exists()


def test_alerts_a_source_releases_count_for_the_cap(make_account, make_alert, make_trigger, owner):
    """A source that was frozen for weeks does not bring down everything at once on its return."""
    quiet, before = make_trigger("quiet"), NIGHT - timedelta(days=9)
    alerts = [make_alert(make_account(owner=owner), quiet, on=before) for _ in range(3)]
    for alert in alerts:
        AlertChange.objects.create(
            alert=alert, account_id=alert.account_id, kind="released", on=NIGHT, at=AT
        )
    make_alert(make_account(owner=owner), quiet)
    make_alert(make_account(owner=owner), quiet, on=before)
    assert alert_rows.spread_overflow(NIGHT, cap=2) == 2
    assert Alert.objects.filter(overflow=True).count() == 2
    assert alert_rows.spread_overflow(NIGHT, cap=4) == 0


_WORKER = """
import json, os, signal, sys
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from django.utils import timezone
from playbooks.models import Alert, TriggerNight
from playbooks.services import evaluation, night
evaluate, calls = evaluation.evaluate, []
def killed(*args, **values):
    calls.append(1)
    then = values["then"]
    def die(report):
        then(report)
        os.kill(os.getpid(), signal.SIGKILL)
    if len(calls) == 2:
        values["then"] = die
    return evaluate(*args, **values)
if sys.argv[2] == "die":
    evaluation.evaluate = killed
left = TriggerNight.objects.get()
before = [left.state, Alert.objects.count()]
done = night.work(left, at=timezone.now(), shard_size=3)
rows = Alert.objects.values_list("account_id", "trigger__key", "state", "opened_on", "overflow")
print(json.dumps([before, done.state, sorted([*row[:3], str(row[3]), row[4]] for row in rows)]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_process_loses_nothing(tmp_path, run, settings):
    """A real process dies in the middle of its second shard, before the commit; another one goes on."""
    night.work(night.ensure(run), at=AT, shard_size=3)
    expected = [[*row[:3], str(row[3]), row[4]] for row in told()]
    Alert.objects.all().delete()
    TriggerNight.objects.all().delete()
    night.ensure(run)
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        name = str(tmp_path / "killed.sqlite3")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [name])
    script = tmp_path / "worker.py"
    script.write_text(_WORKER)

    def work(how):
        paths = {"DJANGO_SETTINGS_MODULE": "csm.settings", "PYTHONPATH": str(settings.BASE_DIR)}
        return subprocess.run(
            [sys.executable, str(script), name, how],
            env=os.environ | paths,
            capture_output=True,
            text=True,
            check=False,
        )

    killed = work("die")
    assert killed.returncode == -9, killed.stderr
    resumed = work("go on")
    assert resumed.returncode == 0, resumed.stderr
    before, state, rows = json.loads(resumed.stdout)
    assert before == ["triggers", 3]
    assert state == "done"
    assert rows == expected
