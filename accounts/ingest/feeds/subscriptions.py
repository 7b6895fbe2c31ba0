"""Products under contract, and every change of one."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import ACCOUNT_ID, MONEY_CODE, Feed, column, own_id
from accounts.models import Subscription, SubscriptionEvent

CHANGES: Final = synonyms_of(
    {
        "new": "start, started, created, activation, new business, signup, sign-up, initial",
        "renewal": "renew, renewed, extension, extended",
        "upsell": "expansion, upgrade, upgraded, expand, cross-sell, increase, seat increase, add-on",
        "downsell": "contraction, downgrade, downgraded, decrease, reduction, seat decrease",
        "churn": "churned, cancel, cancelled, canceled, cancellation, termination, terminated, end, "
        "ended, non-renewal",
    }
)

SUBSCRIPTIONS: Final = Feed(
    "subscriptions",
    "Subscriptions",
    "subscription",
    (
        own_id("subscription_id", "contract_id"),
        ACCOUNT_ID,
        column(
            "product", Kind.TEXT, "product_name", "plan", "plan_name", "plan_tier", max_length=120
        ),
        column("seats", Kind.COUNT, "licenses", "licences", "quantity", "users", minimum=0),
        column(
            "arr_amount",
            Kind.AMOUNT,
            "arr",
            "annual_recurring_revenue",
            "annual_value",
            "acv",
            minimum=0,
        ),
        MONEY_CODE,
        column("started_on", Kind.DATE, "start_date", "started_at", "start", "starts_on"),
        column(
            "ends_on",
            Kind.DATE,
            "end_date",
            "renewal_date",
            "contract_end",
            "renews_on",
            "current_period_end",
        ),
        column(
            "ended_on",
            Kind.DATE,
            "cancelled_on",
            "canceled_on",
            "cancelled_at",
            "canceled_at",
            "churned_on",
            "churn_date",
            "terminated_on",
            "ended_at",
        ),
        column(
            "end_reason",
            Kind.TEXT,
            "churn_reason",
            "cancellation_reason",
            "reason",
            max_length=120,
        ),
    ),
    ("external_id", "account_id", "started_on"),
    model=Subscription,
    note="`ends_on` is the contract's end, which renewals move; `ended_on` the day it ended for good.",
)

SUBSCRIPTION_EVENTS: Final = Feed(
    "subscription_events",
    "Subscription changes",
    "subscription change",
    (
        own_id("event_id", "change_id", "churn_event_id"),
        ACCOUNT_ID,
        column("subscription_id", Kind.ID, "subscription", "contract_id", max_length=120),
        column("kind", Kind.CATEGORY, "type", "event_type", "change", "event", synonyms=CHANGES),
        column("on", Kind.DATE, "date", "effective_on", "event_date", "changed_on", "churn_date"),
        column("arr_amount", Kind.AMOUNT, "arr", "arr_after", "new_arr", minimum=0),
        column("arr_change", Kind.AMOUNT, "arr_delta", "change_amount", "delta_arr"),
        MONEY_CODE,
        column("seats", Kind.COUNT, "seats_after", "quantity", minimum=0),
        column("reason", Kind.TEXT, "churn_reason", "reason_code", "note", max_length=120),
    ),
    ("kind", "on"),
    (("account_id", "subscription_id"),),
    natural=("subscription_id", "kind", "on"),
    model=SubscriptionEvent,
    note="Without a subscription a change is of the account's whole contract value. "
    "Without an id it is found again by account, subscription, kind and day.",
)
