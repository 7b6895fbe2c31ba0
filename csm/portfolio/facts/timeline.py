"""Everything that happened with one account, newest first, in one query."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, Left, NullIf

from accounts.models import Account
from accounts.models.activity import ActivityKind, Direction, Outcome
from accounts.models.goal import GoalKind
from accounts.models.opportunity import DealKind
from accounts.models.survey import SurveyKind
from accounts.models.ticket import Severity
from playbooks.models import AlertChange, InterventionChange, Note
from scoring.models import ScoreRun

PER_PAGE: Final = 60
LONGEST_DAY: Final = 2_000
# The beginning of a note.
NOTE_LETTERS: Final = 160
# Concatenating takes nobody for "".
_WHO: Final = (F("by__first_name"), Value(" "), F("by__last_name"))


@dataclass(frozen=True)
class Stream:
    """One kind of entry: a filterable group, an icon, and how its rows read."""

    key: str
    label: str
    icon: str


STREAMS: Final = (
    Stream("activity", "Activities", "phone"),
    Stream("ticket", "Tickets", "ticket"),
    Stream("deal", "Deals", "coin"),
    Stream("contract", "Contracts", "clipboard-list"),
    Stream("invoice", "Invoices", "calculator"),
    Stream("survey", "Surveys", "star"),
    Stream("goal", "Goals", "target"),
    Stream("people", "People", "users"),
    Stream("stage", "Stage and owner", "flag"),
    Stream("health", "Health", "heartbeat"),
    Stream("alert", "Alerts", "bell"),
    Stream("plan", "Plans", "list-check"),
    Stream("note", "Notes", "pencil"),
)


@dataclass(frozen=True)
class Entry:
    """One line of the timeline. `planned` lies after the day one looks from."""

    on: date
    stream: Stream
    title: str
    detail: str
    planned: bool


Part = tuple[str, QuerySet[Any]]


def _part(stream: str, rows: QuerySet[Any], on: str, said: Any, more: Any = None) -> Part:
    """Facts of a stream that have the day `on`, as (day, stream, title, detail)."""
    text = CharField()
    found = (
        rows.filter(**{f"{on}__isnull": False})
        .order_by()
        .annotate(
            happened=F(on),
            stream=Value(stream, output_field=text),
            said=Cast(said, text),
            more=Value("", output_field=text) if more is None else Cast(more, text),
        )
    )
    return stream, found


def _said(*parts: Any) -> Any:
    return Concat(*parts, output_field=CharField())


def _named(name: str) -> Any:
    """A fact's name; one that came without is called by its id in the source."""
    return Coalesce(NullIf(F(name), Value("")), F("external_id"))


def _parts(account: Account) -> list[Part]:
    tickets, deals = account.ticket_set.all(), account.opportunity_set.all()
    late = Q(paid_on=None) | Q(paid_on__gt=F("due_on"))
    goals = account.goal_set.all()
    return [
        _part(
            "activity",
            account.activity_set.all(),
            "on",
            _said(F("kind"), Value("|"), F("direction"), Value("|"), F("outcome")),
            F("subject"),
        ),
        _part(
            "ticket",
            tickets,
            "opened_on",
            _said(Value("Opened: "), _named("subject")),
            F("severity"),
        ),
        _part("ticket", tickets, "escalated_on", _said(Value("Escalated: "), _named("subject"))),
        _part("ticket", tickets, "closed_on", _said(Value("Closed: "), _named("subject"))),
        _part("deal", deals, "opened_on", _said(Value("Deal opened: "), _named("name")), F("kind")),
        _part(
            "deal",
            deals,
            "closed_on",
            _said(Value("Deal "), F("status"), Value(": "), _named("name")),
        ),
        _part(
            "contract",
            account.subscriptionevent_set.all(),
            "on",
            _said(Value("Contract: "), F("kind")),
            F("reason"),
        ),
        _part(
            "invoice",
            account.invoice_set.filter(late),
            "due_on",
            _said(Value("Due and not paid by then: "), _named("number")),
        ),
        _part(
            "survey",
            account.survey_set.exclude(score=None),
            "answered_on",
            _said(F("kind"), Value("|"), Cast(F("score"), CharField())),
            F("comment"),
        ),
        _part("goal", goals, "achieved_on", _said(Value("Achieved: "), _named("title")), F("kind")),
        _part(
            "goal",
            goals.filter(achieved_on=None),
            "due_on",
            _said(Value("Due: "), _named("title")),
            F("kind"),
        ),
        _part(
            "people",
            account.contact_set.all(),
            "left_on",
            _said(_named("name"), Value(" left")),
            F("title"),
        ),
        _part(
            "stage",
            account.lifecycleevent_set.all(),
            "on",
            _said(Value("Stage: "), F("stage")),
            F("reason"),
        ),
        _part(
            "stage",
            account.owner_periods.all(),
            "valid_from",
            _said(Value("Owner: "), F("owner__first_name"), Value(" "), F("owner__last_name")),
        ),
        _part(
            "health",
            account.band_changes.filter(run__state=ScoreRun.State.DONE),
            "as_of",
            _said(Value("Band: "), F("old_band_name"), Value(" → "), F("new_band_name")),
        ),
        *_work(account),
    ]


