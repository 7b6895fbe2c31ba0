"""Every kind of file that can be loaded, by name."""

from typing import Final

from accounts.ingest.feeds.accounts import ACCOUNT_METRICS, ACCOUNTS, LIFECYCLE, REPORTED
from accounts.ingest.feeds.activities import ACTIVITIES
from accounts.ingest.feeds.contacts import CONTACTS
from accounts.ingest.feeds.feed import Feed, by_header
from accounts.ingest.feeds.goals import GOALS
from accounts.ingest.feeds.invoices import INVOICES, PAYMENTS
from accounts.ingest.feeds.opportunities import OPPORTUNITIES
from accounts.ingest.feeds.subscriptions import SUBSCRIPTION_EVENTS, SUBSCRIPTIONS
from accounts.ingest.feeds.surveys import SURVEYS
from accounts.ingest.feeds.tickets import TICKETS
from accounts.ingest.feeds.usage import FEATURES, USAGE

FEEDS: Final[dict[str, Feed]] = {
    feed.key: feed
    for feed in (
        ACCOUNTS,
        CONTACTS,
        OPPORTUNITIES,
        ACTIVITIES,
        TICKETS,
        USAGE,
        FEATURES,
        SURVEYS,
        INVOICES,
        PAYMENTS,
        SUBSCRIPTIONS,
        SUBSCRIPTION_EVENTS,
        GOALS,
        LIFECYCLE,
        REPORTED,
        ACCOUNT_METRICS,
    )
}

__all__ = ["FEEDS", "Feed", "by_header"]
