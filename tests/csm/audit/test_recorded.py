"""What changes how the workbench judges, or who may see what, leaves an event with who and from where."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.events import keys
from accounts.models import AuditEvent, MetricDefinition, Team
from playbooks.services import calendar_feeds, sharing, trigger_changes, webhooks
from scoring.models import Scorecard
from scoring.services import definitions, versions
from tests.conftest import NIGHT
from tests.pages import a_plan, a_trigger


def events() -> list[tuple[str, str]]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", "what"))


def test_scorecards(book, admin):
    before = AuditEvent.objects.count()
    draft = versions.start_draft(Scorecard.objects.get(is_default=True), by=admin)
    versions.publish(draft, by=admin, note="Weights of spring")
    made, published = AuditEvent.objects.order_by("id")[before:]
    assert made.what.endswith("draft started")
    assert published.what.endswith("published: Weights of spring")
    assert (published.kind, published.by) == ("tuning", admin)


def test_metrics(db, admin):
    new = MetricDefinition(key="own_one", label="Own", description="Own", measure="logins")
    definitions.save(new, by=admin)
    new.label = "Renamed"
    definitions.save(new, by=admin)
    first, second = AuditEvent.objects.order_by("id")
    assert first.what == "made the metric own_one"
    assert second.detail["before"]["label"] == "Own"
    assert second.detail["after"]["label"] == "Renamed"


def test_triggers(db, admin):
    trigger = a_trigger()
    now = timezone.now()
    trigger_changes.save(trigger, {"name": "A very low score"}, by=admin, at=now, note="clearer")
    trigger.refresh_from_db()
    trigger_changes.switch(trigger, False, by=admin, at=now, as_of=NIGHT)
    renamed, off = AuditEvent.objects.order_by("id")
    assert renamed.detail == {
        "before": {"name": "A low score"},
        "after": {"name": "A very low score"},
        "note": "clearer",
    }
    assert off.detail["after"] == {"is_active": False}


def test_doors_for_others(book, owner, admin):
    from scoring.selectors import newest_run

    now = timezone.now()
    key, text = keys.create_key(name="Site", source="product", by=admin)
    keys.revoke_key(key, by=admin)
    keys.revoke_key(key, by=admin)
    address = calendar_feeds.create(by=owner, at=now)
    calendar_feeds.revoke(by=owner)
    link, token = sharing.share(a_plan(book[0], newest_run()), by=owner, at=now, days=3)
    sharing.revoke(link, by=owner, at=now + timedelta(hours=1))
    told = [what for kind, what in events() if kind == "access"]
    assert told == [
        "made the write key “Site” of product",
        "revoked the write key “Site” of product",
        "made an address of the own calendar",
        "took back the address of the own calendar",
        f"shared plan {link.intervention_id} by a link",
        f"took back a link to plan {link.intervention_id}",
    ]
    # No secret gets into what nobody can remove.
    kept = str(list(AuditEvent.objects.values()))
    assert not [secret for secret in (text, address, token) if secret in kept]


def test_webhooks_keep_their_secret(db, owner, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    values = {"name": "Room", "url": "https://127.0.0.1/hook/s3cret-path", "kinds": []}
    hook, secret = webhooks.create(values, by=owner, shared=False)
    webhooks.remove(hook, by=owner)
    assert [what for _, what in events()] == [
        "made a webhook to 127.0.0.1",
        "removed a webhook to 127.0.0.1",
    ]
    kept = str(list(AuditEvent.objects.values()))
    assert "s3cret" not in kept
    assert secret not in kept


def test_users_and_teams_in_the_administration(owner, admin, south, client):
    client.force_login(admin)
    user = {"username": "owner", "role": "manager", "is_active": "on", "teams": [south.pk]}
    url = reverse("admin:csm_user_change", args=[owner.pk])
    assert client.post(url, user, REMOTE_ADDR="203.0.113.8").status_code == 302
    changed = AuditEvent.objects.get(what="changed the user owner")
    assert (changed.by, changed.address, changed.kind) == (admin, "203.0.113.8", "access")
    before, after = changed.detail["before"], changed.detail["after"]
    assert (before["role"], after["role"]) == ("csm", "manager")
    assert (before["teams"], after["teams"]) == ("North", "South")
    team = Team.objects.get(name="South")
    client.post(
        reverse("admin:accounts_team_change", args=[team.pk]), {"name": "South", "members": []}
    )
    gone = AuditEvent.objects.get(what="changed the team South")
    assert "owner" in gone.detail["before"]["members"]
    assert gone.detail["after"]["members"] == []
    client.post(reverse("admin:csm_user_delete", args=[owner.pk]), {"post": "yes"})
    assert AuditEvent.objects.filter(what="removed the user owner", detail__user="owner").exists()
    fresh = {"username": "new", "role": "admin", "usable_password": "false"}
    client.post(reverse("admin:csm_user_add"), fresh)
    assert AuditEvent.objects.get(what="made the user new").detail["after"]["role"] == "admin"


FILES = [
    "metrics_csv",
    "triggers_csv",
    "playbooks_csv",
    "portfolio_csv",
    "tasks_csv",
    "imports_csv",
]


@pytest.mark.parametrize("name", FILES)
def test_files(book, admin, client, name):
    client.force_login(admin)
    before = AuditEvent.objects.count()
    assert client.get(reverse(name) + "?q=a").status_code == 200
    event = AuditEvent.objects.order_by("id")[before]
    assert (event.kind, event.by, event.address) == ("export", admin, "127.0.0.1")
    assert event.detail["query"] == "q=a"
