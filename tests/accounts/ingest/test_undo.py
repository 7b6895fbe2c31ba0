from datetime import date

import pytest
from django.urls import reverse

from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import UndoCounts, undo
from accounts.models import Account, ImportRun, Reading, Team

BOOK = "id,name,industry,nps\n1,A,Retail,5\n2,B,,\n"


def run_of(result):
    return ImportRun.objects.get(pk=result.run_id)


def test_what_an_import_created_is_deleted(load, admin):
    run = run_of(load(BOOK))
    assert undo(run, by=admin) == UndoCounts(accounts_deleted=2, readings_deleted=1)
    assert not Account.objects.exists()
    assert not Reading.objects.exists()
    assert (run.state, run.undone_by) == ("undone", admin)
    assert run.undone_at


def test_what_an_import_changed_is_restored(load, contents):
    load(BOOK)
    before = contents()
    team = Team.objects.create(name="North")
    run = run_of(
        load(
            "id,name,industry,renewal_on,team,tags,arr,nps,csat\n"
            "1,A,Media,2027-01-01,North,x;y,12,6,3\n2,B,,,,,,7,\n3,New,,,,,,1,\n"
        )
    )
    assert Account.objects.get(external_id="1").team == team
    counts = undo(run, by=None)
    assert counts == UndoCounts(
        accounts_deleted=1, accounts_restored=1, readings_deleted=2, readings_restored=1
    )
    after = contents()

    def without_stamp(rows):
        return [{k: v for k, v in row.items() if k != "updated_at"} for row in rows]

    assert without_stamp(after[0]) == without_stamp(before[0])
    assert after[1] == before[1]


def test_undoing_twice_does_nothing_more(load):
    run = run_of(load(BOOK))
    undo(run, by=None)
    load(BOOK)
    assert undo(run, by=None) == UndoCounts()
    assert Account.objects.count() == 2


@pytest.mark.parametrize(
    ("later", "options"),
    [
        ("id,industry,nps\n1,Media,\n", {}),
        ("id,name,nps\n1,A,9\n", {}),
        ("id,name,nps\n2,B,9\n", {"as_of": date(2026, 11, 21)}),
    ],
    ids=["an attribute", "a reading", "a reading of another day"],
)
def test_a_later_import_of_the_same_rows_comes_first(load, contents, later, options):
    first = run_of(load(BOOK))
    second = run_of(load(later, **options))
    before = contents()
    with pytest.raises(UndoRefused, match=rf"import {second.pk} .*Undo that one first"):
        undo(first, by=None)
    assert contents() == before
    undo(second, by=None)
    assert undo(first, by=None).accounts_deleted == 2


def test_a_later_import_of_other_rows_is_no_obstacle(load):
    first = run_of(load(BOOK))
    load("id,name,nps\n7,G,9\n")
    load(BOOK)
    assert undo(first, by=None).accounts_deleted == 2
    assert Account.objects.get().external_id == "7"


def test_what_a_person_changed_since_stays(load):
    load(BOOK)
    run = run_of(load("id,name,industry,nps\n1,Z,Media,6\n"))
    Account.objects.filter(external_id="1").update(industry="Mining")
    assert undo(run, by=None).kept == 1
    account = Account.objects.get(external_id="1")
    assert (account.name, account.industry) == ("A", "Mining")


def test_an_import_that_loaded_nothing_cannot_be_undone(db):
    run = ImportRun.objects.create(
        feed="accounts", file_name="x.csv", as_of=date(2026, 1, 1), state="failed"
    )
    with pytest.raises(UndoRefused, match="nothing to undo"):
        undo(run, by=None)


def test_the_admin_undoes_the_newest_first_and_says_so(load, client, admin):
    load(BOOK)
    load("id,industry,nps\n1,Media,9\n")
    client.force_login(admin)
    response = client.post(
        reverse("admin:accounts_importrun_changelist"),
        {
            "action": "undo_imports",
            "_selected_action": ImportRun.objects.values_list("pk", flat=True),
        },
        follow=True,
    )
    assert response.status_code == 200
    said = [str(message) for message in response.context["messages"]]
    assert len(said) == 2
    assert all("is undone" in text for text in said)
    assert not Account.objects.exists()


def test_the_admin_shows_a_refusal(load, client, admin):
    first = run_of(load(BOOK))
    load("id,industry,nps\n1,Media,9\n")
    client.force_login(admin)
    response = client.post(
        reverse("admin:accounts_importrun_changelist"),
        {"action": "undo_imports", "_selected_action": [first.pk]},
        follow=True,
    )
    assert "cannot be undone" in str(next(iter(response.context["messages"])))


@pytest.mark.parametrize("model", ["account", "team", "reading", "importrun", "importchange"])
def test_every_list_of_the_admin_opens(load, client, admin, model):
    load(BOOK)
    load("id,industry,nps\n1,Media,9\n")
    client.force_login(admin)
    assert client.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200


def test_accounts_that_were_scored_since_go_with_their_scores(load, score_book):
    run = run_of(load("id,name,nps\n1,A,5\n2,B,6\n"))
    score_book(as_of=date(2026, 11, 20))
    assert Account.objects.filter(health__isnull=False).exists()
    assert undo(run, by=None).accounts_deleted == 2
    assert not Account.objects.exists()
