"""One file through one feed. Commands, pages and tasks are doors to `import_file`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Dict
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.ingest import held, load, load_related
from accounts.ingest.error_log import ERROR_COLUMNS as ERROR_COLUMNS
from accounts.ingest.error_log import ErrorLog
from accounts.ingest.errors import (
    EveryRowRejected,
    ImportTaken,
    IngestError,
    UnknownFeed,
    UnreadableFile,
    shown,
)
from accounts.ingest.feeds import FEEDS, Feed
from accounts.ingest.feeds.further import columns_of
from accounts.ingest.mappings import Layout, Mapping
from accounts.ingest.parsers import Record, Source, inspect
from accounts.ingest.prepared import Prepared, ready
from accounts.ingest.remembered import Given, how_to_read
from accounts.ingest.result import ImportResult, PlannedChange
from accounts.ingest.sources import lock
from accounts.ingest.totals import Totals
from accounts.models import ImportRun

# Rows per chunk, and cells per chunk for wide files: what is in memory at once.
_CHUNK_ROWS: Final = 5_000
_USAGE_ROWS: Final = 20_000
_CHUNK_CELLS: Final = 200_000
_SAMPLE_SIZE: Final = 10
_COLUMNS_KEPT: Final = 500
# Sources ahead of the book's time zone are already on tomorrow.
_AHEAD: Final = timedelta(days=1)
_LEASE: Final = timedelta(minutes=2)

Progress = Callable[[int, int], None]


def import_file(
    feed: str,
    path: str | Path,
    *,
    by: Any = None,
    mapping: Given = None,
    as_of: date | None = None,
    dry_run: bool = False,
    errors_path: str | Path | None = None,
    source: str | None = None,
    account_source: str | None = None,
    date_order: str | None = None,
    decimal: str | None = None,
    files: Dict[str, str | Path] | None = None,
    progress: Progress | None = None,
    run: ImportRun | None = None,
) -> ImportResult:
    """Load `path` through `feed`; good rows load although others do not.

    `as_of` is the day the file is of (default today in TIME_ZONE): it dates what the rows do not date
    themselves. `mapping` is a name, a YAML file, its content, or read already (default: generic).
    `source` is the system the ids come from (default: the mapping's, else "generic"),
    `account_source` the one of the account ids (default: the same). `date_order` ("dmy", "mdy") and
    `decimal` ("." or ",") override the mapping. `files` are tables the mapping joins, by name (default: those
    beside `path`). A blank cell is unknown: it leaves what is there and adds
    nothing; a category cell that says "unknown" empties the field. Rows of accounts that are not there yet
    are held, and load once the account appears. `progress` is called with the bytes read and the bytes in all.

    Loaded in chunks, each one transaction that also advances the ImportRun: a failure or a kill leaves whole
    chunks. With `run` (queued, failed, or left running) the import goes on behind them, reads the file as it
    began to unless told otherwise, and ends with the facts and counts of an import nobody disturbed.
    Raises IngestError when nothing could be loaded (EveryRowRejected carries the result) or when it broke
    off; the failed ImportRun says why.
    """
    path = Path(path)
    if feed not in FEEDS:
        raise UnknownFeed(feed, FEEDS)
    columns = columns_of(FEEDS[feed])
    given = how_to_read(
        run,
        feed=feed,
        columns=columns,
        mapping=mapping,
        account_source=account_source,
        date_order=date_order,
        decimal=decimal,
        files=files,
        errors_path=errors_path,
    )
    how, errors_path = given.mapping, given.errors_path
    if errors_path is not None and Path(errors_path) == path.resolve():
        raise IngestError("The errors file would overwrite the file to import: name another.")
    source = (run.source if run else source) or how.source or "generic"
    account_source = given.account_source or how.account_source or source
    for name in (source, account_source):
        if len(name) > 40:
            raise IngestError(f"The source {shown(name)!r} is longer than 40 characters.")
    as_of = run.as_of if run else as_of or timezone.localdate()
    file = inspect(path, encoding=how.encoding)
    if run is not None and run.file_sha256 and run.file_sha256 != file.sha256:
        raise IngestError(
            f"{path.name} is not the file import {run.pk} began with: give it that one, or undo it."
        )
    with ExitStack() as stack:
        table, layout = ready(file, how, feed=feed, columns=columns, files=given.files)
        stack.enter_context(table)
        result = ImportResult(
            feed=feed,
            source=source,
            mapping=how.name,
            file_name=run.file_name if run and run.file_name else path.name,
            as_of=as_of,
            dry_run=dry_run,
            encoding=file.encoding,
            delimiter=table.delimiter,
            columns={place.header: place.column.target for place in layout.places},
            unmapped_columns=tuple(shown(text) for text in layout.unmapped),
            ignored_columns=tuple(shown(text) for text in layout.ignored),
            source_score_columns=tuple(shown(text) for text in layout.source_scores),
        )
        totals = Totals.of(run)
        errors = stack.enter_context(ErrorLog(errors_path, resume_at=totals.errors_at))
        work = _Import(FEEDS[feed], table, layout, how, account_source, result, totals, errors)
        work.made_run = run is None
        if not dry_run:
            work.run = _begin(
                run, result, file, given.kept | {"account_source": account_source}, by
            )
        try:
            return work.load(progress)
        except (EveryRowRejected, UnreadableFile) as nothing:
            work.discard(nothing)
            raise
        except ImportTaken:
            raise
        except BaseException as failure:
            said = work.fail(failure)
            if isinstance(failure, DatabaseError):
                raise IngestError(
                    f"The database refused the import: {failure}. {said}"
                ) from failure
            raise


@dataclass
class _Import:
    """One import at work. `run` is None for a dry run."""

    feed: Feed
    table: Prepared
    layout: Layout
    how: Mapping
    account_source: str
    result: ImportResult
    totals: Totals
    errors: ErrorLog
    run: ImportRun | None = None
    made_run: bool = True

    def load(self, progress: Progress | None) -> ImportResult:
        as_of = self.result.as_of
        self.reader = load.reader_for(
            self.feed, self.layout, self.how.values, self._conventions(), as_of
        )
        self.context = load.context_for(
            self.feed,
            self.reader,
            source=self.result.source,
            account_source=self.account_source,
            currency=settings.DEFAULT_CURRENCY,
            as_of=as_of,
        )
        rows = _USAGE_ROWS if self.feed.key == "usage" else _CHUNK_ROWS
        size = max(100, min(rows, _CHUNK_CELLS // len(self.table.header)))
        records = iter(self.table)
        sample: list[PlannedChange] = []
        if self.run is not None:
            self.errors.restore(self.run.errors, self.totals.error_count)
            for chunk in _chunks(islice(records, self.run.position), size):
                # Loaded before; read again for the ids it used.
                self.reader.check(chunk)
        for chunk in _chunks(records, size):
            self._chunk(chunk, sample)
            if progress is not None:
                progress(self.table.position, self.table.source.size)
        return self._finish(sample)

    def _conventions(self) -> Any:
        latest = max(self.result.as_of, timezone.localdate() + _AHEAD)
        return load.conventions(
            settings.DEFAULT_CURRENCY,
            latest,
            date_order=self.how.date_order,
            decimal_comma=self.how.decimal_comma,
        )

    def _chunk(self, chunk: list[Record], sample: list[PlannedChange]) -> None:
        rows, faults = self.reader.check(chunk)
        totals = with_changes(self.totals, notes=dict(self.totals.notes))
        with transaction.atomic():
            lock(self.result.source, make=self.run is not None)
            planned = load.plan(rows, self.context, _SAMPLE_SIZE - len(sample))
            totals.add(planned)
            totals.rejected += self.errors.add(faults, planned.errors)
            totals.error_count, totals.errors_at = self.errors.count, self.errors.position()
            if self.run is None:
                # Comparing may have made a measure; nothing of a dry run stays.
                transaction.set_rollback(True)
            else:
                load.apply(planned, self.run)
                held.release(planned.appeared)
                self._advance(self.run, len(chunk), totals)
        self.totals = totals
        sample += planned.sample

    def _advance(self, run: ImportRun, records: int, totals: Totals) -> None:
        """Move the run behind this chunk; ImportTaken when somebody else has moved it."""
        at = run.position
        run.position = at + records
        run.bytes_read = self.table.position
        run.options = run.options | {"totals": asdict(totals)}
        values: dict[str, Any] = {
            "position": run.position,
            "bytes_read": run.bytes_read,
            "rows_read": totals.read,
            "rows_rejected": totals.rejected,
            "rows_held": totals.held,
            "created_count": totals.created,
            "updated_count": totals.updated,
            "unchanged_count": totals.unchanged,
            "errors": self.errors.as_json(),
            "options": run.options,
        }
        if run.worker:
            values["lease_until"] = timezone.now() + _LEASE
        mine = ImportRun.objects.filter(
            pk=run.pk, position=at, worker=run.worker, state=ImportRun.State.RUNNING
        )
        if not mine.update(**values):
            raise ImportTaken(run.pk)

    def _finish(self, sample: list[PlannedChange]) -> ImportResult:
        totals = self.totals
        result = self.result = with_changes(
            self.result,
            rows_read=totals.read,
            created=totals.created,
            updated=totals.updated,
            unchanged=totals.unchanged,
            held=totals.held,
            readings_created=totals.readings_created,
            readings_changed=totals.readings_changed,
            rejected=totals.rejected,
            error_count=totals.error_count,
            errors=tuple(self.errors.kept),
            warnings=self._warnings(),
            sample=tuple(sample),
            run_id=self.run.pk if self.run else None,
        )
        if not totals.read and not self.table.left_out_count:
            raise UnreadableFile(
                self.table.source.path, "has a header and no rows. Export it again."
            )
        if totals.rejected and not totals.loaded and not totals.held:
            raise EveryRowRejected(with_changes(result, run_id=None))
        if self.run is not None:
            self._close(self.run)
        return result

    def _close(self, run: ImportRun) -> None:
        run.state = ImportRun.State.DONE
        run.unmapped_columns = [
            *(
                f"{text} (ignored: the source's own score)"
                for text in self.result.source_score_columns
            ),
            *self.result.unmapped_columns[:_COLUMNS_KEPT],
        ]
        run.finished_at = timezone.now()
        run.lease_until = None
        with transaction.atomic():
            lock(run.source)
            load_related.finish(self.feed, run)
            mine = ImportRun.objects.filter(
                pk=run.pk, worker=run.worker, state=ImportRun.State.RUNNING
            )
            if not mine.update(
                state=run.state,
                unmapped_columns=run.unmapped_columns,
                finished_at=run.finished_at,
                lease_until=None,
                error="",
            ):
                raise ImportTaken(run.pk)

    def _warnings(self) -> tuple[str, ...]:
        warnings = [*self.layout.warnings, *self.table.notices, *self.layout.left_blank]
        notes = Counter(self.totals.notes) + Counter(self.reader.notes)
        for note, count in notes.items():
            rows = "1 row has" if count == 1 else f"{count:,} rows have"
            warnings.append(f"{rows} {note}.")
        return tuple(warnings)

    def discard(self, nothing: IngestError) -> None:
        """Nothing could be loaded: leave no trace, but for a run somebody waits for."""
        if self.run is None:
            return
        if self.made_run:
            self.run.delete()
        else:
            self._note_failure(str(nothing))

    def fail(self, failure: BaseException) -> str:
        """Keep that and why the import broke off; what is loaded and what can be done, as a sentence."""
        if self.run is None:
            return "Nothing was loaded: it was a dry run."
        loaded = self.totals.loaded
        said = "Nothing was loaded."
        if self.run.position:
            rows = "1 row is" if loaded == 1 else f"{loaded:,} rows are"
            said = (
                f"{rows} loaded: go on with `import_feed {self.feed.key} FILE --resume {self.run.pk}`, "
                f"or take them back with `undo_import {self.run.pk}`."
            )
        text = f"{type(failure).__name__}: {failure}".removesuffix(": ")
        self._note_failure(f"{text}\n{said}")
        return said

    def _note_failure(self, text: str) -> None:
        assert self.run is not None
        try:
            ImportRun.objects.filter(
                pk=self.run.pk, worker=self.run.worker, state=ImportRun.State.RUNNING
            ).update(
                state=ImportRun.State.FAILED,
                error=text,
                finished_at=timezone.now(),
                lease_until=None,
            )
        except DatabaseError:
            # The first failure is the one to report.
            pass


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    several = iter(records)
    while chunk := list(islice(several, size)):
        yield chunk


def _begin(
    run: ImportRun | None, result: ImportResult, file: Source, options: dict[str, Any], by: Any
) -> ImportRun:
    """A new run, or `run` again, running."""
    if run is None:
        return ImportRun.objects.create(
            feed=result.feed,
            source=result.source,
            mapping=result.mapping[:80],
            file_name=result.file_name[:255],
            file_sha256=file.sha256,
            bytes_total=file.size,
            as_of=result.as_of,
            started_by=by,
            options=options,
        )
    run.refresh_from_db()
    if run.state in (ImportRun.State.DONE, ImportRun.State.UNDONE):
        raise IngestError(
            f"Import {run.pk} is {run.state} already: there is nothing to go on with."
        )
    run.state = ImportRun.State.RUNNING
    run.file_sha256 = file.sha256
    run.bytes_total = file.size
    run.error = ""
    run.options = run.options | options
    run.save(update_fields=["state", "file_sha256", "bytes_total", "error", "options"])
    return run
