"""The demo's facts: they count to what the weekly export says, tell its stories, and come and go whole."""

import datetime as dt
import io
import itertools

import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, F, Q, Sum

from accounts.models import (
    Account,
    Activity,
    Contact,
    ContactState,
    Fact,
    Freeze,
    HeldRow,
    ImportRun,
    OpportunityState,
    Source,
    Subscription,
    Ticket,
    Usage,
)
from accounts.trust.contradictions import RULES
from csm.demo import write
from csm.demo.book import Plan, generate
from csm.demo.facts.ledger import HELP_CENTRE, SOURCES, TRACKING
from csm.nightly import run_nightly
from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.derive import derive
from scoring.metrics.facts import Clock
from scoring.metrics.read import frame
from scoring.models import ScorecardVersion, Snapshot
from scoring.services import versions

AS_OF = dt.date(2026, 11, 22)
PLAN = Plan(accounts=150, days=180, seed=7, as_of=AS_OF)
# Facts that show in the readings of the export as well.
SHARED = (
    "total_activities_30d",
    "days_since_last_activity",
    "total_contacts",
    "contacts_with_email",
    "total_won_amount",
    "current_pipeline_amount",
)
TABLES = [
    model for model in apps.get_app_config("accounts").get_models() if issubclass(model, Fact)
]


def demo(**options):
    options = {"accounts": 150, "days": 180, "as_of": str(AS_OF), "no_nights": True, **options}
    call_command("demo", **options, stdout=io.StringIO())


