"""Reported metrics, one per row, into the readings of their account and day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from accounts.ingest.load_accounts import write_readings
from accounts.ingest.load_facts import EARLY
from accounts.ingest.load_ids import accounts_by_id
from accounts.ingest.plans import CREATED, UNCHANGED, UPDATED, BasePlan, Context, upsert
from accounts.ingest.row import Row
from accounts.models import ImportRun, Reading


@dataclass
class MetricPlan(BasePlan):
    """New readings by account and day, and readings that change with their old metrics."""

    new: dict[tuple[int, date], dict[str, Any]] = field(default_factory=dict)
    changed: dict[int, tuple[Reading, dict[str, Any]]] = field(default_factory=dict)

    def apply(self, run: ImportRun) -> None:
        write_readings(((pk, on, metrics) for (pk, on), metrics in self.new.items()), run)
        upsert(Reading, (reading for reading, _ in self.changed.values()), ["metrics"])
        for reading, old in self.changed.values():
            self.changes.add(Reading, reading.pk, {"metrics": old}, {"metrics": reading.metrics})
        self.changes.write(run)

    def touched(self) -> set[int]:
        changed = {reading.account_id for reading, _ in self.changed.values()}
        return {account_id for account_id, _ in self.new} | changed


def plan(rows: Sequence[Row], context: Context, sample_size: int = 0) -> MetricPlan:
    """Compare `rows` (account, day and metric unique) with the readings of the source."""
    result = MetricPlan(context, sample_size=sample_size)
    accounts = accounts_by_id(
        {row.account_id for row in rows}, source=context.account_source, allowed=context.allowed
    )
    found = Reading.objects.select_for_update(of=("self",)).filter(
        account__in={known.pk for known in accounts.values()},
        on__in={row.on for row in rows},
        source=context.source,
    )
    readings = {(reading.account_id, reading.on): reading for reading in found}
    for row in rows:
        known = accounts.get(row.account_id)
        if known is None:
            result.without_account(row)
            continue
        if known.since is not None and row.on < known.since:
            result.notes[EARLY] += 1
        key = (known.pk, row.on)
        reading = readings.get(key)
        if reading is None:
            result.new.setdefault(key, {}).update(row.metrics)
            result.settle(row.number, CREATED)
            result.show(row, True, {name: (None, value) for name, value in row.metrics.items()})
            continue
        touched = {
            name: (reading.metrics.get(name), value)
            for name, value in row.metrics.items()
            if reading.metrics.get(name) != value
        }
        if touched:
            result.changed.setdefault(reading.pk, (reading, dict(reading.metrics)))
            reading.metrics = reading.metrics | row.metrics
        result.settle(row.number, UPDATED if touched else UNCHANGED)
        result.show(row, False, touched)
    result.readings_created, result.readings_changed = len(result.new), len(result.changed)
    return result
