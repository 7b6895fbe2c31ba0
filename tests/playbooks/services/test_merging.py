"""Accounts merge: what people do about one of them goes on at the other, and comes back."""

import pytest
from django.apps import apps

from accounts.models import Account
from accounts.trust import followers, merge
from playbooks.models import AccountWork, Alert, Clock, Intervention, Note
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW


def test_every_table_of_accounts_goes_along():
    """Lists are made of work: those rows are made anew."""
    there = {
        model
        for model in apps.get_app_config("playbooks").get_models()
        if any(f.name == "account" and f.related_model is Account for f in model._meta.fields)
    }
    assert there - {AccountWork} == set(followers.tables().values())


@pytest.mark.django_db
def test_work_goes_along_and_nothing_is_open_twice(
    make_account, owner, admin, make_trigger, make_alert, make_playbook, make_plan, make_clock
):
    kept, merged = make_account("Acorn Ltd", owner=owner), make_account("Acorn", owner=owner)
    version, quiet = make_playbook(), make_trigger("quiet")
    make_alert(kept), make_clock(kept), make_plan(kept, playbook_version=version)
    twice, alone = make_alert(merged), make_alert(merged, quiet)
    runs_twice = make_plan(merged, playbook_version=version)
    by_hand = make_plan(merged)
    clock, cause = make_clock(merged), make_clock(merged, "root_cause")
    note = Note.objects.create(account=merged, on=NIGHT, at=NOW, body="Called", by=owner)

    told = {each.table: each.rows for each in merge.preview(kept, merged).moving}
    assert told["playbooks.alert"] == 2
    done = merge.merge(kept, merged, on=NIGHT, by=admin)

    assert not Alert.objects.filter(account=merged).exists()
    alone.refresh_from_db(), twice.refresh_from_db(), note.refresh_from_db()
    assert (alone.state, alone.account) == ("open", kept)
    assert (twice.state, twice.ended_by) == ("withdrawn", admin)
    assert "Acorn Ltd" in twice.end_reason
    assert note.account == kept
    runs_twice.refresh_from_db(), by_hand.refresh_from_db()
    assert (runs_twice.state, runs_twice.outcome) == ("closed", "cancelled")
    assert (by_hand.state, by_hand.account) == ("active", kept)
    assert by_hand.tasks.get().account == kept
    clock.refresh_from_db(), cause.refresh_from_db()
    assert (clock.state, cause.state) == ("dropped", "running")
    work = AccountWork.objects.get()
    assert (work.account, work.alerts_open, work.plans_open) == (kept, 2, 2)

    merge.undo(done, by=admin)
    assert set(Alert.objects.filter(account=merged)) == {twice, alone}
    assert set(Intervention.objects.filter(account=merged)) == {runs_twice, by_hand}
    assert Clock.objects.filter(account=merged).count() == 2
    assert AccountWork.objects.get(account=merged).alerts_open == 1
