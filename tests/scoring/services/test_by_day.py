"""By day: what the night would give now, its snapshots, changes of band and sums with it."""

import random
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.ingest.rows import load_rows
from accounts.models import Account, ChangedAccount
from accounts.services.changes import mark
from accounts.services.owners import note_owners
from scoring.engine import codec, statistics
from scoring.engine.score import score as score_packed
from scoring.models import AccountHealth, BandChange, DailyRollup, Snapshot
from scoring.selectors import newest_run
from scoring.services import rollup_moves, verify
from scoring.services.by_day import rescore
from scoring.services.nights import plan_of
from scoring.services.populations import frozen_of, groups
from tests.conftest import NIGHT
from tests.scoring.services.adding_up import assert_added_up

SUMS = ("accounts", "scored", "arr_amount", "arr_known")
PLACE = (
    "version_id",
    "owner_id",
    "team_id",
    "industry",
    "size_segment",
    "band",
    "band_name",
    "tone",
)


def sums():
    return {
        row[: len(PLACE)]: (row[len(PLACE) : -1], pytest.approx(row[-1]))
        for row in DailyRollup.objects.values_list(*PLACE, *SUMS, "score_sum")
    }


def sums_of_current_health():
    with transaction.atomic():
        rollup_moves.count_anew(newest_run())
        found = sums()
        transaction.set_rollback(True)
    return found


def as_the_night_would():
    """Score, inputs and points of every customer now, with the night's statistics."""
    run = newest_run()
    found = {}
    last = Account.objects.order_by("pk").last().pk
    for group in groups(
        plan_of(run), as_of=run.as_of, first_id=0, last_id=last, frozen=frozen_of(run.frozen)
    ):
        stats = statistics.Stats.from_json(run.statistics[str(group.version_id)])
        scored = score_packed(group.spec, group.packed, stats)
        rows = zip(
            group.account_ids.tolist(),
            codec.nullable(scored.score),
            scored.band.tolist(),
            codec.encode_inputs(group.packed),
            codec.encode_points(scored.points),
            strict=True,
        )
        found |= {pk: (group.version_id, *rest) for pk, *rest in rows}
    return found


def stored():
    rows = Snapshot.objects.filter(as_of=newest_run().as_of).values_list(
        "account_id", "version_id", "score", "band", "inputs", "points"
    )
    return {
        pk: (version, score, band, bytes(inputs), bytes(points))
        for pk, version, score, band, inputs, points in rows
    }


def assert_sound():
    run = newest_run()
    proof = verify.verify(run)
    assert proof.differing == 0, proof.differences
    assert proof.current == proof.snapshots == AccountHealth.objects.filter(run=run).count()
    assert sums() == sums_of_current_health()
    assert_added_up()


def tell(account, on=NIGHT, **metrics):
    rows = [
        {"account_id": account.external_id, "on": on.isoformat(), "metric": key, "value": value}
        for key, value in metrics.items()
    ]
    for result in load_rows("metrics", rows, source="generic", by=None, as_of=on):
        assert not result.errors, result.errors


def test_a_changed_account_has_its_new_score_and_nobody_else_moves(book):
    healthy, poor = book[:2]
    before = stored()
    tell(poor, total_activities_30d=60, days_since_last_activity=0)
    at = timezone.now()
    done = rescore([poor.pk], at=at)
    assert done.accounts == {poor.pk}
    after = stored()
    assert after[poor.pk][1] > before[poor.pk][1]
    assert {pk for pk in after if after[pk] != before[pk]} == {poor.pk}
    assert AccountHealth.objects.get(pk=poor.pk).rescored_at == at
    assert AccountHealth.objects.get(pk=healthy.pk).rescored_at is None
    assert after == as_the_night_would()
    assert_sound()


