"""The customer's people we know, as they stood on the date."""

from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

# Every state that had begun: the one that holds on the date, and those that ended before it.
_STATES = Table("accounts_contactstate", feed="contacts", on="valid_from")
_HOLDS = "(f.valid_to IS NULL OR f.valid_to > $as_of)"
_GONE = "(f.left_on <= $as_of)"
_HERE = f"{_HOLDS} AND (f.left_on IS NULL OR f.left_on > $as_of)"


def _contacts(where: str = "") -> Part:
    also = f" AND {where}" if where else ""
    return Part(_STATES, f"COUNT(*) FILTER (WHERE {_HERE}{also})", counts=True)


def _lost(role: str) -> Part:
    """People who had the role, and in the last 90 days left the customer or stopped having it."""
    still = (
        "SELECT 1 FROM accounts_contactstate n WHERE n.contact_id = f.contact_id "
        "AND n.valid_from <= $as_of AND (n.valid_to IS NULL OR n.valid_to > $as_of) "
        f"AND n.{role} AND (n.left_on IS NULL OR n.left_on > $as_of)"
    )
    left = f"{_HOLDS} AND f.left_on > $d90 AND f.left_on <= $as_of"
    stopped = f"f.valid_to > $d90 AND f.valid_to <= $as_of AND NOT EXISTS ({still})"
    return Part(
        _STATES,
        f"COUNT(DISTINCT CASE WHEN f.{role} AND (({left}) OR ({stopped})) THEN f.contact_id END)",
        counts=True,
    )


METRICS = (
    Metric(
        key="contacts_with_email",
        label="Contacts with e-mail",
        kind="count",
        direction="up",
        description="Contacts of the account that have an e-mail address.",
        parts=(_contacts("f.has_email"),),
    ),
    Metric(
        key="total_contacts",
        label="Contacts",
        kind="count",
        direction="up",
        description="Contacts of the account.",
        parts=(_contacts(),),
    ),
    Metric(
        key="champion_contacts",
        label="Champions",
        kind="count",
        direction="up",
        description="Contacts marked as champion and still with the customer.",
        parts=(_contacts("f.is_champion"),),
    ),
    Metric(
        key="champions_lost_90d",
        label="Champions lost in 90 days",
        kind="count",
        direction="down",
        description="Champions who left the customer, or stopped being one, in the last 90 days.",
        window_days=90,
        parts=(_lost("is_champion"),),
    ),
    Metric(
        key="champion_inactive_days",
        label="Days since a champion was active",
        kind="days",
        direction="down",
        description="Whole days since any present champion was last active; unknown without a champion or "
        "where no activity of theirs is told.",
        parts=(
            Part(
                _STATES,
                f"$ago[MAX(f.last_active_on) FILTER (WHERE {_HERE} AND f.is_champion "
                "AND f.last_active_on <= $as_of)]",
            ),
        ),
    ),
    Metric(
        key="executive_sponsors",
        label="Executive sponsors",
        kind="count",
        direction="up",
        description="Contacts marked as executive sponsor and still with the customer.",
        parts=(_contacts("f.is_executive_sponsor"),),
    ),
    Metric(
        key="sponsor_changed_90d",
        label="Sponsors lost in 90 days",
        kind="count",
        direction="down",
        description="Executive sponsors who left the customer, or were replaced, in the last 90 days.",
        window_days=90,
        parts=(_lost("is_executive_sponsor"),),
    ),
    Metric(
        key="contacts_left_90d",
        label="Contacts gone in 90 days",
        kind="count",
        direction="down",
        description="Contacts who left the customer in the last 90 days.",
        window_days=90,
        parts=(
            Part(
                _STATES,
                f"COUNT(*) FILTER (WHERE {_HOLDS} AND {_GONE} AND f.left_on > $d90)",
                counts=True,
            ),
        ),
    ),
    Metric(
        key="stakeholders_engaged",
        label="Stakeholders engaged",
        kind="count",
        direction="up",
        description="Identified stakeholders with a conversation in the last 90 days (numerator).",
        window_days=90,
        parts=(
            Part(
                _STATES,
                f"SUM(CASE WHEN {_HERE} AND f.is_stakeholder AND ("
                "(f.last_active_on > $d90 AND f.last_active_on <= $as_of) OR EXISTS ("
                "SELECT 1 FROM accounts_activity x WHERE x.contact_id = f.contact_id "
                'AND x."on" > $d90 AND x."on" <= $as_of)) THEN 1 ELSE 0 END)',
                counts=True,
            ),
        ),
    ),
    Metric(
        key="stakeholders_identified",
        label="Stakeholders identified",
        kind="count",
        direction="up",
        description="Contacts marked as stakeholder (denominator; 0 means missing).",
        parts=(_contacts("f.is_stakeholder"),),
    ),
)
