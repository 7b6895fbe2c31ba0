"""One file through one feed. Commands, pages and tasks are doors to `import_file`."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.ingest import load
from accounts.ingest.cells import Conventions
from accounts.ingest.errors import (
    EveryRowRejected,
    IngestError,
    RowError,
    UnknownFeed,
    UnreadableFile,
    shown,
)
from accounts.ingest.mappings import FEEDS, GENERIC, Layout, Mapping, lay_out, read_mapping
from accounts.ingest.parsers import Record, Source, Table, inspect
from accounts.ingest.result import ImportResult, PlannedChange
from accounts.ingest.validate import Validator
from accounts.models import ImportRun, Team
from csm.lib.spreadsheet import guarded

ERROR_COLUMNS: Final = ("row", "column", "value", "reason", "remedy")

# Rows per chunk, and cells per chunk for wide files: what is in memory at once.
_CHUNK_ROWS: Final = 5_000
_CHUNK_CELLS: Final = 200_000
_ERRORS_KEPT: Final = 100
_SAMPLE_SIZE: Final = 10
_COLUMNS_KEPT: Final = 500
# Sources ahead of the book's time zone are already on tomorrow.
_AHEAD: Final = timedelta(days=1)
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9.,]+%?")

Progress = Callable[[int, int], None]


def import_file(
    feed: str,
    path: str | Path,
    *,
    by: Any = None,
    mapping: str | Path = GENERIC,
    as_of: date | None = None,
    dry_run: bool = False,
    errors_path: str | Path | None = None,
    source: str | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Load `path`, one row per account with attributes and metrics; good rows load although others do not.

    `feed` "accounts" asks for at least one attribute, "account_metrics" for at least one metric; both load
    both. `as_of` dates the readings (default today in TIME_ZONE) where the file has no date column. `source`
    is the system the ids come from (default: the mapping's, else "generic"). A blank cell is unknown: it
    leaves an attribute as it is and adds no metric; a category cell that says "unknown" empties the
    attribute. `progress` is called with the bytes read and the bytes in all.

    One transaction: a failure or a kill leaves nothing half. Raises IngestError when nothing could be loaded
    (EveryRowRejected carries the result); the database is then as it was, except that a failure while
    loading is kept as a failed ImportRun that says why.
    """
    path = Path(path)
    if feed not in FEEDS:
        raise UnknownFeed(feed, FEEDS)
    if errors_path is not None and Path(errors_path).resolve() == path.resolve():
        raise IngestError("The errors file would overwrite the file to import: name another.")
    how = read_mapping(mapping, feed=feed)
    source = source or how.source or "generic"
    if len(source) > 40:
        raise IngestError(f"The source {shown(source)!r} is longer than 40 characters.")
    as_of = as_of or timezone.localdate()
    file = inspect(path, encoding=how.encoding)
    with ExitStack() as stack:
        table = stack.enter_context(_open(file, how))
        layout = lay_out(table.header, how, feed=feed)
        result = ImportResult(
            feed=feed,
            source=source,
            mapping=how.name,
            file_name=path.name,
            as_of=as_of,
            dry_run=dry_run,
            encoding=file.encoding,
            delimiter=table.delimiter,
            columns={place.header: place.column.target for place in layout.places},
            unmapped_columns=tuple(shown(text) for text in layout.unmapped),
            ignored_columns=tuple(shown(text) for text in layout.ignored),
            source_score_columns=tuple(shown(text) for text in layout.source_scores),
        )
        errors = stack.enter_context(_ErrorLog(errors_path))
        try:
            return _load(table, layout, how, result, errors, by=by, progress=progress)
        except IngestError:
            raise
        except BaseException as failure:
            if not dry_run:
                _record_failure(result, file, by, failure)
            if isinstance(failure, DatabaseError):
                message = f"The database refused the import, nothing was loaded: {failure}"
                raise IngestError(message) from failure
            raise


def _open(file: Source, how: Mapping) -> Table:
    try:
        return Table(file, delimiter=how.delimiter)
    except UnicodeError as error:
        raise UnreadableFile(file.path, f"is not {file.encoding} text ({error}).") from None


