"""Invoices: whether the customer pays, and in time."""

from scoring.metrics.arithmetic import major, share
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

_INVOICES = Table("accounts_invoice", feed="invoices", on="issued_on", zero_when_none=True)
_OVERDUE = "f.due_on < $as_of AND (f.paid_on IS NULL OR f.paid_on > $as_of)"
_DUE = "f.due_on > $d365 AND f.due_on <= $as_of"


def _invoices(where: str) -> Part:
    return Part(_INVOICES, f"COUNT(*) FILTER (WHERE {where})", counts=True)


METRICS = (
    Metric(
        key="invoices_overdue",
        label="Invoices overdue",
        kind="count",
        direction="down",
        description="Invoices past their due date and not settled on the as-of date.",
        parts=(_invoices(_OVERDUE),),
    ),
    Metric(
        key="overdue_amount",
        label="Amount overdue",
        kind="money",
        direction="down",
        description="Sum of the invoices past their due date and not settled on the as-of date.",
        parts=(
            Part(
                _INVOICES,
                f"CASE WHEN COUNT(*) FILTER (WHERE {_OVERDUE}) = 0 THEN 0.0 "
                f"ELSE CAST(SUM(f.amount) FILTER (WHERE {_OVERDUE}) AS double precision) END",
                counts=True,
            ),
        ),
        value=major,
    ),
    Metric(
        key="days_overdue",
        label="Days overdue",
        kind="days",
        direction="down",
        description="Whole days the oldest unpaid invoice is past its due date; 0 when none is.",
        parts=(
            Part(
                _INVOICES,
                f"COALESCE($ago[MIN(f.due_on) FILTER (WHERE {_OVERDUE})], 0)",
                counts=True,
            ),
        ),
    ),
    Metric(
        key="invoices_paid_on_time_rate",
        label="Invoices paid on time",
        kind="ratio",
        direction="up",
        description="Share of the invoices due in the last 12 months that were paid by their due date.",
        window_days=365,
        parts=(_invoices(f"{_DUE} AND f.paid_on <= f.due_on"), _invoices(_DUE)),
        value=share,
    ),
)
