"""The pages of triggers and replays, as people use them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import Account
from csm.models import User
from playbooks.models import Alert, Replay, Trigger
from playbooks.services import replays, trigger_changes
from playbooks.services.trigger_changes import draft_of
from playbooks.views import triggers_replays
from scoring.metrics.catalogue import CATALOGUE
from tests.conftest import NIGHT

pytestmark = pytest.mark.django_db
# What the editor sends for "score below 30, or no contacts".
TYPED = {
    "name": "Alone and low",
    "family": "leading",
    "severity": "3",
    "cooldown_days": "5",
    "exit_how": "same",
    "exit_days": "1",
    "rule-0-match": "any",
    "rule-0-0-kind": "score",
    "rule-0-0-op": "<",
    "rule-0-0-value": "30",
    "rule-0-1-kind": "metric",
    "rule-0-1-metric": CATALOGUE["total_contacts"].label,
    "rule-0-1-op": "<",
    "rule-0-1-value": "1",
    "exit-0-match": "all",
    "exit-0-0-kind": "metric",
}
RULE = {
    "match": "any",
    "conditions": [
        {"score": "value", "op": "<", "value": 30},
        {"metric": "total_contacts", "op": "<", "value": 1},
    ],
}


@pytest.fixture
def trigger(make_trigger: Callable[..., Trigger]) -> Trigger:
    return make_trigger(rule=RULE, description="Talk to them.")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Replay]:
    """Replays that were handed to a worker: a thread would not see the test's transaction."""
    found: list[Replay] = []
    monkeypatch.setattr("playbooks.views.triggers_replays.wake", found.append)
    monkeypatch.setattr("playbooks.views.triggers_editor.wake", found.append)
    return found


def words(page: str) -> str:
    """A page as it reads."""
    return " ".join(strip_tags(page).split())


def done(trigger: Trigger | None, admin: User, **draft: Any) -> Replay:
    values = draft_of(vars(trigger)) if trigger else draft
    replay = replays.ask(
        draft=values, name="Tried", days=30, by=admin, at=timezone.now(), trigger=trigger
    )
    found = replays.work(replay.pk)
    assert found is not None
    assert found.state == "done", found.error
    return found


def test_everybody_reads_and_only_admins_change(
    client: Client, people: dict[str, User], book: list[Account], trigger: Trigger
) -> None:
    replay = done(trigger, people["admin"])
    draft = done(None, people["admin"], **draft_of(vars(trigger)))
    key, once = {"key": trigger.key}, {"pk": replay.pk}
    read = [reverse("triggers"), reverse("triggers_csv"), reverse("trigger", kwargs=key)]
    read.append(reverse("replay", kwargs=once))
    change = [reverse("trigger_new"), reverse("trigger_edit", kwargs=key)]
    change += [reverse("trigger_switch", kwargs=key), reverse("replay", kwargs={"pk": draft.pk})]
    posts = [reverse("trigger_copy", kwargs=key), reverse("replay_start")]
    posts += [reverse("replay_resume", kwargs=once), *change[:3]]
    for name, user in people.items():
        client.force_login(user)
        may = name == "admin"
        assert {client.get(url).status_code for url in read} == {200}
        assert {client.get(url).status_code for url in change} == {200 if may else 404}
        load = client.get(reverse("trigger_load")).status_code
        assert load == (200 if name in ("manager", "admin") else 404)
        if not may:
            assert {client.post(url).status_code for url in posts} == {404}
    assert Trigger.objects.count() == 1


def test_names_of_accounts_are_for_those_who_see_them(
    client: Client,
    owner: User,
    outsider: User,
    admin: User,
    book: list[Account],
    trigger: Trigger,
    make_alert: Callable[..., Alert],
) -> None:
    make_alert(book[1], trigger)
    replay = done(trigger, admin)
    assert replay.result["accounts"] > 0
    urls = [reverse("trigger", args=[trigger.key]), reverse("replay", args=[replay.pk])]

    for user, sees in ((owner, True), (outsider, False)):
        client.force_login(user)
        for url in urls:
            assert ("Poor Pots" in client.get(url).text) is sees


