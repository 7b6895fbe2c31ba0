"""The list of plans: columns, sort keys and cells."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import django_tables2 as tables
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csm.lib import display, markup
from playbooks.models import Intervention

ORDER_FIELD: Final = "sort"
_RIGHT: Final = {"th": {"class": "r"}}
Cell = tuple[str, SafeString | str]


class PlanTable(tables.Table):
    """Sort keys are paths on `selectors.plans.rows`; unknown comes last."""

    plan = tables.Column(verbose_name="Plan", order_by=("account__name", "title"))
    state = tables.Column(verbose_name="Exit test", order_by=("state", "exit_since"))
    owner = tables.Column(verbose_name="Owner", order_by=("owner__first_name", "owner__last_name"))
    started = tables.Column(verbose_name="Started", order_by=("started_on",))
    target = tables.Column(verbose_name="Target", order_by=("target_on",))
    tasks = tables.Column(verbose_name="Tasks", order_by=("tasks_share",), attrs=_RIGHT)
    next = tables.Column(verbose_name="Next task", order_by=("next_due_on",))
    kpis = tables.Column(verbose_name="KPIs", order_by=("kpis_met",), attrs=_RIGHT)
    score = tables.Column(verbose_name="Score", order_by=("score_change",), attrs=_RIGHT)
    arr = tables.Column(
        verbose_name="ARR at risk",
        order_by=("arr_start",),
        attrs=_RIGHT,
        initial_sort_descending=True,
    )
    clock = tables.Column(verbose_name="Clock", order_by=("account__work__clock_due_at",))

    class Meta:
        order_by = ("target",)
        order_by_field = ORDER_FIELD


class Row(NamedTuple):
    """One row as components/table.html takes it."""

    id: int
    url: str
    name: str
    cells: list[Cell]
    css: str = ""


def ordered(asked: str) -> tables.Table:
    """The table in the order `asked` for (`-arr,target`), or its own when that makes no sense."""
    known = PlanTable.base_columns
    return _ordered(tuple(a for a in asked.split(",") if a.removeprefix("-") in known)[:2])


@lru_cache(maxsize=64)
def _ordered(aliases: tuple[str, ...]) -> tables.Table:
    return PlanTable([], order_by=aliases or PlanTable._meta.order_by)


def ordering(table: tables.Table) -> list[Any]:
    """The table's order for a queryset: unknown last both ways, ties by primary key."""
    paths = [path for alias in table.order_by for path in table.columns[alias.bare].order_by]
    keys = []
    for path in paths:
        key = F(path.lstrip("-"))
        down = path.startswith("-")
        keys.append(key.desc(nulls_last=True) if down else key.asc(nulls_last=True))
    return [*keys, "pk"]


def row(plan: Any, *, on: date, now: datetime) -> Row:
    """A plan of `selectors.plans.rows` as cells."""
    health = getattr(plan.account, "health", None)
    work = getattr(plan.account, "work", None)
    url = reverse("plan", args=[plan.pk])
    return Row(
        id=plan.pk,
        url=url,
        name=f"{plan.title}, {plan.account.name}",
        cells=[
            ("plan-name wrap", markup.link(url, plan.title, plan.account.name)),
            ("", test_state(plan)),
            ("", owner_of(plan.owner)),
            ("num", markup.day(plan.started_on)),
            ("num", target(plan, on)),
            ("r", progress(plan.tasks_done, plan.tasks_all)),
            ("plan-next wrap", next_task(plan, on)),
            ("r", kpis(plan.kpis_met, plan.kpis_all)),
            ("r", score_move(plan, health)),
            ("r", markup.money(plan.arr_start, plan.account.currency)),
            ("", clock(work, now) if plan.is_open else ""),
        ],
    )


def owner_of(user: Any) -> SafeString:
    return markup.owner(str(user)) if user else markup.unknown("no owner")


def test_state(plan: Intervention) -> SafeString | str:
    """Where the exit test stands, or how the plan ended."""
    if not plan.is_open:
        return format_html('<span class="badge">{}</span>', plan.get_outcome_display())
    if not plan.exit_rule:
        return format_html('<span class="quiet">{}</span>', "none")
    if plan.exit_since is not None and plan.exit_checked_on is not None:
        held = (plan.exit_checked_on - plan.exit_since).days + 1
        doubt = ", unknown now" if plan.exit_holds is None else ""
        return markup.band(
            f"holds {min(held, plan.exit_days)} of {plan.exit_days} d{doubt}",
            "unknown" if doubt else "good",
            plain=True,
        )
    if plan.exit_checked_on is None:
        return format_html('<span class="quiet">{}</span>', "not judged yet")
    if plan.exit_holds is None:
        return markup.band("unknown", "unknown", plain=True)
    return format_html('<span class="quiet">{}</span>', "does not hold")


