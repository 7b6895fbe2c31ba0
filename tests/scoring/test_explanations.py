"""A stored score explained from what the night stored."""

from datetime import timedelta

import pytest

from csm.nightly import run_nightly
from scoring.engine.difference import CAUSES
from scoring.models import Cap, Component, Scorecard, ScoreRun, Snapshot
from scoring.services import explanations, versions
from tests.conftest import NIGHT


def test_shown_points_add_up_to_the_shown_score(book):
    for account in book:
        told = explanations.explanation(account.pk)
        shown = explanations.shown_points(told.explanation)
        assert round(sum(shown.earned), 1) == shown.computed
        assert round(shown.computed + shown.cap, 1) == shown.score
        assert f"{shown.score:.1f}" == f"{told.snapshot.score:.1f}"
        assert round(sum(shown.weights), 1) == 100.0
        for earned, lost, weight in zip(shown.earned, shown.lost, shown.weights, strict=True):
            assert earned >= 0
            assert lost >= 0
            assert round(earned + lost, 1) == weight


def test_components_are_shown_with_the_weight_people_know(book):
    """6.25 and 3.75 percent become 6.3 and 3.7, so that their component still says 10."""
    told = explanations.explanation(book[0].pk).explanation
    spec = versions.published_spec(explanations.explanation(book[0].pk).snapshot.version_id)
    weights = explanations.shown_points(told).weights
    for component in spec.components:
        mine = [
            weight
            for weight, line in zip(weights, told.lines, strict=True)
            if line.component == component.key
        ]
        assert round(sum(mine), 1) == component.weight


def test_no_line_earns_more_than_it_weighs():
    assert explanations._within([5.0, 2.9], [4.9, 10.0]) == [4.9, 3.0]


def test_what_was_stored_gives_the_same_again(book):
    for account in book:
        assert explanations.explanation(account.pk, NIGHT).identical


def test_a_tampered_snapshot_is_found_out(book):
    Snapshot.objects.filter(account_id=book[0].pk).update(score=12.5)
    assert not explanations.explanation(book[0].pk).identical


def test_no_night_no_explanation(book, make_account):
    assert explanations.explanation(make_account().pk) is None
    assert explanations.explanation(book[0].pk, NIGHT - timedelta(days=1)) is None


def test_a_night_is_explained_under_its_own_version_and_population(book, score_book, admin):
    """A later version and later data leave the earlier night as it was."""
    before = explanations.explanation(book[3].pk, NIGHT)
    _publish_other_weights(admin)
    score_book({book[3]: {"total_activities_30d": 55}}, NIGHT + timedelta(days=7))
    again = explanations.explanation(book[3].pk, NIGHT)
    assert again.explanation.score == before.explanation.score
    assert again.spec == before.spec
    assert again.identical


def test_the_parts_of_a_difference_add_up(book, score_book, admin):
    _publish_other_weights(admin)
    later = NIGHT + timedelta(days=30)
    score_book({book[3]: {"total_activities_30d": 90, "number_of_employees": None}}, later)
    for account in book:
        before = explanations.explanation(account.pk, NIGHT)
        after = explanations.explanation(account.pk, later)
        found = explanations.change(before, after)
        assert sum(found.parts[cause] for cause in CAUSES) == pytest.approx(found.total, abs=1e-9)
        assert found.total == pytest.approx(after.snapshot.score - before.snapshot.score)
    changed = explanations.change(
        explanations.explanation(book[3].pk, NIGHT), explanations.explanation(book[3].pk, later)
    )
    assert changed.parts["version"] != 0


def test_a_cap_is_a_line_of_its_own(book, admin, score_book):
    card = Scorecard.objects.get(key="crm-engagement")
    draft = versions.start_draft(card, by=admin)
    Cap.objects.create(
        version=draft,
        key="quiet",
        label="A quiet account is at most 30",
        metric="total_activities_30d",
        op="<=",
        value=60,
        limit=30,
    )
    versions.publish(draft, by=admin, note="Caps the quiet ones")
    score_book(as_of=NIGHT + timedelta(days=1))
    told = explanations.explanation(book[0].pk)
    shown = explanations.shown_points(told.explanation)
    assert told.snapshot.score == 30
    assert told.explanation.cap.label == "A quiet account is at most 30"
    assert shown.cap < 0
    assert round(sum(shown.earned) + shown.cap, 1) == 30.0


