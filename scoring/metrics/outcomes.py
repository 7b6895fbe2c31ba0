"""Whether the customer gets what they bought it for, and what they say of it."""

from scoring.metrics.metric import Metric

METRICS = (
    Metric(
        key="roi_achieved_rate",
        label="ROI achieved against goal",
        kind="ratio",
        direction="up",
        description="Return achieved divided by the return agreed as the goal.",
    ),
    Metric(
        key="outcome_tracking_rate",
        label="Outcomes tracked",
        kind="ratio",
        direction="up",
        description="Share of agreed outcomes with a validated, current figure.",
    ),
    Metric(
        key="milestone_completion_rate",
        label="Milestones completed on time",
        kind="ratio",
        direction="up",
        description="Share of milestones due by the as-of date that were completed in time.",
    ),
    Metric(
        key="goal_achievement_rate",
        label="Goals achieved",
        kind="ratio",
        direction="up",
        description="Share of the goals due by the as-of date that were reached.",
    ),
    Metric(
        key="kpi_improvement_rate",
        label="KPIs improved",
        kind="ratio",
        direction="up",
        description="Share of the agreed indicators that improved since the start.",
    ),
    Metric(
        key="nps_score",
        label="NPS",
        kind="score",
        direction="up",
        description="Net promoter score of the answers of the last 180 days.",
        unit="-100..100",
        signed=True,
        window_days=180,
    ),
    Metric(
        key="csat_score",
        label="CSAT",
        kind="score",
        direction="up",
        description="Mean satisfaction answer of the last 180 days.",
        unit="1..5",
        window_days=180,
    ),
)
