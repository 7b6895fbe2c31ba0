"""An upload's life: stored, mapped, tried out, queued, loaded; claimed by one worker at a time.

    uploaded → queued → running → done | failed → (undone)

A dry run goes the same way and ends as `uploaded` again, with its result in `options["tried"]`. Every step is a
compare-and-set on the row. The loader commits chunk by chunk and notes its position with each, so a
killed import is claimed again and goes on where it stopped.
"""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any, Final
from uuid import uuid4

from django.core.files import File
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.imports import reading, rejected, specs, uploads
from accounts.imports.outages import load_through
from accounts.ingest.errors import EveryRowRejected, ImportTaken, shown
from accounts.ingest.result import ImportResult
from accounts.ingest.run import import_file
from accounts.models import ImportRun
from csm.lib import workers
from csm.lib.errors import WorkbenchError
from csm.lib.log_lines import naming
from csm.lib.workers import is_dead, worker_name

log = logging.getLogger("csm.imports")

State = ImportRun.State
LEASE: Final = timedelta(minutes=2)
# How long a queued import may wait for an idle worker before the page offers to start it again.
PATIENCE: Final = timedelta(seconds=20)
# States in which somebody is at work, or about to be.
OPEN: Final = (State.QUEUED, State.RUNNING)
# An import that keeps killing its worker is not taken up again by itself.
MAX_ATTEMPTS: Final = 5
SHOWN: Final = 100


class ImportRefused(WorkbenchError):
    """What is asked of an import cannot be done in its state; the text says what can."""


class NoRoom(WorkbenchError):
    """The disk cannot take the file."""


class _LeaseLostError(Exception):
    """Somebody else has taken the import over."""


def store(
    file: "File[bytes]",
    *,
    feed: str,
    source: str,
    mapping: str,
    as_of: date,
    by: Any,
    beside: Sequence["File[bytes]"] = (),
) -> ImportRun:
    """Keep an uploaded file privately, in a folder nobody can guess; nothing is loaded yet.

    `beside` are files a mapping joins to it by their names (links, owners); they are kept next to it.
    Raises NoRoom, with nothing kept, when the disk is full.
    """
    run = ImportRun(
        feed=feed,
        source=source,
        mapping=mapping,
        file_name=shown(Path(file.name or "file").name)[:255],
        as_of=as_of,
        state=State.UPLOADED,
        bytes_total=file.size or 0,
        started_by=by,
    )
    folder = uuid4().hex[:16]
    storage = run.file.storage
    try:
        run.file.save(f"{folder}/{_safe(file)}", file, save=False)
        for other in beside:
            storage.save(f"imports/{folder}/{_safe(other)}", other)
    except OSError as error:
        # A part of a file would be offered for loading as if it were whole.
        rmtree(storage.path(f"imports/{folder}"), ignore_errors=True)
        if not uploads.is_full(error):
            raise
        raise NoRoom(uploads.NO_ROOM) from error
    run.save()
    return run


def _safe(file: "File[bytes]") -> str:
    """The file's own name as the disk may hold it, short enough for the column."""
    name = Path(re.sub(r"[^\w.-]+", "_", Path(file.name or "").name).lstrip(".") or "file")
    return f"{name.stem[:50]}{name.suffix[:10]}"


def again(run: ImportRun, *, by: Any) -> ImportRun:
    """A new upload of the same file with the same mapping; ImportRefused when the file is gone."""
    if not run.file or not Path(run.file.path).exists():
        raise ImportRefused("The file of this import is no longer kept: upload it again.")
    kept = {key: run.options[key] for key in ("spec", "reading") if key in run.options}
    folder = Path(run.file.path).parent
    with ExitStack() as stack:
        first, *beside = (
            File(stack.enter_context(path.open("rb")), name=path.name)
            for path in sorted(folder.iterdir(), key=lambda path: path != Path(run.file.path))
        )
        copy = store(
            first,
            feed=run.feed,
            source=run.source,
            mapping=run.mapping,
            as_of=run.as_of,
            by=by,
            beside=beside,
        )
    ImportRun.objects.filter(pk=copy.pk).update(file_name=run.file_name, options=kept)
    copy.refresh_from_db()
    return copy


