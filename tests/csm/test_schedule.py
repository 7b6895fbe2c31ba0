"""The schedule as rows: made once, moved by admins in their time zone, a night started once."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import AuditEvent, ImportRun
from csm import night_plan, schedule
from csm.schedule import At, Every
from scoring.models import ScoreRun
from scoring.services import night_acts, nights, versions
from tests.conftest import NIGHT

# The morning after the cast's night; the night is due at two.
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
DUE = date(2026, 11, 21)
BERLIN = At(3, 15, "Europe/Berlin", (0, 1, 2, 3, 4))


def test_rows_are_made_once_and_what_admins_changed_stays(admin):
    schedule.ensure()
    schedule.change("night", BERLIN, enabled=True, by=admin, at=NOW)
    schedule.ensure()
    assert PeriodicTask.objects.count() == len(schedule.entries())
    row = PeriodicTask.objects.get(name="night")
    assert schedule.when_of(row) == BERLIN
    assert str(row.crontab.timezone) == "Europe/Berlin"
    assert row.crontab.day_of_week == "1,2,3,4,5"


def test_a_row_nobody_changed_follows_what_ships(admin, monkeypatch):
    schedule.ensure()
    shipped = schedule.entries()
    moved = [
        schedule.Entry(e.key, e.task, e.label, e.what, Every(7) if e.key == "clocks" else e.when)
        for e in shipped
    ]
    schedule.change("events", Every(9), enabled=True, by=admin, at=NOW)
    monkeypatch.setattr(schedule, "entries", lambda: tuple(moved))
    schedule.ensure()
    found = {row.name: schedule.when_of(row) for row in PeriodicTask.objects.all()}
    assert (found["clocks"], found["events"]) == (Every(7), Every(9))


def test_the_hour_is_that_of_its_time_zone_in_summer_too():
    winter, summer = datetime(2026, 1, 12, 12, tzinfo=UTC), datetime(2026, 7, 13, 12, tzinfo=UTC)
    for now, hour in ((winter, 2), (summer, 1)):
        found = schedule.next_run(BERLIN, None, now).astimezone(UTC)
        assert (found.hour, found.minute) == (hour, 15)
        assert found.astimezone(ZoneInfo("Europe/Berlin")).weekday() < 5


@pytest.mark.parametrize(
    ("key", "when", "enabled", "words"),
    [
        ("night", At(24, 0, "UTC"), True, "hour from 0 to 23"),
        ("night", At(2, 0, "Mars/Base"), True, "no time zone"),
        ("night", At(2, 0, "UTC", ()), True, "at least one day"),
        ("night", Every(5), True, "cannot be planned this way"),
        ("sweep", Every(11), True, "every 1 to 10 minutes"),
        ("sweep", Every(1), False, "cannot be switched off"),
        ("nothing", Every(1), True, "nothing called"),
    ],
)
def test_what_cannot_be_planned_is_refused(key, when, enabled, words, admin):
    with pytest.raises(schedule.ScheduleError, match=words):
        schedule.change(key, when, enabled=enabled, by=admin, at=NOW)
    assert not AuditEvent.objects.exists()


# --- A night whose hour has passed ----------------------------------------------------------------


def test_a_night_whose_hour_passed_is_started_once(book):
    run = night_plan.start_due(NOW)
    assert (run.as_of, run.state) == (DUE, "counting")
    assert night_plan.start_due(NOW) is None
    assert nights.work(run).state == "done"
    assert night_plan.start_due(NOW + timedelta(hours=3)) is None
    assert ScoreRun.objects.filter(as_of=DUE).count() == 1


def test_two_that_found_it_due_start_one(book):
    due = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
    first = night_plan.start_night(DUE, since=due)
    nights.work(first)
    assert night_plan.start_night(DUE, since=due) == first


def test_a_night_a_person_cancelled_is_left_alone(book, admin):
    run = night_plan.start_due(NOW)
    night_acts.cancel(run, by=admin, at=NOW)
    assert night_plan.start_due(NOW) is None


def test_switched_off_or_without_accounts_nothing_starts(book, admin):
    schedule.change("night", At(2, 0, "UTC"), enabled=False, by=admin, at=NOW)
    assert night_plan.start_due(NOW) is None


def test_an_empty_workbench_starts_nothing(db):
    assert night_plan.start_due(NOW) is None


def test_the_first_night_waits_until_the_book_is_loaded(make_account):
    make_account()
    loading = ImportRun.objects.create(
        feed="accounts", file_name="book.csv", as_of=DUE, state="running"
    )
    ImportRun.objects.filter(pk=loading.pk).update(started_at=NOW - timedelta(minutes=5))
    versions.load_presets()
    assert night_plan.start_due(NOW) is None
    # One that was given up holds it back no longer, nor one that is over.
    assert night_plan.start_due(NOW + timedelta(hours=3)) is not None
    ScoreRun.objects.all().delete()
    ImportRun.objects.update(state="done")
    first = night_plan.start_due(NOW)
    nights.work(first)
    # Later nights take the book as it is.
    ImportRun.objects.update(state="running")
    assert night_plan.start_due(NOW + timedelta(days=1)) is not None


def test_after_three_days_without_beat_one_night_runs_and_the_others_are_told(book, admin):
    later = NOW + timedelta(days=3)
    run = night_plan.start_due(later)
    nights.work(run)
    assert run.as_of == DUE + timedelta(days=3)
    # It was started by the clock of this machine, not at `later`.
    ScoreRun.objects.filter(pk=run.pk).update(started_at=later)
    assert night_plan.start_due(later) is None
    gap = [DUE, DUE + timedelta(days=1), DUE + timedelta(days=2)]
    assert night_plan.missed(later) == gap

    runs = night_plan.backfill_missed(by=admin, at=later)
    assert [each.as_of for each in runs] == gap
    assert all(each.history_only for each in runs)
    assert night_plan.missed(later) == []
    # One after the other: each compares with the night before it.
    for each in gap:
        (turn,) = night_plan.turn()
        assert turn.as_of == each
        assert nights.work(turn).state == "done"
    assert night_plan.turn() == []
    newest = ScoreRun.objects.filter(history_only=False).latest("as_of")
    assert newest == run


def test_a_cast_of_one_night_has_missed_none(book):
    assert NIGHT < DUE
    assert night_plan.missed(NOW) == []


# --- Its pages ------------------------------------------------------------------------------------


def body(response):
    return response.content.decode()


@pytest.mark.parametrize("who", ["owner", "manager", "executive", "outsider"])
def test_only_admins_find_the_schedule(who, people, client):
    client.force_login(people[who])
    assert client.get(reverse("schedule")).status_code == 404
    address = reverse("schedule_edit", args=["night"])
    assert client.get(address).status_code == 404
    assert client.post(address, {"at": "03:00"}).status_code == 404
    assert 'href="/schedule/"' not in body(client.get(reverse("nights")))


def test_an_admin_moves_the_night_and_it_is_recorded(admin, client):
    client.force_login(admin)
    text = body(client.get(reverse("schedule")))
    assert "Every day at 02:00" in text
    address = reverse("schedule_edit", args=["night"])
    form = {
        "at": "03:15",
        "zone": "Europe/Berlin",
        "days": ["0", "1", "2", "3", "4"],
        "enabled": "on",
    }
    bad = client.post(address, form | {"at": "25:99", "days": []})
    assert bad.status_code == 400
    assert "hour:minute" in body(bad)
    assert "at least one day" in body(bad)
    assert client.post(address, form).status_code == 302
    assert "Monday to Friday at 03:15" in body(client.get(reverse("schedule")))
    event = AuditEvent.objects.get()
    assert (event.by, event.detail["before"]["when"]) == (admin, "Every day at 02:00")
    assert event.detail["after"] == {
        "when": "Monday to Friday at 03:15",
        "time zone": "Europe/Berlin",
        "on": True,
    }
    assert client.get(reverse("schedule_edit", args=["nothing"])).status_code == 404


def test_a_missed_night_is_told_to_admins_and_filled(book, admin, owner, client, monkeypatch):
    monkeypatch.setattr(night_plan, "missed", lambda now: [DUE])
    client.force_login(admin)
    assert "was due and did not run" in body(client.get(reverse("nights")))
    client.post(reverse("night_backfill"))
    run = ScoreRun.objects.get(as_of=DUE)
    assert (run.history_only, run.started_by) == (True, admin)
    client.force_login(owner)
    assert "did not run" not in body(client.get(reverse("nights")))
