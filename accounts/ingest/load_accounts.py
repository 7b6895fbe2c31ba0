"""Accounts and their reported metrics into the database: compared, written where they differ, remembered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from accounts.ingest import load_held
from accounts.ingest.load_ids import accounts_by_id, locked
from accounts.ingest.plans import (
    CREATED,
    UNCHANGED,
    UPDATED,
    BasePlan,
    Changes,
    Context,
    plain,
    ready,
    upsert,
)
from accounts.ingest.row import Row
from accounts.models import (
    Account,
    AccountAlias,
    ImportRun,
    LifecycleEvent,
    LifecycleStage,
    Reading,
)
from accounts.services.owners import note_owners
from csm.lib.copy import bulk_insert

_NAMELESS: Final = (
    "The account is new and has no name.",
    "Add a name column, or import the account with its name first.",
)
_NOT_YOURS: Final = (
    "There is no such account.",
    "Check the id, and which accounts you may change.",
)
_LED: Final = (
    "the id of an account merged into another: that one keeps its attributes, metrics go there"
)


@dataclass
class AccountPlan(BasePlan):
    """`changed` holds row, account, values before and after; `changed_readings` reading and old metrics."""

    new: list[tuple[Row, Account]] = field(default_factory=list)
    changed: list[tuple[Row, Account, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    new_readings: list[tuple[Account, Row]] = field(default_factory=list)
    changed_readings: list[tuple[Reading, dict[str, Any]]] = field(default_factory=list)
    parents: list[tuple[Row, Account]] = field(default_factory=list)
    known: dict[int, Account] = field(default_factory=dict)
    merged: list[tuple[Row, Account]] = field(default_factory=list)

    def apply(self, run: ImportRun) -> None:
        Account.objects.bulk_create(account for _, account in self.new)
        changed = [account for _, account, _, _ in self.changed]
        fields = {name for _, _, _, after in self.changed for name in after}
        upsert(Account, changed, {*fields, "updated_at"})
        for _, account in self.new:
            self.changes.add(Account, account.pk, None, None)
        for _, account, before, after in self.changed:
            self.changes.add(Account, account.pk, before, after)
        write_readings(
            ((account.pk, row.on, row.metrics) for account, row in self.new_readings), run
        )
        upsert(Reading, [reading for reading, _ in self.changed_readings], ["metrics"])
        for reading, old in self.changed_readings:
            self.changes.add(Reading, reading.pk, {"metrics": old}, {"metrics": reading.metrics})
        self._note_life(run)
        self._adopt(run)
        self.appeared = {account.external_id for _, account in self.new} | self._alias(run)
        self.changes.write(run)

    def touched(self) -> set[int]:
        there = {
            account.pk
            for number, account in self.known.items()
            if self.outcomes.get(number) == UPDATED
        }
        return there | {account.pk for _, account in self.new if account.pk is not None}

    def row_ids(self) -> dict[int, int]:
        made = {row.number: account.pk for row, account in self.new}
        return made | {number: account.pk for number, account in self.known.items()}

    def _note_life(self, run: ImportRun) -> None:
        """Owners and stages by date, of accounts whose row told of another one."""
        owners: dict[int, tuple[int | None, date]] = {}
        previous = {account.pk: old.get("owner_id") for _, account, old, _ in self.changed}
        stages: list[tuple[Account, date, str, str]] = []
        told = [(row, account, row.attributes) for row, account in self.new]
        told += [
            (row, account, {name: getattr(account, name) for name in after})
            for row, account, _, after in self.changed
        ]
        for row, account, values in told:
            if "owner_id" in values:
                owners[account.pk] = (account.owner_id, row.on)
            stages += _stages(account, values, row.on)
        note_owners(owners, previous=previous, import_run=run, record=self.changes.add)
        write_stages(stages, run, self.changes)

    def _alias(self, run: ImportRun) -> set[str]:
        """Keep the ids of what was merged into an account; returns those that are new."""
        wanted = {
            alias: account
            for row, account in self.merged
            for alias in row.extra["aliases"]
            if alias != account.external_id
        }
        if not wanted:
            return set()
        there = AccountAlias.objects.filter(source=run.source, external_id__in=wanted)
        for alias in there.values_list("external_id", flat=True):
            del wanted[alias]
        AccountAlias.objects.bulk_create(
            AccountAlias(source=run.source, external_id=alias, account=account, import_run=run)
            for alias, account in wanted.items()
        )
        return set(wanted)

    def _adopt(self, run: ImportRun) -> None:
        """Give accounts their parent where it is known; keep the others' wish until it appears."""
        if not self.parents:
            return
        found = accounts_by_id(
            {row.extra["parent"] for row, _ in self.parents}, source=self.context.account_source
        )
        changed, orphans = [], []
        for row, account in self.parents:
            parent = found.get(row.extra["parent"])
            if parent is None:
                orphans.append((row, account))
            elif account.parent_id != parent.pk and account.pk != parent.pk:
                before = {"parent_id": account.parent_id}
                account.parent_id = parent.pk
                self.changes.add(Account, account.pk, before, {"parent_id": parent.pk})
                changed.append(account)
        upsert(Account, changed, ["parent_id"])
        load_held.keep_parents(orphans, run)


