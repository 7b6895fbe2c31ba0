"""Taking an import back."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Field, Q
from django.utils import timezone

from accounts.ingest.errors import UndoRefused
from accounts.models import Account, ImportChange, ImportRun, Reading

_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """What was taken back. `kept` are fields that a person has changed since, which stay as they are."""

    accounts_deleted: int = 0
    accounts_restored: int = 0
    readings_deleted: int = 0
    readings_restored: int = 0
    kept: int = 0


def undo(run: ImportRun, *, by: Any) -> UndoCounts:
    """Delete what `run` created and restore what it changed; a second call does nothing and counts nothing.

    Accounts the run created go with everything that hangs on them, snapshots included. Raises UndoRefused
    when `run` loaded nothing, or, naming the import, when a later one changed the same rows.
    """
    with transaction.atomic():
        current = ImportRun.objects.select_for_update().get(pk=run.pk)
        if current.state == ImportRun.State.UNDONE:
            return UndoCounts()
        if current.state != ImportRun.State.DONE:
            raise UndoRefused(
                f"Import {current.pk} ({current}) loaded nothing: there is nothing to undo."
            )
        if current.created_count and not current.changes.exists():
            raise UndoRefused(
                f"Import {current.pk} ({current}) was generated and kept no record of its accounts: "
                "build the book anew instead (`demo --fresh`)."
            )
        _refuse_if_built_upon(current)
        restored, kept = _restore_accounts(current)
        readings_restored, readings_kept = _restore_readings(current)
        created = _created_accounts(current)
        readings_deleted = Reading.objects.filter(import_run=current).count()
        Reading.objects.filter(import_run=current).delete()
        accounts_deleted = created.count()
        created.delete()
        current.state = ImportRun.State.UNDONE
        current.undone_by = by
        current.undone_at = timezone.now()
        current.save(update_fields=["state", "undone_by", "undone_at"])
    run.refresh_from_db()
    return UndoCounts(
        accounts_deleted, restored, readings_deleted, readings_restored, kept + readings_kept
    )


def _created_accounts(run: ImportRun) -> Any:
    changes = ImportChange.objects.filter(
        import_run=run, account__isnull=False, before__isnull=True
    )
    return Account.objects.filter(pk__in=changes.values("account"))


def _refuse_if_built_upon(run: ImportRun) -> None:
    touched = ImportChange.objects.filter(import_run=run)
    later = Q(pk__gt=run.pk, state=ImportRun.State.DONE)
    built_upon = Q(
        changes__account__in=touched.filter(account__isnull=False).values("account")
    ) | Q(changes__reading__in=touched.filter(reading__isnull=False).values("reading"))
    created_readings = Reading.objects.filter(import_run=run)
    built_upon |= Q(changes__reading__in=created_readings.values("pk"))
    # Deleting an account would take a later import's reading of it along.
    built_upon |= Q(readings__account__in=_created_accounts(run).values("pk"))
    newest = ImportRun.objects.filter(later & built_upon).order_by("-pk").first()
    if newest is not None:
        raise UndoRefused(
            f"Import {run.pk} ({run}) cannot be undone: import {newest.pk} ({newest}, "
            f"{newest.started_at:%Y-%m-%d %H:%M}) changed the same rows later. Undo that one first."
        )


def _restore_accounts(run: ImportRun) -> tuple[int, int]:
    """Accounts restored, and fields left alone because their value is no longer the import's."""
    restored = kept = 0
    changes = ImportChange.objects.filter(
        import_run=run, account__isnull=False, before__isnull=False
    ).select_related("account")
    for change in changes.iterator(chunk_size=_CHUNK):
        account, befores, afters = change.account, change.before, change.after
        assert account is not None
        assert befores is not None
        assert afters is not None
        fields = []
        for name, before in befores.items():
            if getattr(account, name) != _value(name, afters[name]):
                kept += 1
                continue
            setattr(account, name, _value(name, before))
            fields.append(name.removesuffix("_id"))
        if fields:
            account.save(update_fields=[*fields, "updated_at"])
            restored += 1
    return restored, kept


def _value(name: str, plain: Any) -> Any:
    """What `load.plain` wrote, as the account's field `name` holds it."""
    field = Account._meta.get_field(name.removesuffix("_id"))
    assert isinstance(field, Field)
    return field.to_python(plain)


def _restore_readings(run: ImportRun) -> tuple[int, int]:
    """Readings restored, and readings left alone because somebody changed them since."""
    restored = kept = 0
    changes = ImportChange.objects.filter(import_run=run, reading__isnull=False).select_related(
        "reading"
    )
    for change in changes.iterator(chunk_size=_CHUNK):
        reading, before, after = change.reading, change.before, change.after
        assert reading is not None
        assert before is not None
        assert after is not None
        if reading.metrics != after["metrics"]:
            kept += 1
            continue
        reading.metrics = before["metrics"]
        reading.save(update_fields=["metrics"])
        restored += 1
    return restored, kept
