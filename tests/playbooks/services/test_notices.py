"""Telling people: once each, as they want it, and by webhook."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from playbooks.models import Absence, Delivery, Notice, NoticeSetting, Webhook
from playbooks.services import delivery, notices
from playbooks.services.notices import Telling
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW


def telling(user, about="alert:1:opened", **values):
    defaults = {
        "kind": "alert",
        "title": "Score below 30: Poor Pots",
        "url": "/alerts/1/",
        "severity": 3,
    }
    return Telling(user_id=user.pk, about=about, **(defaults | values))


def setting(user, **values):
    return NoticeSetting.objects.create(user=user, **values)


@pytest.fixture
def make_hook(db):
    def make(**values):
        defaults = {
            "name": "Chat",
            "url": "https://hooks.example.com/x",
            "secret": "whsec_x",
            "kinds": ["alert", "overflow"],
        }
        return Webhook.objects.create(**(defaults | values))

    return make


def test_told_once_however_often(owner, colleague):
    both = [telling(owner), telling(colleague), telling(owner)]
    assert notices.tell(both, at=NOW) == 2
    assert notices.tell(both, at=NOW + timedelta(days=1)) == 0
    assert Notice.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "kind", "severity", "told"),
    [
        ({}, "alert", 2, True),
        ({}, "alert", 1, False),  # the default is medium
        ({"min_severity": 4}, "alert", 3, False),
        ({"min_severity": 4}, "clock", 3, True),  # loudness is a matter of alerts
        ({"muted": ["mention"]}, "mention", None, False),
        ({"muted": ["mention"]}, "alert", 3, True),
    ],
)
def test_each_hears_what_they_asked_for(owner, values, kind, severity, told):
    setting(owner, **values)
    assert notices.tell([telling(owner, kind=kind, severity=severity)], at=NOW) == told


def test_the_inactive_are_told_nothing(owner):
    owner.is_active = False
    owner.save()
    assert notices.tell([telling(owner)], at=NOW) == 0


def test_mail_at_once_only_for_those_who_want_it(owner, colleague, manager):
    setting(owner, mail="at_once")
    setting(colleague, mail="never")
    notices.tell([telling(user) for user in (owner, colleague, manager)], at=NOW)
    notices.tell([telling(owner)], at=NOW)
    assert [row.user for row in Delivery.objects.all()] == [owner]


def test_a_webhook_gets_an_event_once_whoever_is_told(
    owner, colleague, outsider, north, south, make_hook, book
):
    house, team = make_hook(), make_hook(team=north)
    own = make_hook(user=colleague)
    make_hook(team=south)
    make_hook(kinds=["mention"])
    make_hook(min_severity=4)
    make_hook(is_active=False)
    setting(owner, muted=["alert"])  # muting is for oneself, the team's channel still hears
    tellings = [telling(user, account_id=book[0].pk) for user in (owner, colleague)]
    notices.tell(tellings, at=NOW)
    notices.tell(tellings, at=NOW)
    assert sorted(row.webhook_id for row in Delivery.objects.all()) == [house.pk, team.pk, own.pk]
    payload = Delivery.objects.first().payload
    assert payload["account"] == {"id": book[0].external_id, "name": "Healthy Hats"}
    # What is everybody's own arrives once each.
    each = {"kind": "overflow", "severity": None, "about": "overflow:2026-11-20"}
    notices.tell([telling(user, **each) for user in (owner, outsider)], at=NOW)
    assert house.deliveries.count() == 3
    assert team.deliveries.count() == 2


def test_statements_do_not_grow(make_user, make_hook):
    make_hook()
    users = [make_user(f"user{n}") for n in range(12)]
    setting(users[0], mail="at_once")

    def statements(people, about):
        with CaptureQueriesContext(connection) as queries:
            notices.tell([telling(user, about) for user in people], at=NOW)
        return len(queries)

    assert statements(users[:2], "a") == statements(users, "b") <= 12


# After a night


def test_owners_are_told_of_opened_alerts_and_of_the_overflow_in_one(
    book, owner, make_alert, make_trigger
):
    loud = make_alert(book[0], evidence=[{"label": "Score", "text": "24", "holds": True}])
    held = make_alert(book[1], state="held")
    beyond = [make_alert(book[1], make_trigger(f"t{n}"), overflow=True) for n in range(3)]
    nobodys = make_alert(book[5])
    opened = [alert.pk for alert in (loud, held, nobodys, *beyond)]
    for _ in range(2):
        notices.night(as_of=NIGHT, at=NOW, opened=opened)
    told = {row.about: row for row in Notice.objects.filter(user=owner)}
    assert set(told) == {f"alert:{loud.pk}:opened", "overflow:2026-11-20"}
    assert told[f"alert:{loud.pk}:opened"].body == "Score: 24"
    assert told["overflow:2026-11-20"].title == "3 more alerts than your cap of the day"
    assert Notice.objects.count() == 2


def test_who_covers_is_told_too(book, owner, colleague, make_alert, make_plan):
    Absence.objects.create(user=owner, cover=colleague, first_on=NOW.date(), last_on=NOW.date())
    alert = make_alert(book[0])
    make_plan(book[0], tasks=[{"title": "Call", "due_on": NOW.date()}])
    notices.night(as_of=NIGHT, at=NOW, opened=[alert.pk])
    assert set(Notice.objects.filter(user=colleague).values_list("kind", flat=True)) == {
        "alert",
        "task",
    }
    notices.night(as_of=NIGHT, at=NOW + timedelta(days=1), opened=[alert.pk])
    assert Notice.objects.filter(user=colleague).count() == 2  # the cover is over


def test_tasks_due_are_one_notice_a_day(book, owner, make_plan):
    today = NOW.date()
    make_plan(
        book[0],
        tasks=[
            {"title": "Now", "due_on": today},
            {"title": "Late", "due_on": today - timedelta(days=3)},
            {"title": "Later", "due_on": today + timedelta(days=1)},
            {"title": "Waits", "due_on": today, "state": "waiting"},
        ],
    )
    notices.night(as_of=NIGHT, at=NOW, opened=[])
    notices.night(as_of=NIGHT, at=NOW, opened=[])
    assert [row.title for row in Notice.objects.filter(user=owner)] == [
        "Tasks: 1 due today, 1 overdue"
    ]


# The digest


def test_the_digest_is_one_mail_a_day_at_the_hour(book, owner, make_plan, make_clock, make_alert):
    setting(owner, digest_hour=9)
    notices.tell(
        [telling(owner, "m:1", kind="mention", title="Nadia mentions you", severity=None)], at=NOW
    )
    notices.tell([telling(owner, "a:1")], at=NOW - timedelta(hours=2))
    notices.tell([telling(owner, "a:0", title="Long ago")], at=NOW - timedelta(days=2))
    make_plan(book[0], tasks=[{"title": "Call them", "due_on": NOW.date()}])
    make_clock(book[0])
    delivery.send_due(at=NOW - timedelta(hours=1))
    assert not mail.outbox
    for minutes in (0, 1, 90):
        delivery.send_due(at=NOW + timedelta(minutes=minutes))
    assert [message.to for message in mail.outbox] == [[owner.email]]
    text = mail.outbox[0].body
    for said in ("New alerts (1)", "Poor Pots", "Nadia mentions you", "Call them", "Clocks (1)"):
        assert said in text
    assert "Long ago" not in text
    assert "/notices/settings/" in text


def test_nobody_gets_an_empty_digest_and_some_want_none(owner, colleague, manager):
    setting(colleague, mail="never")
    setting(manager, mail="at_once")
    notices.tell([telling(colleague)], at=NOW - timedelta(days=1))
    delivery.send_due(at=NOW)
    assert not mail.outbox
    # Told an hour after the digest's hour: in the mail of the next day.
    notices.tell([telling(owner)], at=NOW + timedelta(hours=1))
    delivery.send_due(at=NOW + timedelta(days=1, minutes=-10))
    assert [message.to for message in mail.outbox] == [[owner.email]]
