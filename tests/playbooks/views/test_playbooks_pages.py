"""The pages of playbooks: what each role sees, the editor without JavaScript, a dry run that writes nothing."""

import re

import pytest
from django.apps import apps
from django.urls import reverse

from playbooks.models import Intervention, Playbook, PlaybookKpi, PlaybookVersion, RoleHolder
from playbooks.services import interventions, playbooks
from playbooks.services.recipes import recipe_of
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW


@pytest.fixture
def rescue(make_playbook):
    return make_playbook(
        "rescue",
        purpose="Bring them back.",
        applies={"tones": ["poor"]},
        steps=[{"title": "Call", "blocks": True}, {"title": "Agree", "offset_days": 3}],
        exit_rule={
            "match": "all",
            "conditions": [{"metric": "days_since_last_activity", "op": "<", "value": 10}],
        },
    )


@pytest.fixture
def draft(rescue, admin):
    return playbooks.start_draft(rescue.playbook, by=admin)


def at(name: str, key: str = "rescue", **query) -> str:
    tail = "&".join(f"{k}={v}" for k, v in query.items())
    return reverse(name, kwargs={"key": key}) + (f"?{tail}" if tail else "")


def text(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize("who", ["owner", "outsider", "manager", "executive", "admin"])
def test_everyone_reads_the_library_with_their_own_figures(who, people, book, rescue, client):
    client.force_login(people[who])
    page = text(client.get(reverse("playbooks")))
    assert "Bring them back." in page
    assert "Low band" in page
    count = {"outsider": 0}.get(who, 1)
    assert (at("playbook_audience") in page) == bool(count)
    assert "New playbook" in page if who == "admin" else "New playbook" not in page


def test_the_library_is_searched_and_filtered(book, rescue, make_playbook, owner, client):
    make_playbook("quarterly", kind="cadence", purpose="Meet each quarter.")
    client.force_login(owner)
    there = {
        "?q=quarter": ["quarterly"],
        "?kind=trigger": ["rescue"],
        "?state=off": [],
        "?q=bring+back&kind=trigger": ["rescue"],
        "?kind=nonsense": ["rescue", "quarterly"],
    }
    for query, keys in there.items():
        page = text(client.get(reverse("playbooks") + query))
        assert [key for key in ("rescue", "quarterly") if at("playbook", key) in page] == keys


def test_a_draft_is_nobodys_but_the_admins(admin, owner, client, book):
    playbooks.create(name="Secret", kind="trigger", by=admin)
    client.force_login(owner)
    assert "Secret" not in text(client.get(reverse("playbooks")))
    assert client.get(at("playbook", "secret")).status_code == 404
    client.force_login(admin)
    assert "Never published" in text(client.get(reverse("playbooks")))
    assert client.get(at("playbook", "secret")).status_code == 200


def test_a_draft_beside_a_version_is_not_shown_to_others(draft, owner, client, book):
    client.force_login(owner)
    assert client.get(at("playbook", version=2)).status_code == 404
    assert client.get(at("playbook_try", version=2)).status_code == 404
    assert client.get(at("playbook_audience", version=2)).status_code == 404


@pytest.mark.parametrize(
    "name", ["playbook_edit", "playbook_publish", "playbook_switch", "playbook_new"]
)
@pytest.mark.parametrize("who", ["owner", "manager", "executive", "outsider"])
def test_only_admins_find_the_editor(name, who, people, draft, client):
    client.force_login(people[who])
    url = reverse(name) if name == "playbook_new" else at(name)
    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 404


@pytest.mark.parametrize("name", ["playbook_draft", "playbook_discard", "playbook_move"])
def test_only_admins_act(name, manager, draft, client):
    client.force_login(manager)
    assert client.post(at(name)).status_code == 404
    assert client.get(at(name)).status_code == 405


def test_the_audience_lists_whom_the_viewer_may_see(
    book, rescue, people, south, make_account, client
):
    other = make_account("Southern Secret", team=south)
    other.health = None
    client.force_login(people["owner"])
    page = text(client.get(at("playbook_audience")))
    assert "Poor Pots" in page
    assert "Health Low" in page
    assert at("playbook_try", account=book[1].pk) in page
    client.force_login(people["outsider"])
    assert "Poor Pots" not in text(client.get(at("playbook_audience")))
    client.force_login(people["executive"])
    page = text(client.get(at("playbook_audience")))
    assert "Poor Pots" in page
    # They start nothing.
    assert "Try it" not in page


def test_lists_go_out_as_csv(book, rescue, owner, client):
    client.force_login(owner)
    lines = b"".join(client.get(at("playbook_audience_csv")).streaming_content).decode()
    assert "Poor Pots" in lines
    assert "Healthy Hats" not in lines
    assert "rescue,Rescue,trigger,yes,1" in client.get(reverse("playbooks_csv")).getvalue().decode()


# A dry run.


def everything() -> dict[str, int]:
    return {
        model.__name__: model._base_manager.count()
        for model in apps.get_models()
        if model._meta.managed
    }


def test_a_dry_run_shows_what_would_happen_and_writes_nothing(book, rescue, owner, client):
    PlaybookKpi.objects.bulk_create(
        [
            PlaybookKpi(
                version=rescue,
                position=1,
                metric="contacts_with_email",
                target_kind="change",
                target_value=1.0,
            )
        ]
    )
    client.force_login(owner)
    client.get(at("playbook_try"))
    before = everything()
    page = text(client.get(at("playbook_try", account=book[1].pk)))
    assert everything() == before
    for told in ("Call", "Agree", "waits for the steps before it", "Does not hold now", "Start it"):
        assert told in page
    # One contact with e-mail now, twice as many at the end.
    assert re.search(r'num">1</span>.*?num">2</span>', page, re.S)
    healthy = text(client.get(at("playbook_try", account=book[0].pk)))
    assert "Holds now" in healthy
    unknown = text(client.get(at("playbook_try", account=book[2].pk)))
    assert "Not known" in unknown


def test_what_is_shown_is_what_starts(book, rescue, owner, client):
    from playbooks.services.drafting import draft

    shown = draft([book[1]], rescue, on=NIGHT)[book[1].pk]
    plan = interventions.start(book[1], by=owner, at=NOW, on=NIGHT, version=rescue)
    made = [(task.title, task.due_on, task.assignee_id) for task in plan.tasks.all()]
    assert made == [(task.title, task.due_on, task.assignee_id) for task in shown.tasks]
    assert plan.target_on == shown.target_on
    client.force_login(owner)
    page = text(client.get(at("playbook_try", account=book[1].pk)))
    assert "A second one cannot be started" in page
    assert "Start it" not in page


@pytest.mark.parametrize("wrong", ["999999", "x", "", "٣", "9" * 30])
def test_a_dry_run_on_an_account_that_is_not_theirs_is_not_found(
    wrong, book, rescue, outsider, client
):
    client.force_login(outsider)
    assert client.get(at("playbook_try", account=book[1].pk)).status_code == 404
    assert client.get(at("playbook_try", account=wrong)).status_code == (404 if wrong else 200)
    assert "Poor Pots" not in text(client.get(at("playbook_try", q="poor")))


# The editor.


def typed(client) -> dict[str, object]:
    """The fields of the editor's form as a browser would send them."""
    context = client.get(at("playbook_edit")).context
    data: dict[str, object] = {}
    for form in (context["form"], *context["editor"].steps, *context["editor"].kpis):
        for bound in form:
            value = bound.value()
            if value not in (None, "", False, []):
                data[bound.html_name] = "on" if value is True else value
            elif bound.name in ("title", "metric"):
                data[bound.html_name] = ""
    for group in context["exit_part"]["groups"]:
        data[f"{group['prefix']}-match"] = group["match"]
        for row in group["rows"]:
            data[f"{row['prefix']}-kind"] = row["kind"]
            data |= {cell["id"]: cell["value"] for cell in row["cells"]}
    return data


def test_the_editor_takes_back_what_it_shows(draft, admin, client, book):
    client.force_login(admin)
    before = recipe_of(draft)
    response = client.post(at("playbook_edit"), typed(client) | {"act": "save"})
    assert response.status_code == 302
    assert recipe_of(PlaybookVersion.objects.get(pk=draft.pk)) == before


def test_steps_are_added_moved_and_removed_by_buttons(draft, admin, client, book):
    client.force_login(admin)

    def press(act: str, **values) -> list[str]:
        response = client.post(at("playbook_edit"), typed(client) | values | {"act": act})
        assert response.status_code == 302, text(response)
        return [step.title for step in draft.steps.all()]

    assert press("step-add") == ["Call", "Agree", ""]
    assert press("save", **{"s2-title": "Thank", "s2-guidance": "Say\r\nwhy."}) == [
        "Call",
        "Agree",
        "Thank",
    ]
    assert draft.steps.last().guidance == "Say\nwhy."
    assert press("step-up-2") == ["Call", "Thank", "Agree"]
    assert press("step-down-0") == ["Thank", "Call", "Agree"]
    assert press("step-remove-1") == ["Thank", "Agree"]
    press("kpi-add")
    press(
        "save",
        **{"k0-metric": "active_seat_rate", "k0-target_kind": "at_least", "k0-target_value": "60"},
    )
    # Shares are typed in percent and kept as ratios.
    assert draft.kpis.get().target_value == 0.6


def test_conditions_of_the_exit_are_added_and_saved(draft, admin, client, book):
    client.force_login(admin)
    response = client.post(at("playbook_edit"), typed(client) | {"act": "exit-0-add"})
    assert response.status_code == 200
    assert "exit-0-1-kind" in text(response)
    values = typed(client) | {
        "exit-0-1-kind": "score",
        "exit-0-1-op": ">=",
        "exit-0-1-value": "50",
        "act": "save",
    }
    assert client.post(at("playbook_edit"), values).status_code == 302
    stored = PlaybookVersion.objects.get(pk=draft.pk)
    assert stored.exit_rule["conditions"][1] == {"score": "value", "op": ">=", "value": 50}


def test_what_cannot_be_read_is_not_saved(draft, admin, client, book):
    client.force_login(admin)
    before = recipe_of(draft)
    values = typed(client) | {"target_days": "soon", "exit-0-0-value": "few", "act": "save"}
    response = client.post(at("playbook_edit"), values)
    assert response.status_code == 422
    assert "Enter a whole number" in text(response)
    assert "Write a number" in text(response)
    assert recipe_of(PlaybookVersion.objects.get(pk=draft.pk)) == before


def test_the_second_to_save_loses_nothing_and_is_told(draft, admin, make_user, client, book):
    client.force_login(admin)
    mine = typed(client) | {"purpose": "Mine", "act": "save"}
    client.post(at("playbook_edit"), typed(client) | {"purpose": "Theirs", "act": "save"})
    response = client.post(at("playbook_edit"), mine)
    assert response.status_code == 409
    assert "saved this draft meanwhile" in text(response)
    assert "Mine" in text(response)
    assert PlaybookVersion.objects.get(pk=draft.pk).purpose == "Theirs"


def test_publishing_shows_what_changes_and_wants_a_note(draft, admin, client, book):
    client.force_login(admin)
    client.post(at("playbook_edit"), typed(client) | {"purpose": "Bring all back.", "act": "save"})
    page = client.get(at("playbook_publish"))
    assert "Bring them back." in text(page)
    assert "Bring all back." in text(page)
    seen = page.context["digest"]
    assert client.post(at("playbook_publish"), {"seen": seen}).status_code == 422
    response = client.post(at("playbook_publish"), {"seen": seen, "note": "All of them."})
    assert response.status_code == 302
    assert draft.playbook.versions.get(state="active").purpose == "Bring all back."


def test_a_draft_with_faults_is_not_published(draft, admin, client, book):
    client.force_login(admin)
    client.post(at("playbook_edit"), typed(client) | {"act": "step-add"})
    page = client.get(at("playbook_publish"))
    assert "Step 3 has no title." in text(page)
    client.post(at("playbook_publish"), {"seen": page.context["digest"], "note": "Go."})
    assert PlaybookVersion.objects.get(pk=draft.pk).is_draft


def test_making_a_playbook_leads_to_its_editor(admin, client, book):
    client.force_login(admin)
    response = client.post(reverse("playbook_new"), {"name": "Wake up", "kind": "trigger"})
    assert response["Location"] == at("playbook_edit", "wake-up")
    assert client.get(response["Location"]).status_code == 200
    again = client.post(reverse("playbook_new"), {"name": "Wake up", "kind": "trigger"})
    assert "choose another name" in text(again)
    assert client.post(at("playbook_discard", "wake-up"))["Location"] == reverse("playbooks")
    assert not Playbook.objects.exists()


def test_switching_off_asks_and_closes_when_told(book, rescue, admin, owner, client):
    plan = interventions.start(book[1], by=owner, at=NOW, on=NIGHT, version=rescue)
    client.force_login(admin)
    assert "open plan follows it" in text(client.get(at("playbook_switch")))
    client.post(at("playbook_switch"), {"to": "off", "then": "close", "note": "Replaced"})
    plan.refresh_from_db()
    assert plan.outcome == Intervention.Outcome.CANCELLED
    assert "Switched off" in text(client.get(at("playbook")))
    client.post(at("playbook_switch"), {"to": "on"})
    assert Playbook.objects.get().is_active


def test_running_plans_of_older_versions_are_moved_by_hand(
    book, rescue, draft, admin, owner, client
):
    plan = interventions.start(book[1], by=owner, at=NOW, on=NIGHT, version=rescue)
    client.force_login(admin)
    client.post(at("playbook_edit"), typed(client) | {"purpose": "All.", "act": "save"})
    playbooks.publish(draft, by=admin, at=NOW, note="All.")
    assert "Move to version 2" in text(client.get(at("playbook")))
    client.post(at("playbook_move"), {"plan": ["x", plan.pk]})
    plan.refresh_from_db()
    assert plan.playbook_version_id == draft.pk


# Roles.


def test_everyone_reads_roles_and_admins_name_holders(people, north, client, book):
    for who, user in people.items():
        client.force_login(user)
        page = text(client.get(reverse("playbook_roles")))
        assert "Support lead" in page
        assert ("Name somebody" in page) == (who == "admin")
    data = {"role": "support_lead", "team": north.pk, "user": people["colleague"].pk}
    client.force_login(people["manager"])
    assert client.post(reverse("playbook_roles"), data).status_code == 404
    client.force_login(people["admin"])
    assert client.post(reverse("playbook_roles"), data).status_code == 302
    assert RoleHolder.objects.get().user == people["colleague"]
    data["user"] = people["outsider"].pk
    response = client.post(reverse("playbook_roles"), data)
    assert response.status_code == 422
    assert "add them to the team first" in text(response)
