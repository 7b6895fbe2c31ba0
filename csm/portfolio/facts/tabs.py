"""The tabs of an account: what each shows, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery
from django.urls import reverse

from accounts.models import (
    Account,
    Contact,
    FeatureUse,
    Goal,
    GoalProgress,
    Invoice,
    Opportunity,
    OwnerPeriod,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
)
from csm.portfolio.facts.listing import Column, Listing


@dataclass(frozen=True)
class Tab:
    """A page of an account: figures from the metric catalogue by key, then lists of facts."""

    key: str
    label: str
    metrics: Sequence[str]
    listings: Sequence[Listing]


def _shown(name: str) -> Any:
    """The label of a choice field."""
    return lambda row: getattr(row, f"get_{name}_display")() if getattr(row, name) else None


def _contacts(account: Account, as_of: date) -> QuerySet[Contact]:
    # People who are still there first, those who matter most above the rest.
    return account.contact_set.order_by(
        "-is_executive_sponsor", "-is_champion", "-is_stakeholder", "name", "pk"
    )


def _tickets(account: Account, as_of: date) -> QuerySet[Ticket]:
    return account.ticket_set.order_by("-opened_on", "-pk")


def _surveys(account: Account, as_of: date) -> QuerySet[Survey]:
    return account.survey_set.select_related("contact").order_by("-sent_on", "-pk")


def _goals(account: Account, as_of: date) -> QuerySet[Goal]:
    newest = GoalProgress.objects.filter(goal=OuterRef("pk"), on__lte=as_of).order_by("-on")
    return account.goal_set.annotate(
        actual=Subquery(newest.values("actual")[:1]), told_on=Subquery(newest.values("on")[:1])
    ).order_by("kind", "due_on", "pk")


def _subscriptions(account: Account, as_of: date) -> QuerySet[Subscription]:
    return account.subscription_set.order_by("-started_on", "-pk")


def _events(account: Account, as_of: date) -> QuerySet[SubscriptionEvent]:
    return account.subscriptionevent_set.select_related("subscription").order_by("-on", "-pk")


def _opportunities(account: Account, as_of: date) -> QuerySet[Opportunity]:
    return account.opportunity_set.order_by("-opened_on", "-pk")


def _invoices(account: Account, as_of: date) -> QuerySet[Invoice]:
    return account.invoice_set.order_by("-issued_on", "-pk")


def _owners(account: Account, as_of: date) -> QuerySet[OwnerPeriod]:
    return account.owner_periods.select_related("owner").order_by("-valid_from")


def _features(account: Account, as_of: date) -> QuerySet[Any]:
    return (
        FeatureUse.objects.filter(account=account, on__lte=as_of)
        .values("feature__label", "feature__is_core")
        .annotate(first=Min("on"), last=Max("on"), days=Count("on", distinct=True))
        .order_by("-last", "feature__label")
    )


CONTACTS = Tab(
    key="contacts",
    label="Contacts",
    metrics=("total_contacts", "contacts_with_email", "champion_contacts", "stakeholders_engaged"),
    listings=(
        Listing(
            "contacts",
            "People",
            "contacts",
            (
                Column("Name", lambda row: str(row)),
                Column("Title", attrgetter("title")),
                Column("Role", attrgetter("role"), absent=""),
                Column("E-mail", attrgetter("email")),
                Column("Sponsor", attrgetter("is_executive_sponsor"), "yes"),
                Column("Champion", attrgetter("is_champion"), "yes"),
                Column("Stakeholder", attrgetter("is_stakeholder"), "yes"),
                Column("Last active", attrgetter("last_active_on"), "day"),
                Column("Left", attrgetter("left_on"), "day", absent=""),
            ),
            _contacts,
            "No person of this customer is known.",
        ),
        Listing(
            "owners",
            "Our owners",
            "periods",
            (
                Column("Owner", lambda row: str(row.owner)),
                Column("From", attrgetter("valid_from"), "day"),
                Column("Until", attrgetter("valid_to"), "day", absent="still"),
            ),
            _owners,
            "Nobody has owned this account yet.",
            "Who looked after the account; a dash under Until means still.",
        ),
    ),
)
SUPPORT = Tab(
    key="support",
    label="Support",
    metrics=("tickets_month", "critical_ticket_share", "ticket_sentiment_score"),
    listings=(
        Listing(
            "tickets",
            "Tickets",
            "tickets",
            (
                Column("Subject", lambda row: str(row)),
                Column("Severity", _shown("severity")),
                Column("Category", attrgetter("category")),
                Column("Opened", attrgetter("opened_on"), "day"),
                Column("First response, min", attrgetter("first_response_minutes"), "number"),
                Column("Escalated", attrgetter("escalated_on"), "day", absent=""),
                Column("Reopened", attrgetter("reopened_on"), "day", absent=""),
                Column("Closed", attrgetter("closed_on"), "day", absent="open"),
                Column("Sentiment", attrgetter("sentiment"), "number", 2),
            ),
            _tickets,
            "No ticket has been reported for this customer.",
            "Sentiment runs from −1, angry, to 1, delighted.",
        ),
    ),
)
CONTRACTS = Tab(
    key="contracts",
    label="Contracts",
    metrics=("arr", "contract_value_change_rate", "contracted_seats", "renewal_days_left"),
    listings=(
        Listing(
            "subscriptions",
            "Subscriptions",
            "subscriptions",
            (
                Column("Product", lambda row: str(row)),
                Column("ARR", attrgetter("arr_amount"), "money"),
                Column("Seats", attrgetter("seats"), "number"),
                Column("Start", attrgetter("started_on"), "day"),
                Column("Contract ends", attrgetter("ends_on"), "day"),
                Column("Ended", attrgetter("ended_on"), "day", absent=""),
                Column("Reason", attrgetter("end_reason"), absent=""),
            ),
            _subscriptions,
            "No subscription is known.",
        ),
        Listing(
            "changes",
            "Contract changes",
            "changes",
            (
                Column("Change", _shown("kind")),
                Column("On", attrgetter("on"), "day"),
                Column("Product", lambda row: str(row.subscription) if row.subscription else None),
                Column("ARR change", attrgetter("arr_change"), "money"),
                Column("ARR after", attrgetter("arr_amount"), "money"),
                Column("Seats after", attrgetter("seats"), "number"),
                Column("Reason", attrgetter("reason"), absent=""),
            ),
            _events,
            "No change of a contract has been reported.",
        ),
    ),
)
COMMERCIAL = Tab(
    key="commercial",
    label="Commercial",
    metrics=("current_pipeline_amount", "total_won_amount", "invoices_paid_on_time_rate"),
    listings=(
        Listing(
            "opportunities",
            "Opportunities",
            "opportunities",
            (
                Column("Name", lambda row: str(row)),
                Column("Kind", _shown("kind")),
                Column("Stage", attrgetter("stage")),
                Column("State", _shown("status")),
                Column("Amount", attrgetter("amount"), "money"),
                Column("Opened", attrgetter("opened_on"), "day"),
                Column("Expected close", attrgetter("expected_close_on"), "day"),
                Column("Closed", attrgetter("closed_on"), "day", absent="open"),
            ),
            _opportunities,
            "No opportunity is known.",
        ),
        Listing(
            "invoices",
            "Invoices",
            "invoices",
            (
                Column("Invoice", lambda row: str(row)),
                Column("Amount", attrgetter("amount"), "money"),
                Column("Issued", attrgetter("issued_on"), "day"),
                Column("Due", attrgetter("due_on"), "day"),
                Column("Paid", attrgetter("paid_on"), "day", absent="not paid"),
            ),
            _invoices,
            "No invoice is known.",
            "A dash under Paid means not settled in full.",
        ),
    ),
)
OUTCOMES = Tab(
    key="outcomes",
    label="Outcomes",
    metrics=("goal_achievement_rate", "roi_achieved_rate", "nps_score", "csat_score"),
    listings=(
        Listing(
            "goals",
            "Goals and milestones",
            "goals",
            (
                Column("Goal", lambda row: str(row)),
                Column("Kind", _shown("kind")),
                Column("Baseline", attrgetter("baseline"), "number", 1),
                Column("Target", attrgetter("target"), "number", 1),
                Column("Actual", attrgetter("actual"), "number", 1),
                Column("Told", attrgetter("told_on"), "day"),
                Column("Unit", attrgetter("unit"), absent=""),
                Column("Due", attrgetter("due_on"), "day"),
                Column("Achieved", attrgetter("achieved_on"), "day", absent="not yet"),
            ),
            _goals,
            "No goal has been agreed.",
        ),
        Listing(
            "surveys",
            "Surveys",
            "surveys",
            (
                Column("Survey", _shown("kind")),
                Column("Sent", attrgetter("sent_on"), "day"),
                Column("Answered", attrgetter("answered_on"), "day", absent="not yet"),
                Column("Score", attrgetter("score"), "number", 1),
                Column("By", lambda row: str(row.contact) if row.contact else None),
                Column("Comment", attrgetter("comment"), absent=""),
            ),
            _surveys,
            "Nobody has been asked yet.",
            "NPS answers run 0–10, CSAT 1–5, effort 1–7 where 7 is easiest.",
        ),
    ),
)
FEATURES = Listing(
    "features",
    "Features",
    "features",
    (
        Column("Feature", lambda row: row["feature__label"]),
        Column("Core", lambda row: row["feature__is_core"], "yes"),
        Column("First use", lambda row: row["first"], "day"),
        Column("Last use", lambda row: row["last"], "day"),
        Column("Days used", lambda row: row["days"], "number"),
    ),
    _features,
    "No use of a feature has been reported.",
)

TABS = {tab.key: tab for tab in (CONTACTS, SUPPORT, CONTRACTS, COMMERCIAL, OUTCOMES)}
LISTINGS = {listing.key: listing for tab in TABS.values() for listing in tab.listings} | {
    FEATURES.key: FEATURES
}

# In the order they are shown: addresses of pages, and keys of `TABS`.
_ORDER = (
    ("account", "Overview"),
    ("account_health", "Health"),
    ("account_timeline", "Timeline"),
    ("account_alerts", "Alerts"),
    ("account_plans", "Plans"),
    CONTACTS,
    ("account_usage", "Usage"),
    SUPPORT,
    CONTRACTS,
    COMMERCIAL,
    OUTCOMES,
    ("account_notes", "Notes"),
)


def account_tabs(account: Account, here: str) -> list[dict[str, Any]]:
    """The tabs of an account page; `here` is the name of the address or the key of the tab shown.

    Open alerts and plans are counted beside their tabs where the account was read with its `work`.
    """
    found = []
    counts = _counts(account)
    for each in _ORDER:
        if isinstance(each, Tab):
            name, label = each.key, each.label
            url = reverse("account_facts", args=[account.pk, name])
        else:
            name, label = each
            url = reverse(name, args=[account.pk])
        found.append(
            {"label": label, "url": url, "active": name == here, "count": counts.get(name)}
        )
    return found


def _counts(account: Account) -> dict[str, int]:
    work = account._state.fields_cache.get("work")
    if work is None:
        return {}
    counts = {"account_alerts": work.alerts_open, "account_plans": work.plans_open}
    return {name: n for name, n in counts.items() if n}
