"""Tickets."""

from scoring.metrics.arithmetic import difference, share
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

TICKETS = Table(
    "accounts_ticket", feed="tickets", on="opened_on", windowed=True, zero_when_none=True
)
# Tickets of any age that are open, or to which something happened of late.
_ALL = Table(
    "accounts_ticket",
    feed="tickets",
    on="opened_on",
    zero_when_none=True,
    where=(
        "f.closed_on IS NULL OR f.closed_on > $as_of OR f.escalated_on > $d180 "
        "OR f.reopened_on > $d90 OR f.first_response_on > $d90"
    ),
)
_CATEGORIES = Table(
    "accounts_ticket",
    feed="tickets",
    on="opened_on",
    windowed=True,
    zero_when_none=True,
    where="f.category <> ''",
    by="f.category",
    fold="COUNT(*) AS n",
)
# Critical 4 … low 1; a ticket of unknown severity does not count.
_WEIGHT = (
    "CASE f.severity WHEN 'critical' THEN 4.0 WHEN 'high' THEN 3.0 WHEN 'normal' THEN 2.0 "
    "WHEN 'low' THEN 1.0 END"
)
_OPEN = "(f.closed_on IS NULL OR f.closed_on > $as_of)"
# The weeks a usual week is taken from, before the last one.
_WEEKS = 12


def _opened(days: int, where: str = "", *, until: int = 0) -> Part:
    also = f" AND {where}" if where else ""
    sql = f"COUNT(*) FILTER (WHERE f.opened_on > $d{days} AND f.opened_on <= $d{until}{also})"
    return Part(TICKETS, sql, days=days, counts=True)


def _severity(days: int, until: int) -> Part:
    inside = f"f.opened_on > $d{days} AND f.opened_on <= $d{until}"
    return Part(TICKETS, f"AVG({_WEIGHT}) FILTER (WHERE {inside})", days=days)


def _dated(column: str, days: int, until: int = 0) -> Part:
    """Tickets of any age to which something happened in the window."""
    sql = f"COUNT(*) FILTER (WHERE f.{column} > $d{days} AND f.{column} <= $d{until})"
    return Part(_ALL, sql, days=days, counts=True)


NEGATIVE_TICKETS = _opened(30, "f.sentiment < -0.2")