def discard(run: ImportRun) -> None:
    """Delete an upload that was never loaded, with its file."""
    with transaction.atomic():
        current = ImportRun.objects.select_for_update().get(pk=run.pk)
        if current.state != State.UPLOADED:
            raise ImportRefused("It has been loaded, or is being loaded: it cannot be discarded.")
        current.delete()
    if run.file:
        rmtree(Path(run.file.path).parent, ignore_errors=True)
    rejected.delete(run)


def describe(run: ImportRun, **changes: Any) -> None:
    """Change how an upload is read (feed, source, mapping, as_of, options); only before it is loaded."""
    if "options" in changes:
        # What was tried was tried with the mapping before.
        changes["options"] = {k: v for k, v in changes["options"].items() if k != "tried"}
    if not ImportRun.objects.filter(pk=run.pk, state=State.UPLOADED).update(**changes):
        raise ImportRefused("It has been loaded, or is being loaded: its mapping stays as it is.")
    run.refresh_from_db()


def queue(run: ImportRun, *, dry_run: bool = False) -> ImportRun:
    """Ask for `run` to be loaded, or to be gone on with; ImportRefused when it is over or under way.

    Two people who ask at once: the second is told, and the file is loaded once.
    """
    run.refresh_from_db()
    now = timezone.now()
    # Queued again: its thread may have gone with the process. Whoever claims it first does it.
    waits = Q(state=State.UPLOADED) | Q(state=State.QUEUED)
    if not dry_run:
        waits |= Q(state=State.FAILED) | Q(state=State.RUNNING) & _free(now)
    kept = {k: v for k, v in run.options.items() if k not in ("attempts", "tried")}
    options = kept | {"queued_at": now.isoformat()}
    asked = ImportRun.objects.filter(waits, pk=run.pk).update(
        state=State.QUEUED,
        dry_run=dry_run if run.state == State.UPLOADED else run.dry_run,
        options=options,
        error="",
        worker="",
        lease_until=None,
        finished_at=None,
        # An upload may have waited for days: it starts now. One that is resumed started before.
        **({"started_at": now} if run.state == State.UPLOADED else {}),
    )
    if not asked:
        raise ImportRefused(f"Import {run.pk} is {run.get_state_display().lower()} already.")
    run.refresh_from_db()
    return run


def waiting() -> QuerySet[ImportRun]:
    """Imports nobody is at work on: queued, or left by a worker whose lease has ended."""
    now = timezone.now()
    return ImportRun.objects.filter(
        Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=now)
    ).order_by("pk")


def is_stalled(run: ImportRun) -> bool:
    """Whether `run` has waited for a while although nobody is at work: its thread went with its process."""
    at = run.options.get("queued_at")
    if run.state != State.QUEUED or at is None:
        return False
    if timezone.now() - datetime.fromisoformat(at) < PATIENCE:
        return False
    busy = ImportRun.objects.filter(state=State.RUNNING, lease_until__gt=timezone.now())
    return all(is_dead(worker) for worker in busy.values_list("worker", flat=True))


def is_abandoned(run: ImportRun) -> bool:
    """Whether `run` is called running although its worker is gone."""
    if run.state != State.RUNNING or run.lease_until is None:
        # Without a lease it is a command or a call of the API at work.
        return False
    return run.lease_until < timezone.now() or is_dead(run.worker)


def _free(now: datetime) -> Q:
    return Q(lease_until__lt=now)


def release_dead() -> None:
    """Free imports of workers of this machine that are no more, without waiting for their lease."""
    held = ImportRun.objects.filter(state=State.RUNNING, lease_until__gt=timezone.now())
    # Without a lease it would be a command's.
    workers.release_dead(held, lease_until=timezone.now() - LEASE)


def claim(run_id: int, worker: str) -> ImportRun | None:
    """The import, ours until its lease ends; None when it is somebody else's, or over."""
    now = timezone.now()
    run = ImportRun.objects.filter(pk=run_id).first()
    if run is None:
        return None
    attempts = run.options.get("attempts", [])
    attempt = {"at": now.isoformat(), "position": run.position, "bytes": run.bytes_read}
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING) & _free(now)
    won = ImportRun.objects.filter(free, pk=run_id, worker=run.worker).update(
        state=State.RUNNING,
        worker=worker,
        lease_until=now + LEASE,
        options=run.options | {"attempts": [*attempts, attempt]},
    )
    if not won:
        return None
    run.refresh_from_db()
    return run


