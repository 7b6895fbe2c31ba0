"""The demo book: the same every time, plausible day by day, and never in anybody's way."""

import datetime as dt
import io

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from accounts.access import visible_to
from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import undo
from accounts.models import Account, ImportRun, Reading, Team
from csm.demo import write
from csm.demo.book import LABEL, SOURCE, Plan, generate
from csm.demo.companies import STORIES, add_years, anniversary
from csm.demo.histories import ACTIVITY_CAP, METRICS
from csm.demo.names import VERY_LONG
from csm.demo.nights import NOTE, SCORECARD
from csm.demo.people import CSMS, MAIL_DOMAIN, PASSWORD, PEOPLE
from csm.models import Role, User
from scoring.models import AccountHealth, Scorecard, ScorecardVersion, ScoreRun, Snapshot

AS_OF = dt.date(2026, 11, 22)


@pytest.fixture(scope="module")
def demo_book():
    return generate(Plan(accounts=300, days=180, seed=7, as_of=AS_OF))


@pytest.fixture(scope="module")
def rows(demo_book):
    """The readings with what the company frame says of their account."""
    frame = pd.DataFrame({"on": demo_book.readings.on, **demo_book.readings.metrics})
    about = demo_book.companies.iloc[demo_book.readings.account].reset_index(drop=True)
    return frame.assign(
        account=demo_book.readings.account, story=about["story"], size=about["size_segment"]
    ).assign(
        since=pd.to_datetime(about["customer_since"]), churned=pd.to_datetime(about["churned_on"])
    )


def test_the_same_plan_gives_the_same_book(demo_book):
    again = generate(demo_book.plan)
    pd.testing.assert_frame_equal(demo_book.companies, again.companies)
    assert np.array_equal(demo_book.readings.on, again.readings.on)
    for key in METRICS:
        assert np.array_equal(
            demo_book.readings.metrics[key], again.readings.metrics[key], equal_nan=True
        )


def test_another_seed_gives_another_book(demo_book):
    other = generate(Plan(300, 180, 8, AS_OF))
    assert list(other.companies["name"]) != list(demo_book.companies["name"])


@pytest.mark.parametrize("accounts", [1, 2, 19, 20, 37])
def test_small_books_work(accounts):
    small = generate(Plan(accounts, 30, 7, AS_OF))
    assert len(small.companies) == accounts


def test_names_are_distinct_at_ten_thousand():
    names = generate(Plan(10_000, 30, 7, AS_OF)).companies["name"]
    assert names.is_unique
    assert names.str.len().max() == len(VERY_LONG) <= 255
    assert (~names.map(str.isascii)).sum() > 200


def test_every_story_is_told(demo_book):
    assert set(demo_book.companies["story"]) == set(STORIES)


def test_one_reading_a_week_from_the_first_night_on(demo_book, rows):
    steady = rows[rows["story"] == "steady"]
    gaps = steady.groupby("account")["on"].diff().dropna().dt.days
    assert set(gaps) == {7}
    first = AS_OF - dt.timedelta(days=179)
    assert (steady.groupby("account")["on"].min() <= pd.Timestamp(first)).all()
    assert rows["on"].max() <= pd.Timestamp(AS_OF)
    weekdays = rows.groupby("account")["on"].first().dt.day_of_week.value_counts()
    assert len(weekdays) == 7


def test_nothing_is_reported_before_or_after_the_contract(rows):
    assert (rows["on"] >= rows["since"]).all()
    left = rows[rows["churned"].notna()]
    assert len(left)
    assert (left["on"] < left["churned"]).all()


def test_new_customers_begin_within_the_window(demo_book):
    new = demo_book.companies[demo_book.companies["story"] == "new"]
    assert all(AS_OF - dt.timedelta(days=180) < day < AS_OF for day in new["customer_since"])


def test_a_decline_precedes_every_churn(rows):
    """Activity halves at least between two months or more before the end and the last fortnight."""
    left = rows[rows["story"] == "churned"]
    ahead = (left["churned"] - left["on"]).dt.days
    early = left[ahead > 60].groupby("account")["total_activities_30d"].max()
    late = left[ahead <= 14].groupby("account")["total_activities_30d"].mean()
    assert len(early) == left["account"].nunique()
    assert (late < early.loc[late.index] * 0.5).all()


