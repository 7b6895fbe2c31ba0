"""Whether the customer gets what they bought it for."""

from scoring.metrics.arithmetic import share
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

# Goals with the newest figure told by the date, and its day.
_GOALS = Table(
    "accounts_goal",
    feed="goals",
    on="agreed_on",
    also=(("accounts_goalprogress", "on"),),
    rows=(
        "FROM (SELECT g.*, "
        '(SELECT p.actual FROM accounts_goalprogress p WHERE p.goal_id = g.id AND p."on" <= $as_of '
        'ORDER BY p."on" DESC LIMIT 1) AS actual, '
        '(SELECT MAX(p."on") FROM accounts_goalprogress p WHERE p.goal_id = g.id '
        'AND p."on" <= $as_of) AS told_on '
        "FROM accounts_goal g WHERE g.account_id BETWEEN $first AND $last "
        "AND g.agreed_on <= $as_of) f"
    ),
)
_REACHED = "f.achieved_on <= $as_of"
_DUE = "f.due_on <= $as_of"
_MEASURED = (
    "f.kind = 'kpi' AND f.actual IS NOT NULL AND f.baseline IS NOT NULL AND f.target IS NOT NULL"
)
_RETURN = "f.kind = 'roi' AND f.actual IS NOT NULL AND f.target > 0"


def _goals(where: str) -> Part:
    return Part(_GOALS, f"COUNT(*) FILTER (WHERE {where})", counts=True)


def _sum(what: str, where: str) -> Part:
    return Part(_GOALS, f"SUM({what}) FILTER (WHERE {where})")


METRICS = (
    Metric(
        key="roi_achieved_rate",
        label="ROI achieved against goal",
        kind="ratio",
        direction="up",
        description="Return achieved divided by the return agreed as the goal.",
        parts=(_sum("f.actual", _RETURN), _sum("f.target", _RETURN)),
        value=share,
    ),
    Metric(
        key="outcome_tracking_rate",
        label="Outcomes tracked",
        kind="ratio",
        direction="up",
        description="Share of agreed outcomes with a validated, current figure: reached, or told in the last "
        "90 days.",
        window_days=90,
        parts=(
            _goals(f"f.kind <> 'milestone' AND ({_REACHED} OR f.told_on > $d90)"),
            _goals("f.kind <> 'milestone'"),
        ),
        value=share,
    ),
    Metric(
        key="goals_open",
        label="Goals open",
        kind="count",
        direction="up",
        description="Goals agreed and not yet reached on the as-of date.",
        parts=(_goals(f"f.kind = 'goal' AND NOT COALESCE({_REACHED}, FALSE)"),),
    ),
    Metric(
        key="goal_achievement_rate",
        label="Goals achieved",
        kind="ratio",
        direction="up",
        description="Share of the goals due by the as-of date that were reached.",
        parts=(
            _goals(f"f.kind = 'goal' AND {_DUE} AND {_REACHED}"),
            _goals(f"f.kind = 'goal' AND {_DUE}"),
        ),
        value=share,
    ),
    Metric(
        key="milestone_completion_rate",
        label="Milestones completed on time",
        kind="ratio",
        direction="up",
        description="Share of milestones due by the as-of date that were completed in time.",
        parts=(
            _goals(f"f.kind = 'milestone' AND {_DUE} AND f.achieved_on <= f.due_on"),
            _goals(f"f.kind = 'milestone' AND {_DUE}"),
        ),
        value=share,
    ),
    Metric(
        key="milestones_overdue",
        label="Milestones overdue",
        kind="count",
        direction="down",
        description="Milestones past their date and not completed on the as-of date.",
        parts=(
            _goals(
                "f.kind = 'milestone' AND f.due_on < $as_of "
                "AND (f.achieved_on IS NULL OR f.achieved_on > $as_of)"
            ),
        ),
    ),
    Metric(
        key="kpi_improvement_rate",
        label="KPIs improved",
        kind="ratio",
        direction="up",
        description="Share of the agreed indicators that improved since the start.",
        parts=(
            _goals(f"{_MEASURED} AND (f.actual - f.baseline) * (f.target - f.baseline) > 0"),
            _goals(_MEASURED),
        ),
        value=share,
    ),
    Metric(
        key="kpi_target_rate",
        label="KPIs on target",
        kind="ratio",
        direction="up",
        description="Share of the agreed indicators whose newest figure has reached the target.",
        parts=(
            _goals(f"{_MEASURED} AND (f.actual - f.target) * (f.target - f.baseline) >= 0"),
            _goals(_MEASURED),
        ),
        value=share,
    ),
)
