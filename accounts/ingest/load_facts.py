"""Rows of any dated fact into the database: compared with what is there, written where they differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from accounts.ingest import load_contracts, load_history, load_related
from accounts.ingest.errors import shown
from accounts.ingest.implied import missing
from accounts.ingest.load_ids import Known, accounts_by_id, rows_by_id
from accounts.ingest.plans import (
    CREATED,
    UNCHANGED,
    UPDATED,
    BasePlan,
    Context,
    plain,
    ready,
    upsert,
)
from accounts.ingest.row import Row
from accounts.models import Contact, Fact, ImportRun, Invoice, Subscription
from csm.lib.copy import bulk_insert

_REFERENCES: Final[dict[str, type[Fact]]] = {
    "contact_id": Contact,
    "invoice_id": Invoice,
    "subscription_id": Subscription,
}
# What these lack loads later with them; the others cannot be loaded without.
_OPTIONAL: Final = {"contact_id"}
# The day of an event that cannot lie before its account exists.
_EVENT_DAY: Final = {
    "activities": "on",
    "tickets": "opened_on",
    "features": "on",
    "surveys": "sent_on",
    "invoices": "issued_on",
    "payments": "on",
    "subscription_events": "on",
    "lifecycle": "on",
}
EARLY: Final = "a day before the account became a customer; they are loaded"
_NO_CONTACT: Final = (
    "{} not known; they are loaded without it. Import the contacts, then this file again"
)
# Warnings that name an id each; the rest are counted together.
_NAMED: Final = 20


@dataclass
class Change:
    """An existing row, what differs before and after, and the row that says so."""

    row: Row
    fact: Any
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass
class FactPlan(BasePlan):
    """`new` and `changed` are written; `told` are all good rows with their account, for the histories."""

    new: list[tuple[Row, dict[str, Any]]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    told: list[tuple[Row, Any, int]] = field(default_factory=list)
    history: "load_history.States | load_history.Progress | None" = None
    _ids: dict[int, int] = field(default_factory=dict)

    def apply(self, run: ImportRun) -> None:
        model = _model(self.context)
        told = [row for row, _, _ in self.told]
        features = load_related.make_features(told, self.changes)
        for _, values in self.new:
            if "feature" in values:
                values["feature_id"] = features[values.pop("feature")]
        _insert(model, self.new, run)
        upsert(model, (c.fact for c in self.changed), {n for c in self.changed for n in c.after})
        for change in self.changed:
            self.changes.add(model, change.fact.pk, change.before, change.after)
        made = rows_by_id(model, (row.external_id for row, _ in self.new), source=run.source)
        self._ids |= {row.number: made[row.external_id][0] for row, _ in self.new}
        if self.history is not None:
            self.history.apply(made, self.changes, run)
        load_history.move(model, [c.fact.pk for c in self.changed if "account_id" in c.after])
        if model is Subscription:
            load_contracts.note_changes(self.changed, run)
        load_related.follow(self.context.feed, self.told, self.changes, run)
        self.changes.write(run)

    def touched(self) -> set[int]:
        news = {
            account_id
            for row, _, account_id in self.told
            if self.outcomes.get(row.number) != UNCHANGED
        }
        left = {change.before.get("account_id") for change in self.changed}
        return news | {account_id for account_id in left if account_id is not None}

    def row_ids(self) -> dict[int, int]:
        return self._ids


def _model(context: Context) -> type[Fact]:
    assert context.feed.model is not None
    return context.feed.model


def plan(rows: Sequence[Row], context: Context, sample_size: int = 0) -> FactPlan:
    """Compare `rows` (ids unique) with the facts of the source. Constant queries per chunk."""
    result = FactPlan(context, sample_size=sample_size)
    model = _model(context)
    references = _references(rows, context)
    accounts = accounts_by_id(
        {row.account_id for row in rows}, source=context.account_source, allowed=context.allowed
    )
    of_reference = _allowed(references, context)
    there: dict[str, Any] = {
        fact.external_id: fact
        for fact in model._default_manager.select_for_update(of=("self",)).filter(
            source=context.source, external_id__in=[row.external_id for row in rows]
        )
    }
    result.history = load_history.history_of(context.feed, list(there.values()))
    features = load_related.feature_ids(rows)
    mine = None if context.allowed is None else _mine(there.values(), context)
    for row in rows:
        values = dict(row.attributes)
        if not _refer(result, row, values, references):
            continue
        known = accounts.get(row.account_id)
        if known is None and not row.account_id:
            known = of_reference(row, values)
        if known is None:
            result.without_account(row)
            continue
        values["account_id"] = known.pk
        _note_early(result, row, values, known)
        fact = there.get(row.external_id)
        if fact is not None and mine is not None and fact.account_id not in mine:
            result.without_account(row)
            continue
        if fact is None:
            _plan_new(result, row, values)
        else:
            _plan_old(result, row, values, fact, features)
    return result


def _mine(facts: Iterable[Any], context: Context) -> set[int]:
    assert context.allowed is not None
    pks = {fact.account_id for fact in facts}
    return set(context.allowed.filter(pk__in=pks).values_list("pk", flat=True))


def _references(rows: Sequence[Row], context: Context) -> dict[str, dict[str, tuple[int, int]]]:
    """Per reference: primary key and account by the id the file uses; those of others are as unknown."""
    found = {
        name: rows_by_id(
            model, (row.attributes.get(name, "") for row in rows), source=context.source
        )
        for name, model in _REFERENCES.items()
        if name in context.feed.by_target
    }
    if context.allowed is None:
        return found
    accounts = {account for ids in found.values() for _, account in ids.values()}
    mine = set(context.allowed.filter(pk__in=accounts).values_list("pk", flat=True))
    return {
        name: {text: row for text, row in ids.items() if row[1] in mine}
        for name, ids in found.items()
    }


def _allowed(references: dict[str, dict[str, tuple[int, int]]], context: Context) -> Any:
    """A function from a row and its values to the account of the invoice or subscription it names."""
    owners = {pk: account for found in references.values() for pk, account in found.values()}
    accounts = set(owners.values())
    if context.allowed is not None:
        accounts = set(context.allowed.filter(pk__in=accounts).values_list("pk", flat=True))

    def known(row: Row, values: dict[str, Any]) -> Known | None:
        for name in ("invoice_id", "subscription_id"):
            told = row.attributes.get(name)
            found = references.get(name, {}).get(told) if told else None
            if found and found[1] in accounts:
                return Known(found[1], None)
        return None

    return known


def _refer(
    result: FactPlan,
    row: Row,
    values: dict[str, Any],
    references: dict[str, dict[str, tuple[int, int]]],
) -> bool:
    """Put primary keys for ids into `values`; False when the row cannot load without one it names."""
    for name, found in references.items():
        told = values.get(name)
        if not told:
            continue
        if told in found:
            values[name] = found[told][0]
        elif name in _OPTIONAL:
            del values[name]
            _note_unknown(result, told)
        else:
            noun = name.removesuffix("_id")
            remedy = f"Import the {noun} first, then this file again."
            result.reject(row, name, told, f"There is no such {noun} of this source.", remedy)
            return False
    return True


def _note_unknown(result: FactPlan, contact: str) -> None:
    named = result.context.unknown
    if len(named) < _NAMED:
        named.add(contact)
    what = (
        f"the contact {shown(contact)!r}, which is"
        if contact in named
        else "another contact that is"
    )
    result.notes[_NO_CONTACT.format(what)] += 1


def _note_early(result: FactPlan, row: Row, values: dict[str, Any], known: Known) -> None:
    name = _EVENT_DAY.get(result.context.feed.key)
    day: date | None = values.get(name) if name else None
    if day is not None and known.since is not None and day < known.since:
        result.notes[EARLY] += 1


def _plan_new(result: FactPlan, row: Row, values: dict[str, Any]) -> None:
    values = {name: value for name, value in row.fill.items() if value is not None} | values
    if target := missing(result.context.feed, values, new=True):
        result.reject(row, target, "", "It is missing.", "Fill it in: the row is new.")
        return
    result.new.append((row, values))
    if result.history is not None:
        result.history.add_new(row, values)
    result.told.append((row, None, values["account_id"]))
    result.settle(row.number, CREATED)
    result.show(row, True, {name: (None, v) for name, v in values.items() if name != "account_id"})


def _plan_old(
    result: FactPlan, row: Row, values: dict[str, Any], fact: Any, features: dict[str, int]
) -> None:
    if "feature" in values:
        values["feature_id"] = features.get(values.pop("feature"), fact.feature_id)
    for name, value in row.fill.items():
        if getattr(fact, name) in (None, "") and name not in values:
            values[name] = value
    late = result.history is not None and result.history.is_late(row, fact)
    if late:
        # An older file says what was true then, not what is true now.
        values = {"account_id": values["account_id"]}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in values.items():
        old = getattr(fact, name)
        if old != value:
            before[name], after[name] = plain(old), plain(value)
            setattr(fact, name, value)
    if after:
        result.changed.append(Change(row, fact, before, after))
    news = result.history is not None and result.history.add_old(row, fact, late)
    result.told.append((row, fact, values["account_id"]))
    result._ids[row.number] = fact.pk
    result.settle(row.number, UPDATED if after or news else UNCHANGED)
    result.show(row, False, {name: (before[name], after[name]) for name in after})


def _insert(model: type[Fact], new: Sequence[tuple[Row, dict[str, Any]]], run: ImportRun) -> None:
    """Append the new rows; fields no row fills get their default."""
    if not new:
        return
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    fixed = {"source": run.source, "import_run_id": run.pk}
    defaults = {field.attname: field.get_default() for field in fields}
    names = [field.attname for field in fields]
    bulk_insert(
        model,
        [field.name for field in fields],
        (
            [
                ready({**defaults, **values, **fixed, "external_id": row.external_id}[n])
                for n in names
            ]
            for row, values in new
        ),
    )
