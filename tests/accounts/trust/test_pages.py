"""The data-quality pages: for admins, with the figures of their lists, and every action with its way back."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import (
    Account,
    AuditEvent,
    Contact,
    Freeze,
    HeldRow,
    LookAlike,
    Merge,
    NotADuplicate,
    Source,
    Subscription,
)
from accounts.trust import breaker, counted, duplicates, profile, urls
from accounts.trust.contradictions import RULES, accounts_of, counts
from csm.lib.dates import today
from csm.lib.remembered import count_figure


def address(pattern):
    values = {"pk": 1, "key": "seats"}
    wanted = re.findall(r"<\w+:(\w+)>", str(pattern.pattern))
    return reverse(pattern.name, kwargs={name: values[name] for name in wanted})


@pytest.mark.parametrize("who", ["owner", "manager", "executive", "outsider"])
def test_only_admins_find_them(who, people, client):
    client.force_login(people[who])
    for pattern in urls.urlpatterns:
        url = address(pattern)
        answers = {client.get(url).status_code, client.post(url).status_code}
        assert answers <= {404, 405}, url
        assert 404 in answers, url


@pytest.fixture
def broken(make_account, owner, north, tell):
    """A book with one account for every rule it can break."""
    day = today()
    ago = lambda n: day - timedelta(days=n)  # noqa: E731
    flag = make_account("Flag", churn_flag=True, owner=owner)
    gone = make_account(
        "Gone", churned_on=ago(30), churn_flag=False, lifecycle_stage="Growth", owner=owner
    )
    tell([gone], days=2, until=ago(3))
    Subscription.objects.create(
        account=gone, external_id="S1", started_on=ago(90), arr_amount=5, ends_on=ago(-90)
    )
    money = make_account("Money", arr_amount=100_00, renewal_on=ago(-60), owner=owner)
    Subscription.objects.create(
        account=money, external_id="S2", started_on=ago(90), arr_amount=150_00, ends_on=ago(-90)
    )
    fine = make_account("Fine", arr_amount=100_00, renewal_on=ago(-91), owner=owner)
    Subscription.objects.create(
        account=fine, external_id="S3", started_on=ago(90), arr_amount=100_00, ends_on=ago(-90)
    )
    tell([money], days=1, until=day, key="seats_active", value=12)
    tell([money], days=1, until=day, key="seats_licensed", value=10)
    Contact.objects.create(
        account=money,
        external_id="C",
        name="Ann",
        known_on=ago(90),
        left_on=ago(20),
        last_active_on=ago(2),
    )
    Subscription.objects.create(
        account=flag, external_id="S4", started_on=ago(10), ends_on=ago(20), ended_on=ago(15)
    )
    return {
        "flag-says-churned": {flag},
        "flag-says-customer": {gone},
        "stage-and-churn": {gone},
        "churned-pays": {gone},
        "churned-lives": {gone},
        "arr-differs": {money},
        "renewal-differs": {money},
        "order": {flag},
        "seats": {money},
        "left-and-active": {money},
    }


def test_each_rule_finds_its_account_and_counts_what_it_lists(broken, admin, client):
    found = {key: set(accounts_of(RULES[key], Account.objects.all(), today())) for key in RULES}
    assert found == broken
    assert counts(Account.objects.all(), today()) == {key: len(each) for key, each in found.items()}
    client.force_login(admin)
    assert client.get(reverse("quality")).context["counts"].contradicting == len(RULES)
    for key, accounts in broken.items():
        page = client.get(reverse("quality_contradiction", args=[key])).content.decode()
        file = client.get(reverse("quality_contradiction_csv", args=[key]))
        text = file.getvalue().decode("utf-8-sig")
        for account in accounts:
            assert account.name in page
            assert account.external_id in text
        assert "Fine" not in page
        assert len(text.splitlines()) == 2
    assert AuditEvent.objects.filter(kind="export").count() == len(RULES)


def test_a_large_book_is_counted_in_the_background_and_lists_the_first_of_each_rule(
    broken, admin, client, monkeypatch
):
    client.force_login(admin)
    small = client.get(reverse("quality")).context["counts"]
    monkeypatch.setattr(counted, "LIVE", 0)
    monkeypatch.setattr(counted, "LISTED", 1)
    sent = []
    monkeypatch.setattr(
        count_figure, "apply_async", lambda args, **options: sent.append(args) or args
    )
    rule = reverse("quality_contradiction", kwargs={"key": "seats"})
    for url in (reverse("quality"), reverse("quality_contradictions"), rule):
        assert b"are being counted" in client.get(url).content
    assert len(sent) == 1
    count_figure(*sent[0])
    counts_ = client.get(reverse("quality")).context["counts"]
    assert (counts_.customers, counts_.unowned) == (small.customers, small.unowned)
    assert counts_.contradictions == small.contradictions
    answer = client.get(rule).content.decode()
    (account,) = broken["seats"]
    assert account.name in answer
    assert "counted at" in answer


def test_a_source_is_watched_frozen_and_lifted(admin, client, make_account, tell):
    tell([make_account()], until=today(), days=20)
    profile.refresh()
    source = Source.objects.get(key="product")
    client.force_login(admin)
    page = client.get(reverse("quality_source", args=[source.pk]))
    assert page.status_code == 200
    wrong = client.post(reverse("quality_source_save", args=[source.pk]), {"interval_days": "-1"})
    assert wrong.status_code == 422
    client.post(
        reverse("quality_source_save", args=[source.pk]), {"interval_days": "2", "watched": "on"}
    )
    source.refresh_from_db()
    assert source.interval_days == 2
    freeze = reverse("quality_freeze", args=[source.pk])
    good_on = (today() - timedelta(days=2)).isoformat()
    ahead = (today() + timedelta(days=2)).isoformat()
    asked = {"feed": "usage", "good_on": good_on, "note": "odd counts"}
    assert client.post(freeze, asked | {"good_on": ahead}).status_code == 422
    assert client.post(freeze, asked).status_code == 302
    held = Freeze.objects.get()
    for name in ("quality", "home", "nights"):
        assert "odd counts" in client.get(reverse(name)).content.decode(), name
    assert breaker.frozen_on(today())
    client.post(reverse("quality_lift", args=[held.pk]), {"note": ""})
    assert breaker.frozen_on(today())
    client.post(reverse("quality_lift", args=[held.pk]), {"note": "seen"})
    assert not breaker.frozen_on(today())
    assert "odd counts" not in client.get(reverse("home")).content.decode()


def test_held_rows_are_discarded_and_put_back(admin, client):
    for n in range(3):
        HeldRow.objects.create(
            feed="tickets",
            source="desk",
            account_external_id="=Z9" if n else "Y1",
            cells={"subject": "=1+1", f"extra{n}": "x"},
            number=n,
        )
    client.force_login(admin)
    assert "=Z9" in client.get(reverse("quality_quarantine")).content.decode()
    text = client.get(reverse("quality_quarantine_csv")).getvalue().decode("utf-8-sig")
    assert text.splitlines()[0].endswith("extra0,extra1,extra2,subject")
    assert ",=1+1," not in text
    one = {"account": "=Z9", "source": "desk", "feed": "tickets"}
    client.post(reverse("quality_held_discard"), one)
    assert HeldRow.objects.filter(state="discarded").count() == 2
    assert "=Z9" in client.get(reverse("quality_quarantine") + "?state=discarded").content.decode()
    client.post(reverse("quality_held_put_back"), one)
    assert HeldRow.objects.filter(state="waiting").count() == 3
    client.post(reverse("quality_held_load"))
    assert HeldRow.objects.filter(state="waiting").count() == 3


def test_two_accounts_are_looked_at_merged_and_parted(admin, client, make_account):
    one, two = make_account("Acorn Ltd", country="FR"), make_account("ACORN", country="")
    duplicates.search()
    assert LookAlike.objects.count() == 1
    client.force_login(admin)
    pair = {"kept": two.pk, "merged": one.pk}
    assert "ACORN" in client.get(reverse("quality_duplicates")).content.decode()
    looked = client.get(reverse("quality_merge"), pair).content.decode()
    assert "taken over" in looked
    assert not Merge.objects.exists()
    client.post(reverse("quality_merge_now"), pair)
    led = client.get(reverse("account", args=[one.pk]))
    assert (led.status_code, led["Location"]) == (302, reverse("account", args=[two.pk]))
    client.post(reverse("quality_merge_undo", args=[Merge.objects.get().pk]))
    assert client.get(reverse("account", args=[one.pk])).status_code == 200
    client.post(reverse("quality_settle"), pair)
    assert not LookAlike.objects.exists()
    client.post(reverse("quality_duplicates_search"))
    assert not LookAlike.objects.exists()
    client.post(reverse("quality_unsettle", args=[NotADuplicate.objects.get().pk]))
    client.post(reverse("quality_duplicates_search"))
    assert LookAlike.objects.count() == 1
    assert client.get(reverse("quality_merge"), {"kept": one.pk, "merged": 0}).status_code == 404


def test_accounts_without_an_owner(admin, client, make_account, owner):
    make_account("Owned", owner=owner)
    make_account("Nobody's")
    make_account("Gone", churned_on=today() - timedelta(days=1))
    client.force_login(admin)
    page = client.get(reverse("quality_unowned"))
    assert page.context["pager"]["total"] == 1
    assert client.get(reverse("quality")).context["counts"].unowned == 1
    text = client.get(reverse("quality_unowned_csv")).getvalue().decode()
    assert "Nobody's" in text
    assert "Owned" not in text
