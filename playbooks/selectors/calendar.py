"""What has a day: tasks, ends of plans, renewals, promises."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accounts.access import in_scope
from accounts.models import Account
from playbooks.access import interventions_seen_by, notes_seen_by
from playbooks.models import Intervention, Note
from playbooks.selectors.tasks import undone

# Kind → word and icon, in the order of a day.
KINDS: Final = {
    "task": ("Task", "list-check"),
    "promise": ("Promise", "flag"),
    "plan": ("Plan ends", "target"),
    "renewal": ("Renewal", "refresh"),
}


@dataclass(frozen=True)
class Entry:
    """One thing of one day."""

    kind: str
    pk: int
    on: date
    title: str
    account: str
    account_id: int
    url: str

    @property
    def label(self) -> str:
        return KINDS[self.kind][0]

    @property
    def icon(self) -> str:
        return KINDS[self.kind][1]


@dataclass
class Day:
    """What is shown of a day, and how much there is in all."""

    entries: list[Entry]
    total: int = 0

    @property
    def more(self) -> int:
        return self.total - len(self.entries)


def days(
    user: Any, scope: str, first: date, last: date, *, per_day: int, on: date
) -> dict[date, Day]:
    """Entries of a scope from `first` to `last`, at most `per_day` of a kind and day. Four queries.

    Tasks as in `selectors.tasks.undone` on the day `on`; plans by their owner, renewals and promises by
    their account.
    """
    accounts = in_scope(user, scope)
    of_scope = Q(account__in=accounts.order_by().values("pk"))
    plans = interventions_seen_by(user).filter(state__in=Intervention.OPEN_STATES)
    plans = plans.filter(owner=user) if scope == "mine" else plans.filter(of_scope)
    promises = notes_seen_by(user).filter(
        Q(by=user) | of_scope if scope == "mine" else of_scope,
        kind=Note.Kind.PROMISE,
        kept_on=None,
    )
    renewals = accounts.filter(Q(churned_on=None) | Q(churned_on__gt=on))
    found: dict[date, Day] = defaultdict(lambda: Day([]))
    sources: tuple[tuple[str, Any, str, tuple[Any, ...]], ...] = (
        ("task", undone(user, scope, on=on).select_related("account"), "due_on", ("pk",)),
        ("promise", promises.select_related("account"), "due_on", ("pk",)),
        ("plan", plans.select_related("account"), "target_on", ("pk",)),
        (
            "renewal",
            # Sorted by day: of a large book only what is shown may be carried along.
            renewals.only("name", "renewal_on"),
            "renewal_on",
            (F("arr_amount").desc(nulls_last=True), F("pk").asc()),
        ),
    )
    for kind, rows, field, order in sources:
        listed = (
            rows.filter(**{f"{field}__gte": first, f"{field}__lte": last})
            .order_by()
            .annotate(
                place=Window(RowNumber(), partition_by=F(field), order_by=list(order)),
                of_day=Window(Count("pk"), partition_by=F(field)),
            )
            .filter(place__lte=per_day)
            .order_by(field, "place")
        )
        for row in listed:
            day = found[getattr(row, field)]
            entry = entry_of(kind, row)
            if row.place == 1:
                day.total += row.of_day
            day.entries.append(entry)
    return dict(found)


def entry_of(kind: str, row: Any) -> Entry:
    """A task, promise, plan or account (its renewal) as an entry; the account is at hand."""
    if kind == "renewal":
        account: Account = row
        assert account.renewal_on is not None
        url = reverse("account", args=[account.pk])
        return Entry(
            kind, account.pk, account.renewal_on, account.name, account.name, account.pk, url
        )  # fmt: skip
    on = row.target_on if kind == "plan" else row.due_on
    if kind == "task":
        title, url = row.title, reverse("plan", args=[row.intervention_id])
    elif kind == "plan":
        title, url = row.title, reverse("plan", args=[row.pk])
    else:
        title, url = (
            row.body.strip().partition("\n")[0][:160],
            reverse("account_notes", args=[row.account_id]),
        )
    return Entry(kind, row.pk, on, title, row.account.name, row.account_id, url)


def own(user: Any, first: date, last: date, *, on: date, most: int = 2_000) -> list[Entry]:
    """What a colleague's own calendar shows: as the scope "mine", everything of it, by day."""
    found = days(user, "mine", first, last, per_day=most, on=on)
    return [entry for day in sorted(found) for entry in found[day].entries][:most]
