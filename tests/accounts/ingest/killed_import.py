"""Run by test_resume.py in a process of its own: imports that die by SIGKILL, gone on with, and compared."""

import json
import os
import signal
import sys
from datetime import date
from pathlib import Path

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.ingest import load as loading  # noqa: E402
from accounts.ingest import run as running  # noqa: E402
from accounts.models import Account, HeldRow, ImportRun, Ticket, Usage  # noqa: E402

FOLDER = Path(sys.argv[1])
DAY = date(2026, 11, 20)
FILES = {
    "usage": "account_id,on,measure,value\n"
    + "".join(
        f"{i % 60},2026-11-{1 + i // 60:02d},logins,{'x' if i % 50 == 7 else i}\n"
        for i in range(550)
    )
    + "3,2026-11-01,logins,9\n",
    "tickets": "ticket_id,account_id,opened_at,priority\n"
    + "".join(
        f"t{i},{i % 60},{'never' if i % 50 == 7 else '2026-11-01'},{'high' if i % 2 else 'low'}\n"
        for i in range(550)
    )
    + "t3,3,2026-11-01,low\n",
}


def die_before_the_third_commit():
    apply, calls = loading.apply, []

    def die(planned, run):
        apply(planned, run)
        calls.append(run)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    loading.apply = die


def facts(feed, source):
    if feed == "usage":
        rows = Usage.objects.filter(source=source).order_by("account", "on")
        return list(rows.values_list("account__external_id", "on", "measure__key", "value"))
    rows = Ticket.objects.filter(source=source).order_by("external_id")
    return list(rows.values_list("external_id", "account__external_id", "opened_on", "severity"))


def told(run):
    held = HeldRow.objects.filter(import_run=run).order_by("pk")
    names = ("state", "rows_read", "rows_rejected", "rows_held", "errors", "position")
    counts = ("created_count", "updated_count", "unchanged_count")
    return [*(getattr(run, name) for name in names + counts), list(held.values_list("cells"))]


def compare(feed):
    path = FOLDER / f"{feed}.csv"
    path.write_text(FILES[feed])
    how = {"as_of": DAY, "account_source": "generic"}
    whole, broken = FOLDER / "whole.csv", FOLDER / "broken.csv"
    running.import_file(feed, path, source="whole", errors_path=whole, **how)
    connection.close()
    child = os.fork()
    if child == 0:
        die_before_the_third_commit()
        running.import_file(feed, path, source="broken", errors_path=broken, **how)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    run = ImportRun.objects.get(feed=feed, source="broken")
    between = [os.WTERMSIG(status), run.state, run.position]
    # Which accounts, and where the errors go, it knows itself.
    try:
        call_command("import_feed", feed, str(path), resume=run.pk, stdout=sys.stderr)
    except CommandError as some_rejected:
        if some_rejected.returncode != 2:
            raise
    run.refresh_from_db()
    same = {
        "facts": facts(feed, "broken") == facts(feed, "whole") != [],
        "told": told(run) == told(ImportRun.objects.get(feed=feed, source="whole")),
        "errors": broken.read_text() == whole.read_text(),
    }
    return {"between": between, "same": same, "rejected": run.rows_rejected, "held": run.rows_held}


# The tables as the models have them, in a fraction of the time migrations take.
settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
call_command("migrate", run_syncdb=True, verbosity=0)
# Ten of the accounts are not there.
Account.objects.bulk_create(Account(external_id=str(i), name=f"A{i}") for i in range(50))
running._CHUNK_ROWS = running._USAGE_ROWS = 100
print(json.dumps({feed: compare(feed) for feed in FILES}))
