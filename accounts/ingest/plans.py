"""What a chunk of rows will do, before it does it, and what remembers it for the undo."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Model, QuerySet

from accounts.ingest.errors import RowError, shown
from accounts.ingest.feeds import Feed
from accounts.ingest.result import PlannedChange
from accounts.ingest.row import Row
from accounts.models import Account, ImportChange, ImportRun
from csm.lib.copy import bulk_insert

CREATED: Final = "created"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
HELD: Final = "held"
REJECTED: Final = "rejected"
_RANK: Final = {CREATED: 3, UPDATED: 2, UNCHANGED: 1}
UNKNOWN_ACCOUNT: Final = (
    "There is no such account.",
    "Import the account first, or check the id and which system it comes from.",
)


@dataclass
class Context:
    """What loading needs to know besides the rows.

    `hold` keeps rows of unknown accounts until the account appears; without it they are rejected. With
    `allowed`, accounts outside it are as unknown. `header` names a target as the file does; `cells_of`
    gives a row as it was read.
    """

    feed: Feed
    source: str
    account_source: str
    currency: str
    as_of: date
    header: Callable[[str], str] = str
    cells_of: Callable[[Row], dict[str, str]] = lambda row: {}
    # Ids of rows of ours that were named and are not there, the first few.
    unknown: set[str] = field(default_factory=set)
    allowed: "QuerySet[Account] | None" = None
    hold: bool = True


@dataclass
class Changes:
    """Rows of ours an import changes or makes: table, id, values before (None: made) and after."""

    kept: list[tuple[str, int, dict[str, Any] | None, dict[str, Any] | None]] = field(
        default_factory=list
    )

    def add(
        self,
        model: type[Model],
        pk: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        table = str(model._meta.model_name)
        self.kept.append((table, pk, _plain(before), _plain(after)))

    def write(self, run: ImportRun) -> None:
        bulk_insert(
            ImportChange,
            ("import_run", "table", "row_id", "before", "after"),
            (
                (run.pk, table, pk, _packed(before), _packed(after))
                for table, pk, before, after in self.kept
            ),
        )
        self.kept.clear()


@dataclass
class BasePlan:
    """What a chunk will do. `outcomes` are statuses by row number, without the rejected and held ones."""

    context: Context
    outcomes: dict[int, str] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    sample: list[PlannedChange] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    changes: Changes = field(default_factory=Changes)
    readings_created: int = 0
    readings_changed: int = 0
    sample_size: int = 0
    # Ids of accounts that are there since `apply`: rows may have waited for them.
    appeared: set[str] = field(default_factory=set)

    def settle(self, number: int, outcome: str) -> None:
        """A row that does several things is what its greatest is."""
        if _RANK[outcome] > _RANK.get(self.outcomes.get(number, ""), 0):
            self.outcomes[number] = outcome

    def show(self, row: Row, created: bool, changes: Mapping[str, tuple[Any, Any]]) -> None:
        if len(self.sample) < self.sample_size and changes:
            told = {name: (plain(a), plain(b)) for name, (a, b) in changes.items()}
            key = row.external_id or row.account_id
            self.sample.append(PlannedChange(row.number, key, created, told))

    def reject(self, row: Row, target: str, value: str, reason: str, remedy: str) -> None:
        column = self.context.header(target)
        self.errors.append(RowError(row.number, column, shown(value), reason, remedy))

    def without_account(self, row: Row) -> None:
        """Hold or reject a row of an account that is not known."""
        if self.context.hold:
            self.held.append(row)
        else:
            self.reject(row, "account_id", row.account_id, *UNKNOWN_ACCOUNT)

    def apply(self, run: ImportRun) -> None:
        """Write it, and what undoes it. The caller holds the transaction."""
        raise NotImplementedError

    def touched(self) -> set[int]:
        """Accounts whose facts it changes; those it makes once it is applied."""
        raise NotImplementedError

    def row_ids(self) -> dict[int, int]:
        """After `apply`: primary keys by row number, where a row is one row of ours."""
        return {}


def plain(value: Any) -> Any:
    """`value` of a model field as JSON holds it; `Field.to_python` reads it back."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: plain(value) for name, value in values.items()}


def _packed(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def ready(value: Any) -> Any:
    """`value` as `csm.lib.copy.bulk_insert` takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return value


def upsert(model: type[Model], rows: Iterable[Any], fields: Iterable[str]) -> None:
    """Save `fields` of existing rows: an upsert on the key, where bulk_update takes a millisecond a row."""
    kept = list(rows)
    if kept:
        names = sorted(
            {name.removesuffix("_id") if _is_relation(model, name) else name for name in fields}
        )
        model._default_manager.bulk_create(
            kept, update_conflicts=True, unique_fields=["id"], update_fields=names
        )


def _is_relation(model: type[Model], attname: str) -> bool:
    return any(f.attname == attname and f.is_relation for f in model._meta.concrete_fields)
