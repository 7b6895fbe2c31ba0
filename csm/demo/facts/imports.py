"""What the pages of imports and data quality have to show: files, refused and held rows, named systems."""

import datetime as dt

from django.utils import timezone

from accounts.models import (
    FeedDay,
    Freeze,
    HeldRow,
    ImportRun,
    Source,
    Watermark,
)
from csm.demo.facts.ledger import HELP_CENTRE, SOURCES, SUPPORT, Ledger
from csm.demo.facts.usage import help_centre_days
from csm.demo.plan import Plan
from csm.lib import display

_FILE = "tickets-last-week.csv"
_HELD = ("DEMO-NEW-1", "DEMO-NEW-1", "DEMO-NEW-2", "DEMO-NEW-3")


def write(ledger: Ledger) -> None:
    """A file of tickets some rows of which were refused, and some of accounts nobody knows yet."""
    plan = ledger.world.plan
    day = plan.as_of - dt.timedelta(days=2)
    for key, label in SOURCES.items():
        Source.objects.update_or_create(key=key, defaults={"label": label})
    opened = [str(plan.as_of - dt.timedelta(days=ago)) for ago in (3, 4, 6, 5)]
    errors = [
        {
            "row": row,
            "column": column,
            "value": value,
            "reason": reason,
            "remedy": remedy,
        }
        for row, column, value, reason, remedy in (
            (
                14,
                "severity",
                "blocker",
                "It is no severity.",
                "Use critical, high, normal or low.",
            ),
            (
                37,
                "opened_on",
                "31.02.2026",
                "There is no such day.",
                "Correct the date.",
            ),
            (58, "account_id", "", "It is empty.", "Say which account the ticket is of."),
        )
    ]
    _freeze(plan)
    run = ImportRun.objects.create(
        feed="tickets",
        source=SUPPORT,
        file_name=_FILE,
        as_of=day,
        state=ImportRun.State.DONE,
        rows_read=64,
        rows_rejected=len(errors),
        rows_held=len(_HELD),
        unchanged_count=64 - len(errors) - len(_HELD),
        errors=errors,
        started_by=ledger.users.get("ada.admin"),
        finished_at=timezone.make_aware(dt.datetime.combine(day, dt.time(7, 31))),
    )
    ImportRun.objects.filter(pk=run.pk).update(
        started_at=timezone.make_aware(dt.datetime.combine(day, dt.time(7, 30)))
    )
    HeldRow.objects.bulk_create(
        HeldRow(
            feed="tickets",
            source=SUPPORT,
            account_external_id=account,
            cells={
                "external_id": f"CASE-NEW-{number}",
                "account_id": account,
                "subject": "How do we set this up?",
                "severity": "normal",
                "opened_on": opened[number],
            },
            number=60 + number,
            import_run=run,
            reason=f"No account of {SUPPORT} has the id {account}.",
        )
        for number, account in enumerate(_HELD)
    )


def _freeze(plan: Plan) -> None:
    """The help centre has been silent for long: held since the night the breaker would have held it."""
    days = help_centre_days()
    last = plan.as_of - dt.timedelta(days=days[0])
    usual = days[1] - days[0]
    silence = 3 * usual + 1
    opened = last + dt.timedelta(days=silence)
    if opened > plan.as_of:
        return
    at = timezone.make_aware(dt.datetime.combine(opened, dt.time(2, 0)))
    frozen = Freeze.objects.create(
        source=HELP_CENTRE,
        feed="usage",
        reason=Freeze.Reason.SILENT,
        good_on=last,
        opened_on=opened,
        details={
            "measure": "",
            "usual": usual,
            "seen": silence,
            "sentence": f"Usage of {HELP_CENTRE} has sent nothing since {display.day(last)}: "
            f"{display.days(silence)} of silence, where {display.days(usual)} is usual. "
            f"Held at {display.day(last)}.",
        },
        told_at=at,
    )
    Freeze.objects.filter(pk=frozen.pk).update(opened_at=at)


def forget() -> None:
    """Take the demo's systems out again, with all that was noted of them. Facts must be gone."""
    keys = list(SOURCES)
    HeldRow.objects.filter(source__in=keys).delete()
    Freeze.objects.filter(source__in=keys).delete()
    FeedDay.objects.filter(source__in=keys).delete()
    ImportRun.objects.filter(source__in=keys).delete()
    Source.objects.filter(key__in=keys).delete()
    # Keys of rows may be used again: what was counted is counted afresh.
    Watermark.objects.filter(key__startswith="profile:").delete()