def target(plan: Intervention, on: date) -> SafeString:
    """The target day and the days left; of a closed plan the day it closed."""
    if plan.closed_on is not None:
        return format_html(
            '{}<span class="detail">closed</span>',
            markup.day(plan.closed_on),
        )
    left = (plan.target_on - on).days
    if left < 0:
        return format_html(
            '{}<span class="detail plan-late">{} d overdue</span>',
            markup.day(plan.target_on),
            -left,
        )
    said = "today" if left == 0 else f"{left} d left"
    return format_html('{}<span class="detail">{}</span>', markup.day(plan.target_on), said)


def progress(done: int, total: int) -> SafeString | str:
    if not total:
        return format_html('<span class="quiet">{}</span>', "none")
    return format_html('<span class="num">{} of {}</span>', done, total)


def next_task(plan: Any, on: date) -> SafeString | str:
    if not plan.next_title:
        if plan.is_open and plan.tasks_all:
            return format_html('<span class="quiet">{}</span>', "all done")
        return ""
    due = plan.next_due_on
    if due is None:
        return format_html("{}", plan.next_title)
    late = due < on
    return format_html(
        '{}<span class="detail{}">{}{}</span>',
        plan.next_title,
        " plan-late" if late else "",
        "due " if not late else "was due ",
        display.day(due),
    )


def kpis(met: int, total: int) -> SafeString | str:
    """Targets reached of targets set."""
    if not total:
        return format_html('<span class="quiet">{}</span>', "none")
    return format_html('<span class="num">{} of {}</span>', met, total)


def score_move(plan: Any, health: Any) -> SafeString:
    """The score at the start and now, or at the end of a closed plan."""
    after = plan.score_end if not plan.is_open else (health.score if health else None)
    return format_html(
        '<span class="num">{} → {}</span>', markup.score(plan.score_start), markup.score(after)
    )


def clock(work: Any, now: datetime) -> SafeString | str:
    """The account's most urgent clock."""
    if work is None or work.clock_due_at is None:
        return ""
    if work.clock_broken or work.clock_due_at < now:
        return markup.band(f"{work.clock_label} broken", "poor", plain=True)
    due = timezone.localtime(work.clock_due_at)
    return format_html(
        '{}<span class="detail num">due {}</span>', work.clock_label, f"{due:%-d %b %H:%M}"
    )


CSV_HEADERS: Final = (
    "plan",
    "account",
    "account_id",
    "playbook",
    "state",
    "outcome",
    "owner",
    "started_on",
    "target_on",
    "closed_on",
    "tasks_done",
    "tasks",
    "next_task",
    "next_due_on",
    "kpis_met",
    "kpis",
    "exit_since",
    "exit_days",
    "exit_holds",
    "root_cause",
    "band_start",
    "score_start",
    "score_now_or_end",
    "arr_at_risk",
    "currency",
)


def csv_line(plan: Any) -> list[Any]:
    """The plan's values in the order of `CSV_HEADERS`; unknown is empty, amounts in major units."""
    health = getattr(plan.account, "health", None)
    after = plan.score_end if not plan.is_open else (health.score if health else None)
    version, currency = plan.playbook_version, plan.account.currency
    arr = None if plan.arr_start is None else display.major_units(plan.arr_start, currency)
    return [
        plan.title,
        plan.account.name,
        plan.account.external_id,
        version.playbook.name if version else "",
        plan.get_state_display(),
        plan.get_outcome_display() if plan.outcome else "",
        str(plan.owner) if plan.owner else "",
        plan.started_on,
        plan.target_on,
        plan.closed_on,
        plan.tasks_done,
        plan.tasks_all,
        plan.next_title or "",
        plan.next_due_on,
        plan.kpis_met,
        plan.kpis_all,
        plan.exit_since,
        plan.exit_days if plan.exit_rule else None,
        {True: "yes", False: "no"}.get(plan.exit_holds, ""),
        plan.get_cause_display() if plan.cause else "",
        plan.band_start,
        None if plan.score_start is None else round(plan.score_start, 1),
        None if after is None else round(after, 1),
        arr,
        currency,
    ]
