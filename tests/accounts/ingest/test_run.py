import csv
from datetime import date
from pathlib import Path

import pytest
from django.db import DatabaseError

from accounts.ingest import load as loading
from accounts.ingest import run as running
from accounts.ingest.errors import (
    EveryRowRejected,
    IngestError,
    MissingColumn,
    UnknownFeed,
    UnreadableFile,
)
from accounts.ingest.undo import undo
from accounts.models import Account, ImportRun, Reading, Team

from .conftest import DAY, HEADER

GOOD = f'{HEADER}\n1,"Müller; ""Söhne""",10,8,1000.5\n2,Łódź,4,,\n'
REAL = Path(__file__).resolve().parents[4] / "shared/data/crm-accounts/accounts.csv"


def counts(result):
    return (result.created, result.updated, result.unchanged, result.rejected)


def test_accounts_and_readings_are_created(load):
    result = load(GOOD)
    assert counts(result) == (2, 0, 0, 0)
    first, second = Account.objects.order_by("external_id")
    assert (first.name, second.name) == ('Müller; "Söhne"', "Łódź")
    assert first.currency == "USD"
    assert first.readings.get().metrics == {
        "total_contacts": 10,
        "contacts_with_email": 8,
        "annual_revenue": 1000.5,
    }
    # What was left blank is unknown, not zero.
    assert second.readings.get().metrics == {"total_contacts": 4}
    run = ImportRun.objects.get(pk=result.run_id)
    assert (run.state, run.created_count, run.rows_read) == ("done", 2, 2)
    assert len(run.file_sha256) == 64
    assert first.readings.get().import_run == run


def test_the_same_file_again_changes_nothing(load, contents):
    load(GOOD)
    before = contents()
    assert counts(load(GOOD)) == (0, 0, 2, 0)
    after = contents()
    assert after[:2] == before[:2]
    assert after[3] == before[3]


def test_only_what_differs_is_written(load):
    load(GOOD)
    Account.objects.filter(external_id="2").update(industry="Retail")
    result = load("account_id,name,total_contacts\n1,Müller,10\n2,Łódź,5\n")
    assert counts(result) == (0, 2, 0, 0)
    first, second = Account.objects.order_by("external_id")
    assert first.name == "Müller"
    assert first.readings.get().metrics["annual_revenue"] == 1000.5
    assert second.industry == "Retail"
    assert second.readings.get().metrics == {"total_contacts": 5}


def test_a_blank_cell_leaves_what_is_there(load):
    load("id,name,industry,total_contacts\n1,A,Retail,5\n")
    assert counts(load("id,name,industry,total_contacts\n1,,,\n")) == (0, 0, 1, 0)
    assert Account.objects.get().industry == "Retail"


def test_another_day_is_another_reading(load):
    load(GOOD)
    load(GOOD, as_of=date(2026, 11, 19))
    assert Reading.objects.filter(account__external_id="1").count() == 2


def test_a_date_column_wins_over_the_day_of_the_import(load):
    load("id,name,date,nps\n1,A,2026-10-01,5\n2,B,,6\n")
    on = dict(Reading.objects.values_list("account__external_id", "on"))
    assert on == {"1": date(2026, 10, 1), "2": DAY}


def test_the_same_id_of_another_source_is_another_account(load):
    load(GOOD)
    assert counts(load(GOOD, source="billing")) == (2, 0, 0, 0)


def test_every_attribute_is_loaded(load, make_user, make_team):
    owner, team = make_user("anna"), make_team("North")
    load(
        "id,name,industry,size,type,country,stage,customer_since,churned_on,last_touch,"
        "renewal_date,ARR,currency,owner,team,tags\n"
        "1,A,Retail,SMB,Customer,France,growth,2020-01-01,2026-01-02,2026-01-01,"
        '2027-01-01,"$1,200.50",USD,anna@example.test,north,gold;emea\n',
        feed="accounts",
    )
    account = Account.objects.get()
    assert (account.owner, account.team) == (owner, team)
    assert account.arr_amount == 120050
    assert account.tags == ["gold", "emea"]
    assert account.lifecycle_stage == "Growth"
    assert account.size_segment == "Small Business"
    assert account.renewal_on == date(2027, 1, 1)
    assert account.churned_on == date(2026, 1, 2)
    assert not account.readings.exists()


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        ("9,X,twelve,1,1", "total_contacts", "twelve", "not a number"),
        ("9,X,-4,1,1", "total_contacts", "-4", "negative"),
        ("9,X,NaN,1,1", "total_contacts", "NaN", "finite"),
        ("9,X,5.3,1,1", "total_contacts", "5.3", "whole"),
        (",X,5,1,1", "account_id", "", "id is missing"),
        ("1,X,5,1,1", "account_id", "1", "already used in row 2"),
        ("9,,5,1,1", "account_name", "9", "has no name"),
        ("9,X,5,1", "", "9", "has 4 cells where the header has 5"),
        ("9,X,5,1,1,1", "", "9", "has 6 cells where the header has 5"),
        ('9,"X,5,1,1', "", "9", "never closed"),
    ],
)
def test_a_bad_row_is_rejected_and_the_others_load(load, row, column, value, reason):
    result = load(f"{HEADER}\n1,A,10,8,1\n{row}\n3,C,1,1,1\n")
    assert counts(result) == (2, 0, 0, 1)
    (error,) = result.errors
    assert (error.row, error.column, error.value) == (3, column, value)
    assert reason in error.reason
    assert error.remedy
    assert set(Account.objects.values_list("external_id", flat=True)) == {"1", "3"}


