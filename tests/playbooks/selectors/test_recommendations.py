"""Which playbooks fit which accounts, and why; one account and the whole book agree."""

from datetime import date, timedelta

import pytest

from accounts.access import visible_to
from accounts.models import Account
from playbooks.models import Severity
from playbooks.selectors.recommendations import (
    OpenAlert,
    Situation,
    active_versions,
    audience,
    audience_sizes,
    match,
    recommended,
)
from playbooks.services import playbooks
from tests.conftest import NIGHT

ALERT = OpenAlert("executive-silent", "No executive log-in", 3, None)
HERE = Situation(
    as_of=NIGHT,
    industry="Healthcare",
    size="Small Business",
    stage="Growth",
    tone="poor",
    band="Low",
    customer_since=date(2026, 10, 21),
    renewal_on=date(2027, 1, 17),
    alerts=(ALERT,),
)


@pytest.mark.parametrize(
    ("applies", "reasons"),
    [
        ({}, None),
        ({"tones": ["poor"]}, ["Health Low"]),
        ({"tones": ["good"]}, None),
        ({"tones": ["poor"], "sizes": ["Small Business"]}, ["Health Low, Small Business"]),
        ({"tones": ["poor"], "sizes": ["Enterprise"]}, None),
        (
            {"industries": ["Healthcare"], "sizes": ["Small Business"]},
            ["Healthcare, Small Business"],
        ),
        ({"triggers": ["executive-silent"]}, ["Open alert: No executive log-in"]),
        ({"triggers": ["dormant"]}, None),
        ({"triggers": ["executive-silent"], "tones": ["good"]}, None),
        ({"renewal_within_days": 58}, ["Renewal in 58 days"]),
        ({"renewal_within_days": 57}, None),
        ({"new_within_days": 31}, ["Customer for 30 days"]),
        ({"new_within_days": 30}, None),
        ({"lifecycle": ["Growth"]}, ["In the growth stage"]),
        ({"lifecycle": ["Onboarding"]}, None),
        # Not every source tells both: either will do.
        ({"lifecycle": ["Onboarding"], "new_within_days": 90}, ["Customer for 30 days"]),
        ({"lifecycle": ["Growth"], "new_within_days": 5}, ["In the growth stage"]),
    ],
)
def test_why_a_playbook_fits(applies, reasons):
    assert match(applies, HERE) == reasons


def test_unknown_fits_nothing():
    nowhere = Situation(as_of=NIGHT)
    for applies in (
        {"tones": ["poor"]},
        {"sizes": ["Enterprise"]},
        {"industries": ["Retail"]},
        {"lifecycle": ["Growth"]},
        {"renewal_within_days": 1000},
        {"new_within_days": 1000},
    ):
        assert match(applies, nowhere) is None


def test_a_renewal_that_is_past_is_not_near():
    late = Situation(as_of=NIGHT, renewal_on=NIGHT - timedelta(days=1))
    assert match({"renewal_within_days": 30}, late) is None


def test_what_answers_an_alert_comes_first_and_what_runs_is_left_out(
    book, make_playbook, make_trigger, make_alert, make_plan
):
    poor = book[1]
    cadence = make_playbook("weekly", kind="cadence", applies={"tones": ["poor"]})
    strategy = make_playbook(
        "turnaround", kind="strategy", applies={"tones": ["poor"], "sizes": ["Small Business"]}
    )
    named = make_playbook("named", applies={"triggers": ["dormant"]})
    answer = make_playbook("answer")
    make_playbook("elsewhere", applies={})
    running = make_playbook("running", applies={"tones": ["poor"]})
    off = make_playbook("off", applies={"tones": ["poor"]})
    off.playbook.is_active = False
    off.playbook.save()
    trigger = make_trigger(
        "dormant", name="Silence", severity=Severity.HIGH, playbook=answer.playbook
    )
    make_alert(poor, trigger)
    make_plan(poor, playbook_version=running)
    found = recommended([poor.pk, book[0].pk])
    assert [each.version for each in found[poor.pk]] == [answer, named, strategy, cadence]
    assert found[poor.pk][0].reasons == ("Open alert: Silence",)
    assert found[poor.pk][2].reasons == (f"Health {poor.health.band_name}, Small Business",)
    assert found[book[0].pk] == []


def test_the_loudest_alert_comes_first(book, make_playbook, make_trigger, make_alert):
    quiet, loud = make_playbook("quiet"), make_playbook("loud")
    make_alert(book[0], make_trigger("a", severity=Severity.LOW, playbook=quiet.playbook))
    make_alert(book[0], make_trigger("b", severity=Severity.CRITICAL, playbook=loud.playbook))
    assert [each.version for each in recommended([book[0].pk])[book[0].pk]] == [loud, quiet]


def test_held_and_ended_alerts_and_churned_accounts_recommend_nothing(
    book, make_playbook, make_trigger, make_alert
):
    make_playbook("p", applies={"triggers": ["x"]})
    trigger = make_trigger("x")
    make_alert(book[0], trigger, state="held")
    make_alert(book[1], trigger, state="cleared")
    make_alert(book[2], trigger)
    Account.objects.filter(pk=book[2].pk).update(churned_on=NIGHT)
    assert not any(recommended([account.pk for account in book]).values())


def test_one_account_and_the_whole_book_agree(book, make_trigger, make_alert, make_plan, admin):
    """For every playbook that ships: recommended on exactly its audience, less where it runs."""
    playbooks.load_library()
    versions = active_versions()
    keys = ["dormant", "usage-drop", "emergency", "renewal-risk", "nps-falling", "dormant"]
    for place, (account, key) in enumerate(zip(book, keys, strict=True)):
        answer = versions[place].playbook if place % 2 else None
        trigger = make_trigger(f"{key}-{place}" if place == 5 else key, playbook=answer)
        make_alert(account, trigger)
    Account.objects.filter(pk=book[4].pk).update(
        customer_since=NIGHT - timedelta(days=20), lifecycle_stage="Onboarding"
    )
    make_plan(book[1], playbook_version=versions[0])
    ids = [account.pk for account in book]
    found = recommended(ids)
    sizes = audience_sizes(versions, visible_to(admin), as_of=NIGHT)
    fitted = 0
    for version in versions:
        fits = set(audience(version).values_list("pk", flat=True))
        assert sizes[version.pk] == len(fits)
        running = {book[1].pk} if version == versions[0] else set()
        told = {pk for pk in ids if any(each.version == version for each in found[pk])}
        assert told == fits - running, version
        fitted += len(fits)
    assert fitted >= 20


def test_an_audience_keeps_to_what_the_viewer_may_see(book, outsider, owner, make_playbook):
    version = make_playbook(applies={"tones": ["poor", "fair", "good"]})
    assert not audience(version, accounts=visible_to(outsider))
    assert audience(version, accounts=visible_to(owner)).count() == 5


def test_queries_do_not_grow(book, make_playbook, make_account, django_assert_num_queries):
    for n in range(4):
        make_playbook(f"p{n}", applies={"tones": ["poor"], "sizes": ["Enterprise"]})
    versions = active_versions()
    ids = [account.pk for account in book]
    with django_assert_num_queries(4):
        recommended(ids)
    with django_assert_num_queries(3):
        recommended(ids[:1], as_of=NIGHT)
    with django_assert_num_queries(2):
        audience_sizes(versions, Account.objects.all(), as_of=NIGHT)
