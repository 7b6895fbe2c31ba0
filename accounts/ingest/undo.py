"""Taking an import back, table by table, never row by row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, Field, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.ingest import load_history
from accounts.ingest.errors import UndoRefused
from accounts.ingest.feeds import FEEDS
from accounts.ingest.plans import plain, upsert
from accounts.ingest.sources import lock
from accounts.ingest.touched import accounts_of
from accounts.models import (
    Account,
    AccountAlias,
    Contact,
    ContactState,
    GoalProgress,
    HeldRow,
    ImportChange,
    ImportRun,
    Merge,
    Opportunity,
    OpportunityState,
    OwnerPeriod,
    Reading,
    Usage,
)
from accounts.services.changes import mark

_CHUNK: Final = 2_000
# Rows that carry the import that made them, in the order they can go.
_MADE: Final[tuple[type[Any], ...]] = (
    *{feed.model: None for feed in FEEDS.values() if feed.model},
    GoalProgress,
    OwnerPeriod,
    AccountAlias,
    Reading,
)
_STATES: Final[dict[type[Any], str]] = {
    ContactState: "contact_id",
    OpportunityState: "opportunity_id",
}
_MOVES: Final[tuple[type[Any], ...]] = (Contact, Opportunity, FEEDS["goals"].model or Contact)


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """What was taken back. `kept` are fields that a person has changed since, which stay as they are.

    Facts are rows of every other kind; what follows from them (states, periods) is not counted.
    """

    accounts_deleted: int = 0
    accounts_restored: int = 0
    readings_deleted: int = 0
    readings_restored: int = 0
    kept: int = 0
    facts_deleted: int = 0
    facts_restored: int = 0
    held_discarded: int = 0


def undo(run: ImportRun, *, by: Any) -> UndoCounts:
    """Delete what `run` created and restore what it changed; a second call does nothing and counts nothing.

    Accounts the run created go with everything that hangs on them, snapshots included. An import that broke
    off, or was killed, is undone as far as it came. Raises UndoRefused when `run` loaded nothing, when it is
    being loaded, or, naming what did, when a later import or a merge built upon its rows.
    """
    with transaction.atomic():
        lock(run.source)
        current = ImportRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
        if current.state == ImportRun.State.UNDONE:
            return UndoCounts()
        _refuse_early(current)
        _refuse_if_built_upon(current)
        _refuse_if_merged(current)
        mark(accounts_of(current), at=timezone.now())
        waiting = HeldRow.objects.filter(import_run=current, state=HeldRow.State.WAITING)
        discarded = waiting.update(state=HeldRow.State.DISCARDED, settled_at=timezone.now())
        restored, kept = _restore(current)
        facts, readings = _delete_made(current)
        created = _created_accounts(current)
        accounts = created.count()
        if accounts:
            _let_wait_again(created)
            for pks in _chunks(created.values_list("pk", flat=True).order_by("pk")):
                Account.objects.filter(pk__in=pks).delete()
        current.state = ImportRun.State.UNDONE
        current.undone_by = by
        current.undone_at = timezone.now()
        current.lease_until = None
        current.save(update_fields=["state", "undone_by", "undone_at", "lease_until"])
        audit.record(
            audit.Kind.OPERATION,
            f"undid import {current.pk} ({current})",
            by=by,
            detail={"accounts_deleted": accounts, "facts_deleted": facts + readings, "kept": kept},
        )
    run.refresh_from_db()
    return UndoCounts(
        accounts_deleted=accounts,
        accounts_restored=restored.pop("account", 0),
        readings_deleted=readings,
        readings_restored=restored.pop("reading", 0),
        kept=kept,
        facts_deleted=facts,
        facts_restored=sum(restored.values()),
        held_discarded=discarded,
    )


def _refuse_early(run: ImportRun) -> None:
    state = ImportRun.State
    if run.state == state.RUNNING and run.lease_until and run.lease_until > timezone.now():
        raise UndoRefused(f"Import {run.pk} ({run}) is being loaded: wait until it ends.")
    began = run.position or run.created_count or run.updated_count or run.rows_held
    if run.state not in (state.DONE, state.FAILED, state.RUNNING) or (
        run.state != state.DONE and not began
    ):
        raise UndoRefused(f"Import {run.pk} ({run}) loaded nothing: there is nothing to undo.")
    is_book = run.feed in ("accounts", "account_metrics")
    if is_book and run.created_count and not run.changes.exists():
        raise UndoRefused(
            f"Import {run.pk} ({run}) was generated and kept no record of its accounts: "
            "build the book anew instead (`demo --fresh`)."
        )


def _created_accounts(run: ImportRun) -> "QuerySet[Account]":
    changes = ImportChange.objects.filter(import_run=run, table="account", before__isnull=True)
    return Account.objects.filter(pk__in=changes.values("row_id"))


def _refuse_if_built_upon(run: ImportRun) -> None:
    """UndoRefused when a later import changed rows of `run`, or told facts of accounts it created."""
    standing = ImportRun.objects.filter(
        pk__gt=run.pk,
        state__in=(ImportRun.State.DONE, ImportRun.State.FAILED, ImportRun.State.RUNNING),
    )
    mine = ImportChange.objects.filter(
        import_run=run, table=OuterRef("table"), row_id=OuterRef("row_id")
    )
    later = ImportChange.objects.filter(import_run__in=standing)
    made = Q()
    tables: tuple[type[Any], ...] = (*_MADE, Usage)
    for model in tables:
        own = model._default_manager.filter(import_run=run)
        if own.exists():
            made |= Q(table=model._meta.model_name, row_id__in=own.values("pk"))
    newest = later.filter(Q(Exists(mine)) | made).order_by("-import_run").values("import_run")[:1]
    found = {row["import_run"] for row in newest}
    created = _created_accounts(run)
    if created.exists():
        for model in tables:
            told = model._default_manager.filter(
                import_run__in=standing, account__in=created.values("pk")
            )
            found |= set(told.order_by().values_list("import_run", flat=True).distinct())
    if found:
        last = ImportRun.objects.get(pk=max(found))
        raise UndoRefused(
            f"Import {run.pk} ({run}) cannot be undone: import {last.pk} ({last}, "
            f"{last.started_at:%Y-%m-%d %H:%M}) changed the same rows later. Undo that one first."
        )


def _refuse_if_merged(run: ImportRun) -> None:
    """UndoRefused while accounts `run` created are merged: facts of others would go with them."""
    created = _created_accounts(run).values("pk")
    merges = Merge.objects.filter(Q(kept__in=created) | Q(merged__in=created), undone_at=None)
    last = merges.select_related("kept", "merged").order_by("-pk").first()
    if last is not None:
        raise UndoRefused(
            f"Import {run.pk} ({run}) cannot be undone: {last.merged.name} was merged into "
            f"{last.kept.name}: undo that merge first."
        )


def _restore(run: ImportRun) -> tuple[dict[str, int], int]:
    """Rows restored by table, and values left alone because they are no longer the import's.

    The newest change first: an import may have changed a row several times.
    """
    restored: dict[str, set[int]] = {}
    kept = 0
    changes = ImportChange.objects.filter(import_run=run).exclude(
        before__isnull=True, table="account"
    )
    tables = changes.order_by().values_list("table", flat=True).distinct()
    for table in sorted(tables):
        model: Any = apps.get_model("accounts", table)
        mine = changes.filter(table=table)
        touched: set[int] = set()
        for several in _chunks(
            mine.filter(before__isnull=True).order_by("-pk").values_list("row_id")
        ):
            states = model._default_manager.filter(pk__in=[pk for (pk,) in several])
            if model in _STATES:
                touched |= set(states.values_list(_STATES[model], flat=True))
            states.delete()
        if model is OwnerPeriod:
            _bring_back(model, run)
        for several in _chunks(
            mine.exclude(before__isnull=True)
            .exclude(after__isnull=True)
            .order_by("-pk")
            .iterator(_CHUNK)
        ):
            done, left = _restore_chunk(model, several)
            restored.setdefault(table, set()).update(done)
            kept += left
        if model in _STATES:
            for parents in _chunks(sorted(touched)):
                load_history.close_periods(model, parents)
        if model in _MOVES:
            for rows in _chunks(sorted(restored.get(table, ()))):
                load_history.move(model, rows)
    return {table: len(rows) for table, rows in restored.items()}, kept


def _bring_back(model: type[Any], run: ImportRun) -> None:
    """Make the rows again that `run` deleted, as they were last; what took their place goes first."""
    model._default_manager.filter(import_run=run).delete()
    deleted = ImportChange.objects.filter(
        import_run=run, table=model._meta.model_name, before__isnull=False, after__isnull=True
    )
    for several in _chunks(deleted.order_by("-pk").iterator(_CHUNK)):
        rows = [
            model(
                pk=change.row_id,
                **{name: _value(model, name, told) for name, told in (change.before or {}).items()},
            )
            for change in several
            if (change.before or {}).get("import_run_id") != run.pk
        ]
        # A day a person has told of since is theirs.
        model._default_manager.bulk_create(rows, ignore_conflicts=True)


def _restore_chunk(model: type[Model], changes: list[ImportChange]) -> tuple[set[int], int]:
    rows: dict[int, Any] = {
        row.pk: row
        for row in model._default_manager.select_for_update(of=("self",)).filter(
            pk__in={change.row_id for change in changes}
        )
    }
    done: set[int] = set()
    fields: set[str] = set()
    kept = 0
    for change in changes:
        row = rows.get(change.row_id)
        if row is None:
            continue
        after = change.after or {}
        for name, before in (change.before or {}).items():
            if plain(getattr(row, name)) != plain(_value(model, name, after.get(name))):
                kept += 1
                continue
            setattr(row, name, _value(model, name, before))
            fields.add(name)
            done.add(row.pk)
    if model is Account and fields:
        fields.add("updated_at")
    upsert(model, (rows[pk] for pk in sorted(done)), fields)
    return done, kept


def _value(model: type[Model], name: str, told: Any) -> Any:
    """What `plans.plain` wrote, as the row's field `name` holds it."""
    found = next(f for f in model._meta.concrete_fields if name in (f.name, f.attname))
    assert isinstance(found, Field)
    return found.to_python(told)


def _delete_made(run: ImportRun) -> tuple[int, int]:
    """Delete the rows that carry `run`: how many facts and how many readings."""
    facts = readings = 0
    usage = Usage.objects.filter(import_run=run)
    facts += usage._raw_delete(usage.db)
    for model in _MADE:
        mine = model._default_manager.filter(import_run=run).order_by("pk")
        while pks := list(mine.values_list("pk", flat=True)[:_CHUNK]):
            # Through the ORM: what hangs on a row (states, payments) goes with it, references become null.
            model._default_manager.filter(pk__in=pks).delete()
            if model is Reading:
                readings += len(pks)
            elif model not in (GoalProgress, OwnerPeriod, AccountAlias):
                facts += len(pks)
    return facts, readings


def _let_wait_again(created: "QuerySet[Account]") -> None:
    """Rows that had waited for these accounts wait again: their facts go with the accounts."""
    HeldRow.objects.filter(
        state=HeldRow.State.LOADED,
        import_run__state__in=(ImportRun.State.DONE, ImportRun.State.FAILED),
        account_external_id__in=created.values("external_id"),
    ).update(state=HeldRow.State.WAITING, settled_at=None)


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    several = iter(rows)
    while chunk := list(islice(several, _CHUNK)):
        yield chunk