def test_history_is_one_point_a_night_and_the_newest_run_counts(book, score_book, report):
    report(book[0], NIGHT + timedelta(days=2), total_activities_30d=1)
    score_book(as_of=NIGHT + timedelta(days=2))
    score_book(as_of=NIGHT + timedelta(days=2))
    nights = explanations.history(book[0].pk, NIGHT - timedelta(days=10))
    assert [night.as_of for night in nights] == [NIGHT, NIGHT + timedelta(days=2)]
    assert nights[0].version == "CRM engagement v1"


def nights_by_the_orm(pk, since):
    """The history before it was one seek a night: snapshots of finished nights, the last one counts."""
    rows = (
        Snapshot.objects.filter(account_id=pk, as_of__gte=since, run__state="done")
        .exclude(version__state="draft")
        .order_by("as_of", "-run__history_only", "run_id")
        .values_list(
            *("as_of", "version_id", "score", "band", "coverage"),
            *("version__scorecard__name", "version__number", "version__note", "components"),
        )
    )
    return {row[0]: (row[:-1], bytes(row[-1])) for row in rows}


def test_history_is_what_the_snapshots_say(book, admin, score_book, report, make_account):
    """Two versions, back-fills, nights of a scorecard asked for by name, one that is not finished yet."""
    new = make_account("New Nets", owner=book[0].owner)
    report(new)
    card = Scorecard.objects.get(key="crm-engagement")
    report(book[0], NIGHT - timedelta(days=20), total_activities_30d=3)
    run_nightly(NIGHT - timedelta(days=3), history_only=True)
    run_nightly(NIGHT - timedelta(days=3), "product-value", history_only=True)
    run_nightly(NIGHT - timedelta(days=1), "product-value", history_only=True)
    versions.publish(versions.start_draft(card, by=admin), by=admin, note="Once more")
    score_book(as_of=NIGHT + timedelta(days=1))
    run_nightly(NIGHT + timedelta(days=1), "product-value")
    score_book(as_of=NIGHT + timedelta(days=2))
    run = score_book(as_of=NIGHT + timedelta(days=3))
    ScoreRun.objects.filter(pk=run.pk).update(state=ScoreRun.State.SCORING)
    labels = set()
    for account in (*book, new):
        for since in (NIGHT - timedelta(days=90), NIGHT, NIGHT + timedelta(days=1)):
            expected = nights_by_the_orm(account.pk, since)
            found = explanations.nights_with(account.pk, since, "components")
            assert {night.as_of: (night, bytes(rest)) for night, (rest,) in found} == expected
            assert explanations.history(account.pk, since) == [night for night, _ in found]
            assert [night.as_of for night, _ in found] == sorted(expected)
            labels |= {night.version for night, _ in found}
    assert labels >= {"CRM engagement v1", "CRM engagement v2"}
    assert len(labels) == 3


def test_data_age_counts_from_the_reading_that_named_the_metric(book, report, score_book):
    later = NIGHT + timedelta(days=40)
    report(book[3], later - timedelta(days=3), **dict.fromkeys(_ALL_BUT_ACTIVITY))
    score_book(as_of=later)
    found = explanations.sources(explanations.explanation(book[3].pk))
    assert found["total_activities_30d"].age_days == 3
    assert found["annual_revenue"].age_days == 40
    assert found["annual_revenue"].source == "generic"
    assert found["size_segment"].age_days is None


_ALL_BUT_ACTIVITY = (
    "days_since_last_activity",
    "contacts_with_email",
    "total_contacts",
    "annual_revenue",
    "total_won_amount",
    "number_of_employees",
    "current_pipeline_amount",
)


def test_one_query_once_the_version_is_remembered(book, django_assert_num_queries):
    explanations.explanation(book[0].pk)
    with django_assert_num_queries(1):
        explanations.explanation(book[0].pk, NIGHT)


def _publish_other_weights(admin):
    draft = versions.start_draft(Scorecard.objects.get(key="crm-engagement"), by=admin)
    Component.objects.filter(version=draft, key="activity").update(weight=20)
    Component.objects.filter(version=draft, key="account_scale").update(weight=30)
    versions.publish(draft, by=admin, note="Less activity")
