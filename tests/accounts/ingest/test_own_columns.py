"""What a company makes itself, ids that were merged, and references to what is not there."""

import pytest

from accounts.models import (
    Account,
    AccountAlias,
    Activity,
    CustomField,
    HeldRow,
    MetricDefinition,
    Reading,
)

from .test_feeds import CASES


@pytest.fixture
def fields(db):
    for key, kind in {"region": "text", "fte": "number", "signed": "date", "vip": "yes_no"}.items():
        CustomField.objects.create(key=key, label=f"Our {key}", kind=kind)


def test_own_fields_of_every_kind(load, fields):
    result = load(
        "id,name,custom:region,Our fte,custom:signed,our_vip\n"
        "1,A,North,2.5,2026-03-01,yes\n2,B,,,,\n3,C,,many,someday,perhaps\n",
        feed="accounts",
    )
    assert (result.created, result.rejected, result.unmapped_columns) == (2, 1, ())
    assert [(e.row, e.column, e.value) for e in result.errors] == [
        (4, "Our fte", "many"),
        (4, "custom:signed", "someday"),
        (4, "our_vip", "perhaps"),
    ]
    assert all(error.reason and error.remedy for error in result.errors)
    custom = dict(Account.objects.values_list("external_id", "custom"))
    assert custom == {
        "1": {"region": "North", "fte": 2.5, "signed": "2026-03-01", "vip": True},
        # Blank is unknown, not "" and not no.
        "2": {},
    }
    again = load("id,custom:vip\n1,no\n2,\n", feed="accounts")
    assert (again.updated, again.unchanged) == (1, 1)
    assert Account.objects.get(external_id="1").custom == custom["1"] | {"vip": False}


def test_metrics_an_admin_defined_are_columns_and_names(load):
    MetricDefinition.objects.create(key="partner_score", label="Partner score", origin="reported")
    MetricDefinition.objects.create(key="off", label="Off", origin="reported", is_active=False)
    MetricDefinition.objects.create(key="computed", label="Computed", measure="logins")
    wide = load(
        "id,name,partner_score,metric:off,metric:computed\n1,A,7,1,1\n2,B,,1,1\n3,C,high,,\n"
    )
    assert (wide.created, wide.rejected) == (2, 1)
    assert set(wide.unmapped_columns) == {"metric:off", "metric:computed"}
    assert list(Reading.objects.values_list("account__external_id", "metrics")) == [
        ("1", {"partner_score": 7})
    ]
    long = load(
        "account_id,date,metric,value\n2,2026-11-01,Partner score,8\n2,2026-11-01,off,8\n",
        feed="metrics",
    )
    assert (long.created, long.rejected) == (1, 1)
    assert long.errors[0].reason == "There is no such metric."
    assert Reading.objects.get(account__external_id="2").metrics == {"partner_score": 8}


def test_a_later_file_finds_a_merged_account_by_its_old_id(load):
    load("id,name,merged_ids\n1,A,8;9\n", feed="accounts")
    assert set(AccountAlias.objects.values_list("external_id", flat=True)) == {"8", "9"}
    load("id,account_id,kind,on\na1,9,call,2026-11-01\n", feed="activities")
    load("account_id,on,measure,value\n8,2026-11-01,logins,5\n", feed="usage")
    assert Activity.objects.get().account.external_id == "1"
    assert Account.objects.get().usage.get().value == 5
    assert not HeldRow.objects.exists()


def test_a_reference_to_what_is_not_known_names_it(load):
    load("id,name\n1,A\n", feed="accounts")
    load(CASES["invoices"][0].replace("i2,2", "i2,1"), feed="invoices")
    bad = load(
        "id,account_id,invoice_id,date,amount\np1,1,i404,2026-09-20,60\np2,1,i1,2026-09-20,60\n",
        feed="payments",
    )
    (error,) = bad.errors
    assert (error.row, error.column, error.value) == (2, "invoice_id", "i404")
    assert "Import the invoice first" in error.remedy
    load(CASES["subscriptions"][0].replace("b2,2", "b2,1"), feed="subscriptions")
    changes = load(
        "id,subscription_id,kind,date\ne1,b404,Upgrade,2026-05-01\ne2,b1,Upgrade,2026-05-01\n",
        feed="subscription_events",
    )
    assert [(e.row, e.value) for e in changes.errors] == [(2, "b404")]

    text = "id,account_id,kind,on,contact\n" + "".join(
        f"a{i},1,call,2026-11-01,c{i % 25}\n" for i in range(50)
    )
    calls = load(text, feed="activities")
    assert (calls.created, calls.rejected) == (50, 0)
    assert "2 rows have the contact 'c3', which is not known" in " ".join(calls.warnings)
    assert "10 rows have another contact that is not known" in " ".join(calls.warnings)
    # Nothing is lost: once the contact is there, the same file says whose call it was.
    load("id,account_id,name\nc3,1,Ann\n", feed="contacts")
    again = load(text, feed="activities")
    assert (again.updated, again.unchanged) == (2, 48)
    assert Activity.objects.filter(contact__external_id="c3").count() == 2
