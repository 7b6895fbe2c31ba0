"""Who the customer is and what they buy."""

from scoring.metrics.metric import Metric

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
    ),
    Metric(
        key="current_pipeline_amount",
        label="Open pipeline",
        kind="money",
        direction="up",
        description="Sum of the amounts of all open opportunities.",
    ),
    Metric(
        key="size_segment",
        label="Size segment",
        kind="category",
        direction="up",
        description="Enterprise, Large, Mid-Market or Small Business.",
        sources=("account",),
    ),
    Metric(
        key="number_of_employees",
        label="Employees",
        kind="count",
        direction="up",
        description="People the customer employs.",
    ),
    Metric(
        key="contract_value_change_rate",
        label="Contract-value change over 12 months",
        kind="ratio",
        direction="up",
        description="Relative change of the recurring contract value over 12 months (0.1 = +10 %).",
        signed=True,
    ),
    Metric(
        key="expansion_opportunity_rate",
        label="Open expansion against contract value",
        kind="ratio",
        direction="up",
        description="Amount of open expansion opportunities divided by the recurring contract value.",
    ),
    Metric(
        key="renewal_likelihood",
        label="Renewal likelihood",
        kind="category",
        direction="up",
        description="The recorded estimate: Very likely, Likely, Unsure, Unlikely or Lost.",
    ),
    Metric(
        key="invoices_paid_on_time_rate",
        label="Invoices paid on time",
        kind="ratio",
        direction="up",
        description="Share of the invoices due in the last 12 months that were paid by their due date.",
        window_days=365,
    ),
)