def test_the_list_is_filtered_and_downloaded(
    client: Client, owner: User, book: list[Account], make_trigger: Callable[..., Trigger]
) -> None:
    make_trigger()
    make_trigger("danger", name="=danger", is_active=False, family="pipeline")
    client.force_login(owner)

    page = client.get(reverse("triggers"), {"state": "off"}).text
    assert "=danger" in page
    assert "Emergency" not in page
    assert "No trigger like that" in client.get(reverse("triggers"), {"q": "pears"}).text
    answer = client.get(reverse("triggers_csv"), {"family": "pipeline"})
    lines = answer.getvalue().decode().splitlines()
    assert len(lines) == 2
    assert "'=danger" in lines[1]


def test_a_trigger_is_made_without_javascript(
    client: Client, admin: User, book: list[Account]
) -> None:
    client.force_login(admin)
    url = reverse("trigger_new")

    # Another row, then a group; nothing is kept and nothing half-typed is called a mistake.
    page = client.post(url, TYPED | {"act": "rule-0-add"})
    assert page.status_code == 200
    assert "rule-0-2-kind" in page.text
    assert "errorlist" not in page.text
    assert "rule-1-match" in client.post(url, TYPED | {"act": "rule-add-group"}).text
    # Enter in a field looks at it, and keeps nothing.
    assert "Score below 30, or contacts below 1" in client.post(url, TYPED).text
    assert not Trigger.objects.exists()

    wrong = client.post(url, TYPED | {"act": "save", "rule-0-0-value": "lots", "name": ""})
    assert wrong.status_code == 422
    assert "Write a number." in wrong.text
    assert "This field is required" in wrong.text
    assert 'value="lots"' in wrong.text

    kept = client.post(url, TYPED | {"act": "save", "note": "Try it", "industry": "Technology"})
    trigger = Trigger.objects.get()
    assert kept.url == reverse("trigger", args=[trigger.key])
    assert (trigger.rule, trigger.exit_rule, trigger.is_active) == (RULE, {}, False)
    assert (trigger.scope, trigger.cooldown_days) == ({"industry": ["Technology"]}, 5)
    assert "Try it" in client.get(kept.url).text


def test_a_draft_is_counted_before_it_is_kept(
    client: Client, admin: User, book: list[Account]
) -> None:
    client.force_login(admin)

    page = words(client.post(reverse("trigger_new"), TYPED | {"act": "count"}).text)
    assert "1 of 6 accounts in scope" in page
    assert "Poor Pots" in page
    assert "Healthy Hats" not in page
    # Thin Things is low, and nobody knows how many contacts it has.
    both = TYPED | {"act": "count", "rule-0-match": "all"}
    page = words(client.post(reverse("trigger_new"), both).text)
    assert "0 of 6 accounts in scope" in page
    assert "1 cannot be judged" in page
    scoped = TYPED | {"act": "count", "industry": "Retail"}
    assert "of 1 account in scope" in words(client.post(reverse("trigger_new"), scoped).text)


def test_two_editors_at_once(
    client: Client, admin: User, book: list[Account], trigger: Trigger
) -> None:
    client.force_login(admin)
    url = reverse("trigger_edit", args=[trigger.key])
    assert 'name="revision" value="1"' in client.get(url).text
    trigger_changes.save(trigger, {"cooldown_days": 1}, by=admin, at=timezone.now())

    lost = client.post(url, TYPED | {"act": "save", "revision": "1"})

    assert lost.status_code == 422
    assert "admin changed Emergency" in lost.text
    trigger.refresh_from_db()
    assert trigger.cooldown_days == 1


def test_editing_without_a_change_changes_nothing(
    client: Client, admin: User, book: list[Account], make_trigger: Callable[..., Trigger]
) -> None:
    trigger = make_trigger(
        rule=RULE, scope={"industry": ["Gone"], "tags": ["vip"]}, exit_days=3, exit_rule=RULE
    )
    client.force_login(admin)
    url = reverse("trigger_edit", args=[trigger.key])
    form = client.get(url).context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    rule = {key: value for key, value in TYPED.items() if key.startswith("rule-")}
    exit_ = {key.replace("rule-", "exit-"): value for key, value in rule.items()}

    client.post(url, sent | rule | exit_ | {"act": "save"})

    trigger.refresh_from_db()
    assert (trigger.revision, trigger.scope) == (1, {"industry": ["Gone"], "tags": ["vip"]})


def test_a_copy_opens_in_the_editor(client: Client, admin: User, trigger: Trigger) -> None:
    client.force_login(admin)

    answer = client.post(reverse("trigger_copy", args=[trigger.key]))

    made = Trigger.objects.exclude(pk=trigger.pk).get()
    assert answer.url == reverse("trigger_edit", args=[made.key])
    assert not made.is_active