def _work(account: Account) -> list[Part]:
    """What we did: alerts, plans, notes, each with who did it."""
    return [
        _part(
            "alert",
            AlertChange.objects.filter(account=account),
            "on",
            _said(F("kind"), Value("|"), *_WHO, Value("|"), F("alert__trigger__name")),
            F("reason"),
        ),
        _part(
            "plan",
            InterventionChange.objects.filter(account=account),
            "on",
            _said(F("kind"), Value("|"), *_WHO, Value("|"), F("intervention__title")),
            Coalesce(F("task__title"), F("reason")),
        ),
        _part(
            "note",
            account.notes.all(),
            "on",
            _said(F("kind"), Value("|"), *_WHO, Value("|")),
            Left("body", NOTE_LETTERS),
        ),
    ]


def entries(
    account: Account, as_of: date, *, stream: str = "", before: date | None = None
) -> tuple[list[Entry], date | None]:
    """Up to `PER_PAGE` entries of the days before `before`, whole days only, and the day to go on before.

    One query whatever the number of streams and facts; a second one for a day with more entries than a page,
    which is then shown alone, up to `LONGEST_DAY` of them.
    """
    parts = [rows for key, rows in _parts(account) if stream in ("", key)]
    if before is not None:
        parts = [rows.filter(happened__lt=before) for rows in parts]
    found = [_entry(row, as_of) for row in _rows(parts, PER_PAGE + 1)]
    if len(found) <= PER_PAGE:
        return found, None
    last = found[-1].on
    whole = [entry for entry in found if entry.on > last]
    if whole:
        return whole, whole[-1].on
    of_the_day = [rows.filter(happened=last) for rows in parts]
    return [_entry(row, as_of) for row in _rows(of_the_day, LONGEST_DAY)], last


def _rows(parts: list[QuerySet[Any]], most: int) -> list[tuple[Any, ...]]:
    columns = ("happened", "stream", "said", "more")
    chosen = [rows.values_list(*columns) for rows in parts]
    union = chosen[0].union(*chosen[1:], all=True) if len(chosen) > 1 else chosen[0]
    return list(union.order_by("-happened", "stream", "said")[:most])


def _entry(row: tuple[Any, ...], as_of: date) -> Entry:
    on, key, said, more = row
    # A union hands SQLite's dates over as text.
    day = date.fromisoformat(on) if isinstance(on, str) else on
    title, detail = _readable(key, said), _WORDS.get(more, more)
    # A subject that only repeats the kind says nothing.
    if title.split(",")[0].casefold() == detail.casefold():
        detail = ""
    return Entry(day, _BY_KEY[key], title, detail, day > as_of)


def _readable(key: str, said: str) -> str:
    if key == "activity":
        kind, direction, outcome = said.split("|")
        words = [ActivityKind(kind).label]
        words += [str(Direction(direction).label).lower()] if direction else []
        words += [str(Outcome(outcome).label).lower()] if outcome else []
        return ", ".join(words)
    if key == "survey":
        kind, score = said.split("|")
        return f"{SurveyKind(kind).label} answered: {float(score):g}"
    if key in _KINDS:
        kind, who, what = said.split("|", 2)
        label = str(dict(_KINDS[key]).get(kind, kind))
        by = f", {who.strip()}" if who.strip() else ""
        if not what:
            return f"{label}{by}"
        return f"{_BY_KEY[key].label[:-1]} “{what}”: {label[:1].lower()}{label[1:]}{by}"
    return said


_KINDS: Final = {
    "alert": AlertChange.Kind.choices,
    "plan": InterventionChange.Kind.choices,
    "note": Note.Kind.choices,
}
_BY_KEY: Final = {stream.key: stream for stream in STREAMS}
_WORDS: Final = {
    value: str(label)
    for choices in (Severity, DealKind, GoalKind)
    for value, label in choices.choices
    if value
}
