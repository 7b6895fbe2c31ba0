import csv
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ImportRun, Reading

from .conftest import HEADER

ROOT = Path(__file__).resolve().parents[3]
GOOD = f"{HEADER}\n1,A,10,8,1\n2,B,4,,\n"


def run(*args, **options):
    out, err = StringIO(), StringIO()
    call_command(*map(str, args), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_a_good_file(write, db):
    out, err = run("import_feed", "account_metrics", write(GOOD), as_of="2026-11-20")
    assert "2 rows: 2 created, 0 updated, 0 unchanged, 0 rejected" in out
    assert f"undo_import {ImportRun.objects.get().pk}" in out
    assert err == ""
    assert str(Reading.objects.first().on) == "2026-11-20"


def test_unmapped_columns_and_scores_are_reported(write, db):
    text = "id,name,nps,colour,health_score\n1,A,5,red,80\n"
    out, _ = run("import_feed", "account_metrics", write(text))
    assert "not loaded, no such column: colour" in out
    assert "column health_score: ignored, the source's own score" in out


def test_rejected_rows_are_listed_and_the_status_is_2(write, db, tmp_path):
    bad = "".join(f"{i},X,nope,1,1\n" for i in range(10, 35))
    errors = tmp_path / "errors.csv"
    err = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(
            "import_feed",
            "account_metrics",
            str(write(GOOD + bad)),
            errors=str(errors),
            stderr=err,
            stdout=StringIO(),
        )
    assert caught.value.returncode == 2
    lines = err.getvalue().splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("row 4, column total_contacts, value 'nope': It is not a number.")
    assert "5 more" in lines[-1]
    with errors.open(newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["row", "column", "value", "reason", "remedy"]
    assert len(found) == 26
    assert Account.objects.count() == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("accounts", "absent.csv"), "cannot be read"),
        (("acounts", "absent.csv"), "no feed called"),
        (("accounts", "absent.csv", "--mapping", "nope"), "no mapping"),
        (("accounts", "absent.csv", "--as-of", "20.11.2026"), "--as-of"),
    ],
)
def test_what_cannot_start_has_status_1(db, args, said):
    with pytest.raises(CommandError, match=said) as caught:
        run("import_feed", *args)
    assert caught.value.returncode == 1


def test_every_row_rejected_has_status_1_and_lists_them(write, db):
    err = StringIO()
    with pytest.raises(CommandError, match="Nothing was loaded: 1 row") as caught:
        call_command(
            "import_feed", "account_metrics", str(write(f"{HEADER}\n1,A,x,1,1\n")), stderr=err
        )
    assert caught.value.returncode == 1
    assert "row 2, column total_contacts" in err.getvalue()
    assert not ImportRun.objects.exists()


def test_a_dry_run_shows_a_sample(write, db):
    out, _ = run("import_feed", "account_metrics", write(GOOD), dry_run=True)
    assert "Would load accounts.csv" in out
    assert "row 2 creates 1:" in out
    assert "total_contacts: 10" in out
    assert not Account.objects.exists()


def test_undo_import(write, db):
    run("import_feed", "account_metrics", write(GOOD))
    number = ImportRun.objects.get().pk
    assert "2 accounts and 2 readings deleted" in run("undo_import", number)[0]
    assert not Account.objects.exists()
    assert "0 accounts and 0 readings deleted" in run("undo_import", number)[0]
    with pytest.raises(CommandError, match="There is no import"):
        run("undo_import", 10**6)


def test_exit_statuses_of_a_real_process(write, tmp_path):
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'book.sqlite3'}"}

    def status(*args):
        command = [sys.executable, ROOT / "manage.py", *args]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    assert status("migrate", "-v0") == 0
    assert status("import_feed", "account_metrics", write(GOOD)) == 0
    assert status("import_feed", "account_metrics", write(f"{GOOD}3,C,x,1,1\n")) == 2
    assert status("import_feed", "account_metrics", write("")) == 1
    assert status("undo_import", "1") == 0
