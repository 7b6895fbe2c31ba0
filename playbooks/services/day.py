"""Between two nights: accounts whose facts changed are judged again within a minute or so.

What came in is found by the import runs that finished since the last look. Large imports and product events
wait for the night.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Account, ImportChange, ImportRun, Usage, UsageMeasure, Watermark
from playbooks.models import Alert, Policy
from playbooks.services import alert_rows, attention, evaluation, notices, owner_changes

log = logging.getLogger("playbooks.day")

WATERMARK: Final = "playbooks.day"
# Beyond it the night does it: a book is read faster whole than in pieces.
MAX_ACCOUNTS: Final = 2_000
MAX_ROWS: Final = 50_000
# A run is dated before it is committed, so every look goes back a little; judging again does no harm.
_OVERLAP: Final = timedelta(minutes=2)
# Usage is found by its day, as nothing leads from an import to it.
_USAGE_DAYS: Final = 3


def look(*, at: datetime) -> evaluation.Report:
    """Judge the accounts changed since the last look; the first look only notes where to start.

    A look that is killed is done again by the next one: the mark moves last.
    """
    mark, first = Watermark.objects.get_or_create(key=WATERMARK, defaults={"at": at})
    if first:
        return evaluation.Report()
    found = changed(since=mark.at - _OVERLAP, until=at)
    report = evaluation.Report()
    if len(found) > MAX_ACCOUNTS:
        log.info("%s accounts changed: left to the night", f"{len(found):,}")
    elif found:
        owner_changes.follow(on=timezone.localdate(at), at=at, account_ids=found)
        report = evaluate(found, at=at)
    Watermark.objects.filter(pk=mark.pk, at__lt=at).update(at=at)
    return report


def evaluate(account_ids: set[int], *, at: datetime) -> evaluation.Report:
    """Judge the triggers on these accounts and let the lists and their owners know."""
    report = evaluation.evaluate_accounts(account_ids, at=at)
    on = timezone.localdate(at)
    alert_rows.spread_overflow(on, Policy.current().alert_cap, keep=True)
    attention.refresh(account_ids, at=at)
    opened = Alert.objects.filter(
        account__in=account_ids, opened_on=on, state=Alert.State.OPEN
    ).values_list("pk", flat=True)
    if ids := set(opened):
        notices.night(as_of=on, at=at, opened=ids)
    return report


def changed(*, since: datetime, until: datetime) -> set[int]:
    """Accounts with facts of import runs finished in (since, until].

    Where they are more than the cap, so many of them that it is seen.
    """
    runs = list(
        ImportRun.objects.filter(
            state=ImportRun.State.DONE,
            dry_run=False,
            finished_at__gt=since,
            finished_at__lte=until,
        ).filter(Q(created_count__gt=0) | Q(updated_count__gt=0))
    )
    large = [run for run in runs if run.created_count + run.updated_count > MAX_ROWS]
    if large:
        log.info("imports %s are large: left to the night", [run.pk for run in large])
    ids = [run.pk for run in runs if run not in large]
    if not ids:
        return set()
    found: set[int] = set()
    for model in _tables():
        rows = model._default_manager.filter(import_run__in=ids)
        found |= _some(rows.values_list("account_id", flat=True))
    found |= _usage([run for run in runs if run.pk in ids and run.feed == "usage"])
    return found | _edited(ids)


def _tables() -> list[type[Any]]:
    """Tables whose rows name their import and their account, both by an index."""
    return [
        model
        for model in apps.get_app_config("accounts").get_models()
        if {"import_run", "account"} <= {field.name for field in model._meta.fields}
        and model is not Usage
    ]


def _some(account_ids: Any) -> set[int]:
    return set(account_ids.order_by().distinct()[: MAX_ACCOUNTS + 1])


def _usage(runs: list[ImportRun]) -> set[int]:
    if not runs:
        return set()
    first = min(run.as_of for run in runs) - timedelta(days=_USAGE_DAYS)
    rows = Usage.objects.filter(
        measure__in=list(UsageMeasure.objects.values_list("pk", flat=True)),
        on__gt=first,
        import_run__in=[run.pk for run in runs],
    )
    return _some(rows.values_list("account_id", flat=True))


def _edited(run_ids: list[int]) -> set[int]:
    """Accounts of rows that were there and were changed."""
    found: set[int] = set()
    changes = ImportChange.objects.filter(import_run__in=run_ids).order_by()
    models = {str(model._meta.model_name): model for model in _tables()}
    for table in set(changes.values_list("table", flat=True).distinct()):
        rows = changes.filter(table=table).values("row_id")
        if table == "account":
            found |= _some(Account.objects.filter(pk__in=rows).values_list(F("pk"), flat=True))
        elif table in models:
            edited = models[table]._default_manager.filter(pk__in=rows)
            found |= _some(edited.values_list("account_id", flat=True))
    return found
