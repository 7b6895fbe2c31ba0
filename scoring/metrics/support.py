"""Tickets."""

from scoring.metrics.metric import Metric

METRICS = (
    Metric(
        key="tickets_month",
        label="Tickets per month",
        kind="count",
        direction="down",
        description="Support tickets opened in the last 30 days.",
        window_days=30,
    ),
    Metric(
        key="critical_ticket_share",
        label="Critical share of tickets",
        kind="ratio",
        direction="down",
        description="Share of the tickets of the last 90 days with critical severity.",
        window_days=90,
    ),
    Metric(
        key="ticket_sentiment_score",
        label="Ticket sentiment",
        kind="score",
        direction="up",
        description="Mean sentiment of the ticket messages of the last 90 days.",
        unit="-1..1",
        signed=True,
        window_days=90,
    ),
)
