"""The list of alerts, the alert's page, acting from both, the account's tab."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from playbooks.models import Alert, AlertChange, Intervention, Severity, Trigger
from playbooks.services import alerts as services
from tests.playbooks.conftest import NOW

EVIDENCE = [
    {
        "label": "Log-ins in 7 days",
        "key": "logins_7d",
        "value": 3.0,
        "text": "3, was 14",
        "op": "<",
        "threshold": 10.0,
        "limit": "below 10",
        "holds": True,
        "unit": "",
        "window": 7,
    },
    {"label": "Seats", "key": "seats", "value": None, "text": "—", "holds": None},
]


@pytest.fixture
def loud(book, make_alert, make_trigger):
    trigger = make_trigger("login-decline", severity=Severity.CRITICAL, family="leading")
    return make_alert(book[1], trigger, evidence=EVIDENCE)


@pytest.fixture
def quiet(book, make_alert, make_trigger):
    return make_alert(book[0], make_trigger("thin-contacts", severity=Severity.LOW))


def listed(client, **query):
    page = client.get(reverse("alerts"), query).content.decode()
    return re.findall(r'data-url="/alerts/(\d+)/"', page)


def act(client, alert, action, **values):
    url = reverse("alert_act", args=[alert.pk])
    return client.post(url, {"action": action, "seen": alert.version, **values}, follow=True)


def said(response):
    return " ".join(str(message) for message in response.context["messages"])


def test_the_list_shows_what_is_open_loudest_first(client, owner, loud, quiet, book, make_alert):
    make_alert(book[3])  # a colleague's
    make_alert(book[0], state="held")
    sleeping = make_alert(
        book[2], snoozed_until=timezone.localdate() + timedelta(days=3), snooze_reason="Holiday"
    )
    over = make_alert(book[1], quiet.trigger, state="dismissed", end_reason="Fine")
    client.force_login(owner)
    assert listed(client) == [str(loud.pk), str(quiet.pk)]
    assert listed(client, state="snoozed") == [str(sleeping.pk)]
    assert listed(client, state="dismissed") == [str(over.pk)]
    assert len(listed(client, state="held")) == 1
    assert len(listed(client, scope="team")) == 3
    page = client.get(reverse("alerts")).content.decode()
    assert "Log-ins in 7 days: 3, was 14 (below 10)" in page
    assert "Critical" in page
    assert "held while a source is frozen" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"trigger": "login-decline"}, ["loud"]),
        ({"severity": "1"}, ["quiet"]),
        ({"family": "leading"}, ["loud"]),
        ({"q": "pOTS"}, ["loud"]),
        ({"taken": "yes"}, ["quiet"]),
        ({"taken": "no"}, ["loud"]),
        ({"age": "old"}, []),
        ({"owner": "nobody"}, []),
        ({"state": "overflow"}, ["loud"]),
        ({"sort": "severity"}, ["quiet", "loud"]),
        # What makes no sense is left out and named.
        ({"severity": "99", "age": "yore", "trigger": "<b>"}, ["loud", "quiet"]),
    ],
)
def test_filters_stand_in_the_address(client, owner, loud, quiet, query, found):
    Alert.objects.update(opened_on=timezone.localdate())
    Alert.objects.filter(pk=loud.pk).update(overflow=True)
    services.take(quiet, by=owner, at=NOW)
    client.force_login(owner)
    ids = {"loud": str(loud.pk), "quiet": str(quiet.pk)}
    assert listed(client, **query) == [ids[name] for name in found]


def test_taking_from_the_list_goes_back_to_it_and_can_be_undone(client, owner, loud):
    client.force_login(owner)
    back = reverse("alerts") + "?sort=-arr"
    response = act(client, loud, "take", next=back)
    assert response.redirect_chain == [(back, 302)]
    assert "taken." in said(response)
    batch = AlertChange.objects.get().batch
    assert reverse("alerts_undo", args=[batch]) in said(response)
    undone = client.post(reverse("alerts_undo", args=[batch]), {"next": back}, follow=True)
    assert "Undone: 1 alert." in said(undone)
    loud.refresh_from_db()
    assert loud.taken_by is None


def test_the_second_is_told_who_was_first(client, owner, manager, loud):
    services.take(loud, by=owner, at=NOW)
    client.force_login(manager)
    assert "owner took it on 21 Nov 2026" in said(act(client, loud, "take"))
    loud.refresh_from_db()
    assert loud.taken_by == owner


@pytest.mark.parametrize(
    ("action", "values", "fault"),
    [
        ("snooze", {"reason": "Later"}, "Choose the day"),
        ("snooze", {"reason": "Later", "until": "soon"}, "YYYY-MM-DD"),
        ("dismiss", {"reason": " "}, "Say why it is no risk"),
        ("explode", {}, "explode"),
        ("start", {}, "recommends no playbook"),
        ("assign", {"to": "999"}, "valid choice"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_happens(
    client, owner, loud, action, values, fault
):
    client.force_login(owner)
    assert fault in said(act(client, loud, action, **values))
    assert not AlertChange.objects.exists()


def test_one_never_leaves_the_workbench_for_another_address(client, owner, loud):
    client.force_login(owner)
    response = act(client, loud, "take", next="https://elsewhere.example/")
    assert response.redirect_chain == [(reverse("alert", args=[loud.pk]), 302)]


def test_the_page_tells_rule_evidence_history_and_what_fits(client, owner, loud, make_playbook):
    version = make_playbook(applies={"triggers": ["login-decline"]})
    services.snooze(
        loud, until=timezone.localdate(NOW) + timedelta(9), reason="Audit", by=owner, at=NOW
    )
    client.force_login(owner)
    url = reverse("alert", args=[loud.pk])
    page = client.get(url).content.decode()
    for words in ("Score below 30.", "3, was 14", "below 10", "Audit", "Snoozed", "Poor Pots"):
        assert words in page, words
    assert reverse("alert_choices", args=[loud.pk]) in page
    for address in (reverse("alert_choices", args=[loud.pk]), f"{url}?choices=1"):
        whole = client.get(address).content.decode()
        assert "Open alert: Login decline" in whole
        assert "not enough data" in whole
        assert f'value="{version.pk}"' in whole
    response = act(client, Alert.objects.get(), "start", version=version.pk)
    plan = Intervention.objects.get()
    assert reverse("plan", args=[plan.pk]) in said(response)


def test_many_are_previewed_first_then_done_and_undone(
    client, owner, colleague, loud, quiet, book, make_alert
):
    others = make_alert(book[3], quiet.trigger)
    services.take(quiet, by=colleague, at=NOW)
    client.force_login(owner)
    query = "scope=team&state=any"
    preview = client.post(reverse("alerts_bulk"), {"what": "all", "query": query}).context
    assert (preview["alerts"], preview["accounts"]) == (3, 3)
    take = preview["previews"]["take"]
    assert take.concerned == 1
    assert take.left == ["colleague took it: 1", "Not yours to act on: 1"]
    done = client.post(
        reverse("alerts_bulk"),
        {"action": "dismiss", "reason": "Planned", "chosen": preview["chosen"]},
        follow=True,
    )
    assert "1 alert marked as not a risk." in said(done)
    assert "colleague took it" in said(done)
    states = dict(Alert.objects.values_list("pk", "state"))
    assert states == {loud.pk: "dismissed", quiet.pk: "open", others.pk: "open"}
    batch = AlertChange.objects.filter(kind="dismissed").get().batch
    client.post(reverse("alerts_undo", args=[batch]))
    loud.refresh_from_db()
    assert loud.state == "open"


def test_the_selected_are_previewed_and_stale_ones_refused(client, owner, manager, loud, quiet):
    client.force_login(owner)
    assert "Select some" in said(
        client.post(reverse("alerts_bulk"), {"what": "selected"}, follow=True)
    )
    preview = client.post(reverse("alerts_bulk"), {"what": "selected", "id": [loud.pk]}).context
    assert preview["chosen"] == f"{loud.pk}.1"
    services.take(loud, by=manager, at=NOW)
    done = client.post(
        reverse("alerts_bulk"), {"action": "take", "chosen": preview["chosen"]}, follow=True
    )
    assert "manager took it" in said(done)
    for chosen in ("1.x", "1", "a.b"):
        response = client.post(reverse("alerts_bulk"), {"action": "take", "chosen": chosen})
        assert response.status_code == 404


@pytest.mark.parametrize("who", ["outsider", "executive", "colleague"])
def test_others_act_on_nothing(client, people, loud, who):
    client.force_login(people[who])
    assert act(client, loud, "take").status_code == 404
    client.post(reverse("alerts_bulk"), {"action": "take", "chosen": f"{loud.pk}.1"})
    assert not AlertChange.objects.exists()
    sees = 404 if who == "outsider" else 200
    for url in (
        reverse("alert", args=[loud.pk]),
        reverse("alert_choices", args=[loud.pk]),
        reverse("account_alerts", args=[loud.account_id]),
    ):
        response = client.get(url)
        assert response.status_code == sees
        if sees == 200:
            assert "Not a risk</button>" not in response.content.decode()
    assert (str(loud.pk) in listed(client, scope="all")) == (sees == 200)
    assert (
        b"Poor Pots"
        not in client.post(reverse("alerts_bulk"), {"what": "selected", "id": [loud.pk]}).content
        or sees == 200
    )


def test_the_csv_follows_the_filter_and_is_recorded(client, owner, loud, quiet):
    loud.account.name = "=cmd()"
    loud.account.save()
    client.force_login(owner)
    response = client.get(reverse("alerts_csv"), {"severity": "4"})
    text = response.getvalue().decode("utf-8-sig")
    assert len(text.strip().splitlines()) == 2
    assert "'=cmd()" in text
    assert "120000.00" in text
    assert AuditEvent.objects.get(kind="export").detail["rows"] == 1


def test_the_account_tab_has_open_and_past_alerts(client, owner, loud, book, make_alert, quiet):
    make_alert(book[1], quiet.trigger, state="dismissed", end_reason="Planned pause")
    client.force_login(owner)
    page = client.get(reverse("account_alerts", args=[book[1].pk])).content.decode()
    assert "Login decline" in page
    assert "Planned pause" in page
    assert "Take Login decline of Poor Pots" in page
    tabs = re.findall(r">([A-Z][a-z]+)<", page[page.index('aria-label="Account"') :][:2500])
    assert tabs[:7] == ["Overview", "Health", "Timeline", "Alerts", "Plans", "Contacts", "Usage"]


def test_the_timeline_tells_alerts_plans_and_notes(client, owner, loud, make_plan):
    services.take(loud, by=owner, at=NOW)
    plan = make_plan(loud.account)
    plan.changes.create(account=loud.account, kind="started", on=NOW.date(), at=NOW, by=owner)
    loud.account.notes.create(body="They merge with Acme", on=NOW.date(), at=NOW, by=owner)
    client.force_login(owner)
    url = reverse("account_timeline", args=[loud.account_id])
    for stream, words in (
        ("alert", "Alert “Login decline”: taken"),
        ("plan", "Plan “Plan for Poor Pots”: started"),
        ("note", "They merge with Acme"),
    ):
        page = client.get(url, {"stream": stream}).content.decode()
        assert words in page
        assert words in client.get(url).content.decode()


def test_queries_stay_few_however_many_alerts(
    client, owner, make_account, north, make_alert, make_trigger, make_playbook, book
):
    playbook = make_playbook().playbook
    triggers = [make_trigger(f"t-{n}", playbook=playbook) for n in range(5)]
    client.force_login(owner)

    def count(url):
        client.get(url)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    first = make_alert(book[0], triggers[0])
    urls = [
        reverse("alerts"),
        reverse("alert", args=[first.pk]),
        reverse("account_alerts", args=[book[0].pk]),
    ]
    few = [count(url) for url in urls]
    for trigger in triggers[1:]:
        make_alert(book[0], trigger)
    for _ in range(10):
        account = make_account(team=north, owner=owner)
        for trigger in triggers:
            make_alert(account, trigger)
    assert [count(url) for url in urls] == few
    assert max(few) <= 8


def test_opportunities_are_no_alarm(client, owner, book, make_alert, make_trigger):
    trigger = make_trigger("ready", family=Trigger.Family.OPPORTUNITY, severity=Severity.HIGH)
    make_alert(book[0], trigger)
    client.force_login(owner)
    page = client.get(reverse("alerts")).content.decode()
    assert 'class="severity tone-good"' in page
