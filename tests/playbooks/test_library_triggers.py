"""Every trigger that ships: an account on either side of its threshold, at it, without data, and frozen."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from django.utils import timezone

from accounts.models import Freeze, Reading
from playbooks.models import Alert, Playbook, Trigger
from playbooks.rules import Rule, columns, judge, needs_of, sentence
from playbooks.rules.components import Components, judge_components
from playbooks.services import evaluation, readings
from playbooks.services.triggers import load_library, read_library
from scoring.engine import codec
from scoring.metrics.catalogue import CATALOGUE
from scoring.models import Snapshot
from scoring.services.versions import published_spec
from tests.conftest import NIGHT

LIBRARY = {entry["key"]: entry for entry in read_library()}
WEEK = "@7d"

EXPANDING = {
    "score": 90,
    "api_calls_change_rate": 0.2,
    "departments_active": 4,
    "integration_requests_90d": 2,
    "executive_logins_30d": 3,
}

# key → what fires, what stands exactly at the threshold and whether that fires, what does not.
# "components" and "components@7d" are scores of three components whose lowest light ends at 40.
CASES = {
    "score-drop": (
        {"score": 49, "score@7d": 60},
        ({"score": 50, "score@7d": 60}, False),
        {"score": 51, "score@7d": 60},
    ),
    "component-red": (
        {"components": [39, 80, 80], "components@7d": [45, 80, 80]},
        ({"components": [40, 80, 80], "components@7d": [45, 80, 80]}, False),
        # Red for longer than a week is no news.
        {"components": [39, 80, 80], "components@7d": [39, 80, 80]},
    ),
    "multiple-down": (
        {"open:leading": 4, "components": [50, 50, 50], "components@7d": [50, 50, 50]},
        ({"open:leading": 3, "components": [50, 50, 50], "components@7d": [50, 50, 50]}, True),
        {"open:leading": 2, "components": [50, 50, 50], "components@7d": [55, 55, 52]},
    ),
    "milestone-missed": (
        {"milestones_overdue": 2},
        ({"milestones_overdue": 1}, True),
        {"milestones_overdue": 0},
    ),
    "emergency": ({"score": 29.9}, ({"score": 30}, False), {"score": 30.1}),
    "login-decline": (
        {"login_change_week_rate": -0.25},
        ({"login_change_week_rate": 8 / 10 - 1}, True),
        {"login_change_week_rate": -0.19},
    ),
    "executive-silent": (
        {"executive_logins_30d": 0, "days_since_executive_login": 31},
        ({"executive_logins_30d": 0, "days_since_executive_login": 30}, True),
        {"executive_logins_30d": 1, "days_since_executive_login": 29},
    ),
    "severity-rising": (
        {"severity_index_change": 0.2},
        ({"severity_index_change": 0}, False),
        {"severity_index_change": -0.2},
    ),
    "repeat-issue": (
        {"repeat_category_tickets_30d": 4},
        ({"repeat_category_tickets_30d": 3}, True),
        {"repeat_category_tickets_30d": 2},
    ),
    "ticket-spike": (
        {"tickets_7d": 5, "tickets_usual_week": 2},
        ({"tickets_7d": 4, "tickets_usual_week": 2}, False),
        # More than twice the usual, but only two.
        {"tickets_7d": 2, "tickets_usual_week": 0.5},
    ),
    "negative-sentiment": (
        {"negative_interactions_30d": 4},
        ({"negative_interactions_30d": 3}, True),
        {"negative_interactions_30d": 2},
    ),
    "adoption-stalled": (
        {"features_adopted_60d": 0, "days_since_new_feature": 61},
        ({"features_adopted_60d": 0, "days_since_new_feature": 60}, True),
        {"features_adopted_60d": 1, "days_since_new_feature": 59},
    ),
    "core-usage-down": (
        {"core_actions_change_rate": -0.2},
        ({"core_actions_change_rate": 9 / 10 - 1}, True),
        {"core_actions_change_rate": -0.09},
    ),
    "usage-drop": (
        {"usage_change_14d_rate": -0.4},
        ({"usage_change_14d_rate": 7 / 10 - 1}, True),
        {"usage_change_14d_rate": -0.29},
    ),
    "qbr-missed": (
        {"qbrs_missed_180d": 2, "days_since_qbr": 40},
        ({"qbrs_missed_180d": 1, "days_since_qbr": 15}, True),
        # Made up for since.
        {"qbrs_missed_180d": 1, "days_since_qbr": 14},
    ),
    "unresponsive": (
        {"consecutive_unanswered_outreach": 4},
        ({"consecutive_unanswered_outreach": 3}, True),
        {"consecutive_unanswered_outreach": 2},
    ),
    "training-no-show": (
        {"training_no_shows_90d": 2},
        ({"training_no_shows_90d": 1}, True),
        {"training_no_shows_90d": 0},
    ),
    "champion-lost": (
        {"champions_lost_90d": 1, "champion_inactive_days": 2},
        ({"champions_lost_90d": 0, "champion_inactive_days": 30}, True),
        {"champions_lost_90d": 0, "champion_inactive_days": 29},
    ),
    "sponsor-changed": (
        {"sponsor_changed_90d": 2},
        ({"sponsor_changed_90d": 1}, True),
        {"sponsor_changed_90d": 0},
    ),
    "dormant": (
        {"days_since_last_activity": 15, "total_activities_30d": 9},
        ({"days_since_last_activity": 14, "total_activities_30d": 3}, False),
        {"days_since_last_activity": 13, "total_activities_30d": 4},
    ),
    "thin-contacts": (
        {"total_contacts": 30, "contacts_with_email": 14},
        ({"total_contacts": 20, "contacts_with_email": 15}, False),
        {"total_contacts": 21, "contacts_with_email": 16},
    ),
    "pipeline-stalled": (
        {"pipeline_unchanged_days": 31},
        ({"pipeline_unchanged_days": 30}, True),
        {"pipeline_unchanged_days": 29},
    ),
    "renewal-slipping": (
        {"renewal_talks_unanswered_90d": 0, "budget_mentions_90d": 0, "competitor_mentions_90d": 2},
        (
            {
                "renewal_talks_unanswered_90d": 1,
                "budget_mentions_90d": 0,
                "competitor_mentions_90d": 0,
            },
            True,
        ),
        {"renewal_talks_unanswered_90d": 0, "budget_mentions_90d": 0, "competitor_mentions_90d": 0},
    ),
    "nps-falling": (
        {"nps_change": -10, "csat_change": 0.1},
        ({"nps_change": 0, "csat_change": 0}, False),
        {"nps_change": 10, "csat_change": 0.1},
    ),
    "escalations-up": (
        {"escalations_change": 1},
        ({"escalations_change": 0}, False),
        {"escalations_change": -1},
    ),
    "renewal-risk": (
        {"renewal_days_left": 60, "band": 0},
        ({"renewal_days_left": 90, "band": -1}, True),
        {"renewal_days_left": 91, "band": 0},
    ),
    "payment-late": (
        {"invoices_overdue": 2},
        ({"invoices_overdue": 1}, True),
        {"invoices_overdue": 0},
    ),
    "ready-to-expand": (
        EXPANDING,
        (EXPANDING | {"score": 85}, True),
        EXPANDING | {"score": 84.9},
    ),
}
KEYS = list(LIBRARY)
# Judged by score, bands and components alone: what the night scored on is the last good day already.
OF_SCORE = {"score-drop", "component-red", "multiple-down", "emergency"}


def rules_of(key):
    return Rule.parse(LIBRARY[key]["rule"]), Rule.parse(LIBRARY[key]["exit_rule"])


def framed(rules, values):
    """One row as `services.readings` makes it: what is not given is unknown."""
    needs = needs_of(rules)
    row = dict.fromkeys([*needs.metrics, columns.SCORE, columns.BAND], np.nan)
    row |= {columns.BANDS: 3, columns.BAND_NAME: ""}
    for days in needs.days:
        row |= {columns.ago(columns.SCORE, days): np.nan, columns.ago(columns.BAND, days): np.nan}
    row |= {columns.open_of(family): np.nan for family in needs.families}
    row |= {name: value for name, value in values.items() if not name.startswith("components")}
    frame = pd.DataFrame([row])
    unknown = [np.nan] * 3
    parts = Components(
        keys="abc",
        labels="ABC",
        low=np.full(3, 40.0),
        now=np.array([values.get("components", unknown)], dtype=float),
        past={
            7: np.array([values.get("components@7d", unknown)], dtype=float),
            30: np.array([values.get("components@30d", unknown)], dtype=float),
        },
    )
    for condition in needs.components:
        truth, figure, which = judge_components(condition, parts)
        frame[columns.component(condition)] = truth
        frame[columns.figure(condition)] = figure
        frame[columns.which(condition)] = which
    return frame


def judged(key, values):
    rules = rules_of(key)
    return int(judge(rules[0], framed(rules, values))[0])


def test_all_of_them_ship_and_name_what_there_is():
    assert len(LIBRARY) == 28
    assert set(LIBRARY) == set(CASES)
    for key in KEYS:
        needs = needs_of(rules_of(key))
        assert needs.metrics <= set(CATALOGUE), key
        assert LIBRARY[key]["family"] in Trigger.Family.values
        assert sentence(rules_of(key)[0])


@pytest.mark.parametrize("key", KEYS)
def test_it_fires_beyond_its_threshold(key):
    assert judged(key, CASES[key][0]) == 1


@pytest.mark.parametrize("key", KEYS)
def test_at_its_threshold(key):
    values, fires = CASES[key][1]
    assert judged(key, values) == int(fires)


@pytest.mark.parametrize("key", KEYS)
def test_it_is_quiet_on_the_other_side(key):
    assert judged(key, CASES[key][2]) == 0


@pytest.mark.parametrize("key", KEYS)
def test_without_data_it_neither_fires_nor_clears(key):
    rules = rules_of(key)
    frame = framed(rules, {})
    assert judge(rules[0], frame)[0] == -1
    assert judge(rules[1], frame)[0] != 1


@pytest.mark.parametrize("key", KEYS)
def test_what_fires_is_not_over(key):
    """The gap between rule and exit: whatever opens an alert does not end it the same night."""
    rules = rules_of(key)
    values, fires = CASES[key][1]
    for each in (CASES[key][0], *([values] if fires else [])):
        assert judge(rules[1], framed(rules, each))[0] != 1


def test_loading_twice_makes_nothing_and_keeps_what_was_edited(db):
    assert len(load_library()) == 28
    Trigger.objects.filter(key="emergency").update(severity=1, revision=2)
    Playbook.objects.create(key="executive-rescue", name="Rescue", kind="trigger")
    playbook = Playbook.objects.create(key="health-drop", name="Drop", kind="trigger")
    assert load_library() == []
    assert Trigger.objects.get(key="emergency").severity == 1
    assert Trigger.objects.get(key="emergency").playbook is None
    assert Trigger.objects.get(key="multiple-down").playbook == playbook


# --- Through the database, with a frozen source ---------------------------------------------------


def stage(account, values):
    """Have the database say what a case says: reported metrics, and the night's snapshot."""
    metrics = {name: float(value) for name, value in values.items() if name in CATALOGUE}
    Reading.objects.update_or_create(
        account=account, on=NIGHT, source="crm", defaults={"metrics": metrics}
    )
    now = Snapshot.objects.get(account=account, as_of=NIGHT)
    before = Snapshot.objects.get(account=account, as_of=NIGHT - timedelta(days=7))
    for snapshot, suffix in ((now, ""), (before, WEEK)):
        if "score" + suffix in values:
            put(snapshot, score=values["score" + suffix])
        if "band" + suffix in values:
            put(snapshot, band=values["band" + suffix])
    put(now, components=components_of(now, values.get("components", [80, 80, 80])))
    put(before, components=components_of(before, values.get("components@7d", [80, 80, 80])))
    if "open:leading" in values:
        leading = Trigger.objects.filter(family="leading")[: int(values["open:leading"])]
        for trigger in leading:
            Alert.objects.create(
                account=account,
                trigger=trigger,
                severity=2,
                opened_on=NIGHT - timedelta(days=3),
                opened_at=timezone.now(),
                last_held_on=NIGHT,
            )


