"""The audit trail: who reads it, how it is filtered, and that nobody changes it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEvent
from csm.audit.selectors import told

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def events(owner, manager):
    audit.record("export", "exported portfolio", by=owner, at=AT, detail={"rows": 1234})
    with audit.from_address("203.0.113.7"):
        audit.record("tuning", "published Engagement 3", by=manager, at=AT + timedelta(days=1))
    audit.record("log_in", "failed to log in", at=AT + timedelta(days=2), by_name="owner")


def found(client, **query) -> list[str]:
    return [event.what for event, _ in client.get(reverse("audit"), query).context["events"]]


def test_admins_read_it_and_nobody_else(people, events, client):
    for who, user in people.items():
        client.force_login(user)
        for name in ("audit", "audit_csv"):
            assert client.get(reverse(name)).status_code == (200 if who == "admin" else 404)


def test_filters(admin, events, client):
    client.force_login(admin)
    every = ["failed to log in", "published Engagement 3", "exported portfolio"]
    assert found(client) == every
    assert found(client, kind="tuning") == every[1:2]
    assert found(client, who="owner") == [every[0], every[2]]
    assert found(client, q="engagement") == every[1:2]
    assert found(client, q="203.0.113.7") == every[1:2]
    assert found(client, q="1234") == every[2:]
    assert found(client, **{"from": "2026-11-21", "to": "2026-11-21"}) == every[1:2]
    nonsense = {"kind": "x", "from": "2026-02-31", "to": "soon", "before": "1e9", "q": "\0"}
    assert found(client, **nonsense) == every


def test_pages_by_key(admin, client):
    for number in range(120):
        audit.record("access", f"event {number}", at=AT)
    client.force_login(admin)
    seen, url = [], reverse("audit") + "?kind=access"
    while url:
        context = client.get(url).context
        seen += [event.what for event, _ in context["events"]]
        url = context["next_url"] and reverse("audit") + context["next_url"]
    assert seen == [f"event {number}" for number in reversed(range(120))]


def test_the_file_guards_formulas_and_is_itself_recorded(admin, client):
    audit.record("log_in", "failed to log in", at=AT, by_name="=cmd()")
    client.force_login(admin)
    text = client.get(reverse("audit_csv") + "?kind=log_in").getvalue().decode("utf-8-sig")
    assert "'=cmd()" in text
    taken = AuditEvent.objects.get(kind="export")
    assert taken.what == "exported audit trail"
    assert taken.detail == {"rows": 1, "query": "kind=log_in"}


@pytest.mark.parametrize(
    "act",
    [
        lambda: AuditEvent.objects.update(what="nothing happened"),
        lambda: AuditEvent.objects.update(by=None, by_name="somebody else"),
        pytest.param(
            lambda: AuditEvent.objects.all()._raw_delete("default"),
            marks=pytest.mark.skipif(connection.vendor == "sqlite", reason="no trigger there"),
        ),
    ],
)
def test_nobody_changes_it(events, act):
    before = list(AuditEvent.objects.values())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act()
    assert list(AuditEvent.objects.values()) == before


def test_a_user_who_is_removed_leaves_the_name(events, manager):
    manager.delete()
    event = AuditEvent.objects.get(kind="tuning")
    assert (event.by, event.by_name) == (None, "manager")


def test_the_administration_only_reads(admin, events, client):
    client.force_login(admin)
    event = AuditEvent.objects.first()
    assert client.get("/admin/accounts/auditevent/").status_code == 200
    for what in ("delete", "change"):
        url = reverse(f"admin:accounts_auditevent_{what}", args=[event.pk])
        assert client.post(url, {"what": "x", "post": "yes"}).status_code == 403
    assert client.get("/admin/accounts/auditevent/add/").status_code == 403


def test_details_in_words():
    detail = {
        "rows": 1234,
        "user": "ana",
        "before": {"role": "csm", "teams": "North"},
        "after": {"role": "manager", "teams": "North"},
    }
    assert dict(told(detail)) == {"rows": "1,234", "user": "ana", "role": "csm → manager"}
    assert dict(told({"may": ["a", "b"], "on": True, "x": {"y": [1]}})) == {
        "may": "a, b",
        "on": "yes",
        "x": '{"y": [1]}',
    }


def test_text_cut_to_what_fits(db):
    event = audit.record("export", "a\0" * 300, at=AT, by_name="b" * 300)
    assert (len(event.what), len(event.by_name)) == (200, 150)


def test_of_two_groups_of_values_only_those_that_differ_are_told():
    before = {"weights": {"a_measure": 0.3, "other": 0.7}, "name": "x"}
    after = {"weights": {"a_measure": 0.4, "other": 0.7}, "name": "x"}
    assert list(told({"before": before, "after": after})) == [("weights, a measure", "0.3 → 0.4")]
