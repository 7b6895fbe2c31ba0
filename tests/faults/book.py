"""Fills an empty, migrated database; run as a program by the fault tests.

    python tests/faults/book.py ACCOUNTS OUT.json [--no-nights]

A demo book's accounts and readings, tickets, deals and invoices with dates, two judged nights up to yesterday,
alerts and running plans. OUT.json: {"today", "sessions": {username: [session key, …]}, "accounts": {…}}.
"""

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.access import visible_to  # noqa: E402
from accounts.models import Account, Invoice, Opportunity, Ticket  # noqa: E402
from csm.demo import write  # noqa: E402
from csm.demo.book import generate  # noqa: E402
from csm.demo.people import PEOPLE  # noqa: E402
from csm.demo.plan import Plan  # noqa: E402
from csm.lib.dates import today  # noqa: E402
from csm.models import User  # noqa: E402
from csm.nightly import after_night, run_nightly  # noqa: E402
from playbooks.models import Alert, Trigger  # noqa: E402
from playbooks.services import alerts, playbooks, triggers  # noqa: E402

NIGHTS = 2
SESSIONS_EACH = 15


def facts(accounts: list[Account], on: date) -> None:
    """Tickets, deals and invoices with dates up to the day itself."""

    def ago(days: int) -> date:
        return on - timedelta(days=days)

    Ticket.objects.bulk_create(
        [
            Ticket(
                source="desk",
                external_id=f"T{account.pk}-{n}",
                account=account,
                subject="It stopped",
                severity=("low", "high")[(account.pk + n) % 2],
                opened_on=ago((account.pk * 7 + n * 5) % 60),
            )
            for account in accounts
            for n in range(account.pk % 5)
        ],
        batch_size=2_000,
    )
    Opportunity.objects.bulk_create(
        [
            Opportunity(
                source="crm",
                external_id=f"O{account.pk}",
                account=account,
                name="Renewal",
                amount=100_000 * (account.pk % 90 + 1),
                opened_on=ago(account.pk % 80),
            )
            for account in accounts
            if account.pk % 3 == 0
        ],
        batch_size=2_000,
    )
    Invoice.objects.bulk_create(
        [
            Invoice(
                source="erp",
                external_id=f"I{account.pk}",
                account=account,
                amount=50_000 + account.pk,
                issued_on=ago(45),
                due_on=ago(account.pk % 40),
            )
            for account in accounts
            if account.pk % 4 == 0
        ],
        batch_size=2_000,
    )


def work(night: date) -> None:
    """Every CSM answers some alerts: plans run and clocks tick."""
    at = timezone.make_aware(datetime.combine(night, time(10)))
    for person in PEOPLE:
        user = User.objects.get(username=person.username)
        mine = Alert.objects.filter(owner=user, state="open").exclude(trigger__playbook=None)
        ids = list(mine.order_by("pk").values_list("pk", flat=True)[:30])
        if ids[:10]:
            alerts.bulk(ids[:10], "start", by=user, at=at)
        if ids[10:]:
            alerts.bulk(ids[10:], "take", by=user, at=at)


def sessions() -> dict[str, list[str]]:
    """Log-ins that are there already: two hundred people do not log in within a second."""
    found: dict[str, list[str]] = {}
    for person in PEOPLE:
        user = User.objects.get(username=person.username)
        keys = found[person.username] = []
        for _ in range(SESSIONS_EACH):
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.create()
            keys.append(session.session_key)
    return found


def main(count: int, out: Path, *, nights: bool) -> None:
    day = today()
    write.write(generate(Plan(count, 40, 7, day)))
    accounts = list(Account.objects.order_by("pk"))
    facts(accounts, day)
    if not Trigger.objects.exists():
        playbooks.load_library()
        triggers.load_library()
    for ago in range(NIGHTS, 0, -1) if nights else ():
        night = day - timedelta(days=ago)
        run = run_nightly(night)
        assert run.state == "done", run.error
        after_night(run)
        work(night)
    told = {
        "today": day.isoformat(),
        "sessions": sessions(),
        "accounts": len(accounts),
        "active": [account.pk for account in accounts if account.churned_on is None],
        "seen": {
            person.username: list(
                visible_to(User.objects.get(username=person.username))
                .filter(churned_on=None)
                .order_by("-arr_amount", "pk")
                .values_list("pk", flat=True)[:40]
            )
            for person in PEOPLE
        },
    }
    out.write_text(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), nights="--no-nights" not in sys.argv)
