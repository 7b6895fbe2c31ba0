"""Who looked after an account on which day, whatever order it was told in."""

from datetime import date

import pytest

from accounts.ingest.plans import Changes
from accounts.ingest.run import import_file
from accounts.ingest.undo import undo
from accounts.models import Account, ImportRun, OwnerPeriod
from accounts.services.owners import note_owners
from scoring.metrics.read import frame

MARCH, JUNE, JULY = date(2026, 3, 1), date(2026, 6, 1), date(2026, 7, 1)


@pytest.fixture
def load(tmp_path, owner, colleague):
    names = {"a": owner.username, "b": colleague.username, "": ""}

    def run(who, on):
        path = tmp_path / "accounts.csv"
        path.write_text(f"id,name,owner\n1,Oak,{names[who]}\n", encoding="utf-8")
        return ImportRun.objects.get(pk=import_file("accounts", path, as_of=on).run_id)

    return run


def periods(*fields):
    return list(OwnerPeriod.objects.order_by("account", "valid_from").values_list(*fields))


def told(account, *steps):
    for owner, on in steps:
        before = {account.pk: account.owner_id}
        account.owner = owner
        account.save()
        note_owners({account.pk: (account.owner_id, on)}, previous=before)
    return periods("owner", "valid_from", "valid_to")


def test_the_last_word_of_a_day_counts(make_account, owner, colleague):
    account = make_account(customer_since=JUNE)
    assert told(account, (owner, JUNE), (None, JUNE)) == []
    assert told(account, (owner, JUNE), (colleague, JUNE)) == [(colleague.pk, JUNE, None)]
    assert told(account, (owner, JULY), (None, JULY)) == [(colleague.pk, JUNE, JULY)]
    assert told(account, (owner, JULY)) == [
        (colleague.pk, JUNE, JULY),
        (owner.pk, JULY, None),
    ]


def test_an_old_word_leaves_the_days_nobody_had_the_account(make_account, owner, colleague):
    account = make_account()
    told(account, (owner, date(2026, 1, 1)), (None, JUNE), (owner, JULY))
    assert told(account, (colleague, MARCH))[1:] == [
        (colleague.pk, MARCH, JUNE),
        (owner.pk, JULY, None),
    ]


def test_an_undo_brings_back_the_owner_of_the_same_day(db, make_account, load, colleague):
    load("a", MARCH)
    load("b", JUNE)
    before = periods()
    account = Account.objects.get()
    # A file leaves a blank owner alone; what clears it writes like this.
    run = ImportRun.objects.create(feed="accounts", as_of=JUNE, state="done", created_count=1)
    changes = Changes()
    note_owners(
        {account.pk: (None, JUNE)},
        previous={account.pk: colleague.pk},
        import_run=run,
        record=changes.add,
    )
    note_owners({account.pk: (colleague.pk, JUNE)}, previous={}, import_run=run, record=changes.add)
    changes.write(run)
    assert periods() != before
    undo(run, by=None)
    assert periods() == before


def test_accounts_from_before_periods_keep_their_first_owner(make_account, load, owner, colleague):
    account = make_account(owner=owner, external_id="1", source="generic", customer_since=MARCH)

    def owner_on(day):
        rows = frame(["nps_score"], as_of=day, first_id=account.pk, last_id=account.pk)
        return rows["owner_id"].tolist()

    assert owner_on(JUNE) == [owner.pk]
    run = load("b", JULY)
    assert [owner_on(day) for day in (MARCH, JUNE, JULY)] == [
        [owner.pk],
        [owner.pk],
        [colleague.pk],
    ]
    undo(run, by=None)
    assert periods() == []
    assert owner_on(JULY) == [owner.pk]
