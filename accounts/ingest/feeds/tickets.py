"""Support cases."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.models import Ticket

SEVERITIES: Final = synonyms_of(
    {
        "critical": "urgent, p1, sev1, sev 1, severity 1, s1, blocker, emergency, 1, highest, p0, "
        "sev0, showstopper",
        "high": "p2, sev2, sev 2, severity 2, s2, major, 2, important",
        "normal": "medium, p3, sev3, sev 3, severity 3, s3, moderate, standard, 3, minor",
        "low": "p4, sev4, sev 4, severity 4, s4, trivial, 4, lowest, p5, sev5, cosmetic, question",
    }
)

TICKETS: Final = Feed(
    "tickets",
    "Tickets",
    "ticket",
    (
        own_id("ticket_id", "case_id", "case_number", "ticket_number", "issue_id"),
        ACCOUNT_ID,
        column("subject", Kind.TEXT, "title", "name", "ticket_name", "summary", "ticket_subject"),
        column(
            "severity", Kind.CATEGORY, "priority", "ticket_priority", "urgency", synonyms=SEVERITIES
        ),
        column("category", Kind.TEXT, "type", "ticket_type", "case_type", "topic", max_length=80),
        column(
            "sentiment",
            Kind.SENTIMENT,
            "sentiment_score",
            "ticket_sentiment",
            minimum=-1,
            maximum=1,
        ),
        column("opened_on", Kind.DATE, "opened", "open_date", "date", "created_on", "submitted_on"),
        column(
            "opened_at",
            Kind.DATETIME,
            "created_at",
            "created_date",
            "create_date",
            "submitted_at",
            "created",
            day_field="opened_on",
        ),
        column("first_response_on", Kind.DATE, "first_response_date", "responded_on"),
        column(
            "first_response_at",
            Kind.DATETIME,
            "first_replied_at",
            "first_reply_at",
            "responded_at",
            day_field="first_response_on",
        ),
        column(
            "first_response_minutes",
            Kind.MINUTES,
            "first_response_time",
            "first_response_time_minutes",
            "first_reply_minutes",
            "response_minutes",
            minimum=0,
        ),
        column(
            "first_response_hours",
            Kind.HOURS,
            "first_response_time_hours",
            "first_reply_hours",
            "response_hours",
            field="first_response_minutes",
            minimum=0,
        ),
        column("escalated", Kind.YES_NO, "is_escalated", "escalation_flag"),
        column("escalated_on", Kind.DATE, "escalated_at", "escalation_date"),
        column("reopened", Kind.YES_NO, "is_reopened"),
        column("reopened_on", Kind.DATE, "reopened_at", "reopen_date"),
        column("closed", Kind.YES_NO, "is_closed"),
        column(
            "closed_on",
            Kind.DATE,
            "closed_at",
            "closed_date",
            "close_date",
            "resolved_on",
            "resolved_at",
            "resolution_date",
            "solved_at",
        ),
    ),
    ("external_id", "account_id"),
    (("opened_on", "opened_at"),),
    model=Ticket,
    note="What was escalated, reopened or closed without a date is dated the day the file is of.",
)
