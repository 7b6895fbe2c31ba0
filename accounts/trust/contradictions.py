"""Facts that cannot both be true: each rule a condition on accounts, so that one query counts them all.

Contradictions are reported, never resolved by guessing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.expressions import Combinable

from accounts.models import (
    Account,
    Activity,
    Contact,
    Direction,
    Goal,
    Invoice,
    LifecycleStage,
    Opportunity,
    Subscription,
    Ticket,
    Usage,
)

# Usage that somebody has to be there for.
_USE: Final = ("logins", "sessions", "core_actions", "daily_active_users", "active_users")
# Contracts end the day before they renew, or a few days of notice apart.
RENEWAL_DAYS: Final = 7
ARR_TOLERANCE: Final = 0.01

Annotations = dict[str, Any]


class _PlusDays(Func):
    """A date some days on, in the arithmetic of either database."""

    arity = 1

    def __init__(self, expression: Combinable, days: int) -> None:
        self.days = days
        super().__init__(expression)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(
            compiler, connection, template=f"date(%(expressions)s, '{self.days:+d} days')", **extra
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = f"(%(expressions)s + {self.days:d})"
        return super().as_sql(compiler, connection, template=template, **extra)


@dataclass(frozen=True)
class Rule:
    """One contradiction. `build(as_of)` gives annotations, named after the rule, and the condition.

    `shows` are the two figures side by side: (heading, name of the field or annotation, kind).
    """

    key: str
    label: str
    definition: str
    remedy: str
    build: Callable[[date], tuple[Annotations, Q]]
    shows: tuple[tuple[str, str, str], ...]


def _churned(as_of: date) -> Q:
    return Q(churned_on__lte=as_of)


def _customer(as_of: date) -> Q:
    return Q(churned_on=None) | Q(churned_on__gt=as_of)


def _active(as_of: date) -> QuerySet[Subscription]:
    """Contracts of the account that run on the day."""
    return Subscription.objects.filter(
        Q(ended_on=None) | Q(ended_on__gt=as_of),
        Q(ends_on=None) | Q(ends_on__gte=as_of),
        account=OuterRef("pk"),
        started_on__lte=as_of,
    ).order_by()


def _flag_says_churned(as_of: date) -> tuple[Annotations, Q]:
    return {}, Q(churn_flag=True) & _customer(as_of)


def _flag_says_customer(as_of: date) -> tuple[Annotations, Q]:
    return {}, Q(churn_flag=False) & _churned(as_of)


def _stage(as_of: date) -> tuple[Annotations, Q]:
    stays = Q(lifecycle_stage=LifecycleStage.CHURNED) & _customer(as_of)
    unknown = Q(lifecycle_stage__in=("", LifecycleStage.CHURNED))
    return {}, stays | (_churned(as_of) & ~unknown)


def _pays(as_of: date) -> tuple[Annotations, Q]:
    ends = _active(as_of).values("account").annotate(n=Count("pk")).values("n")
    return {"churned_pays_n": Subquery(ends)}, _churned(as_of) & Q(churned_pays_n__gt=0)


def _lives(as_of: date) -> tuple[Annotations, Q]:
    after = {"account": OuterRef("pk"), "on__gt": OuterRef("churned_on"), "on__lte": as_of}
    spoke = Activity.objects.filter(direction=Direction.INBOUND, **after).order_by("-on")
    used = Usage.objects.filter(measure__key__in=_USE, value__gt=0, **after).order_by("-on")
    told = {
        "churned_lives_spoke": Subquery(spoke.values("on")[:1]),
        "churned_lives_used": Subquery(used.values("on")[:1]),
    }
    return told, _churned(as_of) & (
        Q(churned_lives_spoke__isnull=False) | Q(churned_lives_used__isnull=False)
    )


def _arr(as_of: date) -> tuple[Annotations, Q]:
    total = _active(as_of).values("account").annotate(total=Sum("arr_amount")).values("total")
    unpriced = _active(as_of).filter(arr_amount=None)
    told = {"arr_differs_sum": Subquery(total)}
    differs = Q(arr_amount__gt=F("arr_differs_sum") * (1 + ARR_TOLERANCE)) | Q(
        arr_amount__lt=F("arr_differs_sum") * (1 - ARR_TOLERANCE)
    )
    return told, _customer(as_of) & Q(~Exists(unpriced)) & differs


def _renewal(as_of: date) -> tuple[Annotations, Q]:
    ending = _active(as_of).exclude(ends_on=None)
    near = ending.filter(
        ends_on__gte=_PlusDays(OuterRef("renewal_on"), -RENEWAL_DAYS),
        ends_on__lte=_PlusDays(OuterRef("renewal_on"), RENEWAL_DAYS),
    )
    told = {"renewal_differs_end": Subquery(ending.order_by("ends_on").values("ends_on")[:1])}
    known = Q(renewal_on__isnull=False, renewal_differs_end__isnull=False)
    return told, _customer(as_of) & known & Q(~Exists(near))


def _order(as_of: date) -> tuple[Annotations, Q]:
    mine = {"account": OuterRef("pk")}
    wrong = [
        Ticket.objects.filter(closed_on__lt=F("opened_on"), **mine),
        Opportunity.objects.filter(closed_on__lt=F("opened_on"), **mine),
        Invoice.objects.filter(paid_on__lt=F("issued_on"), **mine),
        Subscription.objects.filter(
            Q(ends_on__lt=F("started_on")) | Q(ended_on__lt=F("started_on")), **mine
        ),
        Goal.objects.filter(achieved_on__lt=F("agreed_on"), **mine),
    ]
    found = Q(*(Q(Exists(rows.order_by())) for rows in wrong), _connector=Q.OR)
    names = ("ticket", "opportunity", "invoice", "contract", "goal")
    first: Annotations = {
        f"order_{name}": Subquery(rows.order_by("pk").values("external_id")[:1])
        for name, rows in zip(names, wrong, strict=True)
    }
    condition: Any = found
    return first, condition


def _seats(as_of: date) -> tuple[Annotations, Q]:
    told = {
        f"seats_{name}": Subquery(
            Usage.objects.filter(account=OuterRef("pk"), measure__key=key, on__lte=as_of)
            .order_by("-on", "source")
            .values("value")[:1]
        )
        for name, key in (("active", "seats_active"), ("licensed", "seats_licensed"))
    }
    return told, Q(seats_active__gt=F("seats_licensed"))


def _left(as_of: date) -> tuple[Annotations, Q]:
    gone = Contact.objects.filter(
        account=OuterRef("pk"), left_on__lte=as_of, last_active_on__gt=F("left_on")
    ).order_by("pk")
    told = {
        "left_active_who": Subquery(gone.values("name")[:1]),
        "left_active_left": Subquery(gone.values("left_on")[:1]),
        "left_active_seen": Subquery(gone.values("last_active_on")[:1]),
    }
    return told, Q(left_active_left__isnull=False)


RULES: Final = {
    rule.key: rule
    for rule in (
        Rule(
            "flag-says-churned",
            "Flag says churned, dates do not",
            "The source's churn flag is set, and no dated fact says the account churned.",
            "Import the day of churn (feed lifecycle, or column churned_on), or clear the flag at its source.",
            _flag_says_churned,
            (("Churn flag", "churn_flag", "flag"), ("Stage", "lifecycle_stage", "text")),
        ),
        Rule(
            "flag-says-customer",
            "Dates say churned, flag does not",
            "The account has a day of churn, and the source's churn flag says it is a customer.",
            "If it came back, import the stage it came back in; otherwise set the flag at its source.",
            _flag_says_customer,
            (("Churned on", "churned_on", "date"), ("Churn flag", "churn_flag", "flag")),
        ),
        Rule(
            "stage-and-churn",
            "Stage and churn differ",
            "The lifecycle stage says Churned without a day of churn, or names another stage after one.",
            "Import dated stages (feed lifecycle): the newest one sets both.",
            _stage,
            (("Stage", "lifecycle_stage", "text"), ("Churned on", "churned_on", "date")),
        ),
        Rule(
            "churned-pays",
            "Churned, with a running contract",
            "The account has churned, and a contract started, has not ended and is not past its end.",
            "Import the end of the contract (feed subscriptions, column ended_on), or the win-back.",
            _pays,
            (("Churned on", "churned_on", "date"), ("Contracts", "churned_pays_n", "count")),
        ),
        Rule(
            "churned-lives",
            "Churned, and still there",
            "After the day of churn the customer used the product or got in touch.",
            "Look whether the day is right, or whether they came back.",
            _lives,
            (
                ("Churned on", "churned_on", "date"),
                ("Last use", "churned_lives_used", "date"),
                ("Last contact", "churned_lives_spoke", "date"),
            ),
        ),
        Rule(
            "arr-differs",
            "ARR differs from contracts",
            "ARR of the account is more than 1 % away from the sum of its running contracts, all priced.",
            "Import the one that is behind; ARR of the account is what pages and revenue at risk show.",
            _arr,
            (("ARR", "arr_amount", "money"), ("Sum of contracts", "arr_differs_sum", "money")),
        ),
        Rule(
            "renewal-differs",
            "Renewal differs from contract end",
            f"No running contract ends within {RENEWAL_DAYS} days of the account's renewal date.",
            "Import the one that is behind (accounts: renewal_on; subscriptions: ends_on).",
            _renewal,
            (("Renewal", "renewal_on", "date"), ("Contract ends", "renewal_differs_end", "date")),
        ),
        Rule(
            "order",
            "Ended before it began",
            "A ticket or deal closed before it was opened, an invoice paid before it was issued, a contract "
            "that ends before it starts, a goal reached before it was agreed.",
            "Correct the dates at the source and import the row again. Shown is the id of the first row.",
            _order,
            (
                ("Ticket", "order_ticket", "text"),
                ("Deal", "order_opportunity", "text"),
                ("Invoice", "order_invoice", "text"),
                ("Contract", "order_contract", "text"),
                ("Goal", "order_goal", "text"),
            ),
        ),
        Rule(
            "seats",
            "More seats active than licensed",
            "The newest count of active seats is above the newest count of licensed seats.",
            "Import the seats bought (measure seats_licensed), or look at what counts as active.",
            _seats,
            (("Active", "seats_active", "count"), ("Licensed", "seats_licensed", "count")),
        ),
        Rule(
            "left-and-active",
            "Left, and active later",
            "A contact was active after the day they left. Shown is the first of the account.",
            "Clear left_on where they came back, or look who uses the log-in.",
            _left,
            (
                ("Contact", "left_active_who", "text"),
                ("Left on", "left_active_left", "date"),
                ("Last active", "left_active_seen", "date"),
            ),
        ),
    )
}


def counts(accounts: QuerySet[Account], as_of: date) -> dict[str, int]:
    """Accounts of `accounts` each rule finds, by its key; one query."""
    annotations, found, figures = Annotations(), Annotations(), Annotations()
    for rule in RULES.values():
        told, condition = rule.build(as_of)
        annotations |= told
        # Decided per account first: an aggregate cannot look into another table by itself.
        name = f"is_{rule.key.replace('-', '_')}"
        found[name] = Case(When(condition, then=1), default=0)
        figures[rule.key.replace("-", "_")] = Sum(name)
    judged = accounts.order_by().annotate(**annotations).annotate(**found)
    counted = judged.aggregate(**figures)
    return {key: counted[key.replace("-", "_")] or 0 for key in RULES}


def accounts_of(rule: Rule, accounts: QuerySet[Account], as_of: date) -> QuerySet[Account]:
    """Those of `accounts` that contradict `rule`, with what it shows, in name order."""
    told, condition = rule.build(as_of)
    return accounts.annotate(**told).filter(condition).order_by("name", "pk")
