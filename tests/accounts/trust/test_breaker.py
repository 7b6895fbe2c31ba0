"""The breaker over a book: what opens it, what nights make of it, and how it is lifted."""

from datetime import timedelta

import pytest
from django.core import mail

from accounts.models import FeedDay, Freeze, Reading, Source, Usage
from accounts.trust import breaker, profile
from accounts.trust.freshness import freshness
from csm.nightly import run_nightly
from scoring.models import ScoreRun, Snapshot
from tests.accounts.trust.conftest import LAST
from tests.conftest import METRICS


def after(days):
    return LAST + timedelta(days=days)


@pytest.fixture
def crowd(make_account, admin):
    return [make_account() for _ in range(25)]


def test_the_profile_follows_the_facts(crowd, tell):
    tell(crowd, days=3)
    profile.refresh()
    tell(crowd[:5], days=1, until=after(1), value=40.0)
    tell(crowd[5:6], days=1, until=after(1), value=10.0)
    assert profile.refresh()
    told = list(FeedDay.objects.order_by("on").values_list("rows", "accounts", "mean"))
    assert told == [(25, 25, 10.0)] * 3 + [(6, 6, 35.0)]
    assert profile.refresh() == 0 or FeedDay.objects.count() == 4
    # Reported values are profiled by metric, others than numbers without a mean.
    Reading.objects.create(account=crowd[0], on=LAST, metrics={"nps": 7, "plan": "gold"})
    profile.refresh()
    by_key = FeedDay.objects.filter(feed="metrics").values_list("measure", "rows", "mean")
    assert set(by_key) == {("nps", 1, 7.0), ("plan", 1, None)}


def test_silence_opens_it_once_and_tells_the_admins_once(crowd, tell):
    tell(crowd)
    assert breaker.check(after(2)) == []
    (opened,) = breaker.check(after(4))
    assert (opened.source, opened.feed, opened.reason) == ("product", "usage", "silent")
    assert (opened.good_on, opened.opened_on) == (LAST, after(4))
    assert "4 d of silence" in opened.details["sentence"]
    assert breaker.check(after(5)) == []
    (letter,) = mail.outbox
    assert letter.to == ["admin@example.test"]
    assert opened.details["sentence"] in letter.body


def test_a_jump_opens_it_and_an_unwatched_source_does_not(crowd, tell):
    tell(crowd, until=LAST)
    tell(crowd, until=LAST, source="trial")
    for source in ("product", "trial"):
        tell(crowd, days=1, until=after(1), source=source, value=1000.0)
    Source.objects.create(key="trial", watched=False)
    (opened,) = breaker.check(after(1))
    assert (opened.source, opened.reason, opened.good_on) == ("product", "jump", LAST)


def test_facts_that_flow_again_suggest_lifting_and_are_not_judged_again(crowd, tell, admin):
    tell(crowd)
    (opened,) = breaker.check(after(4))
    tell(crowd, days=2, until=after(6), value=900.0)
    assert breaker.check(after(6)) == []
    assert next(iter(freshness(after(6)))).flows_again
    with pytest.raises(breaker.FreezeError, match="Say why"):
        breaker.lift(opened, on=after(6), note=" ", by=admin)
    breaker.lift(opened, on=after(6), note="counts tenants now", by=admin)
    with pytest.raises(breaker.FreezeError, match="already"):
        breaker.lift(opened, on=after(6), note="again", by=admin)
    tell(crowd, days=1, until=after(7), value=950.0)
    assert breaker.check(after(7)) == []


def test_an_accepted_silence_is_not_frozen_again(crowd, tell, admin):
    tell(crowd)
    (opened,) = breaker.check(after(4))
    breaker.lift(opened, on=after(5), note="the product was sold", by=admin)
    assert breaker.check(after(20)) == []


def test_past_nights_get_the_freezes_that_stood_then(crowd, tell, admin):
    tell(crowd)
    profile.refresh()
    held = breaker.freeze("product", "usage", good_on=after(-3), on=LAST, note="odd", by=admin)
    breaker.lift(held, on=after(5), note="seen", by=admin)
    frozen = {("product", "usage"): after(-3)}
    assert [breaker.frozen_on(after(n)) for n in (-1, 0, 4, 5)] == [{}, frozen, frozen, {}]
    with pytest.raises(breaker.FreezeError, match="nothing to freeze"):
        breaker.freeze("product", "tickets", good_on=LAST, on=LAST, note="", by=admin)


def scores(run):
    rows = Snapshot.objects.filter(as_of=run.as_of, run=run).order_by("account_id")
    return list(rows.values_list("account_id", "score", "band", "inputs"))


def test_a_frozen_night_keeps_the_last_good_scores_and_comes_back_the_same(crowd, admin):
    def report(on, factor=1.0):
        Reading.objects.bulk_create(
            Reading(
                account=account,
                on=on,
                source="crm",
                metrics={key: value * factor * (1 + n / 10) for key, value in METRICS.items()},
            )
            for n, account in enumerate(crowd)
        )

    for n in range(14, -1, -1):
        report(after(-n))
    good = run_nightly(LAST)
    report(after(1), factor=100.0)
    frozen = run_nightly(after(1))
    assert frozen.frozen == [["crm", "metrics", LAST.isoformat()]]
    assert [row[:3] for row in scores(frozen)] == [row[:3] for row in scores(good)]
    breaker.lift(Freeze.objects.get(), on=after(2), note="cents, corrected from today", by=admin)
    report(after(2), factor=1.0)
    lifted = run_nightly(after(2))
    assert lifted.frozen == []
    before = scores(frozen)
    again = run_nightly(after(1), history_only=True)
    assert again.state == ScoreRun.State.DONE
    assert again.frozen == frozen.frozen
    assert scores(again) == before
    # Nothing was lost: unfrozen, the same night would say something else.
    Freeze.objects.all().delete()
    assert scores(run_nightly(after(1), history_only=True)) != before
    assert Reading.objects.filter(on=after(1)).count() == 25


def test_usage_that_stops_is_not_read_as_zero(crowd, tell):
    from scoring.metrics.read import frame

    tell(crowd, days=60)
    (opened,) = breaker.check(after(40))
    ids = sorted(account.pk for account in crowd)
    span = {"first_id": ids[0], "last_id": ids[-1]}
    metrics = ["logins_7d"]
    good = frame(metrics, as_of=opened.good_on, **span)
    late = frame(metrics, as_of=after(40), frozen=breaker.frozen_on(after(40)), **span)
    unguarded = frame(metrics, as_of=after(40), **span)
    assert list(late["logins_7d"]) == list(good["logins_7d"])
    assert list(unguarded["logins_7d"]) != list(good["logins_7d"])
    assert Usage.objects.count() == 25 * 60