def plan(rows: Sequence[Row], context: Context, sample_size: int = 0) -> AccountPlan:
    """Compare `rows` (ids unique) with accounts and readings of the source. Constant queries per chunk.

    A row whose id leads to another account, by a merge or an alias, tells metrics of that one.
    """
    result = AccountPlan(context, sample_size=sample_size)
    # Locked, so that what a colleague saves meanwhile is neither compared stale nor written over.
    found = locked([row.external_id for row in rows], source=context.source)
    allowed = None
    if context.allowed is not None:
        pks = {account.pk for account in found.accounts.values()}
        allowed = set(context.allowed.filter(pk__in=pks).values_list("pk", flat=True))
    readings = _readings(found.accounts.values(), rows, context.source)
    parents = _parents(rows, context)
    led = []
    for row in rows:
        account = found.accounts.get(row.external_id)
        if account is None:
            _plan_new(result, row)
            continue
        if allowed is not None and account.pk not in allowed:
            result.reject(row, "external_id", row.external_id, *_NOT_YOURS)
            continue
        result.known[row.number] = account
        if "aliases" in row.extra:
            result.merged.append((row, account))
        if row.external_id in found.led:
            led.append((row, account))
            continue
        before, after = _differences(account, row)
        if after:
            result.changed.append((row, account, before, after))
        touched = _plan_reading(result, account, readings.get((account.pk, row.on)), row)
        changes = {name: (before[name], after[name]) for name in after} | touched
        wish = row.extra.get("parent")
        if wish and account.parent_id != parents.get(wish):
            result.parents.append((row, account))
            changes["parent"] = (None, wish)
        result.settle(row.number, UPDATED if changes else UNCHANGED)
        result.show(row, False, changes)
    if led:
        _plan_led(result, led, readings)
    return result


def _parents(rows: Sequence[Row], context: Context) -> dict[str, int | None]:
    """Primary keys of the parents the rows name, so that an account that has its own is left alone."""
    wishes = {wish for row in rows if (wish := row.extra.get("parent"))}
    if not wishes:
        return {}
    found = accounts_by_id(wishes, source=context.account_source)
    return {text: known.pk for text, known in found.items()}


def _readings(
    accounts: Iterable[Account], rows: Sequence[Row], source: str
) -> dict[tuple[int, date], Reading]:
    days = {row.on for row in rows}
    ids = {account.pk for account in accounts}
    found = Reading.objects.select_for_update(of=("self",)).filter(
        account__in=ids, on__in=days, source=source
    )
    return {(reading.account_id, reading.on): reading for reading in found}


def _plan_new(result: AccountPlan, row: Row) -> None:
    if result.context.allowed is not None:
        result.reject(row, "external_id", row.external_id, *_NOT_YOURS)
        return
    if not row.attributes.get("name"):
        result.reject(row, "name", row.external_id, *_NAMELESS)
        return
    context = result.context
    account = Account(
        source=context.source,
        external_id=row.external_id,
        currency=context.currency,
        custom=row.extra.get("custom", {}),
        **row.attributes,
    )
    result.new.append((row, account))
    if row.metrics:
        result.new_readings.append((account, row))
        result.readings_created += 1
    if "parent" in row.extra:
        result.parents.append((row, account))
    if "aliases" in row.extra:
        result.merged.append((row, account))
    result.settle(row.number, CREATED)
    after = row.attributes | row.extra.get("custom", {}) | row.metrics
    result.show(row, True, {name: (None, value) for name, value in after.items()})


