"""Good rows into the database: compare with what is there, write only what differs, remember what was there.

`plan` reads and `apply` writes, both for a chunk of rows at once, so a dry run is an import without the second.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import orjson

from accounts.ingest.errors import RowError, shown
from accounts.ingest.result import PlannedChange
from accounts.ingest.validate import Row
from accounts.models import Account, ImportChange, ImportRun, Reading
from csm.lib.copy import bulk_insert

_NAMELESS: Final = (
    "The account is new and has no name.",
    "Add a name column, or import the account with its name first.",
)


@dataclass
class Plan:
    """What a chunk of rows will do: what is new, and what changes, with its old values.

    `changed` holds account, values before and values after; `changed_readings` reading and old metrics.
    `updated` and `unchanged` count rows whose account exists.
    """

    new: list[tuple[Row, Account]] = field(default_factory=list)
    changed: list[tuple[Account, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    new_readings: list[tuple[Account, Row]] = field(default_factory=list)
    changed_readings: list[tuple[Reading, dict[str, Any]]] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    sample: list[PlannedChange] = field(default_factory=list)
    updated: int = 0
    unchanged: int = 0

    @property
    def loaded(self) -> int:
        return len(self.new) + self.updated + self.unchanged


def plan(rows: Sequence[Row], *, source: str, currency: str, sample_size: int = 0) -> Plan:
    """Compare `rows` (ids unique) with the accounts and readings of `source`. Constant queries per chunk."""
    result = Plan()
    # Locked, so that what a colleague saves meanwhile is neither compared stale nor written over.
    accounts = {
        account.external_id: account
        for account in Account.objects.select_for_update().filter(
            source=source, external_id__in=[row.external_id for row in rows]
        )
    }
    readings = _readings(accounts.values(), rows, source)
    for row in rows:
        account = accounts.get(row.external_id)
        if account is None:
            _plan_new(result, row, source, currency, sample_size)
            continue
        before, after = _differences(account, row.attributes)
        if after:
            result.changed.append((account, before, after))
        touched = _plan_reading(result, account, readings.get((account.pk, row.on)), row)
        if after or touched:
            result.updated += 1
            if len(result.sample) < sample_size:
                changes = {name: (before[name], after[name]) for name in after} | touched
                result.sample.append(PlannedChange(row.number, row.external_id, False, changes))
        else:
            result.unchanged += 1
    return result


def _readings(
    accounts: Iterable[Account], rows: Sequence[Row], source: str
) -> dict[tuple[int, date], Reading]:
    days = {row.on for row in rows}
    ids = [account.pk for account in accounts]
    found = Reading.objects.select_for_update().filter(account__in=ids, on__in=days, source=source)
    return {(reading.account_id, reading.on): reading for reading in found}


def _plan_new(result: Plan, row: Row, source: str, currency: str, sample_size: int) -> None:
    if not row.attributes.get("name"):
        result.errors.append(RowError(row.number, "name", shown(row.external_id), *_NAMELESS))
        return
    account = Account(
        source=source, external_id=row.external_id, currency=currency, **row.attributes
    )
    result.new.append((row, account))
    if row.metrics:
        result.new_readings.append((account, row))
    if len(result.sample) < sample_size:
        after = {name: plain(value) for name, value in row.attributes.items()} | row.metrics
        changes = {name: (None, value) for name, value in after.items()}
        result.sample.append(PlannedChange(row.number, row.external_id, True, changes))


def _differences(
    account: Account, attributes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Old and new values of what differs, as JSON holds them; `account` gets the new ones."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in attributes.items():
        old = getattr(account, name)
        if old != value:
            before[name], after[name] = plain(old), plain(value)
            setattr(account, name, value)
    return before, after


def _plan_reading(
    result: Plan, account: Account, reading: Reading | None, row: Row
) -> dict[str, tuple[Any, Any]]:
    """Add what `row` does to the day's reading; returns the metrics it changes."""
    if not row.metrics:
        return {}
    old = {} if reading is None else reading.metrics
    touched = {
        key: (old.get(key), value) for key, value in row.metrics.items() if old.get(key) != value
    }
    if reading is None:
        result.new_readings.append((account, row))
    elif touched:
        reading.metrics = old | row.metrics
        result.changed_readings.append((reading, old))
    return touched


def apply(planned: Plan, import_run: ImportRun) -> None:
    """Write `planned`, and the changes that undo it. The caller holds the transaction."""
    Account.objects.bulk_create(account for _, account in planned.new)
    _upsert(Account, [account for account, _, _ in planned.changed], _changed_fields(planned))
    # Nothing reads these back here, so they go past the ORM, which would take most of the import's time.
    bulk_insert(
        Reading,
        ("account", "on", "source", "import_run", "metrics"),
        (
            (account.pk, row.on.isoformat(), import_run.source, import_run.pk, _packed(row.metrics))
            for account, row in planned.new_readings
        ),
    )
    _upsert(Reading, [reading for reading, _ in planned.changed_readings], ["metrics"])
    bulk_insert(
        ImportChange,
        ("import_run", "account", "reading", "before", "after"),
        ((import_run.pk, *change) for change in _changes(planned)),
    )


def _changed_fields(planned: Plan) -> list[str]:
    names = {name.removesuffix("_id") for _, _, after in planned.changed for name in after}
    return [*sorted(names), "updated_at"]


def _upsert(model: type[Account] | type[Reading], rows: list[Any], fields: list[str]) -> None:
    """Save `fields` of existing rows: an upsert on the key, where bulk_update takes a millisecond a row."""
    if rows:
        model.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["id"], update_fields=fields
        )


def _changes(planned: Plan) -> Iterator[tuple[int | None, int | None, str | None, str | None]]:
    """Account, reading, before and after of each ImportChange; a created row has no before."""
    for _, account in planned.new:
        yield account.pk, None, None, None
    for account, before, after in planned.changed:
        yield account.pk, None, _packed(before), _packed(after)
    for reading, old in planned.changed_readings:
        yield None, reading.pk, _packed({"metrics": old}), _packed({"metrics": reading.metrics})


def _packed(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()


def plain(value: Any) -> Any:
    """`value` of a model field as JSON holds it; `Field.to_python` reads it back."""
    return value.isoformat() if isinstance(value, date) else value
