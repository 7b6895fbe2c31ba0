"""What identify and group messages change, and that what is refused says why."""

from datetime import date

from accounts.events import apply
from accounts.models import Account, AccountAlias, Contact, Event, ImportRun, WriteKey

DAY = date(2026, 11, 20)
State = Event.State


def run():
    return apply.apply_events(as_of=DAY)


def said(kind: str, number: int, group: str = "A1", user: str = "u1", **traits) -> dict:
    ids = {"groupId": group} if kind == "group" else {"context": {"groupId": group}}
    return {"type": kind, "messageId": f"{kind}{number}", "userId": user, "traits": traits, **ids}


def test_identify_makes_a_contact_once_and_changes_it(post, make_account):
    WriteKey.objects.update(account_source="crm")
    account = make_account(source="crm", external_id="A1")
    ada = {"email": "ada@customer.example", "firstName": "Ada", "lastName": "Byron"}
    post({"batch": [said("identify", n, **ada) for n in range(3)]})
    run()
    contact = Contact.objects.get()
    assert (contact.account, contact.source, contact.external_id) == (account, "product", "u1")
    assert (contact.email, contact.name) == ("ada@customer.example", "Ada Byron")
    post({"batch": [said("identify", 4, **ada)]})
    run()
    assert ImportRun.objects.count() == 1, "nothing changed, so nothing was loaded"
    post({"batch": [said("identify", 5, **ada, title="Countess")]})
    run()
    assert Contact.objects.get().title == "Countess"
    post({"batch": [said("identify", 6, user="u2", plan="no address")]})
    assert run()[State.UNUSED] == 1
    assert Contact.objects.count() == 1


def test_group_traits_update_the_account_and_never_its_owner(post, make_account, owner):
    account = make_account(source="product", external_id="A1", owner=owner)
    traits = {"name": "New Name", "Industry": "Retail", "owner": "outsider@example.test", "x": [1]}
    post({"batch": [said("group", 1, **traits, parent_id="A9", aliases="A7", email="x@y.example")]})
    run()
    assert not AccountAlias.objects.exists()
    account.refresh_from_db()
    assert (account.name, account.industry) == ("New Name", "Retail")
    assert (account.owner, account.parent) == (owner, None)
    assert Account.objects.count() == 1


def test_a_refused_trait_says_why_and_does_not_lose_the_others(post, make_account):
    account = make_account(source="product", external_id="A1")
    other = make_account(source="product", external_id="A2")
    bad = said("group", 1, name="Right", employees="a lot", customer_since="someday")
    post({"batch": [bad, said("group", 2, group="A2", name="Also right")]})
    run()
    account.refresh_from_db(), other.refresh_from_db()
    assert account.name == "Right"
    assert other.name == "Also right"
    refused = Event.objects.get(state=State.REFUSED)
    assert refused.message_id == "group1"
    assert "employees 'a lot'" in refused.note
    assert "customer_since 'someday'" in refused.note


def test_a_write_key_decides_nothing_of_money_and_churn(post, make_account):
    account = make_account(source="product", external_id="A1")
    traits = {"arr": 1, "renewal_on": "2026-12-01", "churned_on": "2026-11-01", "stage": "Churned"}
    post({"batch": [said("group", 1, name="Kept", **traits)]})
    run()
    account.refresh_from_db()
    assert (account.name, account.arr_amount) == ("Kept", 12_000_000)
    assert (account.renewal_on, account.churned_on, account.lifecycle_stage) == (None, None, "")


def test_the_last_word_of_a_batch_counts(post, make_account):
    account = make_account(source="product", external_id="A1")
    late = said("group", 1, name="Late") | {"timestamp": "2026-11-19T10:00:00Z"}
    early = said("group", 2, name="Early", industry="Retail") | {
        "timestamp": "2026-11-19T09:00:00Z"
    }
    post({"batch": [late, early]})
    run()
    account.refresh_from_db()
    assert (account.name, account.industry) == ("Late", "Retail")


def test_traits_of_an_unknown_account_wait_for_it(post, make_account):
    post({"batch": [said("identify", 1, email="a@b.example"), said("group", 1, industry="Retail")]})
    assert run()[State.HELD] == 2
    assert not Account.objects.exists()
    assert not ImportRun.objects.exists()
    account = make_account(source="product", external_id="A1")
    run()
    account.refresh_from_db()
    assert account.industry == "Retail"
    assert Contact.objects.get().account == account


def test_what_cannot_be_loaded_does_not_hold_up_the_rest(post, make_account, monkeypatch):
    from accounts.events import traits

    make_account(source="product", external_id="A1")
    post({"batch": [said("group", 1, name="X"), said("identify", 1)]})
    monkeypatch.setattr(traits, "load_rows", lambda *a, **k: 1 / 0)
    run()
    assert "ZeroDivisionError" in Event.objects.get(state=State.REFUSED).note