def test_a_silent_source_has_said_nothing_for_sixty_days(rows, demo_book):
    stale = rows[rows["story"] == "stale"]
    assert (stale["on"] <= pd.Timestamp(AS_OF - dt.timedelta(days=60))).all()
    assert len(stale)
    silent = demo_book.companies.index[demo_book.companies["story"] == "silent"]
    assert len(silent)
    assert not np.isin(silent, demo_book.readings.account).any()


def test_a_save_is_visible(rows):
    """Recovered accounts were far lower in the middle of their dip than they are now."""
    saved = rows[rows["story"] == "recovered"].groupby("account")["total_activities_30d"]
    assert (saved.min() < saved.last() * 0.75).mean() > 0.9


def test_values_are_what_ingest_would_take(rows):
    values = rows[list(METRICS)]
    assert (values.min() >= 0).all()
    assert np.isfinite(values.to_numpy()[~values.isna().to_numpy()]).all()
    assert not (rows["contacts_with_email"] > rows["total_contacts"]).any()
    assert values["total_activities_30d"].max() <= ACTIVITY_CAP
    known = values.to_numpy()[~values.isna().to_numpy()]
    assert (known == known.round()).all()


def test_activity_and_recency_agree(rows):
    rows = rows[rows["days_since_last_activity"].notna()]
    quiet = rows["total_activities_30d"] == 0
    assert (rows.loc[quiet, "days_since_last_activity"] >= 30).all()
    assert (rows.loc[~quiet, "days_since_last_activity"] < 30).all()
    assert (rows["days_since_last_activity"] <= (rows["on"] - rows["since"]).dt.days).all()


def test_companies_are_plausible(demo_book):
    frame = demo_book.companies
    assert ((frame["arr"] > 0) | frame["arr"].isna()).all()
    for size, low, high in [
        ("Small Business", 4, 99),
        ("Mid-Market", 100, 999),
        ("Large", 1_000, 4_999),
    ]:
        assert frame.loc[frame["size_segment"] == size, "employees"].between(low, high).all()
    churned = frame["churned_on"].notna()
    assert (frame.loc[churned, "lifecycle_stage"].isin(["Churned", ""])).all()
    assert not (frame.loc[~churned, "lifecycle_stage"] == "Churned").any()
    for row in frame[~churned].itertuples():
        assert row.renewal_on is None or row.renewal_on >= AS_OF
        assert row.last_touch_on is None or row.customer_since <= row.last_touch_on <= AS_OF


@pytest.mark.parametrize(
    ("since", "on_or_after", "every", "expected"),
    [
        (dt.date(2020, 3, 1), dt.date(2026, 2, 1), 1, dt.date(2026, 3, 1)),
        (dt.date(2020, 3, 1), dt.date(2026, 3, 1), 1, dt.date(2026, 3, 1)),
        (dt.date(2020, 3, 1), dt.date(2026, 3, 2), 1, dt.date(2027, 3, 1)),
        (dt.date(2020, 3, 1), dt.date(2026, 3, 2), 3, dt.date(2029, 3, 1)),
        (dt.date(2026, 11, 1), dt.date(2026, 11, 22), 1, dt.date(2027, 11, 1)),
    ],
)
def test_contracts_renew_on_their_anniversary(since, on_or_after, every, expected):
    assert anniversary(since, on_or_after, every) == expected


def test_a_contract_of_29_february_renews_on_the_28th():
    assert add_years(dt.date(2024, 2, 29), 1) == dt.date(2025, 2, 28)