@pytest.fixture(scope="module")
def _facts(django_db_setup, django_db_blocker):
    """The book with its facts, once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        demo()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def book(_facts, db):
    return generate(PLAN)


def ids():
    return list(Account.objects.order_by("pk").values_list("pk", flat=True))


def everything(as_of=AS_OF):
    mine = ids()
    found = frame(list(CATALOGUE), as_of=as_of, first_id=mine[0], last_id=mine[-1])
    return found.assign(row=[mine.index(pk) for pk in found.index])


@pytest.mark.parametrize("ago", [0, 17, 31])
def test_facts_count_to_what_the_export_says(book, ago):
    """On the days an account was exported since the systems were connected."""
    grid, fed = book.world.grid, book.world.fed
    mine = ids()
    derived = derive(
        [CATALOGUE[key] for key in SHARED],
        clock=Clock.of_night(AS_OF - dt.timedelta(days=ago), None),
        ids=np.array(mine),
        first_id=mine[0],
        last_id=mine[-1],
    )
    rows, weeks = np.nonzero(grid.told & (grid.ago == ago) & fed[:, None])
    assert len(rows) > 8
    for key in SHARED:
        told = grid.metrics[key][rows, weeks]
        known = ~np.isnan(told)
        # Champions and sponsors who left since were there beside the ones the export counts.
        off = 2 if key in {"total_contacts", "contacts_with_email"} else 0.01
        assert np.abs(derived[key].values[rows] - told)[known].max() <= off, key


def test_nearly_everything_a_preset_asks_is_known_of_accounts_the_systems_know(book):
    versions.load_presets()
    presets = ScorecardVersion.objects.filter(scorecard__key__in=["product-value", "five-pillar"])
    asked = set(presets.values_list("measures__metric", flat=True))
    assert len(asked) > 30
    found = everything()
    fed = found[book.world.fed[found["row"]] & (book.world.since[found["row"]] > 100)]
    known = fed[sorted(asked & set(fed))].notna().mean()
    assert known.mean() > 0.93
    assert known.min() > 0.5, known.idxmin()


@pytest.mark.parametrize("key", ["product-value", "five-pillar"])
def test_presets_are_fed(book, key):
    run = run_nightly(AS_OF, key, history_only=True)
    assert run.state == "done", run.error
    shots = Snapshot.objects.filter(run=run)
    fed = [pk for pk, yes in zip(ids(), book.world.fed, strict=True) if yes]
    coverage = np.array(shots.filter(account__in=fed).values_list("coverage", flat=True))
    assert np.median(coverage) > 0.97
    assert (coverage > 0.8).mean() > 0.9
    # Good and bad ones: a scale on which all look alike would show nothing.
    scores = np.array(shots.exclude(score=None).values_list("score", flat=True))
    assert np.percentile(scores, 90) - np.percentile(scores, 10) > 25


def test_every_system_tells_who_fares_well(book):
    found = everything()
    world, rows = book.world, found["row"].to_numpy()
    health = world.health(rows, np.zeros(len(rows)))
    better = (
        "logins_per_user_month",
        "outreach_response_rate",
        "training_attendance_rate",
        "ticket_sentiment_score",
        "daily_active_vs_expected_rate",
        "feature_utilisation_rate",
        "integration_success_rate",
        "roi_achieved_rate",
        "milestone_completion_rate",
        "csat_score",
        "invoices_paid_on_time_rate",
    )
    for key in better:
        known = found[key].notna().to_numpy()
        assert np.corrcoef(health[known], found[key][known])[0, 1] > 0.25, key
    for key in ("tickets_month", "critical_ticket_share", "negative_interactions_30d"):
        known = found[key].notna().to_numpy()
        assert np.corrcoef(health[known], found[key][known])[0, 1] < -0.1, key
    falling = np.isin(world.story[rows], ["declining", "recovered"])
    assert (
        found["champions_lost_90d"][falling].mean() > found["champions_lost_90d"][~falling].mean()
    )
    growing = world.story[rows] == "growing"
    change = found["contract_value_change_rate"]
    assert change[growing].mean() > change[~growing].mean() + 0.05


def test_contracts_agree_with_the_account(book):
    paying = Account.objects.filter(churned_on=None).annotate(
        n=Count("subscription"), total=Sum("subscription__arr_amount")
    )
    assert (
        not paying.filter(n__gt=0, arr_amount__isnull=False).exclude(total=F("arr_amount")).exists()
    )
    gone = Account.objects.exclude(churned_on=None)
    assert gone.exists()
    ended = Subscription.objects.filter(account__in=gone)
    assert not ended.exclude(ended_on=F("account__churned_on")).exists()
    assert not Usage.objects.filter(account__in=gone, on__gt=F("account__churned_on")).exists()
    assert not Activity.objects.filter(account__in=gone, on__gt=F("account__churned_on")).exists()


def test_contradictions_are_the_few_that_were_put_there(book):
    found = {}
    for key, rule in RULES.items():
        annotations, condition = rule.build(AS_OF)
        found[key] = Account.objects.annotate(**annotations).filter(condition).count()
    assert found.pop("flag-says-churned") == 3
    assert found.pop("flag-says-customer") == 2
    assert not any(found.values()), found


@pytest.mark.parametrize("model", [ContactState, OpportunityState])
def test_states_follow_one_another(book, model):
    """One state holds on any day: each begins where the one before it ends."""
    owner = "contact_id" if model is ContactState else "opportunity_id"
    rows = list(
        model.objects.order_by(owner, "valid_from").values_list(owner, "valid_from", "valid_to")
    )
    for (one, _, until), (other, since, _) in itertools.pairwise(rows):
        assert until == since if one == other else until is None
    assert rows[-1][2] is None


def test_what_contacts_are_is_what_their_last_state_says(book):
    now = ContactState.objects.filter(valid_to=None)
    assert now.count() == Contact.objects.count()
    for field in ("is_champion", "is_executive_sponsor", "left_on", "last_active_on"):
        same = Q(**{field: F(f"contact__{field}")})
        if field.endswith("_on"):
            same |= Q(**{f"{field}__isnull": True, f"contact__{field}__isnull": True})
        assert not now.exclude(same).exists(), field


def test_the_pages_of_data_quality_have_something_to_show(book):
    assert set(SOURCES) <= set(Source.objects.values_list("key", flat=True))
    assert HeldRow.objects.filter(state="waiting").count() == 4
    refused = ImportRun.objects.get(rows_rejected__gt=0)
    assert len(refused.errors) == refused.rows_rejected
    held = Freeze.objects.get()
    assert (held.source, held.lifted_on) == (HELP_CENTRE, None)
    newest = (
        Usage.objects.filter(source=HELP_CENTRE).order_by("-on").values_list("on", flat=True)[0]
    )
    assert held.good_on == newest < held.opened_on <= AS_OF


def test_every_fact_came_with_an_import_and_is_counted_by_it(book):
    for model in (Activity, Ticket, Contact):
        run = ImportRun.objects.get(pk=model.objects.values_list("import_run", flat=True)[0])
        assert run.created_count == model.objects.filter(import_run=run).count()


def contents():
    """Every fact by its own id, without keys of the database (ids of what events made have some)."""
    return {
        model.__name__: sorted(
            map(
                repr,
                model.objects.exclude(source=TRACKING).values_list(
                    "account__external_id",
                    *(
                        field.name
                        for field in model._meta.concrete_fields
                        if not field.is_relation and field.name != "id"
                    ),
                ),
            )
        )
        for model in TABLES
    }


@pytest.mark.django_db
def test_two_demos_are_equal_and_leave_nothing():
    demo(accounts=25, days=60)
    first = contents()
    assert all(len(rows) for rows in first.values()), [k for k, v in first.items() if not v]
    write.remove()
    for model in [*TABLES, Usage, Source, HeldRow, Freeze, ImportRun, Account]:
        assert not model.objects.exists(), model
    demo(accounts=25, days=60)
    assert contents() == first
