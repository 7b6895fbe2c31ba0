"""Alerts, plans and tasks through the API: seen, acted on, refused, and nothing twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from playbooks.models import Alert, Intervention, InterventionTask

WORK = ("work:read", "work:write")


@pytest.fixture
def account(make_account, owner, north):
    return make_account("Poor Pots", owner=owner, team=north)


@pytest.fixture
def alert(make_alert, account):
    return make_alert(account)


@pytest.fixture
def plan(make_plan, account):
    return make_plan(account)


def test_everybody_lists_what_they_may_see(api, alert, plan, people):
    for name, seen in (
        ("owner", 1),
        ("colleague", 1),
        ("manager", 1),
        ("executive", 1),
        ("admin", 1),
        ("outsider", 0),
    ):
        program = api(people[name], "work:read")
        for kind, row in (("alerts", alert), ("interventions", plan)):
            answer = program.get(f"/api/v1/{kind}/").json()
            assert [each["id"] for each in answer["results"]] == [row.pk] * seen, (name, kind)
            status = program.get(f"/api/v1/{kind}/{row.pk}/").status_code
            assert status == (200 if seen else 404), (name, kind)


def test_a_scope_is_asked_for(api, alert, owner):
    facts = api(owner, "facts:read", "facts:write")
    assert facts.get("/api/v1/alerts/").json()["code"] == "scope_missing"
    reads = api(owner, "work:read")
    assert reads.post(f"/api/v1/alerts/{alert.pk}/take/", {}).status_code == 403


def test_only_those_who_may_change_act(api, alert, people):
    for name in ("colleague", "outsider"):
        answer = api(people[name], *WORK).post(f"/api/v1/alerts/{alert.pk}/take/", {})
        assert answer.status_code == 404, name
    assert (
        api(people["executive"], *WORK).post(f"/api/v1/alerts/{alert.pk}/take/", {}).json()["code"]
        == "read_only"
    )
    alert.refresh_from_db()
    assert alert.taken_by is None
    answer = api(people["owner"], *WORK).post(f"/api/v1/alerts/{alert.pk}/take/", {})
    assert (answer.status_code, answer.json()["taken_by"]) == (200, "owner")


def test_who_comes_second_is_told(api, alert, owner, manager):
    seen = {"version": alert.version}
    first = api(owner, *WORK).post(f"/api/v1/alerts/{alert.pk}/take/", seen)
    second = api(manager, *WORK).post(f"/api/v1/alerts/{alert.pk}/take/", seen)
    assert (first.status_code, second.status_code) == (200, 409)
    assert str(owner) in second.json()["detail"]
    assert alert.changes.count() == 1


def test_an_act_with_a_key_is_done_once(api, alert, owner):
    program = api(owner, *WORK)
    body = {"until": "2999-01-01", "reason": "Waiting for the new sponsor"}
    far = program.post(f"/api/v1/alerts/{alert.pk}/snooze/", body)
    assert far.status_code == 400
    answers = [
        program.post(
            f"/api/v1/alerts/{alert.pk}/dismiss/",
            {"reason": "A holiday, not a decline"},
            headers={"Idempotency-Key": "k1"},
        )
        for _ in range(2)
    ]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == Alert.State.DISMISSED
    assert alert.changes.filter(kind="dismissed").count() == 1


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ({"reason": ""}, "reason"),
        ({}, "reason"),
        ({"reason": 3}, "reason"),
        ({"reason": "So", "verson": 1}, "verson"),
        ({"reason": "So", "version": 0}, "version"),
        ({"reason": "So", "version": True}, "version"),
        ({"reason": "a" * 256}, "reason"),
    ],
)
def test_a_body_that_cannot_be_used_names_the_fault(api, alert, owner, body, column):
    answer = api(owner, *WORK).post(f"/api/v1/alerts/{alert.pk}/dismiss/", body)
    assert answer.status_code == 400
    assert column in [each["column"] for each in answer.json()["errors"]]
    alert.refresh_from_db()
    assert alert.state == Alert.State.OPEN


def test_a_playbook_is_started_and_its_tasks_are_done(api, account, owner, make_playbook):
    program = api(owner, *WORK)
    version = make_playbook()
    body = {"account": account.pk, "playbook": version.playbook.key}
    started = program.post("/api/v1/interventions/", body)
    assert started.status_code == 201, started.json()
    assert started.json()["playbook"] == version.playbook.key
    again = program.post("/api/v1/interventions/", body)
    assert again.status_code == 400
    assert Intervention.objects.count() == 1

    tasks = program.get(f"/api/v1/tasks/?intervention={started.json()['id']}").json()["results"]
    assert tasks
    done = program.post(f"/api/v1/tasks/{tasks[0]['id']}/finish/", {})
    assert done.json()["state"] in ("done", "to_approve")
    moved = program.post(f"/api/v1/tasks/{tasks[-1]['id']}/reschedule/", {"due_on": "2027-01-04"})
    assert moved.json()["due_on"] == "2027-01-04"
    closed = program.post(
        f"/api/v1/interventions/{started.json()['id']}/close/", {"outcome": "improved"}
    )
    assert closed.json()["outcome"] == "improved"
    open_ = InterventionTask.objects.filter(state__in=InterventionTask.UNDONE_STATES)
    assert not open_.exists()


def test_a_plan_on_another_team_s_account_is_refused(api, account, outsider, colleague):
    for user in (outsider, colleague):
        answer = api(user, *WORK).post(
            "/api/v1/interventions/", {"account": account.pk, "title": "Rescue"}
        )
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["column"] == "account"
    assert not Intervention.objects.exists()


def test_filters_narrow_and_unknown_ones_are_refused(api, alert, owner):
    program = api(owner, "work:read")
    assert len(program.get("/api/v1/alerts/?state=open&severity_from=low").json()["results"]) == 1
    assert not program.get("/api/v1/alerts/?opened_on_from=2999-01-01").json()["results"]
    wrong = program.get("/api/v1/alerts/?sevrity=low&state=gone")
    assert {each["column"] for each in wrong.json()["errors"]} == {"sevrity", "state"}


def test_a_page_costs_the_same_however_many_rows_it_has(
    api, make_alert, make_account, owner, north
):
    program = api(owner, "work:read")
    program.get("/api/v1/alerts/")
    counts = []
    for name in ("A", "B", "C"):
        make_alert(make_account(name, owner=owner, team=north))
        with CaptureQueriesContext(connection) as queries:
            program.get("/api/v1/alerts/")
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert counts[0] <= 6