def demo(**options):
    out = io.StringIO()
    call_command("demo", **{"accounts": 40, "days": 30, "as_of": str(AS_OF), **options}, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_stores_the_book_and_prints_the_log_ins(client):
    out = demo(no_nights=True)
    run = ImportRun.objects.get(source=SOURCE)
    assert (run.file_name, run.as_of) == (LABEL, AS_OF)
    assert Account.objects.filter(source=SOURCE).count() == 40
    assert Reading.objects.filter(import_run=run).count() == run.rows_read > 100
    assert PASSWORD in out
    for person in PEOPLE:
        assert person.username in out
        assert client.login(username=person.username, password=PASSWORD)


@pytest.mark.django_db
def test_people_have_their_roles_and_teams():
    demo(no_nights=True)
    counts = {role: User.objects.filter(role=role).count() for role in Role}
    assert counts == {Role.ADMIN: 1, Role.EXECUTIVE: 1, Role.MANAGER: 2, Role.CSM: 12}
    assert [team.members.count() for team in Team.objects.all()] == [7, 7]
    assert list(User.objects.filter(is_staff=True).values_list("role", flat=True)) == [Role.ADMIN]
    assert all(user.email.endswith(MAIL_DOMAIN) for user in User.objects.all())
    mara = User.objects.get(username=CSMS[0].username)
    assert 0 < mara.owned_accounts.count() < visible_to(mara).count() < 40


@pytest.mark.django_db
def test_a_second_run_leaves_the_same_book():
    demo(no_nights=True)
    before = list(Account.objects.order_by("id").values_list("id", "external_id", "name"))
    imports = ImportRun.objects.count()
    out = demo(no_nights=True)
    assert "stays as it is" in out
    assert list(Account.objects.order_by("id").values_list("id", "external_id", "name")) == before
    assert ImportRun.objects.count() == imports


@pytest.mark.django_db
def test_a_changed_password_is_kept():
    demo(no_nights=True)
    user = User.objects.get(username="mara.csm")
    user.set_password("my own words 77")
    user.save(update_fields=["password"])
    demo(no_nights=True, fresh=True)
    user.refresh_from_db()
    assert user.check_password("my own words 77")


@pytest.mark.django_db
def test_other_numbers_replace_the_book():
    demo(no_nights=True)
    demo(no_nights=True, accounts=25)
    assert Account.objects.count() == 25
    assert write.existing() == Plan(25, 30, 7, AS_OF)


@pytest.mark.django_db
def test_a_database_with_other_accounts_is_refused_and_left_alone():
    mine = Account.objects.create(source="crm", external_id="1", name="Ours")
    with pytest.raises(CommandError, match="1 accounts that are not the demo's"):
        demo(no_nights=True)
    assert list(Account.objects.all()) == [mine]
    assert not User.objects.exists()
    demo(no_nights=True, alongside=True)
    demo(no_nights=True, alongside=True, fresh=True)
    assert Account.objects.exclude(source=SOURCE).get() == mine


@pytest.mark.django_db
def test_a_public_host_is_refused(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="published password"):
        demo(no_nights=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accounts": 0}, "between 1 and"),
        ({"days": 5}, "between 30"),
        ({"as_of": "yesterday"}, "YYYY-MM-DD"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(CommandError, match=message):
        demo(no_nights=True, **options)


@pytest.mark.django_db
def test_the_size_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("DEMO_ACCOUNTS", "23")
    demo(no_nights=True, accounts=None)
    assert Account.objects.count() == 23
    monkeypatch.setenv("DEMO_ACCOUNTS", "many")
    with pytest.raises(CommandError, match="DEMO_ACCOUNTS='many'"):
        demo(no_nights=True, accounts=None)


@pytest.mark.django_db
def test_the_nights_tell_of_the_better_scorecard():
    demo()
    assert ScoreRun.objects.filter(state="done").count() == 30
    first, second = ScorecardVersion.objects.filter(scorecard__key=SCORECARD).order_by("number")
    assert (first.state, second.state, second.note) == ("retired", "active", NOTE)
    changed_on = AS_OF - dt.timedelta(days=22)
    assert second.published_at.date() == changed_on
    assert first.published_at < second.published_at
    assert set(Snapshot.objects.filter(as_of__lt=changed_on).values_list("version", flat=True)) == {
        first.pk
    }
    assert set(
        Snapshot.objects.filter(as_of__gte=changed_on).values_list("version", flat=True)
    ) == {second.pk}
    assert AccountHealth.objects.filter(as_of=AS_OF).count() > 30

    # Again: nothing new. Anew: the same story from the start.
    demo()
    assert ScoreRun.objects.count() == 30
    demo(fresh=True)
    assert ScoreRun.objects.count() == 30
    assert Scorecard.objects.get(key=SCORECARD).versions.count() == 2
    assert Snapshot.objects.values("version").distinct().count() == 2


@pytest.mark.django_db
def test_the_generated_import_refuses_to_be_undone():
    demo(no_nights=True)
    run = ImportRun.objects.get(source="demo")
    with pytest.raises(UndoRefused, match="--fresh"):
        undo(run, by=None)
    assert Account.objects.exists()