def _differences(account: Account, row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """Old and new values of what differs, as JSON holds them; `account` gets the new ones."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    wanted = dict(row.attributes)
    if told := row.extra.get("custom"):
        wanted["custom"] = account.custom | told
    for name, value in wanted.items():
        old = getattr(account, name)
        if old != value:
            before[name], after[name] = plain(old), plain(value)
            setattr(account, name, value)
    return before, after


def _plan_reading(
    result: AccountPlan, account: Account, reading: Reading | None, row: Row
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
        result.readings_created += 1
    elif touched:
        reading.metrics = old | row.metrics
        result.changed_readings.append((reading, old))
        result.readings_changed += 1
    return touched


def _plan_led(
    result: AccountPlan,
    rows: Iterable[tuple[Row, Account]],
    readings: dict[tuple[int, date], Reading],
) -> None:
    """Plan rows that name their account by another id, after those of its own id.

    What the account's own rows told of a day counts; other rows only add the metrics they did not tell.
    """
    source = result.context.source
    new = {(account.pk, row.on): row for account, row in result.new_readings}
    changed = {reading.pk for reading, _ in result.changed_readings}
    told: set[tuple[int, date]] = set()
    for row, account in rows:
        if row.attributes or row.extra.keys() - {"aliases"}:
            result.notes[_LED] += 1
        day = (account.pk, row.on)
        reading, first = readings.get(day), new.get(day)
        old = reading.metrics if reading else first.metrics if first else {}
        only_add = account.source == source or day in told
        told.add(day)
        touched = {
            key: (old.get(key), value)
            for key, value in row.metrics.items()
            if (key not in old if only_add else old.get(key) != value)
        }
        if touched:
            metrics = old | {key: value for key, (_, value) in touched.items()}
            if reading is not None:
                reading.metrics = metrics
                if reading.pk not in changed:
                    changed.add(reading.pk)
                    result.changed_readings.append((reading, old))
                    result.readings_changed += 1
            elif first is not None:
                first.metrics = metrics
            else:
                new[day] = row
                result.new_readings.append((account, row))
                result.readings_created += 1
        result.settle(row.number, UPDATED if touched else UNCHANGED)
        result.show(row, False, touched)


def write_readings(readings: Iterable[tuple[int, date, dict[str, Any]]], run: ImportRun) -> None:
    """Append readings: account, day, metrics. Past the ORM, which would take most of the time."""
    bulk_insert(
        Reading,
        ("account", "on", "source", "import_run", "metrics"),
        (
            (account_id, on.isoformat(), run.source, run.pk, ready(metrics))
            for account_id, on, metrics in readings
        ),
    )


def _stages(
    account: Account, values: dict[str, Any], on: date
) -> list[tuple[Account, date, str, str]]:
    """Stages `values` tell of: the stage from the day of the row on, churn from its own day."""
    told = []
    stage = values.get("lifecycle_stage")
    if stage and stage != LifecycleStage.CHURNED:
        told.append((account, on, str(stage), ""))
    if values.get("churned_on"):
        gone: date = values["churned_on"]
        told.append((account, gone, LifecycleStage.CHURNED.value, account.churn_reason))
    elif stage == LifecycleStage.CHURNED:
        gone = account.churned_on or on
        told.append((account, gone, LifecycleStage.CHURNED.value, account.churn_reason))
    return told


def write_stages(
    stages: Sequence[tuple[Account, date, str, str]], run: ImportRun, changes: Changes
) -> None:
    """Keep stages an accounts file told of; its word of another stage the same day replaces the first."""
    if not stages:
        return
    by_id = {
        f"account:{account.external_id}:{on}:{stage == LifecycleStage.CHURNED:d}": (
            account.pk,
            on,
            stage,
            reason,
        )
        for account, on, stage, reason in stages
    }
    there = LifecycleEvent.objects.select_for_update(of=("self",)).filter(
        source=run.source, external_id__in=by_id
    )
    changed = []
    for event in there:
        _, _, stage, reason = by_id.pop(event.external_id)
        if (event.stage, event.reason) != (stage, reason):
            before = {"stage": event.stage, "reason": event.reason}
            changes.add(LifecycleEvent, event.pk, before, {"stage": stage, "reason": reason})
            event.stage, event.reason = stage, reason
            changed.append(event)
    upsert(LifecycleEvent, changed, ["stage", "reason"])
    bulk_insert(
        LifecycleEvent,
        ("account", "source", "external_id", "import_run", "stage", "on", "reason"),
        (
            (pk, run.source, key, run.pk, stage, on.isoformat(), reason)
            for key, (pk, on, stage, reason) in by_id.items()
        ),
    )
