"""Who the customer is and which deals we have with them."""

from scoring.metrics.arithmetic import major, share
from scoring.metrics.contracts import ARR
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

# States that hold on the date.
_DEALS = Table(
    "accounts_opportunitystate",
    feed="opportunities",
    on="valid_from",
    zero_when_none=True,
    rows=(
        "FROM accounts_opportunitystate f WHERE f.account_id BETWEEN $first AND $last "
        "AND f.valid_from <= $as_of AND (f.valid_to IS NULL OR f.valid_to > $as_of)"
    ),
)


def _amount(where: str) -> Part:
    # Deals of unknown amount add nothing; only deals of unknown amount make the sum unknown.
    sql = (
        f"CASE WHEN COUNT(*) FILTER (WHERE {where}) = 0 THEN 0.0 "
        f"ELSE CAST(SUM(f.amount) FILTER (WHERE {where}) AS double precision) END"
    )
    return Part(_DEALS, sql, counts=True)


def _deals(where: str) -> Part:
    return Part(_DEALS, f"COUNT(*) FILTER (WHERE {where})", counts=True)


_EXPANSION = _amount("f.status = 'open' AND f.kind = 'expansion'")
_CLOSED = "f.valid_from > $d365 AND f.status IN ('won', 'lost')"


METRICS = (
    Metric(
        key="annual_revenue",
        label="Annual revenue",
        kind="money",
        direction="up",
        description="The customer's own yearly revenue (their size, not what they pay us).",
    ),
    Metric(
        key="total_won_amount",
        label="Total won",
        kind="money",
        direction="up",
        description="Sum of the amounts of all won opportunities.",
        parts=(_amount("f.status = 'won'"),),
        value=major,
    ),
    Metric(
        key="current_pipeline_amount",
        label="Open pipeline",
        kind="money",
        direction="up",
        description="Sum of the amounts of all open opportunities.",
        parts=(_amount("f.status = 'open'"),),
        value=major,
    ),
    Metric(
        key="open_opportunities",
        label="Open opportunities",
        kind="count",
        direction="up",
        description="Opportunities open on the as-of date.",
        parts=(_deals("f.status = 'open'"),),
    ),
    Metric(
        key="pipeline_unchanged_days",
        label="Days the pipeline stands still",
        kind="days",
        direction="down",
        description="Whole days since an open opportunity last changed stage or amount; unknown without one.",
        parts=(Part(_DEALS, "$ago[MAX(f.valid_from) FILTER (WHERE f.status = 'open')]"),),
    ),
    Metric(
        key="win_rate_365d",
        label="Deals won in 12 months",
        kind="ratio",
        direction="up",
        description="Share of the opportunities closed in the last 365 days that were won.",
        window_days=365,
        parts=(_deals(f"{_CLOSED} AND f.status = 'won'"), _deals(_CLOSED)),
        value=share,
    ),
    Metric(
        key="size_segment",
        label="Size segment",
        kind="category",
        direction="up",
        description="Enterprise, Large, Mid-Market or Small Business.",
        attribute="size_segment",
    ),
    Metric(
        key="number_of_employees",
        label="Employees",
        kind="count",
        direction="up",
        description="People the customer employs.",
    ),
    Metric(
        key="open_expansion_amount",
        label="Open expansion",
        kind="money",
        direction="up",
        description="Sum of the amounts of open expansion opportunities.",
        parts=(_EXPANSION,),
        value=major,
    ),
    Metric(
        key="expansion_opportunity_rate",
        label="Open expansion against contract value",
        kind="ratio",
        direction="up",
        description="Amount of open expansion opportunities divided by the recurring contract value.",
        parts=(_EXPANSION, ARR),
        value=share,
    ),
    Metric(
        key="renewal_likelihood",
        label="Renewal likelihood",
        kind="category",
        direction="up",
        description="The recorded estimate: Very likely, Likely, Unsure, Unlikely or Lost.",
    ),
    Metric(
        key="tenure_days",
        label="Customer for",
        kind="days",
        direction="up",
        description="Whole days since the account became a customer.",
        attribute="tenure_days",
    ),
)