def test_switching_on_shows_the_replay_of_this_very_draft(
    client: Client, admin: User, book: list[Account], make_trigger: Callable[..., Trigger]
) -> None:
    trigger = make_trigger(rule=RULE, is_active=False)
    client.force_login(admin)
    url = reverse("trigger_switch", args=[trigger.key])
    assert "has not been tried" in client.get(url).text
    done(trigger, admin)
    assert "exactly this rule would have fired" in client.get(url).text

    trigger_changes.save(trigger, {"cooldown_days": 99}, by=admin, at=timezone.now())
    assert "has not been tried" in client.get(url).text

    client.post(url, {"on": "yes", "note": "Ready", "revision": "2"})
    trigger.refresh_from_db()
    assert trigger.is_active


def test_switching_off_asks_what_becomes_of_open_alerts(
    client: Client,
    admin: User,
    book: list[Account],
    trigger: Trigger,
    make_alert: Callable[..., Alert],
) -> None:
    alert = make_alert(book[0], trigger)
    client.force_login(admin)
    url = reverse("trigger_switch", args=[trigger.key])
    assert "Its 1 open alert" in words(client.get(url).text)

    client.post(url, {"on": "no", "then": "end", "revision": "1"})
    trigger.refresh_from_db()
    assert trigger.is_active, "no reason was given"

    client.post(url, {"on": "no", "then": "end", "note": "Wrong threshold", "revision": "1"})
    trigger.refresh_from_db()
    alert.refresh_from_db()
    assert (trigger.is_active, alert.state) == (False, "withdrawn")
    assert "Wrong threshold" in client.get(reverse("trigger", args=[trigger.key])).text


def test_a_replay_from_the_editor_becomes_the_trigger(
    client: Client, admin: User, book: list[Account], started: list[Replay]
) -> None:
    client.force_login(admin)

    answer = client.post(reverse("trigger_new"), TYPED | {"act": "replay", "days": "30"})
    (replay,) = started
    url = reverse("replay", args=[replay.pk])
    assert (answer.url, replay.days, replay.as_of) == (url, 30, NIGHT)
    waiting = client.get(url, headers={"HX-Request": "true"})
    assert "hx-get" in waiting.text
    assert "HX-Refresh" not in waiting.headers

    replays.work(replay.pk)
    assert client.get(url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = client.get(url).text
    assert "Would have fired" in page
    assert "from dated facts" in page
    assert "Alone and low" in client.get(reverse("trigger_new"), {"replay": replay.pk}).text


def test_a_replay_nobody_works_on_is_gone_on_with(
    client: Client, admin: User, book: list[Account], trigger: Trigger, started: list[Replay]
) -> None:
    client.force_login(admin)
    client.post(reverse("replay_start"), {"trigger": trigger.key, "days": "180"})
    (replay,) = started
    client.post(reverse("replay_resume", args=[replay.pk]))
    assert len(started) == 1, "it was asked for a moment ago"

    old = timezone.now() - triggers_replays.replays.LEASE
    Replay.objects.filter(pk=replay.pk).update(asked_at=old)
    page = client.get(reverse("replay", args=[replay.pk])).text
    assert "its worker has stopped" in page
    assert "one night a week" in page
    client.post(reverse("replay_resume", args=[replay.pk]))
    assert len(started) == 2


def test_load_is_shown_to_managers(
    client: Client,
    manager: User,
    book: list[Account],
    trigger: Trigger,
    make_alert: Callable[..., Alert],
) -> None:
    make_alert(book[0], trigger, overflow=True)
    client.force_login(manager)

    page = client.get(reverse("trigger_load")).text

    assert "owner" in page
    assert "Over the daily cap" in page


def test_admins_see_what_a_night_left_out(client, admin, manager, score_book, make_account):
    from playbooks.models import TriggerNight

    run = score_book({make_account(): {}})
    TriggerNight.objects.create(
        run=run, as_of=NIGHT, state="failed", error="clocks: OperationalError: disk full"
    )
    client.force_login(manager)
    assert "disk full" not in client.get(reverse("triggers")).content.decode()
    client.force_login(admin)
    page = strip_tags(client.get(reverse("triggers")).content.decode())
    assert "did not finish" in page
    assert "clocks: OperationalError: disk full" in page
