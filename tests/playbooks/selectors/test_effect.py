"""The effect of plans read from plans and snapshots, on a book whose scores are set by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import LifecycleEvent
from playbooks.models import Alert, EffectReport
from playbooks.selectors.effect import BY_HAND, report
from playbooks.selectors.targets import targets
from playbooks.selectors.treatments import Nights, treatments
from playbooks.services import effects
from scoring.models import AccountHealth, DailyRollup, ScorecardVersion, ScoreRun, Snapshot
from scoring.services import partitions, versions
from tests.conftest import NIGHT

# A Thursday, the middle of its week, so that treated and untreated are read on the same nights.
START = NIGHT - timedelta(days=71)
AT = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.fixture
def version(db):
    versions.load_presets()
    return ScorecardVersion.objects.get(scorecard__key="crm-engagement", state="active")


@pytest.fixture
def score(version):
    """Snapshots of a finished night: account → score."""

    def make(on, scores, **values):
        run = ScoreRun.objects.create(
            as_of=on, plan=[version.pk], state=ScoreRun.State.DONE, finished_at=AT, **values
        )
        partitions.ensure(on)
        Snapshot.objects.bulk_create(
            Snapshot(
                account=account,
                as_of=on,
                version=version,
                run=run,
                score=value,
                band=0 if value < 60 else 1,
                coverage=1,
                components=b"",
                inputs=b"",
                points=b"",
            )
            for account, value in scores.items()
        )
        return run

    return make


@pytest.fixture
def plan(make_plan, version):
    """A plan begun on `START` by an account that stood at `score` after a fall of 8 points."""

    def make(account, score=40.0, **values):
        usual = {
            "started_on": START,
            "tasks": (),
            "score_start": score,
            "change_30d_start": -8.0,
            "tone_start": "poor",
            "version_start": version,
            "arr_start": 1_000_00,
            "industry_start": account.industry,
            "size_start": account.size_segment,
        }
        return make_plan(account, **(usual | values))

    return make


CLOSED = {"state": "closed", "closed_at": AT, "closed_on": START + timedelta(days=40)}


@pytest.fixture
def treated_book(make_account, make_playbook, plan, score):
    """24 treated accounts gain 12 points in 30 days, 30 others, alike at the start, 4; with a wobble."""
    treated = [make_account() for _ in range(24)]
    others = [make_account() for _ in range(30)]
    version = make_playbook("rescue")
    start = {each: 40 + n % 5 for n, each in enumerate([*treated, *others])}
    gain = {each: (12 if each in treated else 4) + (-1) ** n for n, each in enumerate(start)}
    score(START - timedelta(days=30), {each: value + 8 for each, value in start.items()})
    score(START, start)
    score(START + timedelta(days=30), {each: start[each] + gain[each] for each in start})
    score(NIGHT, start)
    plans = [plan(each, start[each], playbook_version=version) for each in treated]
    return treated, others, plans


def row_of(body, tab, key):
    return next(row for row in body[tab] if row["key"] == key)


def test_the_effect_is_what_the_treated_gained_more_than_their_like(treated_book):
    row = row_of(report(NIGHT), "playbooks", "rescue")
    after = row["after"]["30"]

    assert (row["runs"], row["open"], row["completed"]) == (24, 24, 0)
    assert (after["due"], after["known"], after["mean"]) == (24, 24, 12.0)
    assert after["effect"]["effect"] == pytest.approx(8, abs=0.3)
    assert after["effect"]["low"] < 8 < after["effect"]["high"]
    assert (after["effect"]["matched"], after["effect"]["verdict"]) == (24, "better")
    # No night 60 days after the start, and 90 days have not passed.
    assert (row["after"]["60"]["due"], row["after"]["60"]["known"]) == (24, 0)
    assert row["after"]["60"]["effect"]["verdict"] == "not_enough"
    assert row["after"]["90"]["due"] == 0


def test_what_is_unknown_is_left_out_and_counted(treated_book):
    treated, *_ = treated_book
    Snapshot.objects.filter(account__in=treated[:2], as_of=START + timedelta(days=30)).delete()

    after = row_of(report(NIGHT), "playbooks", "rescue")["after"]["30"]

    assert (after["due"], after["known"], after["effect"]["treated"]) == (24, 22, 22)


def test_accounts_already_under_treatment_are_nobodys_comparison(treated_book, make_plan):
    _, others, _ = treated_book
    for each in others[:14]:
        make_plan(each, started_on=START - timedelta(days=60), tasks=())
    for each in others[14:28]:
        over = {**CLOSED, "closed_on": START - timedelta(days=20), "outcome": "improved"}
        make_plan(each, started_on=START - timedelta(days=90), tasks=(), **over)

    assert report(NIGHT)["method"]["accounts_compared"] == 2


def test_a_plan_begun_later_does_not_take_an_account_out_of_the_comparison(treated_book, make_plan):
    """What stays bad gets a plan in the end: without it only those that recovered would be left."""
    _, others, _ = treated_book
    for each in others[:20]:
        make_plan(each, started_on=START + timedelta(days=30), tasks=())

    method = report(NIGHT)["method"]

    assert (method["accounts_compared"], method["treated_later"]) == (25, 20)


def test_plans_that_ended_are_counted_by_how(treated_book, plan, make_account):
    _, _, plans = treated_book
    for each, outcome in zip(plans, ["recovered"] * 3 + ["improved", "cancelled"], strict=False):
        type(each).objects.filter(pk=each.pk).update(outcome=outcome, **CLOSED)
    mistake = {**CLOSED, "closed_on": START + timedelta(days=3), "outcome": "cancelled"}
    plan(make_account(), **mistake)

    row = row_of(report(NIGHT), "playbooks", "rescue")

    assert (row["runs"], row["open"], row["completed"], row["cancelled"]) == (24, 19, 4, 1)
    assert (row["met"], row["median_days"]) == ([3, 4], 40)
    assert all(each["key"] != BY_HAND for each in report(NIGHT)["playbooks"])


def test_arr_is_kept_by_those_who_stay(treated_book):
    treated, others, _ = treated_book
    treated[0].churned_on = START + timedelta(days=20)
    treated[0].save()
    for n, each in enumerate(others[:6]):
        LifecycleEvent.objects.create(
            account=each, stage="Churned", on=START + timedelta(days=31 + n), external_id=f"c{n}"
        )

    after = row_of(report(NIGHT), "playbooks", "rescue")["after"]

    assert after["30"]["arr"] == [23 * 1_000_00, 24 * 1_000_00, 24]
    assert after["30"]["kept"] == [pytest.approx(23 / 24, abs=1e-4), 1.0, 24]
    assert after["60"]["kept"][1] < 1.0
    assert after["90"]["arr"] == [0, 0, 0]


def test_a_trigger_counts_the_plans_that_answer_its_alerts(treated_book, make_alert, make_trigger):
    treated, _, plans = treated_book
    emergency, silent = make_trigger("emergency"), make_trigger("silent")
    for account, each in list(zip(treated, plans, strict=True))[:5]:
        make_alert(account, emergency, START, intervention=each)
    make_alert(treated[0], silent, START, intervention=plans[0])
    make_alert(treated[9], silent, START)

    runs = {row["key"]: row["runs"] for row in report(NIGHT)["triggers"]}

    assert runs == {"all": 5, "emergency": 5, "silent": 1}


def test_an_empty_book_has_a_report_without_figures(db):
    body = effects.refresh(NIGHT).body

    assert [row["runs"] for row in body["playbooks"]] == [0]
    assert all(target["value"] is None and target["why"] for target in body["targets"])


def test_a_night_has_one_report_however_often_it_is_made(treated_book):
    first = effects.refresh(NIGHT)
    again = effects.refresh(NIGHT)

    assert first.pk == again.pk
    assert first.body == again.body
    assert EffectReport.objects.count() == 1


def test_the_queries_do_not_grow_with_the_accounts(treated_book, plan, make_account):
    report(NIGHT)
    with CaptureQueriesContext(connection) as before:
        report(NIGHT)
    for _ in range(30):
        plan(make_account())
    with CaptureQueriesContext(connection) as after:
        report(NIGHT)

    assert len(after) == len(before)


# --- Targets ------------------------------------------------------------------------------------


def targets_of():
    nights = Nights(NIGHT - timedelta(days=400), NIGHT)
    return {each["key"]: each for each in targets(NIGHT, treatments(NIGHT, nights))}


def test_nothing_is_made_up_about_predictions(db):
    prediction = targets_of()["prediction"]

    assert (prediction["value"], prediction["met"]) == (None, None)
    assert prediction["why"] == "There is no prediction model yet."


def test_success_is_the_exit_test_of_plans_closed(make_account, plan):
    for outcome in ["recovered"] * 3 + ["no_change", "cancelled"]:
        plan(make_account(), outcome=outcome, **CLOSED)
    plan(make_account())

    found = targets_of()["success"]

    assert (found["value"], found["n"], found["met"]) == (0.75, 4, True)


def test_false_positives_are_of_the_alerts_somebody_acted_on(make_account, make_alert):
    acted = {"acted_at": AT}
    for _ in range(3):
        make_alert(make_account(), state=Alert.State.OPEN, **acted)
    make_alert(make_account(), state=Alert.State.DISMISSED, **acted)
    make_alert(make_account())

    found = targets_of()["false_positives"]

    assert (found["value"], found["n"], found["met"]) == (0.25, 4, False)


def test_accounts_at_risk_then_are_kept_or_lost(make_account, score):
    poor = [make_account() for _ in range(4)]
    fine = make_account(churned_on=NIGHT)
    score(NIGHT - timedelta(days=90), dict.fromkeys(poor, 30.0) | {fine: 90.0})
    poor[0].churned_on = NIGHT - timedelta(days=10)
    poor[0].save()

    found = targets_of()["retention"]

    assert (found["value"], found["n"], found["met"]) == (0.75, 4, True)


def test_the_high_risk_rate_is_compared_with_ninety_days_ago(version, score):
    for on, poor in ((NIGHT - timedelta(days=90), 20), (NIGHT, 16)):
        run = score(on, {})
        for band, tone, n in ((0, "poor", poor), (1, "fair", 100 - poor), (-1, "unknown", 50)):
            DailyRollup.objects.create(
                as_of=on,
                run=run,
                version=version,
                band=band,
                band_name=tone,
                tone=tone,
                accounts=n,
                scored=n,
                score_sum=0,
                arr_amount=0,
                arr_known=0,
            )

    found = targets_of()["high_risk"]

    assert (found["value"], found["n"], found["met"]) == (pytest.approx(-0.2), 100, True)


def test_the_high_risk_rate_is_unknown_across_scorecards(version, score):
    run = score(NIGHT - timedelta(days=90), {})
    run.plan = [version.pk, version.pk + 1]
    run.save()
    score(NIGHT, {})

    found = targets_of()["high_risk"]

    assert found["value"] is None
    assert "scorecards" in found["why"]


def test_tier_c_is_followed_from_where_it_stood(make_account, version, score):
    low, high = make_account(), make_account()
    before = score(
        NIGHT - timedelta(days=90),
        {low: 40.0, high: 40.0},
        report={str(version.pk): {"cuts": [1000.0, 5000.0]}},
    )
    Snapshot.objects.filter(account=low).update(predicted_6m_amount=500)
    Snapshot.objects.filter(account=high).update(predicted_6m_amount=9000)
    for account, now in ((low, 46.0), (high, 90.0)):
        AccountHealth.objects.create(
            account=account,
            as_of=NIGHT,
            version=version,
            run=before,
            score=now,
            band=0,
            band_name="Low",
            tone="poor",
            coverage=1,
            components=b"",
            change_7d=-2.0,
            priority=0,
        )

    found = targets_of()

    assert (found["tier_c"]["value"], found["tier_c"]["n"], found["tier_c"]["met"]) == (6, 1, True)
    assert found["variance"]["value"] == pytest.approx(2 / 68, abs=1e-4)
