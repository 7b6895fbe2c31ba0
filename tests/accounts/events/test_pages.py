"""Events as admins see them; for everybody else the pages do not exist."""

import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.events import apply, keys
from accounts.events.rules import measure_for
from accounts.models import Event, EventRule, Usage, WriteKey
from csm.lib.dates import today


@pytest.fixture
def arrived(post, track, make_account) -> date:
    """Three events of a known account, one of an unknown one, one that cannot be used; yesterday's."""
    make_account()
    when = {"timestamp": (timezone.now() - timedelta(days=1)).isoformat()}
    batch = [track(properties={"rows": 5}, **when) for _ in range(3)]
    post({"batch": [*batch, track(group="NEW", **when), track(timestamp="yesterday")]})
    apply.apply_events(as_of=today())
    return timezone.localdate() - timedelta(days=1)


def words(page: str) -> str:
    """The text of a page without its tags."""
    return re.sub(r"<[^>]*>", "", page)


RULE = {"event": "Report Exported", "how": "count", "makes": "reports", "source": ""}


def test_what_arrives_and_what_does_not(arrived, admin, client):
    client.force_login(admin)
    page = client.get(reverse("events")).content.decode()
    assert "Report Exported" in page
    assert "No account of product has the id NEW." in page
    assert "is no ISO 8601 time" in page
    link = re.search(r'href="([^"]*rules/new/[^"]*)"[^>]*>Make it a measure', page).group(1)
    form = client.get(link).content.decode()
    assert 'value="report_exported"' in form
    assert "made 1 value on 1 account, adding up to 3." in words(form)


def test_a_preview_makes_nothing_and_saving_counts_the_past(arrived, admin, client):
    client.force_login(admin)
    new = reverse("event_rule_save")
    summed = RULE | {"how": "sum", "property": "rows", "makes": "rows"}
    shown = client.post(new, summed | {"action": "preview"}).content.decode()
    assert "adding up to 15." in words(shown)
    assert not EventRule.objects.exists()
    assert client.post(new, summed | {"action": "save"}).status_code == 302
    assert [(row.on, row.value) for row in Usage.objects.all()] == [(arrived, 15)]
    rule = EventRule.objects.get()
    page = reverse("event_rule", args=[rule.pk])
    change = reverse("event_rule_change", args=[rule.pk])
    assert 'value="rows"' in client.get(page).content.decode()
    client.post(change, RULE | {"action": "save"})
    assert [(row.measure.key, row.value) for row in Usage.objects.all()] == [("reports", 3)]
    client.post(reverse("event_rule_deactivate", args=[rule.pk]))
    assert not Usage.objects.exists()
    client.post(change, RULE | {"action": "save"})
    assert Usage.objects.get().value == 3


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"how": "sum"}, "Say which property to add up"),
        ({"how": "sum", "property": 'a"b'}, "quotes or backslashes"),
        ({"makes": "No Key"}, "Write a key of small letters"),
        ({"event": ""}, "required"),
        ({"source": "elsewhere"}, "not one of the available choices"),
    ],
)
def test_a_rule_that_cannot_be(wrong, sentence, admin, client):
    client.force_login(admin)
    answer = client.post(reverse("event_rule_save"), RULE | wrong)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not EventRule.objects.exists()


def test_a_key_is_shown_once_and_can_be_revoked(admin, client):
    client.force_login(admin)
    asked = {"name": "Web", "source": "product", "account_source": ""}
    answer = client.post(reverse("event_key_new"), asked)
    text = re.search(r"<code[^>]*>(wk_[\w-]{32})</code>", answer.content.decode()).group(1)
    assert "no-store" in answer["Cache-Control"]
    key = WriteKey.objects.get()
    assert (keys.find_key(text), key.created_by) == (key, admin)
    assert text not in client.get(reverse("event_keys")).content.decode()
    client.post(reverse("event_key_revoke", args=[key.pk]))
    assert keys.find_key(text) is None
    refused = client.post(reverse("event_key_new"), asked | {"source": "Big Letters"})
    assert refused.status_code == 422
    assert "cannot name a source" in refused.content.decode()


def test_an_empty_page_says_how_to_begin(admin, client):
    client.force_login(admin)
    page = client.get(reverse("events")).content.decode()
    assert "Make a write key" in page
    assert 'analytics.host = "http://testserver"' in page


@pytest.mark.parametrize("who", ["owner", "manager", "executive"])
def test_nobody_else_finds_them(who, people, arrived, client):
    client.force_login(people[who])
    key = WriteKey.objects.get()
    rule = EventRule(event="E", measure=measure_for("reports", how="count"))
    rule.save()
    for name, args in (("events", []), ("event_keys", []), ("event_rule_new", []),
                       ("event_rule", [rule.pk])):  # fmt: skip
        assert client.get(reverse(name, args=args)).status_code == 404
    for name, pk in (
        ("event_key_revoke", key.pk),
        ("event_rule_deactivate", rule.pk),
        ("event_rule_change", rule.pk),
    ):
        assert client.post(reverse(name, args=[pk])).status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_command_applies_what_waits(post, track, make_account, capsys):
    from django.core.management import call_command

    make_account()
    post({"batch": [track()]})
    call_command("apply_events")
    assert "1 unused" in capsys.readouterr().out
    assert not Event.objects.filter(state=Event.State.WAITING).exists()
    call_command("apply_events")
    assert "No event waits" in capsys.readouterr().out
