"""What we and the customer do together: calls, meetings, training, outreach."""

from scoring.metrics.arithmetic import share, share_at_most_one, total
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric
from scoring.metrics.support import NEGATIVE_TICKETS

ACTIVITIES = Table("accounts_activity", feed="activities", on="on", windowed=True)
# Further back only reviews and talks with executives or about the renewal are of interest: most rows are
# left out before an aggregate looks at them.
_OLDER = Table(
    "accounts_activity",
    feed="activities",
    on="on",
    windowed=True,
    where="f.with_executive OR f.kind = 'qbr' OR f.kind = 'ebr' OR f.topic = 'renewal'",
)
_LATEST = Table(
    "accounts_activity",
    feed="activities",
    on="on",
    rows="FROM accounts_account f WHERE f.id BETWEEN $first AND $last",
    account="f.id",
    grouped=False,
)


def _is(column: str, *values: str) -> str:
    # PostgreSQL walks the list of an IN anew for every row; comparing one by one takes a tenth less.
    return "(" + " OR ".join(f"f.{column} = '{value}'" for value in values) + ")"


_REVIEWS = _is("kind", "qbr", "ebr")
_MEETINGS = _is("kind", "meeting", "check_in", "qbr", "ebr")
_TALKS = _is("kind", "call", "meeting", "check_in", "qbr", "ebr")
_TRAINING = _is("kind", "training", "webinar")
_HELD = _is("outcome", "attended", "answered")
_FAILED = _is("outcome", "no_show", "unanswered")


def _count(days: int, where: str = "") -> Part:
    also = f" AND {where}" if where else ""
    sql = f'COUNT(*) FILTER (WHERE f."on" > $d{days}{also})'
    return Part(_OLDER if days > 90 else ACTIVITIES, sql, days=days, counts=True)


def _sum(days: int, what: str, where: str) -> Part:
    return Part(ACTIVITIES, f'SUM({what}) FILTER (WHERE f."on" > $d{days} AND {where})', days=days)


def _days_since(days: int, where: str) -> Part:
    return Part(
        _OLDER, f'$ago[MAX(f."on") FILTER (WHERE f."on" > $d{days} AND {where})]', days=days
    )


LAST_ACTIVITY = Part(
    _LATEST,
    '$ago[(SELECT MAX(x."on") FROM accounts_activity x '
    'WHERE x.account_id = f.id AND x."on" <= $as_of)]',
)
# Rows after the last one the customer is heard in: two seeks from the newest back, few rows each.
UNANSWERED = Part(
    _LATEST,
    '(SELECT COUNT(*) FROM accounts_activity x WHERE x.account_id = f.id AND x."on" <= $as_of '
    "AND x.direction = 'out' AND x.outcome = 'unanswered' "
    'AND x."on" > COALESCE((SELECT h."on" FROM accounts_activity h WHERE h.account_id = f.id '
    'AND h."on" <= $as_of AND h."on" > $d90 '
    "AND (h.outcome IN ('answered', 'attended') OR h.direction = 'in') "
    'ORDER BY h."on" DESC LIMIT 1), $d90))',
    days=90,
    counts=True,
)
EXECUTIVE_TALKS_HELD = _count(180, f"f.with_executive AND {_TALKS} AND {_HELD}")

