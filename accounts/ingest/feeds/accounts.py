"""Customers, with metrics a system reports of them, wide or long."""

from typing import Final

from accounts.ingest.columns import (
    ATTRIBUTES,
    CUSTOM_PREFIX,
    LIFECYCLE_STAGES,
    METRIC_PREFIX,
    METRICS,
    Kind,
)
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.models import LifecycleEvent

ACCOUNTS: Final = Feed(
    "accounts",
    "Accounts",
    "account",
    (*ATTRIBUTES, *METRICS),
    ("external_id",),
    prefixes=(METRIC_PREFIX, CUSTOM_PREFIX),
    note="At least one attribute besides the id. A blank cell leaves what is there.",
)

ACCOUNT_METRICS: Final = Feed(
    "account_metrics",
    "Account metrics",
    "account",
    (*ATTRIBUTES, *METRICS),
    ("external_id",),
    (tuple(column.target for column in METRICS),),
    prefixes=(METRIC_PREFIX, CUSTOM_PREFIX),
    note="One row per account, one column per metric.",
)

REPORTED: Final = Feed(
    "metrics",
    "Metrics",
    "reported value",
    (
        ACCOUNT_ID,
        column("on", Kind.DATE, "date", "day", "as_of", "snapshot_date", "at", "timestamp"),
        column("metric", Kind.TEXT, "metric_key", "metric_name", "measure", "key", max_length=80),
        column("value", Kind.VALUE, "metric_value", "amount"),
    ),
    ("account_id", "metric", "value"),
    note="One row per account, day and metric. Without a day it is of the day the file is of.",
)

LIFECYCLE: Final = Feed(
    "lifecycle",
    "Lifecycle stages",
    "lifecycle stage",
    (
        own_id("event_id", "churn_event_id", "lifecycle_event_id"),
        ACCOUNT_ID,
        column(
            "stage",
            Kind.CATEGORY,
            "lifecycle_stage",
            "lifecycle",
            "new_stage",
            "status",
            synonyms=LIFECYCLE_STAGES,
        ),
        column("on", Kind.DATE, "date", "entered_on", "changed_on", "churn_date", "at", "since"),
        column("reason", Kind.TEXT, "churn_reason", "reason_code", "note", max_length=120),
    ),
    ("account_id", "stage", "on"),
    natural=("stage", "on"),
    model=LifecycleEvent,
    note="The newest stage is the account's. Churn is the stage Churned; a later stage is a win-back.",
)
