"""What was true when: periods of contacts and deals, figures of goals.

A file speaks of one day. The newest file's word is in the fact's own row; every word is a state from its day
on. `valid_to` follows from the next state's `valid_from`, for whole parents at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import Min, OuterRef, Q, Subquery

from accounts.ingest.feeds import Feed
from accounts.ingest.plans import Changes, ready, upsert
from accounts.ingest.row import Row
from accounts.models import (
    Contact,
    ContactState,
    Fact,
    Goal,
    GoalProgress,
    ImportRun,
    Opportunity,
    OpportunityState,
)
from csm.lib.copy import bulk_insert


@dataclass(frozen=True)
class Kept:
    """Which states a fact has: their model, the field that names the fact, and what they hold."""

    model: type[ContactState] | type[OpportunityState]
    parent: str
    fields: tuple[str, ...]
    first: str

    @property
    def parent_id(self) -> str:
        return f"{self.parent}_id"


_KEPT: Final[dict[str, Kept]] = {
    "contacts": Kept(
        ContactState,
        "contact",
        (
            "has_email",
            "is_champion",
            "is_executive_sponsor",
            "is_stakeholder",
            "left_on",
            "last_active_on",
        ),
        "known_on",
    ),
    "opportunities": Kept(
        OpportunityState, "opportunity", ("stage", "status", "kind", "amount"), "opened_on"
    ),
}
_DEFAULTS: Final[dict[str, Any]] = {
    "has_email": False,
    "is_champion": False,
    "is_executive_sponsor": False,
    "is_stakeholder": False,
    "stage": "",
    "status": "open",
    "kind": "",
}
_CHILDREN: Final[dict[type[Fact], tuple[tuple[type[Any], str], ...]]] = {
    Contact: ((ContactState, "contact"),),
    Opportunity: ((OpportunityState, "opportunity"),),
    Goal: ((GoalProgress, "goal"),),
}


def history_of(feed: Feed, facts: Sequence[Any]) -> "States | Progress | None":
    """The history of `facts`, rows of `feed` that are there already; None where the feed keeps none."""
    if kept := _KEPT.get(feed.key):
        states: dict[int, list[Any]] = {}
        found = kept.model._default_manager.select_for_update(of=("self",)).filter(
            **{f"{kept.parent}__in": [fact.pk for fact in facts]}
        )
        for state in found.order_by(kept.parent_id, "valid_from"):
            states.setdefault(getattr(state, kept.parent_id), []).append(state)
        return States(kept, states)
    if feed.key == "goals":
        figures = GoalProgress.objects.select_for_update(of=("self",)).filter(
            goal__in=[fact.pk for fact in facts]
        )
        return Progress({(each.goal_id, each.on): each for each in figures})
    return None


@dataclass
class States:
    """Periods of one chunk's contacts or deals: those that are there, and those to write."""

    kept: Kept
    there: dict[int, list[Any]]
    firsts: list[tuple[str, int, list[tuple[date, dict[str, Any]]]]] = field(default_factory=list)
    appended: list[Any] = field(default_factory=list)
    corrected: list[tuple[Any, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def is_late(self, row: Row, fact: Any) -> bool:
        """Whether a newer file has already spoken of `fact`."""
        states = self.there.get(fact.pk)
        return bool(states) and row.on < states[-1].valid_from  # type: ignore[index]

    def add_new(self, row: Row, values: dict[str, Any]) -> None:
        """The first states of a fact that is new."""
        told = self._told(_DEFAULTS | values)
        self.firsts.append(
            (row.external_id, values["account_id"], self._timeline(row, told, values))
        )

    def add_old(self, row: Row, fact: Any, late: bool) -> bool:
        """What `row` says of an existing `fact`, which already has its new values; whether it is news."""
        states = self.there.get(fact.pk, [])
        if late:
            base = next((s for s in reversed(states) if s.valid_from <= row.on), None)
            held = {n: getattr(base, n) if base else _DEFAULTS.get(n) for n in self.kept.fields}
            wanted = held | {
                name: value
                for name, value in self._told(row.attributes).items()
                if name in self.kept.fields
            }
            day = row.on
        else:
            base = states[-1] if states else None
            wanted = self._told({n: getattr(fact, n, None) for n in (*self.kept.fields, "email")})
            day = row.on
            if base is None:
                values = {n: getattr(fact, n) for n in (self.kept.first, *_dates(self.kept))}
                for since, told in self._timeline(row, wanted, values):
                    self._append(fact, since, told)
                return True
            if wanted.get("status") in ("won", "lost") and fact.closed_on:
                day = max(fact.closed_on, base.valid_from)
        if base is not None and all(getattr(base, n) == wanted[n] for n in self.kept.fields):
            return False
        if base is not None and base.valid_from == day:
            before = {
                n: getattr(base, n) for n in self.kept.fields if getattr(base, n) != wanted[n]
            }
            after = {n: wanted[n] for n in before}
            for name, value in after.items():
                setattr(base, name, value)
            self.corrected.append((base, before, after))
        else:
            self._append(fact, day, wanted)
        return True

    def apply(self, made: dict[str, tuple[int, int]], changes: Changes, run: ImportRun) -> None:
        kept = self.kept
        bulk_insert(
            kept.model,
            ("account", kept.parent, "valid_from", "valid_to", *kept.fields),
            (
                [
                    account_id,
                    made[external_id][0],
                    ready(since),
                    ready(timeline[place + 1][0]) if place + 1 < len(timeline) else None,
                    *(ready(told[name]) for name in kept.fields),
                ]
                for external_id, account_id, timeline in self.firsts
                for place, (since, told) in enumerate(timeline)
            ),
        )
        manager: Any = kept.model._default_manager
        for state in manager.bulk_create(self.appended):
            changes.add(kept.model, state.pk, None, None)
        upsert(kept.model, (s for s, _, _ in self.corrected), kept.fields)
        for state, before, after in self.corrected:
            changes.add(kept.model, state.pk, before, after)
        close_periods(kept.model, {getattr(s, kept.parent_id) for s in self.appended})

    def _append(self, fact: Any, day: date, told: dict[str, Any]) -> None:
        values = {name: told[name] for name in self.kept.fields}
        self.appended.append(
            self.kept.model(
                account_id=fact.account_id,
                valid_from=day,
                **{self.kept.parent_id: fact.pk},
                **values,
            )
        )

    def _told(self, values: dict[str, Any]) -> dict[str, Any]:
        told = {name: values[name] for name in self.kept.fields if name in values}
        if "has_email" in self.kept.fields and "email" in values:
            told["has_email"] = bool(values["email"])
        for name in self.kept.fields:
            if name in values and told.get(name) is None and name in _DEFAULTS:
                told[name] = _DEFAULTS[name]
        return told

    def _timeline(
        self, row: Row, told: dict[str, Any], values: dict[str, Any]
    ) -> list[tuple[date, dict[str, Any]]]:
        """From which day what was true, of a fact first told now: nothing holds before its own day."""
        first: date = values[self.kept.first]
        full = {name: told.get(name, _DEFAULTS.get(name)) for name in self.kept.fields}
        if self.kept.parent == "opportunity":
            closed = values.get("closed_on")
            if full["status"] == "open" or not closed or closed <= first:
                return [(first, full)]
            return [(first, full | {"status": "open", "stage": ""}), (closed, full)]
        turns = {
            max(min(day, row.on), first) for name in _dates(self.kept) if (day := values.get(name))
        }
        return [
            (
                since,
                full
                | {
                    name: None
                    for name in _dates(self.kept)
                    if (day := full[name]) is not None and min(day, row.on) > since
                },
            )
            for since in sorted({first, *turns})
        ]


def _dates(kept: Kept) -> tuple[str, ...]:
    return ("left_on", "last_active_on") if kept.parent == "contact" else ("closed_on",)


@dataclass
class Progress:
    """Figures of one chunk's goals: those that are there, and those to write."""

    there: dict[tuple[int, date], GoalProgress]
    firsts: list[tuple[str, int, date, float]] = field(default_factory=list)
    appended: list[tuple[int, int, date, float]] = field(default_factory=list)
    corrected: list[tuple[GoalProgress, float]] = field(default_factory=list)

    def is_late(self, row: Row, fact: Any) -> bool:
        return False

    def add_new(self, row: Row, values: dict[str, Any]) -> None:
        if told := row.extra.get("progress"):
            self.firsts.append((row.external_id, values["account_id"], *told))

    def add_old(self, row: Row, fact: Any, late: bool) -> bool:
        told = row.extra.get("progress")
        if not told:
            return False
        on, actual = told
        figure = self.there.get((fact.pk, on))
        if figure is None:
            self.appended.append((fact.pk, fact.account_id, on, actual))
        elif figure.actual == actual:
            return False
        else:
            self.corrected.append((figure, figure.actual))
            figure.actual = actual
        return True

    def apply(self, made: dict[str, tuple[int, int]], changes: Changes, run: ImportRun) -> None:
        new = [(made[key][0], *rest) for key, *rest in self.firsts]
        bulk_insert(
            GoalProgress,
            ("goal", "account", "on", "actual", "import_run"),
            (
                (goal, account, ready(on), actual, run.pk)
                for goal, account, on, actual in (*new, *self.appended)
            ),
        )
        upsert(GoalProgress, (figure for figure, _ in self.corrected), ["actual"])
        for figure, before in self.corrected:
            changes.add(GoalProgress, figure.pk, {"actual": before}, {"actual": figure.actual})


def close_periods(
    model: type[ContactState] | type[OpportunityState], parents: Iterable[int]
) -> None:
    """Let every state of `parents` end where the next begins. One statement."""
    parent = "contact" if model is ContactState else "opportunity"
    ids = list(parents)
    if not ids:
        return
    following = (
        model._default_manager.filter(
            Q(**{f"{parent}_id": OuterRef(f"{parent}_id")}), valid_from__gt=OuterRef("valid_from")
        )
        .order_by()
        .values(f"{parent}_id")
        .annotate(first=Min("valid_from"))
        .values("first")
    )
    model._default_manager.filter(**{f"{parent}__in": ids}).update(valid_to=Subquery(following))


def move(model: type[Any], facts: Sequence[int]) -> None:
    """Let what hangs on `facts` (primary keys) be of the account they are of."""
    if not facts:
        return
    for child, parent in _CHILDREN.get(model, ()):
        owner = model._default_manager.filter(pk=OuterRef(f"{parent}_id")).values("account_id")[:1]
        child._default_manager.filter(**{f"{parent}__in": facts}).update(account_id=Subquery(owner))
