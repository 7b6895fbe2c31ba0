"""Deals."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import (
    ACCOUNT_ID,
    MONEY_CODE,
    UPDATED_ON,
    Feed,
    column,
    own_id,
)
from accounts.models import Opportunity

STATUSES: Final = synonyms_of(
    {
        "open": "in progress, pipeline, active, working",
        "won": "closed won, closedwon, win, signed",
        "lost": "closed lost, closedlost, loss, abandoned, disqualified, closed - lost",
    }
)
KINDS: Final = synonyms_of(
    {
        "new": "new business, newbusiness, new customer, new logo, land, new sale, initial",
        "expansion": "existing business, existing customer, existing customer - upgrade, upsell, "
        "cross-sell, cross sell, upgrade, expand, add-on, growth, "
        "existing customer - replacement, existing customer - downgrade",
        "renewal": "renew, contract renewal, extension",
    }
)

OPPORTUNITIES: Final = Feed(
    "opportunities",
    "Opportunities",
    "opportunity",
    (
        own_id("opportunity_id", "deal_id", "opp_id"),
        ACCOUNT_ID,
        column("name", Kind.TEXT, "opportunity_name", "deal_name", "opportunity", "deal"),
        column(
            "kind",
            Kind.CATEGORY,
            "type",
            "deal_type",
            "opportunity_type",
            synonyms=KINDS,
        ),
        column("stage", Kind.TEXT, "stage_name", "deal_stage", "opportunity_stage", max_length=80),
        column(
            "status", Kind.CATEGORY, "deal_status", "opportunity_status", "state", synonyms=STATUSES
        ),
        column("won", Kind.YES_NO, "is_won"),
        column("closed", Kind.YES_NO, "is_closed"),
        column("amount", Kind.AMOUNT, "value", "deal_value", "deal_amount", minimum=0),
        MONEY_CODE,
        column(
            "probability", Kind.RATIO, "win_probability", "deal_probability", minimum=0, maximum=1
        ),
        column(
            "opened_on",
            Kind.DATE,
            "created_date",
            "created_at",
            "created_on",
            "create_date",
            "opened_at",
            "open_date",
        ),
        column(
            "expected_close_on",
            Kind.DATE,
            "close_date",
            "expected_close_date",
            "expected_close",
        ),
        column("closed_on", Kind.DATE, "closed_at", "closed_date", "actual_close_date", "won_on"),
        UPDATED_ON,
    ),
    ("external_id", "account_id", "opened_on"),
    model=Opportunity,
    note="A change of stage, status, kind or amount is dated `updated_on`, else the day the file is of; "
    "a deal won or lost without `closed_on` closed on its close date, where that has passed.",
)