def test_all_faults_of_a_row_are_listed_and_it_counts_once(load):
    result = load(f"{HEADER}\n1,A,x,y,z\n2,B,1,1,1\n")
    assert counts(result) == (1, 0, 0, 1)
    assert [e.column for e in result.errors] == [
        "total_contacts",
        "contacts_with_email",
        "annual_revenue",
    ]


def test_a_duplicate_is_found_across_chunks(load, monkeypatch):
    monkeypatch.setattr(running, "_CHUNK_ROWS", 100)
    monkeypatch.setattr("accounts.ingest.seen._RECENT_IDS", 150)
    rows = "".join(f"{i},A{i},1,1,1\n" for i in range(1000))
    result = load(f"{HEADER}\n{rows}0,Again,1,1,1\n999,Again,1,1,1\n")
    assert counts(result) == (1000, 0, 0, 2)
    assert ["row 2," in e.reason for e in result.errors] == [True, False]
    assert Account.objects.get(external_id="0").name == "A0"


def test_an_amount_in_another_currency_is_rejected(load):
    result = load("id,name,arr,currency\n1,A,5,USD\n2,B,5,EUR\n", feed="accounts")
    assert counts(result) == (1, 0, 0, 1)
    assert "the book is kept in USD" in result.errors[0].reason


def test_unknown_owner_and_team_are_named(load):
    Team.objects.create(name="North")
    result = load("id,name,owner,team\n1,A,ghost,North\n2,B,,West\n3,C,,north\n", feed="accounts")
    assert [(e.column, e.value) for e in result.errors] == [("owner", "ghost"), ("team", "West")]


def test_more_contacts_with_email_than_contacts_is_a_warning(load):
    result = load(f"{HEADER}\n1,A,5,8,1\n")
    assert counts(result) == (1, 0, 0, 0)
    assert "1 row has more contacts with e-mail" in result.warnings[0]


def test_the_sources_own_score_is_never_loaded(load):
    result = load("id,name,nps,customer_health_score,churn_risk_level\n1,A,5,85,Low\n")
    assert result.source_score_columns == ("customer_health_score", "churn_risk_level")
    assert Reading.objects.get().metrics == {"nps_score": 5}
    run = ImportRun.objects.get()
    assert run.unmapped_columns[0] == "customer_health_score (ignored: the source's own score)"


def test_a_dry_run_says_what_would_happen_and_changes_nothing(load, contents):
    load(GOOD)
    before = contents()
    text = f"{HEADER}\n1,Neu,10,8,1000.5\n2,Łódź,4,,\n3,New,1,1,1\n4,Bad,x,1,1\n"
    dry = load(text, dry_run=True)
    assert contents() == before
    assert counts(dry) == (1, 1, 1, 1)
    assert [(c.external_id, c.created) for c in dry.sample] == [("1", False), ("3", True)]
    assert dry.sample[0].changes == {"name": ('Müller; "Söhne"', "Neu")}
    assert dry.run_id is None
    real = load(text)
    assert counts(real) == counts(dry)
    assert real.errors == dry.errors


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", UnreadableFile),
        (f"{HEADER}\n", UnreadableFile),
        (f"{HEADER}\n\n,,,,\n", UnreadableFile),
        (bytes(range(256)) * 10, UnreadableFile),
        ("name,nps\nA,1\n", MissingColumn),
        (f"{HEADER}\n1,A,x,1,1\n2,B,-1,1,1\n", EveryRowRejected),
        (f"{HEADER}\n1,A,", EveryRowRejected),
    ],
)
def test_where_nothing_can_load_the_database_is_as_it_was(load, contents, content, error):
    load(GOOD)
    before = contents()
    with pytest.raises(error):
        load(content)
    assert contents() == before


