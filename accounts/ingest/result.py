"""What an import did, or would do."""

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import date
from typing import Any

from accounts.ingest.errors import RowError


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What one row does: each field it changes with the value before and after, as JSON holds them."""

    row: int
    external_id: str
    created: bool
    changes: Dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class ImportResult:
    """Counts are rows of the file. `errors` and `sample` are the first few; the rest is in the errors file.

    A row is created when its account (or fact) is new, updated when it changed it or its reading of the day,
    unchanged otherwise. `held` rows are good and wait for their account. `run_id` is None for a dry run and
    where nothing was loaded.
    """

    feed: str
    source: str
    mapping: str
    file_name: str
    as_of: date
    dry_run: bool
    encoding: str
    delimiter: str
    columns: Dict[str, str]
    unmapped_columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    source_score_columns: tuple[str, ...] = ()
    rows_read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    held: int = 0
    rejected: int = 0
    readings_created: int = 0
    readings_changed: int = 0
    error_count: int = 0
    errors: tuple[RowError, ...] = ()
    warnings: tuple[str, ...] = ()
    sample: tuple[PlannedChange, ...] = ()
    run_id: int | None = None

    @property
    def loaded(self) -> int:
        """Rows that are in the database now, or would be."""
        return self.created + self.updated + self.unchanged
