"""A merge moves every fact and comes back without a trace."""

import json
from datetime import timedelta

import pytest
from django.apps import apps

from accounts.access import visible_to
from accounts.models import AccountAlias, ChangedAccount, LookAlike, Merge, Reading, Usage
from accounts.trust import duplicates, merge
from tests.accounts.trust.conftest import LAST


def contents():
    """Every row of every table of accounts but the merges and what they left to be scored again."""
    return {
        model.__name__: json.loads(
            json.dumps(list(model.objects.order_by("pk").values()), default=str)
        )
        for model in apps.get_app_config("accounts").get_models()
        if model not in (Merge, ChangedAccount)
    }


@pytest.fixture
def pair(make_account, owner, north, one_of_each):
    kept = make_account("Acorn Ltd", industry="", arr_amount=None, tags=["a"], custom={"x": "1"})
    merged = make_account(
        "Acorn", owner=owner, team=north, tags=["b"], custom={"x": "2", "y": "3"}, country="FR"
    )
    make_account("Acorn Child", parent=merged)
    one_of_each(kept, "K")
    one_of_each(merged, "M", on=LAST - timedelta(days=1))
    # The same day and source on both: one of them has to stay behind.
    Reading.objects.create(account=merged, on=LAST, source="crm", metrics={"a": 2})
    usage = Usage.objects.get(account=kept)
    Usage.objects.create(account=merged, measure=usage.measure, on=usage.on, value=9)
    duplicates.search()
    return kept, merged


def test_every_table_has_a_row_here(pair):
    for model in merge.tables():
        assert model.objects.filter(account=pair[1]).exists(), model.__name__


def test_everything_moves_but_what_is_there_already(pair, admin):
    kept, merged = pair
    told = merge.preview(kept, merged)
    done = merge.merge(kept, merged, on=LAST, by=admin)
    for model in merge.tables():
        stays = 1 if model in (Reading, Usage) else 0
        assert model.objects.filter(account=merged).count() == stays, model.__name__
    assert done.changed["conflicts"] == {"reading": 1, "usage": 1}
    assert {each.table: each.conflicts for each in told.moving if each.conflicts} == {
        "reading": 1,
        "usage": 1,
    }
    kept.refresh_from_db()
    assert (kept.country, kept.industry, kept.arr_amount) == ("FR", "Technology", 12_000_000)
    assert (kept.tags, kept.custom) == (["a", "b"], {"x": "1", "y": "3"})
    assert kept.owner_periods.get().valid_from == LAST
    assert kept.children.get().name == "Acorn Child"
    assert merged not in visible_to(admin)
    assert AccountAlias.objects.get(external_id=merged.external_id).account == kept
    assert not LookAlike.objects.exists()


def test_merge_and_undo_leave_every_table_as_it_was(pair, admin):
    before = contents()
    assert before["LookAlike"]
    done = merge.merge(*pair, on=LAST, by=admin)
    assert contents() != before
    assert merge.undo(done, by=admin) == []
    after = contents()
    # The pair is listed again under another number.
    for each in (*before["LookAlike"], *after["LookAlike"]):
        del each["id"]
    assert after == before
    with pytest.raises(merge.MergeError, match="already"):
        merge.undo(done, by=admin)


def test_undo_leaves_what_somebody_has_changed_since(pair, admin):
    kept, merged = pair
    done = merge.merge(kept, merged, on=LAST, by=admin)
    kept.refresh_from_db()
    kept.country = "DE"
    kept.save()
    assert merge.undo(done, by=admin) == ["country"]
    kept.refresh_from_db()
    assert (kept.country, kept.industry) == ("DE", "")


def test_cycles_and_repeats_are_refused(pair, admin, make_account):
    kept, merged = pair
    third = make_account("Third", parent=make_account("Between", parent=merged))
    with pytest.raises(merge.MergeError, match="itself"):
        merge.merge(kept, kept, on=LAST, by=admin)
    with pytest.raises(merge.MergeError, match="other way"):
        merge.merge(third, merged, on=LAST, by=admin)
    first = merge.merge(kept, merged, on=LAST, by=admin)
    for one, other in ((merged, kept), (kept, merged), (third, merged)):
        with pytest.raises(merge.MergeError):
            merge.merge(one, other, on=LAST, by=admin)
    fourth = make_account("Fourth")
    merge.merge(fourth, kept, on=LAST, by=admin)
    merged.refresh_from_db()
    assert merged.merged_into == fourth
    with pytest.raises(merge.MergeError, match="later merge"):
        merge.undo(first, by=admin)


def test_look_alikes_are_found_without_comparing_all(make_account, one_of_each, admin):
    from accounts.models import Contact

    one = make_account("Örtel & Söhne GmbH")
    two = make_account("ORTEL AND SOHNE", source="erp", external_id="77")
    make_account("Ortel 1"), make_account("Ortel 2")
    mill = make_account("Northern Mills")
    same = make_account("Nordic Milling")
    for account, mail in ((mill, "a@mill.example"), (same, "b@mill.example")):
        for phone in ("+1 555 010 2030", ""):
            Contact.objects.create(
                account=account,
                external_id=f"{mail}{phone}",
                known_on=LAST,
                email=mail,
                phone=phone,
            )
    # Ten customers of one mail provider are ten customers.
    for n in range(10):
        far = make_account(f"{'ABCDEFGHIJ'[n] * 5} Works")
        Contact.objects.create(
            account=far, external_id=f"p{n}", known_on=LAST, email="x@many.example"
        )
    duplicates.search()
    found = {(each.first, each.second): each for each in LookAlike.objects.all()}
    assert set(found) == {(one, two), (mill, same)}
    assert found[mill, same].score == 0.7
    duplicates.settle(two, one, by=admin)
    duplicates.search()
    assert LookAlike.objects.count() == 1