def put(snapshot, **values):
    Snapshot.objects.filter(pk=snapshot.pk).update(**values)


def components_of(snapshot, scores):
    width = len(published_spec(snapshot.version_id).components)
    filled = [*scores, *[80] * width][:width]
    return codec.encode_points(np.array([filled], dtype=float))[0]


@pytest.fixture
def scored(make_account, owner, score_book):
    account = make_account("Frozen Foods", owner=owner)
    score_book({account: {}}, as_of=NIGHT - timedelta(days=7))
    return account, score_book({account: {}})


def freeze():
    return Freeze.objects.create(
        source="crm",
        feed="metrics",
        reason=Freeze.Reason.BY_HAND,
        good_on=NIGHT,
        opened_on=NIGHT,
    )


def evaluate(run, account):
    return evaluation.evaluate(
        run, as_of=NIGHT, first_id=account.pk, last_id=account.pk, at=timezone.now()
    )


@pytest.mark.parametrize("key", KEYS)
def test_a_frozen_source_holds_it(key, scored):
    account, run = scored
    load_library()
    values = CASES[key][0]
    if key == "component-red":
        # Where the lowest light of this scorecard ends is its own affair.
        values = {"components": [1, 80, 80], "components@7d": [90, 80, 80]}
    stage(account, values)
    Trigger.objects.exclude(key=key).update(is_active=key == "multiple-down")
    held = freeze()
    evaluate(run, account)
    alert = Alert.objects.get(trigger__key=key)
    if key in OF_SCORE:
        assert alert.state == Alert.State.OPEN
        return
    assert alert.state == Alert.State.HELD

    held.lifted_on = NIGHT
    held.save()
    evaluate(run, account)
    alert.refresh_from_db()
    assert alert.state == Alert.State.OPEN
    kinds = [change.kind for change in alert.changes.order_by("id")]
    assert kinds == ["held", "released"]


def test_a_reported_metric_counts_as_frozen_only_where_its_source_reports_it(scored):
    account, _ = scored
    stage(account, {"total_contacts": 5})
    freeze()
    frozen = readings.frozen_metrics(NIGHT)
    assert frozen == {"total_contacts": ("crm", "metrics")}
