"""What the customer says of us when asked."""

from scoring.metrics.arithmetic import difference, share
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

# An answer counts from its own day, so questions of any age are read.
_SURVEYS = Table("accounts_survey", feed="surveys", on="sent_on")


def _answers(aggregate: str, kind: str, days: int, until: int) -> Part:
    """An aggregate of the answers that came more than `until` and at most `days` days ago."""
    inside = (
        f"f.kind = '{kind}' AND f.score IS NOT NULL "
        f"AND f.answered_on > $d{days} AND f.answered_on <= $d{until}"
    )
    return Part(_SURVEYS, f"{aggregate} FILTER (WHERE {inside})", days=days)


# Promoters answer 9 or 10, detractors 0 to 6.
_NPS = "AVG(CASE WHEN f.score >= 9 THEN 100.0 WHEN f.score <= 6 THEN -100.0 ELSE 0.0 END)"
_MEAN = "AVG(f.score)"
_NPS_NOW, _NPS_BEFORE = _answers(_NPS, "nps", 180, 0), _answers(_NPS, "nps", 360, 180)
_CSAT_NOW, _CSAT_BEFORE = _answers(_MEAN, "csat", 180, 0), _answers(_MEAN, "csat", 360, 180)


def _sent(days: int, where: str = "") -> Part:
    also = f" AND {where}" if where else ""
    return Part(
        _SURVEYS, f"COUNT(*) FILTER (WHERE f.sent_on > $d{days}{also})", days=days, counts=True
    )


METRICS = (
    Metric(
        key="feedback_participation_rate",
        label="Feedback participation",
        kind="ratio",
        direction="up",
        description="Share of survey requests of the last 180 days that were answered.",
        window_days=180,
        parts=(_sent(180, "f.answered_on <= $as_of"), _sent(180)),
        value=share,
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
        parts=(_NPS_NOW,),
    ),
    Metric(
        key="nps_previous_score",
        label="NPS of the half-year before",
        kind="score",
        direction="up",
        description="Net promoter score of the answers of 180 to 360 days ago.",
        unit="-100..100",
        signed=True,
        window_days=360,
        parts=(_NPS_BEFORE,),
    ),
    Metric(
        key="nps_change",
        label="Change of NPS",
        kind="number",
        direction="up",
        description="NPS of the last 180 days less that of the 180 days before.",
        unit="points",
        signed=True,
        window_days=360,
        parts=(_NPS_NOW, _NPS_BEFORE),
        value=difference,
    ),
    Metric(
        key="csat_score",
        label="CSAT",
        kind="score",
        direction="up",
        description="Mean satisfaction answer of the last 180 days.",
        unit="1..5",
        window_days=180,
        parts=(_CSAT_NOW,),
    ),
    Metric(
        key="csat_previous_score",
        label="CSAT of the half-year before",
        kind="score",
        direction="up",
        description="Mean satisfaction answer of 180 to 360 days ago.",
        unit="1..5",
        window_days=360,
        parts=(_CSAT_BEFORE,),
    ),
    Metric(
        key="csat_change",
        label="Change of CSAT",
        kind="number",
        direction="up",
        description="CSAT of the last 180 days less that of the 180 days before.",
        unit="points",
        signed=True,
        window_days=360,
        parts=(_CSAT_NOW, _CSAT_BEFORE),
        value=difference,
    ),
    Metric(
        key="effort_score",
        label="Customer effort",
        kind="score",
        direction="up",
        description="Mean effort answer of the last 180 days; 7 is easiest.",
        unit="1..7",
        window_days=180,
        parts=(_answers(_MEAN, "effort", 180, 0),),
    ),
    Metric(
        key="days_since_feedback",
        label="Days since feedback",
        kind="days",
        direction="down",
        description="Whole days since the customer last answered a survey.",
        parts=(Part(_SURVEYS, "$ago[MAX(f.answered_on) FILTER (WHERE f.answered_on <= $as_of)]"),),
    ),
)