METRICS = (
    Metric(
        key="total_activities_30d",
        label="Activities in 30 days",
        kind="count",
        direction="up",
        description="Calls, meetings, e-mails and other logged activities in the last 30 days.",
        window_days=30,
        parts=(_count(30),),
    ),
    Metric(
        key="days_since_last_activity",
        label="Days since last activity",
        kind="days",
        direction="down",
        description="Whole days between the last logged activity and the as-of date.",
        parts=(LAST_ACTIVITY,),
    ),
    Metric(
        key="meetings_90d",
        label="Meetings in 90 days",
        kind="count",
        direction="up",
        description="Meetings, QBRs, EBRs and check-ins of the last 90 days that took place.",
        window_days=90,
        parts=(_count(90, f"{_MEETINGS} AND NOT {_FAILED}"),),
    ),
    Metric(
        key="outreach_response_rate",
        label="Response to outreach",
        kind="ratio",
        direction="up",
        description="Share of our outreach of the last 90 days that was answered.",
        window_days=90,
        parts=(
            _count(90, "f.direction = 'out' AND f.outcome = 'answered'"),
            _count(90, f"f.direction = 'out' AND {_is('outcome', 'answered', 'unanswered')}"),
        ),
        value=share,
    ),
    Metric(
        key="consecutive_unanswered_outreach",
        label="Outreach unanswered in a row",
        kind="count",
        direction="down",
        description="Our calls and messages of the last 90 days left unanswered since the customer was last "
        "heard of (an answer, a visit, a message of theirs).",
        window_days=90,
        parts=(UNANSWERED,),
    ),
    Metric(
        key="training_attendance_rate",
        label="Training attendance",
        kind="ratio",
        direction="up",
        description="Share of training and webinar invitations of the last 90 days that were attended.",
        window_days=90,
        parts=(
            _sum(
                90,
                "CASE WHEN f.invited > 0 THEN COALESCE(f.attended, 0) "
                "WHEN f.outcome = 'attended' THEN 1 ELSE 0 END",
                _TRAINING,
            ),
            _sum(
                90,
                "CASE WHEN f.invited > 0 THEN f.invited "
                "WHEN f.outcome IN ('attended', 'no_show') THEN 1 ELSE 0 END",
                _TRAINING,
            ),
        ),
        value=share_at_most_one,
    ),
    Metric(
        key="training_no_shows_90d",
        label="Training no-shows in 90 days",
        kind="count",
        direction="down",
        description="Training sessions and webinars of the last 90 days nobody of the customer came to.",
        window_days=90,
        parts=(_count(90, f"{_TRAINING} AND f.outcome = 'no_show'"),),
    ),
    Metric(
        key="executive_engagement_rate",
        label="Executive engagement",
        kind="ratio",
        direction="up",
        description="Share of the planned executive conversations of the last 180 days that took place.",
        window_days=180,
        parts=(
            EXECUTIVE_TALKS_HELD,
            _count(180, f"f.with_executive AND {_TALKS} AND ({_HELD} OR {_FAILED})"),
        ),
        value=share,
    ),
    Metric(
        key="days_since_executive_meeting",
        label="Days since executive conversation",
        kind="days",
        direction="down",
        description="Whole days since an executive of the customer last took part in a conversation; unknown "
        "when there was none for 365 days.",
        window_days=365,
        parts=(_days_since(365, f"f.with_executive AND {_TALKS} AND {_HELD}"),),
    ),
    Metric(
        key="qbrs_missed_180d",
        label="QBRs missed in 180 days",
        kind="count",
        direction="down",
        description="Business reviews (QBR, EBR) of the last 180 days the customer did not come to.",
        window_days=180,
        parts=(_count(180, f"{_REVIEWS} AND {_FAILED}"),),
    ),
    Metric(
        key="days_since_qbr",
        label="Days since business review",
        kind="days",
        direction="down",
        description="Whole days since the last business review (QBR, EBR) that took place; unknown when there "
        "was none for 365 days.",
        window_days=365,
        parts=(_days_since(365, f"{_REVIEWS} AND NOT {_FAILED}"),),
    ),
    Metric(
        key="csm_interactions_month",
        label="CSM conversations per month",
        kind="count",
        direction="up",
        description="Two-way conversations with the CSM in the last 30 days.",
        window_days=30,
        parts=(
            _count(
                30,
                f"(({_TALKS} AND {_HELD}) "
                "OR (f.kind = 'email' AND (f.direction = 'in' OR f.outcome = 'answered')))",
            ),
        ),
    ),
    Metric(
        key="meeting_participation_rate",
        label="Stakeholders attending meetings",
        kind="ratio",
        direction="up",
        description="Share of invited stakeholders who came to meetings of the last 90 days.",
        window_days=90,
        parts=(
            _sum(90, "COALESCE(f.attended, 0)", f"f.invited > 0 AND {_TALKS}"),
            _sum(90, "f.invited", f"f.invited > 0 AND {_TALKS}"),
        ),
        value=share_at_most_one,
    ),
    Metric(
        key="negative_interactions_30d",
        label="Negative interactions in 30 days",
        kind="count",
        direction="down",
        description="Activities and tickets of the last 30 days with a sentiment below −0.2 (from −1 to 1).",
        window_days=30,
        parts=(_count(30, "f.sentiment < -0.2"), NEGATIVE_TICKETS),
        value=total,
    ),
    Metric(
        key="interaction_sentiment_score",
        label="Sentiment of conversations",
        kind="score",
        direction="up",
        description="Mean sentiment of the activities of the last 90 days that carry one.",
        unit="-1..1",
        signed=True,
        window_days=90,
        parts=(Part(ACTIVITIES, 'AVG(f.sentiment) FILTER (WHERE f."on" > $d90)', days=90),),
    ),
    Metric(
        key="renewal_discussions_180d",
        label="Renewal discussions in 180 days",
        kind="count",
        direction="up",
        description="Meetings of the last 180 days in which the renewal was discussed.",
        window_days=180,
        parts=(_count(180, f"f.topic = 'renewal' AND {_TALKS} AND NOT {_FAILED}"),),
    ),
    Metric(
        key="renewal_talks_unanswered_90d",
        label="Renewal talks unanswered in 90 days",
        kind="count",
        direction="down",
        description="Our messages and meetings about the renewal of the last 90 days that were not answered or "
        "not attended.",
        window_days=90,
        parts=(_count(90, f"f.topic = 'renewal' AND {_FAILED}"),),
    ),
    Metric(
        key="budget_mentions_90d",
        label="Budget concerns in 90 days",
        kind="count",
        direction="down",
        description="Activities of the last 90 days with the topic budget.",
        window_days=90,
        parts=(_count(90, "f.topic = 'budget'"),),
    ),
    Metric(
        key="competitor_mentions_90d",
        label="Competitor named in 90 days",
        kind="count",
        direction="down",
        description="Activities of the last 90 days with the topic competitor.",
        window_days=90,
        parts=(_count(90, "f.topic = 'competitor'"),),
    ),
    Metric(
        key="integration_requests_90d",
        label="Integration requests in 90 days",
        kind="count",
        direction="up",
        description="Activities of the last 90 days with the topic integration.",
        window_days=90,
        parts=(_count(90, "f.topic = 'integration'"),),
    ),
    Metric(
        key="community_contributions_90d",
        label="Community contributions in 90 days",
        kind="count",
        direction="up",
        description="Posts, answers and votes in the customer community in the last 90 days.",
        window_days=90,
        parts=(_count(90, "f.kind = 'community'"),),
    ),
)