def _load(
    table: Table,
    layout: Layout,
    how: Mapping,
    result: ImportResult,
    errors: "_ErrorLog",
    *,
    by: Any,
    progress: Progress | None,
) -> ImportResult:
    validator = Validator(layout, how, _conventions(how, result.as_of), result.as_of)
    size = max(100, min(_CHUNK_ROWS, _CHUNK_CELLS // len(table.header)))
    total = table.source.size
    totals = _Totals()
    sample: list[PlannedChange] = []
    with transaction.atomic():
        run = None if result.dry_run else _start(result, table.source, by)
        for chunk in _chunks(table, size):
            rows, faults = validator.check(chunk)
            planned = load.plan(
                rows,
                source=result.source,
                currency=settings.DEFAULT_CURRENCY,
                sample_size=_SAMPLE_SIZE - len(sample),
            )
            errors.add(faults, planned.errors)
            totals.add(planned)
            sample += planned.sample
            if run is not None:
                load.apply(planned, run)
            if progress is not None:
                progress(table.position, total)
        result = with_changes(
            result,
            rows_read=totals.loaded + errors.rows,
            created=totals.created,
            updated=totals.updated,
            unchanged=totals.unchanged,
            readings_created=totals.readings_created,
            readings_changed=totals.readings_changed,
            rejected=errors.rows,
            error_count=errors.count,
            errors=tuple(errors.kept),
            warnings=_warnings(layout, validator),
            sample=tuple(sample),
            run_id=run.pk if run else None,
        )
        if not result.rows_read:
            raise UnreadableFile(table.source.path, "has a header and no rows. Export it again.")
        if not totals.loaded:
            raise EveryRowRejected(with_changes(result, run_id=None))
        if run is not None:
            _finish(run, result)
    return result


@dataclass
class _Totals:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    readings_created: int = 0
    readings_changed: int = 0

    @property
    def loaded(self) -> int:
        return self.created + self.updated + self.unchanged

    def add(self, planned: load.Plan) -> None:
        self.created += len(planned.new)
        self.updated += planned.updated
        self.unchanged += planned.unchanged
        self.readings_created += len(planned.new_readings)
        self.readings_changed += len(planned.changed_readings)


@dataclass
class _ErrorLog:
    """Row errors: the first in memory, all in the errors file, so that a million of them do no harm."""

    path: str | Path | None
    kept: list[RowError] = field(default_factory=list)
    count: int = 0
    rows: int = 0
    _file: IO[str] | None = None

    def __enter__(self) -> "_ErrorLog":
        if self.path is not None:
            try:
                self._file = Path(self.path).open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise IngestError(
                    f"The errors file {self.path} cannot be written ({error.strerror})."
                ) from None
            self._writer = csv.writer(self._file)
            self._writer.writerow(ERROR_COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, *several: list[RowError]) -> None:
        """Add a chunk's errors, in the order of its rows."""
        faults = sorted(
            (fault for faults in several for fault in faults), key=lambda fault: fault.row
        )
        self.count += len(faults)
        self.rows += len({fault.row for fault in faults})
        self.kept += faults[: _ERRORS_KEPT - len(self.kept)]
        if self._file is not None:
            self._writer.writerows(
                [
                    fault.row,
                    *map(_harmless, (fault.column, fault.value)),
                    fault.reason,
                    fault.remedy,
                ]
                for fault in faults
            )


def _harmless(text: str) -> str:
    """`text` so that a spreadsheet shows it instead of running it."""
    return text if _PLAIN_NUMBER.fullmatch(text) else guarded(text)


def _chunks(table: Iterable[Record], size: int) -> Iterator[list[Record]]:
    records = iter(table)
    while chunk := list(islice(records, size)):
        yield chunk


def _conventions(how: Mapping, as_of: date) -> Conventions:
    people: dict[str, int | None] = {}
    users = get_user_model().objects.values_list("pk", "username", "email")
    for pk, _, email in users:
        if email:
            people[email.casefold()] = None if email.casefold() in people else pk
    # A username names one person whatever the e-mail addresses say.
    people |= {username.casefold(): pk for pk, username, _ in users}
    return Conventions(
        currency=settings.DEFAULT_CURRENCY,
        zone=timezone.get_default_timezone(),
        latest=max(as_of, timezone.localdate() + _AHEAD),
        date_order=how.date_order,
        decimal_comma=how.decimal_comma,
        people=people,
        teams={name.casefold(): pk for pk, name in Team.objects.values_list("pk", "name")},
    )


def _warnings(layout: Layout, validator: Validator) -> tuple[str, ...]:
    warnings = list(layout.warnings)
    if count := validator.more_emails_than_contacts:
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        warnings.append(
            f"{rows} more contacts with e-mail than contacts; their share counts as 100%."
        )
    return tuple(warnings)


def _start(result: ImportResult, file: Source, by: Any) -> ImportRun:
    return ImportRun.objects.create(
        feed=result.feed,
        source=result.source,
        mapping=result.mapping[:80],
        file_name=result.file_name[:255],
        file_sha256=file.sha256,
        as_of=result.as_of,
        started_by=by,
    )


def _finish(run: ImportRun, result: ImportResult) -> None:
    run.state = ImportRun.State.DONE
    run.rows_read = result.rows_read
    run.rows_rejected = result.rejected
    run.created_count = result.created
    run.updated_count = result.updated
    run.unchanged_count = result.unchanged
    run.errors = [
        dict(zip(ERROR_COLUMNS, (e.row, e.column, e.value, e.reason, e.remedy), strict=True))
        for e in result.errors
    ]
    run.unmapped_columns = [
        *(f"{header} (ignored: the source's own score)" for header in result.source_score_columns),
        *result.unmapped_columns[:_COLUMNS_KEPT],
    ]
    run.finished_at = timezone.now()
    run.save()


def _record_failure(result: ImportResult, file: Source, by: Any, failure: BaseException) -> None:
    """Keep that and why the import failed; its own row went with the transaction."""
    try:
        run = _start(result, file, by)
        run.state = ImportRun.State.FAILED
        run.error = f"{type(failure).__name__}: {failure}".removesuffix(": ")
        run.finished_at = timezone.now()
        run.save()
    except DatabaseError:
        # The first failure is the one to report.
        pass
