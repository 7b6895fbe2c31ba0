"""Pages of plans: lists that reconcile, what each person may do, links that end."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from csm.lib.dates import today
from playbooks.models import Intervention, InterventionTask, Note, ShareLink
from playbooks.services import interventions
from tests.playbooks.conftest import NOW

RULE = {"match": "all", "conditions": [{"score": "value", "op": ">=", "value": 50}]}


@pytest.fixture
def plan(book, make_plan):
    return make_plan(
        book[0],
        tasks=({"title": "Call", "blocks": True}, {"title": "Offer", "state": "waiting"}),
        target_on=today() + timedelta(days=9),
        exit_rule=RULE,
    )


def act(client, plan, action: str, follow: bool = True, **values):
    url = reverse("plan_act", args=[plan.pk])
    return client.post(url, {"action": action, **values}, follow=follow)


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def many(book, make_plan, owner):
    on = today()
    make_plan(book[0], title="In time", target_on=on + timedelta(days=5))
    make_plan(book[1], title="Late", target_on=on - timedelta(days=3))
    make_plan(
        book[2],
        title="Holding",
        state="holding",
        target_on=on,
        exit_rule=RULE,
        exit_holds=True,
        exit_since=on - timedelta(days=4),
        exit_checked_on=on,
    )
    done = make_plan(book[3], title="Over", target_on=on)
    interventions.close(done, by=owner, at=timezone.now(), on=on, outcome="recovered")


def test_every_tile_opens_a_list_of_as_many(many, manager, client) -> None:
    client.force_login(manager)
    page = client.get(reverse("plans"))
    tiles = {tile["label"]: tile for tile in page.context["tiles"]}
    figures = {
        label: re.sub(r"\D", "", re.sub("<[^>]+>", "", str(tile["value"])))
        for label, tile in tiles.items()
        if "url" in tile
    }
    assert figures == {
        "Open plans": "3",
        "Overdue": "1",
        "Exit test holds": "1",
        "Cause not found": "3",
        "Closed in 30 days": "1",
    }
    for label, figure in figures.items():
        listed = client.get(tiles[label]["url"])
        assert len(listed.context["rows"]) == listed.context["listed"] == int(figure), label


def test_every_column_of_the_board_opens_a_list_of_as_many(many, manager, client) -> None:
    client.force_login(manager)
    board = client.get(reverse("plans_board"))
    columns = {each["title"]: each for each in board.context["columns"]}
    assert {title: each["count"] for title, each in columns.items()} == {
        "Overdue": 1,
        "Active": 1,
        "Exit test holds": 1,
        "Closed in 30 days": 1,
    }
    for title, each in columns.items():
        assert len(each["cards"]) == each["count"]
        assert client.get(each["url"]).context["listed"] == each["count"], title
    assert "holds 5 of 14 d" in text(board)


def test_filters_live_in_the_address(many, manager, client) -> None:
    client.force_login(manager)

    def names(query: str) -> list[str]:
        rows = client.get(f"{reverse('plans')}?{query}").context["rows"]
        return [row.name.split(",")[0] for row in rows]

    assert names("sort=-target") == ["In time", "Holding", "Late"]
    assert names("state=all&q=over") == ["Over"]
    assert names("outcome=recovered") == ["Over"]
    assert names("due=7") == ["Holding", "In time"]
    assert names("owner=nobody") == []
    # What makes no sense is left out.
    assert len(names("owner=x&due=soon&state=odd")) == 3


def test_the_file_follows_the_filter(many, manager, client) -> None:
    client.force_login(manager)
    lines = client.get(reverse("plans_csv") + "?due=overdue").getvalue().decode().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Late,Poor Pots,")


def test_mine_are_my_accounts_and_my_plans(book, make_plan, owner, colleague, client) -> None:
    make_plan(book[0], title="My account")
    make_plan(book[3], title="My plan", owner=owner)
    make_plan(book[4], title="Not mine")
    client.force_login(owner)
    rows = client.get(reverse("plans")).context["rows"]
    assert {row.name.split(",")[0] for row in rows} == {"My account", "My plan"}
    assert client.get(reverse("plans") + "?scope=all").context["listed"] == 3


@pytest.mark.parametrize("page", ["plan", "plan_print", "plan_edit", "plan_share", "plan_act"])
def test_outsiders_find_no_plan(page, plan, outsider, client) -> None:
    client.force_login(outsider)
    url = reverse(page, args=[plan.pk])
    assert client.get(url).status_code in (404, 405)
    assert client.post(url, {"action": "finish"}).status_code in (404, 405)


def test_readers_change_nothing(plan, executive, colleague, client) -> None:
    task = plan.tasks.first()
    for reader in (executive, colleague):
        client.force_login(reader)
        page = client.get(reverse("plan", args=[plan.pk]))
        assert page.status_code == 200
        assert 'value="finish"' not in page.content.decode()
        for name in ("plan_edit", "plan_share"):
            assert client.get(reverse(name, args=[plan.pk])).status_code == 404
        for action, values in (
            ("finish", {"task": task.pk}),
            ("close", {"close-outcome": "improved"}),
            ("cause", {"cause-cause": "value"}),
            ("risk_add", {"risk-text": "x", "risk-likelihood": 1, "risk-impact": 1}),
        ):
            assert act(client, plan, action, **values).status_code == 404
    assert Intervention.objects.get().is_open
    assert not plan.changes.exists()


def test_an_assignee_does_their_task_and_no_more(plan, colleague, client) -> None:
    InterventionTask.objects.filter(title="Call").update(assignee=colleague)
    client.force_login(colleague)
    task = plan.tasks.first()
    assert "Call” is done" in text(act(client, plan, "finish", task=task.pk, seen=task.version))
    assert act(client, plan, "close", **{"close-outcome": "improved"}).status_code == 404


def test_a_task_is_done_and_undone(plan, owner, client) -> None:
    client.force_login(owner)
    task = plan.tasks.first()
    page = act(client, plan, "finish", task=task.pk, seen=task.version)
    assert page.redirect_chain[-1][0].endswith(f"#task-{task.pk}")
    assert [each.state for each in plan.tasks.all()] == ["done", "open"]
    # From a page that is older by now: said, and nothing happens.
    assert "owner has done “Call” already" in text(
        act(client, plan, "finish", task=task.pk, seen=task.version)
    )
    act(client, plan, "task_open", task=task.pk)
    assert [each.state for each in plan.tasks.all()] == ["open", "waiting"]
    assert "Say why" in text(act(client, plan, "skip", task=task.pk))


def test_a_task_of_another_plan_is_not_found(plan, book, make_plan, owner, client) -> None:
    other = make_plan(book[1]).tasks.get()
    client.force_login(owner)
    assert act(client, plan, "finish", task=other.pk).status_code == 404
    assert act(client, plan, "no such thing").status_code == 404


def test_the_page_says_what_is_known_and_what_is_not(plan, book, owner, client) -> None:
    interventions.add_kpi(
        plan, by=owner, at=NOW, metric="nps", target_kind="change", target_value=0.2
    )
    client.force_login(owner)
    said = text(client.get(reverse("plan", args=[plan.pk])))
    assert "Score at least 50" in said
    assert "Not judged yet" in said
    assert "follows from a baseline that is not known" in said
    assert "band unknown at the start" in said
    assert "9 d left" in said


def test_cause_risk_kpi_task_and_close(plan, owner, client) -> None:
    client.force_login(owner)
    act(client, plan, "cause", **{"cause-cause": "value", "cause-text": "No return shown"})
    risk = {"risk-text": "Sponsor leaves", "risk-likelihood": 5, "risk-impact": 4}
    act(client, plan, "risk_add", **risk)
    act(client, plan, "risk_state", risk=plan.risks.get().pk, state="accepted")
    kpi = {"kpi-metric": "score", "kpi-target_kind": "at_least", "kpi-target_value": 80}
    act(client, plan, "kpi_add", **kpi)
    act(client, plan, "task_add", **{"task-title": "Write", "task-due_on": "2026-12-01"})
    plan.refresh_from_db()
    assert (plan.cause, plan.cause_text) == ("value", "No return shown")
    assert (plan.risks.get().state, plan.kpis.get().target) == ("accepted", 80)
    page = client.get(reverse("plan", args=[plan.pk]))
    assert "High · 20" in text(page)
    stale = plan.version - 1
    assert "changed “Plan for Healthy Hats” before you" in text(
        act(client, plan, "close", seen=stale, **{"close-outcome": "improved"})
    )
    act(client, plan, "close", seen=plan.version, **{"close-outcome": "improved"})
    plan.refresh_from_db()
    assert plan.outcome == "improved"
    act(client, plan, "reopen", seen=plan.version, **{"reopen-reason": "Too early"})
    plan.refresh_from_db()
    assert plan.is_open


def test_only_managers_give_plans_away(plan, owner, manager, colleague, outsider, client) -> None:
    client.force_login(owner)
    assert act(client, plan, "assign", **{"owner-owner": colleague.pk}).status_code == 404
    client.force_login(manager)
    # Somebody who could not see it is no choice.
    assert "Owner:" in text(act(client, plan, "assign", **{"owner-owner": outsider.pk}))
    act(client, plan, "assign", **{"owner-owner": colleague.pk})
    plan.refresh_from_db()
    assert plan.owner == colleague


def test_a_plan_by_hand(book, owner, colleague, client) -> None:
    client.force_login(owner)
    found = client.get(reverse("plan_new") + "?q=hats").context["accounts"]
    assert found == [book[0]]
    url = f"{reverse('plan_new')}?account={book[0].pk}"
    form = {
        "account": book[0].pk,
        "title": "Win back the users",
        "target_days": 45,
        "exit_metric": "days_since_last_activity",
        "exit_op": "<",
        "exit_value": "",
        "exit_days": 7,
    }
    assert client.post(url, form).status_code == 422
    client.post(url, form | {"exit_value": 10})
    plan = Intervention.objects.get()
    assert plan.exit_rule["conditions"] == [
        {"metric": "days_since_last_activity", "op": "<", "value": 10}
    ]
    assert (plan.exit_days, plan.target_on) == (7, today() + timedelta(days=45))
    assert plan.created_by == owner
    # Not theirs to change.
    assert client.get(f"{reverse('plan_new')}?account={book[3].pk}").status_code == 404


def test_an_edit_keeps_a_test_it_cannot_show(plan, owner, client) -> None:
    rule = {"match": "any", "conditions": [*RULE["conditions"], {"metric": "nps", "op": "known"}]}
    Intervention.objects.update(exit_rule=rule)
    client.force_login(owner)
    url = reverse("plan_edit", args=[plan.pk])
    form = client.get(url).context["form"]
    sent = {name: field.value() or "" for name in form.fields for field in [form[name]]}
    assert sent["exit_metric"] == "keep"
    client.post(url, sent | {"title": "Renamed"})
    plan.refresh_from_db()
    assert (plan.title, plan.exit_rule) == ("Renamed", rule)
    assert plan.changes.get().after == {"title": "Renamed"}
    # An older form loses.
    assert client.post(url, sent | {"title": "Late"}).status_code == 422


def test_a_playbook_starts_once_and_asks_where_another_runs(
    plan, book, make_playbook, owner, client
) -> None:
    version = make_playbook()
    client.force_login(owner)
    form = {"account": book[1].pk, "playbook": version.playbook_id}
    client.post(reverse("plan_start"), form)
    assert Intervention.objects.get(account=book[1]).playbook_version == version
    form["account"] = book[0].pk
    asked = client.post(reverse("plan_start"), form)
    assert "has 1 open plan already" in text(asked)
    assert Intervention.objects.filter(account=book[0]).count() == 1
    client.post(reverse("plan_start"), form | {"confirmed": 1})
    assert Intervention.objects.filter(account=book[0]).count() == 2
    again = client.post(reverse("plan_start"), form | {"confirmed": 1}, follow=True)
    assert "already runs on Healthy Hats" in text(again)
    form["account"] = book[3].pk
    assert client.post(reverse("plan_start"), form).status_code == 404


def test_an_alert_is_answered_by_the_playbook(
    book, make_alert, make_playbook, owner, client
) -> None:
    alert, version = make_alert(book[1]), make_playbook()
    client.force_login(owner)
    form = {"account": book[1].pk, "playbook": version.playbook.key, "alert": alert.pk}
    client.post(reverse("plan_start"), form)
    alert.refresh_from_db()
    assert alert.intervention == Intervention.objects.get()
    # An alert of another account is not found.
    assert client.post(reverse("plan_start"), form | {"account": book[0].pk}).status_code == 404


def test_a_shared_plan_shows_the_plan_and_nothing_internal(plan, owner, client) -> None:
    interventions.set_cause(plan, by=owner, at=NOW, cause="value", text="Inner reasons")
    plan.refresh_from_db()
    interventions.add_risk(plan, by=owner, at=NOW, text="Inner risk")
    Note.objects.create(
        account=plan.account, intervention=plan, body="Inner note", on=today(), at=NOW, by=owner
    )
    client.force_login(owner)
    page = client.post(reverse("plan_share", args=[plan.pk]), {"days": 7})
    address = page.context["address"]
    assert address not in text(client.get(reverse("plan_share", args=[plan.pk])))
    client.logout()
    shared = client.get(address)
    assert shared.status_code == 200
    assert "Call" in text(shared)
    assert "Inner" not in shared.content.decode()
    assert shared["X-Robots-Tag"] == "noindex, nofollow"
    assert shared["Referrer-Policy"] == "no-referrer"
    assert "no-store" in shared["Cache-Control"]
    link = ShareLink.objects.get()
    assert link.opened == 1
    assert address.rstrip("/").rsplit("/", 1)[1] not in link.digest
    client.force_login(owner)
    client.post(reverse("plan_share", args=[plan.pk]), {"revoke": link.pk})
    assert client.get(address).status_code == 404


def test_links_end_by_themselves(plan, owner, client) -> None:
    client.force_login(owner)
    page = client.post(reverse("plan_share", args=[plan.pk]), {"days": 1})
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(page.context["address"]).status_code == 404
    assert client.get(reverse("shared_plan", args=["guess"])).status_code == 404


def test_the_account_shows_its_plans(plan, book, owner, executive, client) -> None:
    client.force_login(owner)
    page = client.get(reverse("account_plans", args=[book[0].pk]))
    assert [each["plan"] for each in page.context["open"]] == [plan]
    assert page.context["may"]
    client.force_login(executive)
    assert not client.get(reverse("account_plans", args=[book[0].pk])).context["may"]


def test_the_print_view_has_no_shell(plan, owner, client) -> None:
    client.force_login(owner)
    page = client.get(reverse("plan_print", args=[plan.pk]))
    assert "Call" in text(page)
    assert 'class="side"' not in page.content.decode()


def test_more_plans_and_tasks_ask_no_more(plan, book, make_plan, make_alert, manager, client):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(manager)
    addresses = [
        reverse("plans") + "?scope=all&state=all",
        reverse("plans_board") + "?scope=all",
        reverse("plan", args=[plan.pk]),
        reverse("account_plans", args=[book[0].pk]),
    ]

    def asked() -> list[int]:
        counts = []
        for address in addresses:
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    make_plan(book[1])
    few = asked()
    for account in book:
        make_plan(account, tasks=("One", "Two", "Three"))
    for number in range(8):
        InterventionTask.objects.create(
            intervention=plan, account=book[0], position=10 + number, title=f"Task {number}"
        )
        interventions.add_risk(plan, by=manager, at=NOW, text=f"Risk {number}")
    assert asked() == few
    assert few[0] <= 9
    assert max(few) <= 20
