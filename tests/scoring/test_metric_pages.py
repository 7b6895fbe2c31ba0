"""The metric catalogue: what everyone reads, what an admin may define."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts import measures
from accounts.models import AuditEvent, MetricDefinition, Usage
from csm.nightly import after_night, run_nightly
from scoring.metrics.catalogue import CATALOGUE, catalogue
from scoring.models import Cap, Measure, MetricProfile, ScorecardVersion
from scoring.selectors import newest_run
from scoring.services import definitions, profiles
from tests.conftest import NIGHT

FORM = {
    "label": "Exports",
    "key": "exports_30d",
    "description": "Files exported in 30 days.",
    "origin": "usage",
    "measure": "exports",
    "aggregate": "sum",
    "window_days": "30",
    "unit": "files",
    "direction": "up",
}


@pytest.fixture
def book(book):
    """The book with its metrics counted, as after a night of the schedule."""
    after_night(newest_run())
    return book


@pytest.fixture
def exports(book):
    """Exports of the first three accounts over the last days."""
    measure = measures.measure_ids(["exports"])["exports"]
    for place, account in enumerate(book[:3]):
        for days in range(place + 1):
            Usage.objects.create(
                account=account, measure_id=measure, on=NIGHT - timedelta(days=days), value=4
            )
    return measure


def row_of(response, key):
    lines = csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig")))
    return next(line for line in lines if line["key"] == key)


def test_the_night_counts_who_has_each_metric(book):
    found = {row.metric: row for row in MetricProfile.objects.filter(as_of=NIGHT)}
    assert found.keys() == catalogue().keys()
    contacts = found["total_contacts"]
    assert (contacts.accounts, contacts.known, contacts.mean) == (6, 5, 10)
    assert contacts.spread["quantiles"]["50"] == 10
    assert sum(count for *_, count in contacts.spread["bins"]) == 5
    assert found["size_segment"].spread["values"]["Mid-Market"] == 3
    # Unknown is unknown: no mean, no median, no bar.
    nobody = found["renewal_discussions_180d"]
    assert (nobody.known, nobody.mean, nobody.spread) == (0, None, {})


def test_a_night_is_profiled_once_and_the_shards_do_not_matter(book):
    before = list(MetricProfile.objects.values_list("metric", "known", "mean", "spread"))
    assert not profiles.ensure(newest_run())
    run_nightly(NIGHT, shard_size=2)
    profiles.refresh(newest_run())
    assert list(MetricProfile.objects.values_list("metric", "known", "mean", "spread")) == before


def test_the_list_says_coverage_freshness_and_who_reads_it(book, owner, client):
    client.force_login(owner)
    page = client.get(reverse("metrics"))
    text = page.content.decode()
    assert page.context["total"] == len(catalogue()) >= 60
    for word in ("Contacts", "total_contacts", "83%", "20 Nov 2026", "CRM engagement"):
        assert word in text
    assert "Define a metric" not in text
    narrowed = client.get(reverse("metrics") + "?q=ticket&state=unused").context
    assert 0 < narrowed["shown"] < 20
    assert "No metric like that" in client.get(reverse("metrics") + "?q=zzz").content.decode()


def test_the_csv_is_the_list(book, owner, client):
    client.force_login(owner)
    row = row_of(client.get(reverse("metrics_csv")), "total_contacts")
    assert (row["accounts"], row["known"], row["median"]) == ("6", "5", "10.0")
    assert (row["newest_fact"], row["as_of"]) == ("2026-11-20", "2026-11-20")
    few = client.get(reverse("metrics_csv") + "?state=used").getvalue().decode().splitlines()
    assert 2 < len(few) < len(catalogue())
    taken = AuditEvent.objects.filter(kind="export", what="exported metrics").order_by("pk")
    assert [(each.by, each.detail["rows"]) for each in taken] == [
        (owner, len(catalogue())),
        (owner, len(few) - 1),
    ]


def test_every_metric_has_a_page(book, owner, client):
    client.force_login(owner)
    for key in CATALOGUE:
        assert client.get(reverse("metric", args=[key])).status_code == 200, key
    assert client.get(reverse("metric", args=["nothing"])).status_code == 404


def test_an_admin_defines_a_metric_without_code(exports, book, admin, client):
    client.force_login(admin)
    tried = client.post(reverse("metric_new"), FORM | {"try": "1"})
    # Six accounts, three of which ever exported anything.
    assert (tried.context["tried"].accounts, tried.context["tried"].known) == (6, 3)
    assert dict(tried.context["tried"].quantiles)[50] == 8
    assert not MetricDefinition.objects.exists()
    assert client.post(reverse("metric_new"), FORM).status_code == 302
    kept = MetricDefinition.objects.get()
    assert (kept.created_by, kept.measure) == (admin, "exports")
    profiles.refresh(newest_run())
    row = row_of(client.get(reverse("metrics_csv")), "exports_30d")
    assert (row["known"], row["median"], row["family"]) == ("3", "8.0", "Defined here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "total_contacts"}, "ships with the workbench"),
        ({"measure": ""}, "Choose the usage measure"),
        ({"window_days": "0"}, "1 to 400 days"),
        ({"measure": "no-such"}, "valid choice"),
        ({"label": ""}, "required"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(admin, client, change, said):
    measures.measure_ids(["exports"])
    client.force_login(admin)
    response = client.post(reverse("metric_new"), FORM | change)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not MetricDefinition.objects.exists()


def test_what_a_published_scorecard_reads_keeps_its_numbers(exports, book, admin, client):
    client.force_login(admin)
    client.post(reverse("metric_new"), FORM)
    used = Measure.objects.filter(version__state="active").first()
    Measure.objects.filter(pk=used.pk).update(metric="exports_30d")
    edit = reverse("metric_edit", args=["exports_30d"])
    assert "only its words may change" in client.get(edit).content.decode()
    client.post(edit, FORM | {"label": "Files out", "window_days": "90"})
    kept = MetricDefinition.objects.get()
    assert (kept.label, kept.window_days) == ("Files out", 30)
    client.post(reverse("metric_switch", args=["exports_30d"]), {"active": "no"})
    kept.refresh_from_db()
    assert not kept.is_active
    assert "exports_30d" not in catalogue()


def test_a_metric_read_by_a_cap_or_the_revenue_model_is_published_too(book):
    assert not definitions.is_published("exports_30d")
    version = ScorecardVersion.objects.filter(state="active").first()
    # In bulk, past the rule that a published version never changes.
    cap = Cap(version=version, key="few", label="Few", metric="exports_30d", value=1, limit=40)
    Cap.objects.bulk_create([cap])
    assert definitions.is_published("exports_30d")
    ScorecardVersion.objects.filter(pk=version.pk).update(pipeline_metric="pipe", won_metric="won")
    assert definitions.is_published("pipe")
    assert definitions.is_published("won")


@pytest.mark.parametrize("who", ["owner", "manager", "executive", "outsider"])
def test_only_admins_define(who, people, client, db):
    client.force_login(people[who])
    for name, args in (
        ("metric_new", []),
        ("metric_edit", ["exports_30d"]),
        ("metric_switch", ["exports_30d"]),
    ):
        assert client.post(reverse(name, args=args), FORM).status_code == 404
    assert not MetricDefinition.objects.exists()
