"""Messages: bounded wake-ups, one task at a time, a note of how scheduled ones ended."""

from datetime import timedelta

import pytest

from csm import embedded, tasks
from csm.celery import app
from csm.models import ScheduledResult
from csm.nightly import start_night
from playbooks.models import TriggerNight
from scoring.models import ScoreRun
from tests.conftest import NIGHT

NEXT = NIGHT + timedelta(days=1)


@pytest.fixture
def sent(monkeypatch):
    """Names of the tasks that were sent, instead of sending them."""
    found = []

    def keep(task, args=(), kwargs=None, **options):
        found.append((task.name.rpartition(".")[2], *args))

    monkeypatch.setattr(app.Task, "apply_async", keep)
    return found


def test_never_more_wake_ups_than_free_shards_and_places(book, sent, settings, monkeypatch):
    run = start_night(NEXT, shard_size=1)
    tasks.wake(run)
    assert sent == [("work", run.pk)] * len(book)
    sent.clear()
    monkeypatch.setattr(tasks, "waiting_messages", lambda queue: 4)
    tasks.wake(run)
    assert len(sent) == len(book) - 4
    sent.clear()
    settings.NIGHT_WORKERS = 2
    tasks.wake(run)
    assert len(sent) == 1


def test_a_worker_tells_the_others_of_the_next_stage_and_of_what_follows(book, sent):
    run = start_night(NEXT, shard_size=3)
    tasks.work(run.pk)
    run.refresh_from_db()
    assert run.state == "done"
    judged = TriggerNight.objects.get(run=run)
    assert sent == [("work", run.pk)] * 2 + [
        ("work_night", judged.pk),
        ("profile", run.pk),
        ("warm", run.pk),
    ]


def test_the_sweep_wakes_what_nobody_is_at_work_on(book, sent):
    run = start_night(NEXT)
    tasks.sweep()
    assert ("work", run.pk) in sent
    assert ("profile", ScoreRun.objects.get(as_of=NIGHT).pk) in sent


def test_a_message_nobody_in_this_process_hears_is_not_kept(db):
    assert embedded.is_unheard("memory://")
    assert not embedded.is_unheard("redis://somewhere")
    assert tasks.sweep.delay() is None


def test_no_engine_works_in_tests_and_where_it_is_switched_off(settings, monkeypatch):
    assert embedded.start() is None
    monkeypatch.delitem(__import__("sys").modules, "pytest")
    settings.ENGINE = False
    assert not embedded._is_wanted()
    settings.ENGINE, settings.REDIS_URL = True, "redis://somewhere"
    assert not embedded._is_wanted()
    settings.REDIS_URL = ""
    monkeypatch.setattr("sys.argv", ["manage.py", "runserver"])
    monkeypatch.delenv("RUN_MAIN", raising=False)
    assert not embedded._is_wanted()
    monkeypatch.setenv("RUN_MAIN", "true")
    assert embedded._is_wanted()


def test_how_a_scheduled_run_ended_is_noted(book, sent, monkeypatch):
    headers = {"periodic_task_name": "sweep"}
    tasks.sweep.apply(headers=headers)
    assert ScheduledResult.objects.get(name="sweep").error == ""
    monkeypatch.setattr(tasks, "wake_nights", lambda: 1 / 0)
    tasks.sweep.apply(headers=headers)
    assert ScheduledResult.objects.get(name="sweep").error == "ZeroDivisionError: division by zero"
