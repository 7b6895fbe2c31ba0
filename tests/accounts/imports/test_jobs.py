"""One worker at a time; killed at any moment, the file ends up in the database once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.imports import jobs, rejected
from accounts.models import Account, ImportRun, Reading
from tests.accounts.imports.files import HEADER, rows


class Killed(BaseException):
    """What no handler catches, as a kill is."""


def facts() -> list[tuple]:
    return sorted(Account.objects.values_list("external_id", "name", "arr_amount"))


def big(count: int = 12_000) -> str:
    lines = rows(count).splitlines(keepends=True)
    # A fault in every thousandth row, so that each chunk has some.
    for at in range(1000, count + 1, 1000):
        lines[at] = lines[at].replace(",Retail,", ",Retail,x")
    return "".join(lines)


def test_a_killed_import_goes_on_where_it_stopped(upload, form, client, monkeypatch):
    run = upload(big())
    client.post(f"/imports/{run.pk}/start/", form(run))
    beats = iter(range(100))

    def dies_at_the_second(run, worker):
        def beat(done, total):
            if next(beats) == 1:
                raise Killed

        return beat

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_keeping", dies_at_the_second)
        with pytest.raises(Killed):
            jobs.work(run.pk, worker="elsewhere:1:1")
    # The process is gone and has written nothing more.
    ImportRun.objects.filter(pk=run.pk).update(
        state="running", lease_until=timezone.now() + timedelta(minutes=1), error=""
    )
    run.refresh_from_db()
    assert 0 < run.position < 12_000
    assert jobs.work(run.pk) is None, "its lease has not ended"
    assert not jobs.is_abandoned(run)

    ImportRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    run.refresh_from_db()
    assert jobs.is_abandoned(run)
    assert "Interrupted" in client.get(f"/imports/{run.pk}/").content.decode()
    assert list(jobs.waiting()) == [run]
    run = jobs.work(run.pk)
    assert (run.state, run.rows_read, run.created_count) == ("done", 12_000, 11_988)
    assert run.rows_rejected == 12
    assert [int(fault["row"]) for fault in rejected.errors(run)] == list(range(1001, 12_002, 1000))
    assert Account.objects.count() == Reading.objects.count() == 11_988


def test_two_who_press_load_load_once(upload, form, client):
    run = upload(rows(5))
    said = form(run)
    client.post(f"/imports/{run.pk}/start/", said)
    client.post(f"/imports/{run.pk}/start/", said)
    first = jobs.claim(run.pk, "a:1:1")
    assert first is not None
    assert jobs.claim(run.pk, "b:2:2") is None
    with pytest.raises(jobs.ImportRefused):
        jobs.queue(run)


def test_a_worker_that_lost_its_lease_stops(upload, form, client, monkeypatch):
    run = upload(big())
    client.post(f"/imports/{run.pk}/start/", form(run))
    keeping = jobs._keeping

    def loses_it(run, worker):
        beat = keeping(run, worker)

        def late(done, total):
            ImportRun.objects.filter(pk=run.pk).update(worker="another:1:1")
            beat(done, total)

        return late

    monkeypatch.setattr(jobs, "_keeping", loses_it)
    jobs.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.worker) == ("running", "another:1:1")
    assert 0 < run.position < 12_000


def test_a_file_that_keeps_killing_its_worker_is_left_alone(upload, form, client):
    run = upload(rows(5))
    client.post(f"/imports/{run.pk}/start/", form(run))
    for _ in range(jobs.MAX_ATTEMPTS):
        assert jobs.claim(run.pk, "elsewhere:1:1") is not None
        ImportRun.objects.filter(pk=run.pk).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
    run = jobs.work(run.pk)
    assert run.state == "failed"
    assert "resume" in run.error
    jobs.queue(run)
    assert jobs.work(run.pk).state == "done"


def test_a_file_without_a_good_row_is_told_of_and_offers_nothing_to_go_on_with(
    upload, form, client, settings
):
    run = upload(HEADER + "C-1,One,Retail,x,2027-01-31,4\n")
    client.post(f"/imports/{run.pk}/start/", form(run))
    run = jobs.work(run.pk)
    assert run.state == "failed"
    assert "rejected" in run.error
    assert str(settings.MEDIA_ROOT) not in run.error
    page = client.get(f"/imports/{run.pk}/").content.decode()
    assert "Mend the file and import it again." in page
    assert "Resume" not in page
