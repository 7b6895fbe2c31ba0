"""The tables facts lie in, as the profile reads them: whose they are, of which day, which figure they hold."""

from dataclasses import dataclass
from typing import Any, Final

from accounts import models


@dataclass(frozen=True)
class Table:
    """Facts of one feed. `source`, `on`, `measure` and `value` are field paths.

    `value` is the figure whose mean is profiled, `figure` what it is called; without `measure` a feed has one
    series. A `steady` feed is told day by day, so its silence is measured from the day of its last fact;
    the others speak only when something happens, and an import without a new fact is a sign of life.
    `feeds` are the import feeds that write the table, when it has other names there.
    """

    feed: str
    label: str
    model: type[Any]
    on: str
    source: str = "source"
    measure: str = ""
    value: str = ""
    figure: str = ""
    steady: bool = False
    feeds: tuple[str, ...] = ()

    @property
    def imports(self) -> tuple[str, ...]:
        return self.feeds or (self.feed,)


# Reported values come through three feeds into one table: they are one feed to the breaker.
READINGS: Final = "metrics"

TABLES: Final = {
    table.feed: table
    for table in (
        Table(
            READINGS,
            "Reported metrics",
            models.Reading,
            "on",
            figure="value",
            steady=True,
            feeds=("accounts", "metrics", "account_metrics"),
        ),
        Table(
            "usage",
            "Usage",
            models.Usage,
            "on",
            measure="measure__key",
            value="value",
            figure="value",
            steady=True,
        ),
        Table("features", "Feature use", models.FeatureUse, "on", value="uses", figure="uses"),
        Table(
            "activities",
            "Activities",
            models.Activity,
            "on",
            value="sentiment",
            figure="sentiment",
            steady=True,
        ),
        Table(
            "tickets",
            "Tickets",
            models.Ticket,
            "opened_on",
            value="first_response_minutes",
            figure="first response (minutes)",
        ),
        Table(
            "surveys",
            "Surveys",
            models.Survey,
            "answered_on",
            measure="kind",
            value="score",
            figure="score",
        ),
        Table("contacts", "Contacts", models.ContactState, "valid_from", source="contact__source"),
        Table(
            "opportunities",
            "Opportunities",
            models.OpportunityState,
            "valid_from",
            source="opportunity__source",
            value="amount",
            figure="amount (minor units)",
        ),
        Table(
            "invoices",
            "Invoices",
            models.Invoice,
            "issued_on",
            value="amount",
            figure="amount (minor units)",
        ),
        Table(
            "payments",
            "Payments",
            models.Payment,
            "on",
            value="amount",
            figure="amount (minor units)",
        ),
        Table(
            "subscriptions",
            "Subscriptions",
            models.Subscription,
            "started_on",
            value="arr_amount",
            figure="ARR (minor units)",
        ),
        # Changes go both ways: a mean near zero between one lost giant and a few upsells says nothing.
        Table("subscription_events", "Contract changes", models.SubscriptionEvent, "on"),
        Table("goals", "Goal progress", models.GoalProgress, "on", source="goal__source"),
        Table("lifecycle", "Lifecycle", models.LifecycleEvent, "on"),
    )
}


def feed_label(feed: str) -> str:
    """What people call a feed."""
    table = TABLES.get(feed)
    return table.label if table else feed.replace("_", " ").capitalize()


def table_feed(import_feed: str) -> str:
    """The breaker's feed that an import feed writes to."""
    return next((t.feed for t in TABLES.values() if import_feed in t.imports), import_feed)