@naming("import_run")
def work(run_id: int, *, worker: str | None = None) -> ImportRun | None:
    """Claim and load one import; None when there was nothing to claim. Failures end up on the row."""
    worker = worker or worker_name()
    run = claim(run_id, worker)
    if run is None:
        return None
    try:
        if len(run.options["attempts"]) > MAX_ATTEMPTS:
            raise ImportRefused(
                f"Its worker stopped {MAX_ATTEMPTS} times: see the log, then resume it by hand."
            )
        if run.dry_run:
            _try_out(run, worker)
        else:
            load_through(run, worker, lambda: _load(run, worker))
    except (_LeaseLostError, ImportTaken):
        log.warning("import %s: lost its lease to another worker", run.pk)
    except WorkbenchError as error:
        _fail(run, worker, reading.public(str(error), run))
    except Exception as error:
        log.exception("import %s failed", run.pk)
        _fail(run, worker, f"{type(error).__name__}: {error}")
    run.refresh_from_db()
    return run


def _load(run: ImportRun, worker: str) -> None:
    result = _import(
        run,
        run=run,
        errors_path=rejected.errors_path(run),
        progress=_keeping(run, worker),
    )
    _settle(
        run,
        worker,
        options=_options(run)
        | {"warnings": list(result.warnings), "error_count": result.error_count},
    )


def _try_out(run: ImportRun, worker: str) -> None:
    beat = _keeping(run, worker)

    def progress(done: int, total: int) -> None:
        beat(done, total)
        ImportRun.objects.filter(pk=run.pk, worker=worker).update(bytes_read=done)

    try:
        result = _import(run, dry_run=True, progress=progress)
        tried = _plain(result)
    except EveryRowRejected as error:
        tried = _plain(error.result) | {"error": str(error)}
    except WorkbenchError as error:
        tried = {"error": reading.public(str(error), run)}
    _settle(
        run,
        worker,
        state=State.UPLOADED,
        dry_run=False,
        bytes_read=0,
        lease_until=None,
        worker="",
        options={k: v for k, v in _options(run).items() if k != "attempts"} | {"tried": tried},
    )


def _import(of: ImportRun, /, **how: Any) -> ImportResult:
    return import_file(
        of.feed,
        of.file.path,
        by=of.started_by,
        mapping=specs.mapping_for(of),
        as_of=of.as_of,
        source=of.source,
        **how,
    )


def _options(run: ImportRun) -> dict[str, Any]:
    """As they are now: the loader may have written some."""
    found: dict[str, Any] = ImportRun.objects.values_list("options", flat=True).get(pk=run.pk)
    return found


def _keeping(run: ImportRun, worker: str) -> Callable[[int, int], None]:
    """Called after every chunk: keeps the lease, and stops a worker that has lost it."""

    def beat(done: int, total: int) -> None:
        until = timezone.now() + LEASE
        if not ImportRun.objects.filter(pk=run.pk, worker=worker).update(lease_until=until):
            raise _LeaseLostError

    return beat


def _settle(run: ImportRun, mine: str, /, **values: Any) -> None:
    if not ImportRun.objects.filter(pk=run.pk, worker=mine).update(**values):
        raise _LeaseLostError


def _fail(run: ImportRun, worker: str, error: str) -> None:
    """What is loaded so far stays; the page offers to resume or undo it."""
    changed = {"dry_run": False, "bytes_read": 0} if run.dry_run else {}
    ImportRun.objects.filter(pk=run.pk, worker=worker).update(
        state=State.UPLOADED if run.dry_run else State.FAILED,
        error=error,
        lease_until=None,
        finished_at=timezone.now(),
        **changed,
    )


def _plain(result: ImportResult) -> dict[str, Any]:
    """A dry run's result as JSON: counts, the first errors and the first changes."""
    return {
        "rows_read": result.rows_read,
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "rejected": result.rejected,
        "held": result.held,
        "error_count": result.error_count,
        "warnings": list(result.warnings),
        "errors": [asdict(error) for error in result.errors[:SHOWN]],
        "sample": [
            {
                "row": change.row,
                "external_id": change.external_id,
                "created": change.created,
                "changes": [
                    [name, before, after] for name, (before, after) in change.changes.items()
                ],
            }
            for change in result.sample
        ],
    }
