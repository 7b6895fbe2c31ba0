"""Nights of the past: scored from what was known then, and honest about what changed since."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.ingest.run import import_file
from accounts.measures import measure_ids
from accounts.models import Freeze, Reading, Usage
from accounts.trust import profile
from accounts.trust.freshness import freshness
from csm.backfill import backfill
from scoring.models import Scorecard, ScoreRun, Snapshot
from scoring.selectors import newest_run
from scoring.services import versions
from tests.conftest import NIGHT

WEEK_AGO = NIGHT - timedelta(days=7)


def nightly(*args: str) -> str:
    out = StringIO()
    call_command("run_nightly", *args, stdout=out)
    return out.getvalue()


def rows(as_of):
    found = Snapshot.objects.filter(as_of=as_of).order_by("account_id")
    return list(found.values_list("account_id", "version_id", "score", "band", "coverage"))


@pytest.fixture
def past(book, report):
    """The book's accounts reported ten days ago too, in worse shape."""
    for account in book[:4]:
        report(account, NIGHT - timedelta(days=10), total_activities_30d=1)
    return book


def test_back_filled_nights_know_only_what_was_dated_by_then(past):
    runs = list(backfill(WEEK_AGO, NIGHT - timedelta(days=1)))
    assert [run.as_of for run in runs] == [WEEK_AGO + timedelta(days=n) for n in range(7)]
    assert {run.accounts for run in runs} == {6}
    # Two of the six had told nothing yet.
    assert {run.unknown for run in runs} == {2}
    # Pages still show the night that was newest.
    assert newest_run().as_of == NIGHT


def test_the_last_night_of_a_back_fill_is_shown_when_it_is_the_newest(past):
    last = NIGHT + timedelta(days=2)
    list(backfill(NIGHT + timedelta(days=1), last))
    assert newest_run().as_of == last


def test_a_back_fill_freezes_nothing(past):
    """Logins came every day until a month before the last night, and come again now."""
    measure = measure_ids(["logins"])["logins"]
    days = [*range(30, 90), *range(5)]
    Usage.objects.bulk_create(
        Usage(account=past[0], measure_id=measure, on=NIGHT - timedelta(days=ago), value=1)
        for ago in days
    )
    profile.refresh()
    quiet = NIGHT - timedelta(days=10)
    assert next(each.state for each in freshness(quiet) if each.feed == "usage") == "silent"
    assert [run.as_of for run in backfill(quiet, quiet)] == [quiet]
    assert not Freeze.objects.exists()


def test_scoring_a_past_night_again_gives_the_same_numbers_and_says_so(past):
    nightly("--from", str(WEEK_AGO), "--to", str(WEEK_AGO))
    before = rows(WEEK_AGO)
    said = nightly("--from", str(WEEK_AGO), "--to", str(WEEK_AGO))
    assert rows(WEEK_AGO) == before
    assert "the same as when it was last scored (6 accounts)" in said


def test_facts_that_came_late_are_named_with_the_import_that_brought_them(past, tmp_path):
    nightly("--from", str(WEEK_AGO), "--to", str(WEEK_AGO))
    path = tmp_path / "late.csv"
    path.write_text(f"account_id,number_of_employees\n{past[0].external_id},99999\n")
    late = import_file("account_metrics", path, as_of=WEEK_AGO - timedelta(days=1))
    said = nightly("--from", str(WEEK_AGO), "--to", str(WEEK_AGO))
    assert "number_of_employees: 1 accounts" in said
    assert f"import {late.run_id} since then: account_metrics from late.csv (done)" in said
    run = ScoreRun.objects.filter(as_of=WEEK_AGO).first()
    revised = next(iter(run.report.values()))["revised"]
    # Everybody's score moved with the population; one account's input did.
    assert revised["inputs"] == {"number_of_employees": 1}
    assert revised["appeared"] == revised["gone"] == 0
    assert past[0].pk in {each["account"] for each in revised["examples"]}


def test_as_it_was_scores_with_the_versions_of_then(past, admin):
    list(backfill(WEEK_AGO, WEEK_AGO))
    before = rows(WEEK_AGO)
    scorecard = Scorecard.objects.get(key="crm-engagement")
    draft = versions.start_draft(scorecard, by=admin)
    versions.publish(draft, by=admin, note="a second version")
    list(backfill(WEEK_AGO, WEEK_AGO, as_it_was=True))
    assert rows(WEEK_AGO) == before
    list(backfill(WEEK_AGO, WEEK_AGO))
    assert {row[1] for row in rows(WEEK_AGO)} == {before[0][1], draft.pk}
    # Nights never scored have no "as it was".
    assert next(backfill(WEEK_AGO - timedelta(days=2), WEEK_AGO, as_it_was=True)).as_of == WEEK_AGO


def test_readings_after_the_night_do_not_leak_into_it(past):
    list(backfill(WEEK_AGO, WEEK_AGO))
    before = rows(WEEK_AGO)
    Reading.objects.filter(on=NIGHT).delete()
    list(backfill(WEEK_AGO, WEEK_AGO))
    assert rows(WEEK_AGO) == before


@pytest.mark.parametrize(
    "args",
    [
        ("--from", "2026-11-01"),
        ("--to", "2026-11-01"),
        ("--from", "2026-11-02", "--to", "2026-11-01"),
        ("--from", "2026-11-01", "--to", "2026-11-02", "--as-of", "2026-11-02"),
        ("--from", "2026-11-01", "--to", "2026-11-02", "--celery"),
        ("--as-it-was",),
    ],
)
def test_a_back_fill_that_makes_no_sense_is_refused_with_the_remedy(book, args):
    with pytest.raises(CommandError, match="--from"):
        nightly(*args)