def test_a_new_account_gets_a_score_and_one_that_is_gone_keeps_its_last(book, make_account, report):
    new = make_account("New Nets", owner=book[0].owner)
    report(new)
    gone = book[0]
    Account.objects.filter(pk=gone.pk).update(churned_on=NIGHT)
    was = stored()[gone.pk]
    done = rescore([new.pk, gone.pk], at=timezone.now())
    assert done.accounts == {new.pk}
    assert stored()[gone.pk] == was
    assert AccountHealth.objects.get(pk=new.pk).score is not None
    assert_sound()


def test_a_change_of_band_is_that_of_the_night(book, score_book):
    score_book(as_of=NIGHT + timedelta(days=1))
    assert not BandChange.objects.filter(as_of=NIGHT + timedelta(days=1)).exists()
    poor = book[1]
    metrics = {"total_activities_30d": 60, "contacts_with_email": 10, "total_contacts": 10}
    metrics |= {"days_since_last_activity": 0, "total_won_amount": 500_000}
    tell(poor, NIGHT + timedelta(days=1), **metrics)
    for _ in range(2):
        rescore([poor.pk], at=timezone.now())
        change = BandChange.objects.get(as_of=NIGHT + timedelta(days=1))
        assert (change.account_id, change.previous_as_of) == (poor.pk, NIGHT)
        assert change.new_band == AccountHealth.objects.get(pk=poor.pk).band > change.old_band
    assert_sound()


def test_unknown_stays_unknown(book):
    thin = book[2]
    Account.objects.filter(pk=thin.pk).update(industry="Retail")
    rescore([thin.pk], at=timezone.now())
    health = AccountHealth.objects.get(pk=thin.pk)
    assert (health.score, health.band) == (None, -1) or health.band_name == "Unknown"
    assert stored() == as_the_night_would()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_changes_it_is_what_the_night_would_give(
    seed, make_account, report, score_book, owner, colleague, north, south
):
    chance = random.Random(seed)
    people, teams = [owner, colleague, None], [north, south, None]
    accounts = [
        make_account(
            owner=chance.choice(people),
            team=chance.choice(teams),
            industry=chance.choice(["Technology", "Retail", ""]),
            arr_amount=chance.choice([None, 0, 5_000_000]),
        )
        for _ in range(25)
    ]
    score_book(
        {
            a: {"total_activities_30d": chance.randrange(80)}
            for a in accounts
            if chance.random() < 0.9
        }
    )
    for _ in range(6):
        some = chance.sample(accounts, 5)
        for account in some:
            what = chance.randrange(5)
            mark([account.pk], at=timezone.now())
            if what == 0:
                to = chance.choice(people)
                was = Account.objects.get(pk=account.pk).owner_id
                Account.objects.filter(pk=account.pk).update(owner=to)
                note_owners({account.pk: (to and to.pk, NIGHT)}, previous={account.pk: was})
            elif what == 1:
                Account.objects.filter(pk=account.pk).update(
                    team=chance.choice(teams), industry=chance.choice(["Technology", "Retail", ""])
                )
            elif what == 2:
                Account.objects.filter(pk=account.pk).update(arr_amount=chance.choice([None, 7]))
            else:
                tell(account, total_activities_30d=chance.randrange(90))
        rescore([account.pk for account in some], at=timezone.now())
        if chance.random() < 0.7:
            ChangedAccount.objects.filter(pk__in=[a.pk for a in some]).delete()
        assert sums() == sums_of_current_health()
    assert stored() == as_the_night_would()
    assert_sound()


def test_before_the_first_night_nothing_happens(make_account):
    assert rescore([make_account().pk], at=timezone.now()).run is None


def test_the_statements_do_not_grow_with_the_accounts(make_account, score_book):
    accounts = [make_account() for _ in range(12)]
    score_book({account: {} for account in accounts})
    counts = []
    for many in (1, 12):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            rescore([account.pk for account in accounts[:many]], at=timezone.now())
        counts.append(len(asked))
    assert counts[0] == counts[1] < 60