METRICS = (
    Metric(
        key="tickets_month",
        label="Tickets per month",
        kind="count",
        direction="down",
        description="Support tickets opened in the last 30 days.",
        window_days=30,
        parts=(_opened(30),),
    ),
    Metric(
        key="tickets_7d",
        label="Tickets in 7 days",
        kind="count",
        direction="down",
        description="Support tickets opened in the last 7 days.",
        window_days=7,
        parts=(_opened(7),),
    ),
    Metric(
        key="tickets_usual_week",
        label="Usual tickets per week",
        kind="number",
        direction="down",
        description="The account's own average of tickets per week over the 12 weeks before the last one.",
        window_days=7 * (_WEEKS + 1),
        parts=(_opened(7 * (_WEEKS + 1), until=7),),
        value=lambda opened: opened / _WEEKS,
    ),
    Metric(
        key="tickets_against_usual_rate",
        label="Tickets this week against usual",
        kind="ratio",
        direction="down",
        description="Tickets of the last 7 days divided by the account's usual week; unknown for an account "
        "without tickets in the 12 weeks before.",
        window_days=7 * (_WEEKS + 1),
        parts=(_opened(7), _opened(7 * (_WEEKS + 1), until=7)),
        value=lambda now, before: share(now, before / _WEEKS),
    ),
    Metric(
        key="critical_ticket_share",
        label="Critical share of tickets",
        kind="ratio",
        direction="down",
        description="Share of the tickets of the last 90 days with critical severity.",
        window_days=90,
        parts=(_opened(90, "f.severity = 'critical'"), _opened(90, "f.severity <> ''")),
        value=share,
    ),
    Metric(
        key="severity_index_30d",
        label="Ticket severity in 30 days",
        kind="score",
        direction="down",
        description="Mean severity of the tickets of the last 30 days: low 1, normal 2, high 3, critical 4.",
        unit="1..4",
        window_days=30,
        parts=(_severity(30, 0),),
    ),
    Metric(
        key="severity_index_previous_30d",
        label="Ticket severity in the 30 days before",
        kind="score",
        direction="down",
        description="Mean severity of the tickets opened 30 to 60 days ago: low 1 to critical 4.",
        unit="1..4",
        window_days=60,
        parts=(_severity(60, 30),),
    ),
    Metric(
        key="severity_index_change",
        label="Change of ticket severity",
        kind="number",
        direction="down",
        description="Mean severity of the last 30 days less that of the 30 days before; above 0 is worse.",
        signed=True,
        window_days=60,
        parts=(_severity(30, 0), _severity(60, 30)),
        value=difference,
    ),
    Metric(
        key="repeat_category_tickets_30d",
        label="Tickets of one category in 30 days",
        kind="count",
        direction="down",
        description="The most tickets of the last 30 days that share a category.",
        window_days=30,
        parts=(Part(_CATEGORIES, "MAX(f.n)", days=30, counts=True),),
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
        parts=(Part(TICKETS, "AVG(f.sentiment) FILTER (WHERE f.opened_on > $d90)", days=90),),
    ),
    Metric(
        key="first_response_hours_90d",
        label="First response",
        kind="number",
        direction="down",
        description="Mean hours from opening to our first answer, tickets first answered in the last 90 days.",
        unit="hours",
        window_days=90,
        parts=(
            Part(
                _ALL,
                "AVG(f.first_response_minutes / 60.0) FILTER (WHERE "
                "f.first_response_on > $d90 AND f.first_response_on <= $as_of)",
                days=90,
            ),
        ),
    ),
    Metric(
        key="open_tickets",
        label="Open tickets",
        kind="count",
        direction="down",
        description="Tickets that are not closed on the as-of date.",
        parts=(Part(_ALL, f"COUNT(*) FILTER (WHERE {_OPEN})", days=0, counts=True),),
    ),
    Metric(
        key="open_critical_tickets",
        label="Open critical tickets",
        kind="count",
        direction="down",
        description="Tickets of critical severity that are not closed on the as-of date.",
        parts=(
            Part(
                _ALL,
                f"COUNT(*) FILTER (WHERE f.severity = 'critical' AND {_OPEN})",
                days=0,
                counts=True,
            ),
        ),
    ),
    Metric(
        key="open_escalations",
        label="Open escalations",
        kind="count",
        direction="down",
        description="Tickets escalated by the as-of date that are not closed on it.",
        parts=(
            Part(
                _ALL,
                f"COUNT(*) FILTER (WHERE f.escalated_on <= $as_of AND {_OPEN})",
                days=0,
                counts=True,
            ),
        ),
    ),
    Metric(
        key="escalations_90d",
        label="Escalations in 90 days",
        kind="count",
        direction="down",
        description="Tickets escalated in the last 90 days.",
        window_days=90,
        parts=(_dated("escalated_on", 90),),
    ),
    Metric(
        key="escalations_previous_90d",
        label="Escalations in the 90 days before",
        kind="count",
        direction="down",
        description="Tickets escalated 90 to 180 days ago.",
        window_days=180,
        parts=(_dated("escalated_on", 180, 90),),
    ),
    Metric(
        key="escalations_change",
        label="Change of escalations",
        kind="number",
        direction="down",
        description="Escalations of the last 90 days less those of the 90 days before; above 0 is worse.",
        signed=True,
        window_days=180,
        parts=(_dated("escalated_on", 90), _dated("escalated_on", 180, 90)),
        value=difference,
    ),
    Metric(
        key="reopened_tickets_90d",
        label="Reopened tickets in 90 days",
        kind="count",
        direction="down",
        description="Tickets reopened in the last 90 days.",
        window_days=90,
        parts=(_dated("reopened_on", 90),),
    ),
)