def test_a_file_cut_in_the_middle_loads_its_whole_rows(load):
    text = f"{HEADER}\n" + "".join(f"{i},Name {i},10,8,1000\n" for i in range(20))
    result = load(text[: len(text) - 9])
    assert counts(result) == (19, 0, 0, 1)
    assert "cut off" in result.errors[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_names_survive_every_encoding(load, write, encoding):
    load(write(f"{HEADER}\n1,Müller & Søn,1,1,1\n", encoding=encoding))
    assert Account.objects.get().name == "Müller & Søn"


def test_a_file_of_thousands_of_columns(load):
    extra = [f"custom_{i}" for i in range(5_000)]
    rows = "".join(f"{i},A{i},1,1,1,{','.join('x' * 5_000)}\n" for i in range(300))
    result = load(f"{HEADER},{','.join(extra)}\n{rows}")
    assert counts(result) == (300, 0, 0, 0)
    assert len(result.unmapped_columns) == 5_000
    assert len(ImportRun.objects.get().unmapped_columns) == 500


def test_a_mapping_file_is_followed(load, write):
    mapping = write(
        "source: erp\ndate_order: dmy\ndecimal: ','\ncolumns: {Nr: external_id, Kunde: name,"
        " Umsatz: metric:annual_revenue, Ablauf: renewal_on, Klasse: size_segment}\n"
        "values: {size_segment: {A: Enterprise, k.A.: ''}}\n",
        "erp.yaml",
    )
    result = load(
        'Nr;Kunde;Umsatz;Ablauf;Klasse\n7;"Groß; AG";1.234,50;31.12.2026;a\n8;B;;;k.A.\n',
        mapping=mapping,
    )
    assert counts(result) == (2, 0, 0, 0)
    account = Account.objects.get(source="erp", external_id="7")
    assert (account.renewal_on, account.size_segment) == (date(2026, 12, 31), "Enterprise")
    assert account.readings.get().metrics == {"annual_revenue": 1234.5}
    assert result.mapping == "erp.yaml"


def test_every_error_goes_to_the_errors_file(load, tmp_path):
    rows = "".join(f"{i},A,x,1,1\n" for i in range(150))
    out = tmp_path / "errors.csv"
    result = load(f"{HEADER}\n{rows}999,Good,1,1,1\n=1+1,A,=2,1,1\n", errors_path=out)
    assert result.error_count == 151
    assert len(result.errors) == 100
    with out.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 151
    assert found[0]["row"] == "2"
    assert found[0]["value"] == "x"
    assert found[-1]["value"] == "'=2"
    assert found[-1]["remedy"]


def test_the_errors_file_may_not_be_the_imported_one(load, write):
    path = write(GOOD)
    with pytest.raises(IngestError, match="overwrite"):
        load(path, errors_path=path)
    assert path.read_text() == GOOD


def test_an_errors_file_that_cannot_be_written_stops_the_import(load, tmp_path, contents):
    with pytest.raises(IngestError, match="cannot be written"):
        load(GOOD, errors_path=tmp_path / "no" / "errors.csv")
    assert contents() == [[], [], [], []]


def test_an_unknown_feed_is_refused(load):
    with pytest.raises(UnknownFeed, match=r"accounts, contacts, .*account_metrics"):
        load(GOOD, feed="acounts")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("failure", "raised"),
    [(DatabaseError("disk full"), IngestError), (ValueError("bug"), ValueError)],
)
def test_a_failure_in_the_middle_keeps_whole_chunks_and_says_how_to_go_on(
    load, write, monkeypatch, contents, failure, raised
):
    monkeypatch.setattr(running, "_CHUNK_ROWS", 1)
    apply, calls = loading.apply, []

    def fail_the_second_time(planned, run):
        calls.append(run)
        if len(calls) > 1:
            raise failure
        apply(planned, run)

    monkeypatch.setattr(loading, "apply", fail_the_second_time)
    rows = "".join(f"{i},A,1,1,1\n" for i in range(250))
    path = write(f"{HEADER}\n{rows}")
    with pytest.raises(raised):
        load(path)
    accounts, readings, (run,), changes = contents()
    # What was committed before stays, and can be gone on with or taken back.
    assert (len(accounts), len(readings), len(changes)) == (100, 100, 100)
    assert (run["state"], run["position"], run["created_count"]) == ("failed", 100, 100)
    assert str(failure) in run["error"]
    assert f"--resume {run['id']}" in run["error"]
    monkeypatch.setattr(loading, "apply", apply)
    row = ImportRun.objects.get()
    assert counts(load(path, run=row)) == (250, 0, 0, 0)
    row.refresh_from_db()
    assert (row.state, row.created_count, row.rows_read) == ("done", 250, 250)
    assert undo(row, by=None).accounts_deleted == 250


def test_queries_do_not_grow_with_the_rows(load, django_assert_max_num_queries):
    def text(count):
        return f"{HEADER}\n" + "".join(f"{i},A{i},5,3,1\n" for i in range(count))

    load(text(300))
    with django_assert_max_num_queries(24):
        load(text(300))


@pytest.mark.skipif(not REAL.exists(), reason="the known accounts are not beside this checkout")
def test_the_known_accounts(load):
    result = load(REAL)
    assert counts(result) == (10_000, 0, 0, 0)
    assert result.source_score_columns == ("customer_health_score", "churn_risk_level")
    assert result.unmapped_columns == ()
    assert Account.objects.filter(size_segment="Mid-Market").count() == 3_700
    assert Account.objects.filter(industry="Technology").count() == 3_300
    account = Account.objects.get(external_id="001000000000000001")
    assert (account.name, account.account_type) == ("Salesforce Inc Inc", "Customer")
    assert account.readings.get().metrics == {
        "days_since_last_activity": 5,
        "total_activities_30d": 2,
        "total_contacts": 13,
        "contacts_with_email": 12,
        "annual_revenue": 49302547.608,
        "total_won_amount": 9533054.332,
        "number_of_employees": 237,
        "current_pipeline_amount": 1981633.976,
    }
    assert counts(load(REAL)) == (0, 0, 10_000, 0)
